"""`arbkit cache`: what is cached, and away with it."""

from __future__ import annotations

from typing import Annotated

import typer

from arbkit.cli._console import print_json, print_table, say

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="List or clear the panel cache.",
)

_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
_Kind = Annotated[str | None, typer.Option("--kind", help="Only this kind, such as `panels`.")]


@app.command("ls")
def list_entries(kind: _Kind = None, json: _Json = False) -> None:
    """List the cached files, the newest first.

    Examples:

      arbkit cache ls

      arbkit cache ls --kind panels
    """
    from arbkit.data.cache import cache_dir, list_cache

    entries = list_cache(kind)
    if json:
        print_json({"folder": str(cache_dir()), "files": [entry.to_dict() for entry in entries]})
        return
    if not entries:
        say(f"{cache_dir()}: nothing is cached")
        return
    rows = [
        (entry.kind, entry.path.stem, _size(entry.bytes), f"{entry.made:%Y-%m-%d %H:%M}") for entry in entries
    ]
    print_table(("kind", "key", "size", "made (UTC)"), rows)
    say(f"{len(entries)} files, {_size(sum(entry.bytes for entry in entries))} in {cache_dir()}")


@app.command("clear")
def clear(kind: _Kind = None, json: _Json = False) -> None:
    """Remove the cached files; they are made again when next needed.

    Example:

      arbkit cache clear --kind panels
    """
    from arbkit.data.cache import cache_dir, clear_cache

    removed = clear_cache(kind)
    size = sum(entry.bytes for entry in removed)
    if json:
        print_json({"folder": str(cache_dir()), "removed": len(removed), "bytes": size})
        return
    say(f"removed {len(removed)} files, {_size(size)}, from {cache_dir()}")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
