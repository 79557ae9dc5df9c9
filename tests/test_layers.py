"""Imports point downwards: the table of docs/architecture.md, read and enforced."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import arbkit

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "arbkit"

#: What the words of the table's "may import" column stand for.
LAYER_0 = frozenset(
    {"errors", "_typing", "_files", "_lazy", "_plugins", "_assets", "units", "records", "config"}
)
KERNEL_PARTIES = {"numpy", "numba"}
LAZY = arbkit._HOMES


class Import(NamedTuple):
    """One imported module, the line, and whether the import stands inside a function."""

    module: str
    line: int
    deferred: bool


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    """Return the layer table's name of a module: `arbkit.panel.align` is `panel`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "arbkit"


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree: ast.Module, module: str) -> Iterator[Import]:
    """Yield every import of a module: those for type checkers and those inside functions too.

    What is taken from the package `arbkit` itself counts as the module that holds it; its version and its
    place on disk come from no layer.
    """
    inside = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name != "arbkit":
                    yield Import(name.name, node.lineno, id(node) in inside)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} imports relatively; write the whole name"
            source = node.module or ""
            for name in node.names:
                inner = f"{source}.{name.name}"
                if inner != "arbkit.__version__":
                    yield Import(inner if _is_module(inner) else source, node.lineno, id(node) in inside)
        elif (name := _taken_from_arbkit(node)) not in (None, "__version__", "__file__"):
            yield Import(LAZY.get(name, f"arbkit.{name}"), node.lineno, id(node) in inside)


def _taken_from_arbkit(node: ast.AST) -> str | None:
    """Return `x` of the expression `arbkit.x`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "arbkit":
        return node.attr
    return None


def _is_module(name: str) -> bool:
    path = REPOSITORY.joinpath(*name.split("."))
    return name.startswith("arbkit.") and (path.with_suffix(".py").is_file() or path.is_dir())


def table() -> dict[str, frozenset[str]]:
    """Return package -> packages it may import, from the table in the architecture page."""
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")
    ]
    layers = [(int(row[0]), re.findall(r"`(\w+)`", row[1]), row[2]) for row in rows if row[0].isdigit()]
    allowed: dict[str, frozenset[str]] = {}
    for layer, names, may in layers:
        below = {name for other, others, _ in layers if other < layer for name in others}
        granted = set(re.findall(r"`(\w+)`", may))
        if re.search(r"\b0\b", may):
            granted |= LAYER_0
        if "everything" in may:
            granted |= below
        for name in names:
            allowed[name] = frozenset(granted | {name})
    return allowed


def rule_broken(importer: str, imported: str, allowed: dict[str, frozenset[str]]) -> bool:
    """Tell whether one package of arbkit may not import another; `__init__` may name everything, lazily."""
    if importer in ("arbkit", "__main__", "testing"):
        return False
    if imported == "arbkit":
        return importer != "cli"
    return imported not in allowed[importer]


def test_the_table_names_every_package_and_module_of_arbkit() -> None:
    there = {package_of(dotted(path)) for path in modules()} - {"arbkit", "__main__", "testing"}
    assert there <= set(table()), f"docs/architecture.md has no layer for {sorted(there - set(table()))}"


def test_the_list_of_who_owns_what_names_every_module_and_no_other() -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\w+\.py\b", text.partition("## Who owns what")[2]))
    there = {path.name for path in modules()}
    listed = {
        path.name
        for folder in ("kernels", "engine", "study", "jobs")
        for path in (PACKAGE / folder).rglob("[a-z]*.py")
    }
    assert sorted(listed - named) == []
    assert sorted(named - there) == []


def test_the_table_lets_nothing_import_upwards() -> None:
    for name, granted in table().items():
        for other in granted - {name} - LAYER_0:
            assert name not in table()[other], f"{name} and {other} may import each other"


def test_modules_import_only_what_their_layer_may() -> None:
    allowed = table()
    broken = [
        f"{module}:{item.line} imports {item.module}"
        for path, module in ((path, dotted(path)) for path in modules())
        for item in imports_of(tree_of(path), module)
        if item.module.split(".")[0] == "arbkit"
        and rule_broken(package_of(module), package_of(item.module), allowed)
    ]
    assert broken == []


# `_jit` is no kernel: it is how kernels are compiled, and it may look at files to know when to do so anew.
def test_kernel_modules_know_arrays_and_scalars_only() -> None:
    standard = {"__future__", "collections", "typing", "math", "os", "enum"}
    paths = sorted((PACKAGE / "kernels").glob("[a-z]*.py"))
    found = [
        (dotted(path), item.module) for path in paths for item in imports_of(tree_of(path), dotted(path))
    ]
    known = KERNEL_PARTIES | standard | {"arbkit"}
    assert len(paths) > 40
    assert [(path, module) for path, module in found if module.split(".")[0] not in known] == []


def edges(*, between_packages: bool) -> dict[str, set[str]]:
    """Return who imports whom, as modules or as packages."""
    graph: dict[str, set[str]] = {}
    known = {dotted(path) for path in modules()}
    for path in modules():
        module = dotted(path)
        # The public names of `arbkit` are lazy and point down to everything.
        for item in imports_of(tree_of(path), module) if module != "arbkit" else ():
            here, there = package_of(module), package_of(item.module)
            if item.module not in known or item.module == module:
                continue
            if between_packages and here != there:
                graph.setdefault(here, set()).add(there)
            # A class may offer its siblings as methods (`Panel.from_frame`), importing them when called.
            if not between_packages and not (item.deferred and here == there):
                graph.setdefault(module, set()).add(item.module)
    return graph


@pytest.mark.parametrize("between_packages", [True, False], ids=["packages", "modules"])
def test_nothing_is_part_of_an_import_cycle(between_packages: bool) -> None:
    assert cycle_in(edges(between_packages=between_packages)) == []


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    """Return one cycle as a list of names, or nothing."""
    finished: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in finished:
            return []
        for following in sorted(graph.get(name, ())):
            if found := visit(following, [*trail, name]):
                return found
        finished.add(name)
        return []

    return next((found for name in sorted(graph) if (found := visit(name, []))), [])


def test_no_module_prints() -> None:
    calls = [
        f"{dotted(path)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert calls == []


def test_no_module_has_more_than_600_lines() -> None:
    lines = {dotted(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {name: count for name, count in lines.items() if count > 600} == {}


UPWARD = {
    "inside a function": "def late():\n    from arbkit.study import runner\n",
    "for type checkers": "if TYPE_CHECKING:\n    from arbkit.study import Study\n",
    "through the lazy names": "import arbkit\nrun = arbkit.run_study\n",
    "from the lazy names": "from arbkit import study\n",
}


@pytest.mark.parametrize("way", UPWARD)
def test_an_upward_import_would_be_seen(way: str) -> None:
    (found,) = imports_of(ast.parse(UPWARD[way]), "arbkit.panel.align")
    assert package_of(found.module) == "study"
    assert rule_broken("panel", package_of(found.module), table())


def test_reading_the_version_is_no_upward_import() -> None:
    tree = ast.parse("import arbkit\nfrom arbkit import __version__\nversion = arbkit.__version__\n")
    assert list(imports_of(tree, "arbkit.panel.align")) == []


def test_a_cycle_would_be_seen() -> None:
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert cycle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
