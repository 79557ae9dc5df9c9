"""What the orders of a run need of its journal to go on, without the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

__all__ = ["ORDER_KINDS", "needed_of"]


class _Past:
    """Takes the lines in order and keeps those that matter still, by their numbers."""

    def __init__(self) -> None:
        self.kept: dict[int, Mapping[str, Any]] = {}
        self._baseline = 0
        self._latest: dict[str, int] = {}
        self._unbooked: dict[tuple[str, int, int], int] = {}
        self._orders: dict[str, list[int]] = {}
        self._ended: set[str] = set()
        self._told: dict[str, int] = {}

    def see(self, line: Mapping[str, Any]) -> None:
        """Take the next line."""
        take = _TAKES.get(line["kind"])
        if take is not None:
            take(self, line["seq"], line)

    def _begins(self, seq: int, line: Mapping[str, Any]) -> None:
        self.kept.pop(self._baseline, None)
        self.kept[seq], self._baseline = line, seq

    def _intent(self, seq: int, line: Mapping[str, Any]) -> None:
        self.kept[seq], self._orders[line["client_id"]] = line, [seq]

    def _fill(self, seq: int, line: Mapping[str, Any]) -> None:
        self.kept[seq] = line

    def _order_end(self, seq: int, line: Mapping[str, Any]) -> None:
        name = line["client_id"]
        if name in self._orders:
            self._orders[name].append(seq)
            self._ended.add(name)
            self.kept[seq] = line
            if name in self._told:
                self._order_done(name)
                self._outcome_done(self._told.pop(name))

    def _outcome(self, seq: int, line: Mapping[str, Any]) -> None:
        before = self._latest.get(line["pair"], 0)
        self.kept[seq], self._latest[line["pair"]] = line, seq
        self._unbooked[_decided(line)] = seq
        for name in _names(line):
            if name in self._ended:
                self._order_done(name)
            elif name in self._orders:
                self._told[name] = seq
        self._outcome_done(before)

    def _decision(self, seq: int, line: Mapping[str, Any]) -> None:
        if "decided_row" in line:
            trade = -1 if line["what"].startswith("entry") else line["trade"]
            self._outcome_done(self._unbooked.pop((line["pair"], line["decided_row"], trade), 0))

    def _order_done(self, name: str) -> None:
        """Let go of an order that is over and has its place in an outcome."""
        self._ended.discard(name)
        for seq in self._orders.pop(name):
            self.kept.pop(seq, None)

    def _outcome_done(self, seq: int) -> None:
        """Let go of an outcome that is booked, is not the last of its pair, and whose orders are over."""
        line = self.kept.get(seq)
        if line is None or self._latest[line["pair"]] == seq or self._unbooked.get(_decided(line)) == seq:
            return
        if not any(name in self._orders for name in _names(line)):
            del self.kept[seq]


def _decided(line: Mapping[str, Any]) -> tuple[str, int, int]:
    return line["pair"], line["row"], line["trade"]


def _names(line: Mapping[str, Any]) -> tuple[str, ...]:
    return (*line["a"]["ids"], *line["b"]["ids"])


_TAKES: Final[Mapping[str, Callable[[_Past, int, Mapping[str, Any]], None]]] = {
    "intent": _Past._intent,
    "fill": _Past._fill,
    "order_end": _Past._order_end,
    "outcome": _Past._outcome,
    "decision": _Past._decision,
    "baseline": _Past._begins,
}
#: Kinds of lines that tell of orders.
ORDER_KINDS: Final = tuple(_TAKES)


def needed_of(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the lines of a journal that its orders are taken up from, in their order.

    Kept are all fills, of which the positions are made; orders that were not over, or have no place in an
    outcome; what no row has booked yet; the last outcome of each pair, the last holdings that the run began
    with, and the last line. The longer a run, the less of its journal is needed.

    Args:
        records: all lines, or those of `ORDER_KINDS`.
    """
    past, last = _Past(), None
    for last in records:
        past.see(last)
    if last is not None:
        past.kept[last["seq"]] = last
    return [past.kept[seq] for seq in sorted(past.kept)]
