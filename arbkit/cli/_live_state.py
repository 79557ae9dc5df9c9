"""`arbkit live state`: what a state store holds now."""

from __future__ import annotations

from typing import Annotated, Any

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the app of `arbkit live`."""
    app.command("state")(_state)


def _state(
    store: Annotated[
        str, typer.Option("--store", help="sqlite:///FILE or redis://HOST:PORT/DB.")
    ] = "sqlite:///runs/state.sqlite",
    kind: Annotated[
        str | None, typer.Option("--kind", help="prices, signal, orders, positions, execution, ...")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")] = False,
) -> None:
    """Show what a state store holds: prices, signals, orders, positions, metrics, heartbeats.

    Nothing is written; what a run no longer refreshes has run out.

    Examples:

      arbkit live state --store sqlite:///runs/paper/state.sqlite

      arbkit live state --store redis://127.0.0.1:6379/0 --kind positions --json
    """
    from arbkit.cli._console import print_json, print_table, say
    from arbkit.live.stores import key_of, kind_of, read_state

    if kind is not None:
        key_of(kind, "x")
    found = [item for item in read_state(store) if kind in (None, kind_of(item.key))]
    if json:
        print_json([{"key": item.key, **_left(item), "value": item.value} for item in found])
    elif not found:
        say("nothing lives in the store now")
    else:
        rows = [(item.key, round(item.expires_in_s), _words(item.value)) for item in found]
        print_table(["key", "lives s", "value"], rows)


def _left(item: Any) -> dict[str, float]:
    return {"expires_in_s": round(item.expires_in_s, 3)}


def _words(value: dict[str, Any]) -> str:
    """Write the fields on one line, the time last."""
    stamp = value.get("timestamp")
    shown = [f"{name}={item}" for name, item in value.items() if name != "timestamp"]
    return " ".join([*shown, str(stamp)])
