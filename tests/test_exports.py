"""The public surface: what `__all__` says is what is really there, and importing arbkit stays cheap."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import arbkit

PACKAGE = Path(arbkit.__file__).parent
PACKAGES = sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)
#: Costs that a script which only builds `Params` must not pay.
HEAVY = ("polars", "numba", "optuna", "matplotlib", "duckdb", "pyarrow", "scipy", "pandas", "typer", "rich")


def name_of(folder: Path) -> str:
    return ".".join(folder.relative_to(PACKAGE.parent).parts)


def public_names(source: str) -> set[str]:
    """Return the names without underscore that the top level of a module binds, its lazy ones too."""
    names: set[str] = set()
    body = list(ast.parse(source).body)
    for node in body:
        if isinstance(node, ast.If):
            body.extend(node.body)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("arbkit"):
            names |= {item.asname or item.name for item in node.names} - {"lazy_names"}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("folder", PACKAGES, ids=name_of)
def test_package_exports_exactly_its_public_names(folder: Path) -> None:
    package = importlib.import_module(name_of(folder))
    source = (folder / "__init__.py").read_text(encoding="utf-8")
    assert sorted(package.__all__) == sorted(public_names(source))


@pytest.mark.parametrize("folder", [PACKAGE, *PACKAGES], ids=name_of)
def test_every_exported_name_resolves_once_and_in_order(folder: Path) -> None:
    package = importlib.import_module(name_of(folder))
    assert len(set(package.__all__)) == len(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None


def test_modules_list_only_names_that_they_have() -> None:
    unknown = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and ast.unparse(node).startswith("__all__"):
                listed = set(ast.literal_eval(node.value or ast.Tuple([])))
                unknown[name_of(path)] = listed - public_names(source) - {"__version__"}
    assert len(unknown) > 100
    assert {name: names for name, names in unknown.items() if names} == {}


LAZY = [
    PACKAGE,
    *(folder for folder in PACKAGES if hasattr(importlib.import_module(name_of(folder)), "_HOMES")),
]


@pytest.mark.parametrize("folder", LAZY, ids=name_of)
def test_every_lazy_name_comes_from_where_type_checkers_see_it(folder: Path) -> None:
    package = importlib.import_module(name_of(folder))
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    declared = {
        item.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("arbkit")
        for item in node.names
        if item.name != "lazy_names"
    }
    assert declared == package._HOMES
    assert sorted(declared) == sorted(set(package.__all__) - {"__version__"})
    for name in package.__all__:
        assert getattr(package, name) is not None


@pytest.mark.parametrize("folder", LAZY, ids=name_of)
def test_unknown_name_is_an_attribute_error(folder: Path) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'backtset'"):
        importlib.import_module(name_of(folder)).backtset  # noqa: B018


def test_dir_of_arbkit_lists_the_public_names() -> None:
    assert set(dir(arbkit)) == set(arbkit.__all__)


def loaded_after(statement: str, names: tuple[str, ...] = HEAVY) -> set[str]:
    """Run a statement in a fresh interpreter and return which of the modules it loaded."""
    code = f"import sys; {statement}; sys.stdout.write(' '.join(sorted(set({names!r}) & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_arbkit_loads_nothing_heavy() -> None:
    assert loaded_after("import arbkit") == set()


def test_building_params_loads_nothing_heavy() -> None:
    assert loaded_after("import arbkit; arbkit.Params; arbkit.ConfigError") == set()


def test_the_engine_loads_neither_the_search_nor_the_plots() -> None:
    brought_by_numba_and_polars = {"scipy", "pyarrow"}
    names = (*HEAVY, "pydantic", "arbkit.engine.portfolio")
    loaded = loaded_after("import arbkit; arbkit.backtest", names)
    assert loaded <= {"polars", "numba"} | brought_by_numba_and_polars


def test_a_report_loads_neither_the_search_nor_the_plots() -> None:
    assert loaded_after("import arbkit.report.write, arbkit.report.from_study") <= {
        "polars",
        "numba",
        "scipy",
    }
