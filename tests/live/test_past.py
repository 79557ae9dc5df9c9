"""Of a journal only what its orders are taken up from is kept, however long it is."""

from __future__ import annotations

from itertools import count
from typing import Any

from arbkit.live.past import needed_of


class Lines:
    """Writes lines as a run does."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []
        self._seq = count(1)

    def add(self, kind: str, **fields: Any) -> None:
        self.all.append({"seq": next(self._seq), "ts": 7, "kind": kind} | fields)

    def order(self, name: str, *, ended: bool = True) -> None:
        self.add("intent", client_id=name)
        self.add("fill", client_id=name, trade_id=f"t-{name}")
        if ended:
            self.add("order_end", client_id=name)

    def outcome(self, row: int, *names: str, trade: int = -1, pair: str = "BTC") -> None:
        self.add("outcome", pair=pair, row=row, trade=trade, a={"ids": names[:1]}, b={"ids": names[1:]})

    def booked(self, row: int, what: str = "entry_filled", trade: int = 0, pair: str = "BTC") -> None:
        self.add("decision", pair=pair, decided_row=row, what=what, trade=trade)

    def left(self) -> list[str]:
        """What is kept, fills aside."""
        return [_name(line) for line in needed_of(self.all) if line["kind"] != "fill"]


def _name(line: dict[str, Any]) -> str:
    return line["kind"] + ":" + str(line.get("client_id") or line.get("row") or "")


def test_what_is_over_and_booked_is_not_kept_but_its_fills_are() -> None:
    lines = Lines()
    lines.add("baseline", positions=[])
    sizes = []
    for row in range(1, 50):
        lines.order(f"a{row}")
        lines.order(f"b{row}")
        lines.outcome(row, f"a{row}", f"b{row}")
        lines.booked(row)
        sizes.append(len(lines.left()))
    assert lines.left() == ["baseline:", "outcome:49", "decision:"]
    assert set(sizes) == {3}
    assert sum(line["kind"] == "fill" for line in needed_of(lines.all)) == 98


def test_an_outcome_that_no_row_has_booked_is_kept_behind_later_ones() -> None:
    lines = Lines()
    lines.outcome(1)
    lines.outcome(2, trade=5)
    lines.outcome(3, trade=5)
    lines.booked(3, "exit_filled", trade=5)
    lines.booked(1, "entry_failed", trade=-1, pair="ETH")
    assert lines.left() == ["outcome:1", "outcome:2", "outcome:3", "decision:"]
    lines.booked(1, "entry_filled", trade=9)
    lines.booked(2, "exit_failed", trade=5)
    assert lines.left() == ["outcome:3", "decision:"]


def test_an_order_in_doubt_is_kept_with_the_outcome_that_names_it() -> None:
    lines = Lines()
    lines.order("a1", ended=False)
    lines.order("b1")
    lines.outcome(1, "a1", "b1")
    lines.booked(1)
    lines.order("a2")
    lines.outcome(2, "a2")
    lines.booked(2)
    assert lines.left() == ["intent:a1", "outcome:1", "outcome:2", "decision:"]
    lines.add("order_end", client_id="a1")
    assert lines.left() == ["outcome:2", "order_end:a1"]


def test_an_order_without_an_outcome_is_kept_with_its_end() -> None:
    lines = Lines()
    lines.order("a1")
    lines.add("order_end", client_id="below a minimum, never written")
    lines.order("a2", ended=False)
    assert lines.left() == ["intent:a1", "order_end:a1", "intent:a2"]
    assert needed_of([]) == []
