"""The README holds: its commands run in the order given, its Python runs, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from arbkit.cli import main
from arbkit.cli.main import NOUNS
from arbkit.cli.main import main as shell
from arbkit.study import StudySpec

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def demo_commands() -> list[str]:
    """Return the commands of `make demo`."""
    text = (REPOSITORY / "tools" / "demo.py").read_text(encoding="utf-8")
    return [
        f"arbkit {step}" for step in re.findall(r'^    "((?:data|study|report) .*)",$', text, re.MULTILINE)
    ]


def test_demo_validates_between_the_search_and_the_report() -> None:
    assert [command.split()[1] for command in demo_commands()] == [
        "data",
        "study",
        "study",
        "report",
    ]


#: Pages that run after the README, in this order: each stands on what those before it left behind.
RUN_PAGES = (
    "start", "screen", "statistics", "extending", "data", "ingest", "synthetic", "panel", "metrics", "study",
    "samplers", "storages", "validation", "walk-forward", "decision", "stress", "realism", "portfolio",
    "jobs", "report", "notebooks", "lab", "shell", "practice-exchange", "record", "venues",
    "faults", "risk", "live",
)  # fmt: skip
#: Blocks that only show something, each introduced by a sentence that says why it does not run here.
SHOWN = {"text", "toml", "{toctree}"}


def fences(text: str) -> list[tuple[str, str]]:
    """Return the language and the content of each block of a page."""
    return re.findall(r"^```([\w{}-]+)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def run_blocks(text: str) -> None:
    """Run the blocks of a page from top to bottom: commands through the shell, Python in one namespace.

    YAML that begins with the name of a file becomes that file; other YAML is part of a study's spec.
    """
    names: dict[str, object] = {}
    for language, block in fences(text):
        if language == "python":
            exec(compile(block, "page", "exec"), names)
        elif language == "bash":
            for line in block.replace("\\\n", " ").splitlines():
                command = shlex.split(line, comments=True)
                if command and command[0] != "source":
                    assert command[0] == "arbkit", line
                    assert shell(command[1:]) == 0, line
        elif language == "yaml":
            write_or_check(block)
        else:
            assert language in SHOWN, language


def write_or_check(block: str) -> None:
    named = re.match(r"# (\S+\.yaml)\n", block)
    if named is None:
        demo = yaml.safe_load(Path("studies/demo.yaml").read_text(encoding="utf-8"))
        StudySpec.from_dict({**demo, **yaml.safe_load(block)})
        return
    Path(named[1]).parent.mkdir(exist_ok=True)
    Path(named[1]).write_text(block, encoding="utf-8")


@pytest.mark.parametrize("page", ["../README", *RUN_PAGES, "real-data"])
def test_code_of_a_page_stands_in_blocks_that_say_what_it_is(page: str) -> None:
    """Commands and Python in an indented block would be run by nothing."""
    text = (REPOSITORY / "docs" / f"{page}.md").read_text(encoding="utf-8")
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^ {4}(?:\$ )?(?:arbkit|import|from|export|python) .*$", outside, re.MULTILINE) == []
    if page == "real-data":
        assert {language for language, _ in fences(text)} <= SHOWN


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no parameter set is supported")
def test_readme_and_pages_run_from_top_to_bottom_after_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One test, not several: each part stands on what the one before left behind."""
    for shipped in ("studies/demo.yaml", "sessions/demo-grid.yaml", "configs/replay.yaml"):
        (tmp_path / shipped).parent.mkdir()
        shutil.copy(REPOSITORY / shipped, tmp_path / shipped)
    monkeypatch.chdir(tmp_path)
    for command in demo_commands():
        assert shell(shlex.split(command)[1:]) == 0, command
    assert len([line for line in blocks("bash")[0].splitlines() if line.startswith("arbkit ")]) >= 5
    run_blocks(README)
    for made in ("reports/demo.html", "reports/demo.csv", "reports/demo-random.html", "reports/first.json"):
        assert (tmp_path / made).stat().st_size > 0
    assert "mtm_pnl_usd" in capsys.readouterr().out
    for page in RUN_PAGES:
        run_blocks((REPOSITORY / "docs" / f"{page}.md").read_text(encoding="utf-8"))
    assert "highest of 200, on the time it was chosen on" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_named_on_a_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^|^ {4})arbkit ([a-z]+)\b", text, flags=re.MULTILINE))
    assert named <= set(NOUNS)


def test_readme_names_every_command_and_every_page() -> None:
    assert {name for name in NOUNS if f"`arbkit {name}`" not in README} == set()
    written = {page.name for page in (REPOSITORY / "docs").glob("*.md")} - {"index.md", "benchmarks.md"}
    assert {name for name in written if f"(docs/{name})" not in README} == set()


def test_exit_codes_of_the_page_are_those_of_the_shell() -> None:
    text = (REPOSITORY / "docs" / "shell.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*?) \|$", text, flags=re.MULTILINE)
    codes = [value for name, value in sorted(vars(main).items()) if name.startswith("EXIT_")]
    assert [int(code) for code, _ in rows] == sorted(codes)


def test_specs_that_the_readme_names_are_there() -> None:
    named = set(re.findall(r"(?:datasets/specs|studies)/[\w-]+\.yaml", README))
    assert len(named) >= 3
    assert [name for name in sorted(named) if not (REPOSITORY / name).is_file()] == []
