"""`arbkit study validate`, and the one sentence that stands before every parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from arbkit.study import Study
    from arbkit.validation import Part, Progress, Validation

__all__ = ["as_json", "register", "say_sentence"]

_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]


def register(app: typer.Typer) -> None:
    """Add the command to the app of `arbkit study`."""
    app.command("validate")(_validate)


def say_sentence(study: Study) -> None:
    """Write what the data support, and an empty line."""
    from arbkit.cli._console import say
    from arbkit.validation import sentence_of

    say(_capital(sentence_of(study)) + "\n")


def as_json(study: Study) -> dict[str, Any]:
    """Return `status` ("not validated" where nothing was) and `sentence`, as JSON shows them first."""
    from arbkit.validation import sentence_of, stored_validation

    found = stored_validation(study)
    return {"status": "not validated" if found is None else found.status, "sentence": sentence_of(study)}


def _validate(
    study: Annotated[str, typer.Argument(help="Name of a study, its spec or storage file, or a URL.")],
    storage: Annotated[
        str | None, typer.Option("--storage", help="Storage URL, such as sqlite:///studies/x.db.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Examine anew where it was done already; opens the lockbox again.")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Also draw it: a file ending in .png, .svg or .pdf.")
    ] = None,
    json: _Json = False,
) -> None:
    """Say whether the data support what a study found: re-tune it fold by fold, open the lockbox.

    The answer is stored with the study, and so is each opening of the lockbox.

    Examples:

      arbkit study validate demo

      arbkit study validate demo --picture validation.png --json
    """
    from arbkit.cli._console import print_json
    from arbkit.cli._findings import PICTURES, check_file
    from arbkit.study import load_study
    from arbkit.validation import validate

    check_file("--picture", picture, PICTURES)
    opened = load_study(study, storage)
    with _shown() as report:
        found = validate(opened, again=again, progress=report)
    if picture is not None:
        found.save_picture(picture)
    if json:
        print_json(found.to_dict())
        return
    _say(found)


@contextmanager
def _shown() -> Iterator[Callable[[Progress], None]]:
    from arbkit.cli._console import progress

    with progress("steps") as bar:

        def report(step: Progress) -> None:
            bar.update(step.done, step.note, total=step.total)

        yield report


def _say(found: Validation) -> None:
    from arbkit.cli._console import print_table, say

    say(_capital(found.sentence) + "\n")
    if not found.parts:
        return
    currency, level = found.currency, 2 * found.settings["level"] - 1
    columns = (
        "marked to market", "days", f"{currency} per day", f"{level:.0%} interval", "t", "needs", "bins",
        "closed", "open at end", "their PnL", "P(edge > 0)", "record needed, days",
    )  # fmt: skip
    print_table(columns, [_row(part) for part in found.parts])
    say("")
    print_table(("over all sets", "value"), list(_together(found).items()))
    say("")
    _say_choice(found)
    say("")
    for line in _footnotes(found):
        say(line)
    say(f"\nnext: arbkit study decide {found.study}")


def _row(part: Part) -> tuple[Any, ...]:
    interval = None
    if part.low_usd is not None and part.high_usd is not None:
        interval = f"{part.low_usd:,.2f} to {part.high_usd:,.2f}"
    return (
        part.name.replace("_", " "),
        f"{part.days:,.1f}",
        f"{part.per_day_usd:,.2f}",
        interval,
        None if part.t is None else f"{part.t:.2f}",
        f"{part.critical:.2f}",
        part.bins,
        part.closed_trades,
        part.open_at_end,
        f"{part.open_at_end_usd:,.2f}",
        None if part.psr is None else f"{part.psr:.3f}",
        _record(part),
    )


def _record(part: Part) -> str | None:
    """Return the minimum track record length; no length is enough for what earned nothing."""
    if part.track_record_days is None:
        return None if part.sharpe is None or part.sharpe > 0 else "none is enough"
    return f"{part.track_record_days:,.0f}"


def _together(found: Validation) -> dict[str, Any]:
    tests = found.tests
    several = f" in {tests.studies} studies" if tests.studies > 1 else ""
    return {
        "SPA p against doing nothing": _three(tests.spa_p),
        "its statistic, and what it needs": f"{_two(tests.spa_t)}, {_two(tests.spa_critical)}",
        "sets of distinct behaviour in it": tests.spa_sets,
        "distinct sets tried on these data": f"{tests.distinct_sets:,}{several}",
        "deflated Sharpe, V = 1/T": _three(tests.dsr),
        "deflated Sharpe, V of the trials (as published)": _three(tests.dsr_published),
        "PBO, and P(out-of-sample loss)": f"{_three(tests.pbo) or '-'}, {_three(tests.p_loss) or '-'}",
    }


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _three(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _say_choice(found: Validation) -> None:
    from arbkit.cli._console import print_table, say

    assert found.params is not None
    chosen = found.finalists[0]
    rows = [(name, "none" if value is None else value) for name, value in found.params.items()]
    print_table(("parameter", f"chosen (trial {chosen.number})"), rows)
    kept = "less than three quarters of them" if chosen.score is None else f"{chosen.score:,.6g}"
    say(f"training value {chosen.value:,.6g}; three quarters of the sets around it keep {kept}")
    if found.peak is not None:
        around = "nothing" if found.peak.score is None else f"{found.peak.score:,.6g}"
        say(f"trial {found.peak.number} is higher, {found.peak.value:,.6g}, but around it they keep {around}")


def _footnotes(found: Validation) -> list[str]:
    used = found.settings
    count = len(found.openings)
    times = "once" if count == 1 else f"{count} times"
    box = f"the lockbox of this study was opened {times}"
    if found.openings_elsewhere:
        box += f", those of other studies on these data {found.openings_elsewhere} times"
    carried = sum(fold.carried for fold in found.folds)
    split = (
        f"split {used['training']:.0%} training, {used['walk_forward']:.0%} walk-forward in {used['folds']} "
        f"folds, {used['lockbox']:.0%} lockbox; {carried} positions carried across folds"
    )
    rule = (
        f"bins of {used['bin']}, blocks and lags of {used['block']}; at least {used['min_trades']} closed "
        f"trades and {used['min_bins']} bins out of sample"
    )
    return [f"{box}, last on {found.openings[-1].at}" if found.openings else box, split, rule]


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
