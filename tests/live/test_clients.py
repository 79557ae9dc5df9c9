"""The paper accounts of a run that goes on."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arbkit.live.clients import paper_accounts
from arbkit.live.journal import Journal, read_journal
from arbkit.venues import Fill, OrderKeeper, OrderRequest, OrderSide, read_intents
from arbkit.venues.intents import fill_fields, intent_fields
from tests.live.conftest import Configure

SIZES = (Decimal("0.003"), Decimal("0.004"))


def killed(path: Path, ended: bool) -> list[dict[str, Any]]:
    """Return the journal of a process that was killed after an order's fills, before or after its end."""
    request = OrderRequest(
        client_id="ab-x-1", symbol="KRW-BTC", side=OrderSide.BUY, size=Decimal("0.01"), price=Decimal(10**8)
    )
    journal = Journal(path)
    journal.append("intent", **intent_fields("upbit", request, 5))
    for number, size in enumerate(SIZES, 7):
        fill = Fill(
            venue="upbit", symbol="KRW-BTC", trade_id=f"paper-{number}", client_id="ab-x-1", order_id="3",
            side=OrderSide.BUY, price=Decimal(10**8), size=size, fee=Decimal(150), fee_asset="KRW", ts=number,
        )  # fmt: skip
        journal.append("fill", **fill_fields(fill))
    if ended:
        journal.append("order_end", client_id="ab-x-1", venue="upbit", state="ended", filled="0.007")
    journal.close()
    return list(read_journal(path))


@pytest.mark.parametrize("ended", [False, True])
def test_a_paper_order_that_a_crash_cut_off_ends_with_the_fills_that_were_written(
    configure: Configure, tmp_path: Path, ended: bool
) -> None:
    recorded = killed(tmp_path / "journal.jsonl", ended)
    config = configure()

    async def run() -> tuple[Any, ...]:
        clients = await paper_accounts(config, lambda: 10, recorded)
        journal = Journal(tmp_path / "journal.jsonl")
        keeper = OrderKeeper(clients, journal, clock=lambda: 10, grace_s=0.0)
        try:
            await keeper.start()
            before = read_intents(recorded)
            async with asyncio.timeout(30):
                opened = await keeper.recover(before.intents, before.fills)
            held = (await clients["upbit"].positions())["KRW-BTC"] - 10**15
            positions = [held, keeper.ledger.positions["upbit", "KRW-BTC"]]
            return opened, keeper.orders, positions, keeper.open
        finally:
            await keeper.close()
            journal.close()

    opened, orders, positions, still = asyncio.run(run())
    assert (len(opened), len(still)) == (0 if ended else 1, 0)
    assert [(order.filled, order.state.value) for order in orders] == [(sum(SIZES), "ended")]
    assert positions == [sum(SIZES)] * 2
    lines = list(read_journal(tmp_path / "journal.jsonl"))
    assert [line["kind"] for line in lines].count("fill") == len(SIZES)
    assert [line["filled"] for line in lines if line["kind"] == "order_end"] == ["0.007"]
