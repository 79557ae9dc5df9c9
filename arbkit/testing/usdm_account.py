"""USD-M's account: margin and what happens when it runs out, funding, income, settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from arbkit.testing._http import Answer, Call, text_of
from arbkit.testing._usdm_account_json import (
    account_event,
    asset_row,
    balance_row,
    force_event,
    margin_call_event,
    old_position_row,
    position_row,
    totals_row,
)
from arbkit.testing._usdm_json import order_row
from arbkit.testing.accounts import FuturesAccount, Position
from arbkit.testing.binance import binance_error
from arbkit.testing.binance_orders import SignedRow, amount_of
from arbkit.testing.core import Core
from arbkit.testing.listings import Listing
from arbkit.testing.margin import (
    CLEARANCE_FEE,
    bankruptcy_price,
    bracket_rows,
    largest_value,
    liquidation_price,
    maintenance,
)
from arbkit.testing.orders import Order
from arbkit.testing.signing import Keys
from arbkit.testing.usdm_stream import UsdmStream
from arbkit.testing.venue import Route
from arbkit.units import MS_NS, SECOND_NS

__all__ = ["UsdmAccount"]

ZERO: Final = Decimal(0)
_HOUR_NS: Final = 3600 * SECOND_NS
_SATOSHI: Final = Decimal("0.00000001")
#: Share of the margin balance that must be held from which on MARGIN_CALL is sent, and below which anew.
_CALL_AT, _CALM_AT = Decimal("0.8"), Decimal("0.7")


class UsdmAccount(UsdmStream):
    """One account with cross margin, in one-way mode.

    Attributes:
        account: wallet and positions; the exchange's own truth.
        dual: whether the account is in hedge mode; then no order is taken.
        forced: orders that the exchange made itself, with LIQUIDATION or ADL.
    """

    def __init__(
        self,
        core: Core,
        listings: Iterable[Listing],
        keys: Keys,
        balances: Mapping[str, Decimal],
        *,
        conflate: bool = False,
    ) -> None:
        super().__init__(core, listings, keys, conflate=conflate)
        self.account = FuturesAccount(dict(balances))
        self.dual = False
        self.forced: list[tuple[str, Order]] = []
        self._called = False
        self._paid_until_ns = core.clock.now_ns()

    def routes(self) -> list[Route]:
        """Return the routes, those of the account among them."""
        rows: list[SignedRow] = [
            ("GET", "v3/balance", "balances", self._balance, 5),
            ("GET", "v2/balance", "balances", self._balance, 5),
            ("GET", "v3/account", "account", self._account, 5),
            ("GET", "v2/account", "account", self._account, 5),
            ("GET", "v3/positionRisk", "positions", self._positions, 5),
            ("GET", "v2/positionRisk", "positions", self._old_positions, 5),
            ("GET", "v1/commissionRate", "commission", self._commission, 20),
            ("GET", "v1/leverageBracket", "brackets", self._brackets, 1),
            ("GET", "v1/symbolConfig", "symbol_config", self._symbol_config, 5),
            ("GET", "v1/accountConfig", "account_config", self._account_config, 5),
            ("POST", "v1/leverage", "leverage", self._leverage, 1),
            ("POST", "v1/marginType", "margin_type", self._margin_type, 1),
            ("GET", "v1/positionSide/dual", "dual", self._dual, 30),
            ("POST", "v1/positionSide/dual", "dual", self._set_dual, 1),
            ("GET", "v1/multiAssetsMargin", "multi_assets", self._multi_assets, 30),
            ("GET", "v1/adlQuantile", "adl", self._adl, 5),
            ("GET", "v1/forceOrders", "forced", self._force_orders, 20),
            ("GET", "v1/income", "income", self._income, 30),
        ]
        return [*super().routes(), *self.signed_routes("/fapi/", rows)]

    def background(self) -> list[Callable[[], Awaitable[None]]]:
        """Return the timers, that of funding among them."""
        return [*super().background(), self._pay_funding]

    def own_interest(self, symbol: str) -> Decimal:
        """Return the size of the account's position."""
        return abs(self.account.position(symbol).amount)

    def after_book(self, symbol: str) -> None:
        """Let resting orders meet a new book, and see whether the margin still suffices."""
        super().after_book(symbol)
        held = self.account.positions.get(symbol)
        if held is not None and held.amount:
            self.check_margin(self.listings[symbol].quote)

    # Margin

    def _held(self, asset: str) -> list[tuple[Listing, Position, Decimal]]:
        """Return listing, position and mark price of what is held in an asset."""
        return [
            (self.listings[symbol], held, self.mark_price(symbol))
            for symbol, held in self.account.positions.items()
            if held.amount and self.listings[symbol].quote == asset
        ]

    def unrealized(self, asset: str) -> Decimal:
        """Return what all positions in an asset would earn at their mark prices."""
        held = self._held(asset)
        return sum((self.account.unrealized(item.symbol, mark) for item, _, mark in held), ZERO)

    def margin_balance(self, asset: str) -> Decimal:
        """Return wallet and unrealised profit."""
        return self.account.wallet.get(asset, ZERO) + self.unrealized(asset)

    def maintenance_margin(self, asset: str, without: str = "") -> Decimal:
        """Return what all positions in an asset (but one) must hold."""
        rows = ((item.symbol, held.amount * mark) for item, held, mark in self._held(asset))
        return sum((maintenance(value) for symbol, value in rows if symbol != without), ZERO)

    def order_margin(self, symbol: str) -> Decimal:
        """Return what the working orders of a symbol set aside."""
        leverage = self.account.position(symbol).leverage
        values = (
            order.remaining * (order.price or ZERO)
            for order in self.desk.working(symbol)
            if not order.reduce_only
        )
        return sum(values, ZERO) / leverage

    def margins(self, asset: str) -> tuple[Decimal, Decimal]:
        """Return the initial margin of the positions and of the orders in an asset."""
        held = self._held(asset)
        positions = sum((abs(item.amount) * mark / item.leverage for _, item, mark in held), ZERO)
        symbols = {
            order.symbol for order in self.desk.working() if self.listings[order.symbol].quote == asset
        }
        return positions, sum((self.order_margin(symbol) for symbol in sorted(symbols)), ZERO)

    def available(self, asset: str) -> Decimal:
        """Return what may still be used as margin."""
        left = self.margin_balance(asset) - sum(self.margins(asset), ZERO)
        return max(ZERO, left.quantize(_SATOSHI))

    def check_margin(self, asset: str) -> None:
        """Warn when the margin runs short; liquidate when it has run out."""
        balance, needed = self.margin_balance(asset), self.maintenance_margin(asset)
        if needed and balance < needed:
            self._liquidate(asset)
            return
        if needed > balance * _CALL_AT and not self._called:
            self._called = True
            rows = [(held, item, mark) for item, held, mark in self._held(asset)]
            self.tell(margin_call_event(self.account, self.now_ms(), asset, rows))
        elif needed < balance * _CALM_AT:
            self._called = False

    def _liquidate(self, asset: str) -> None:
        """Cancel all orders; then close positions, the largest first, until the margin suffices."""
        for order in self.desk.working():
            if self.listings[order.symbol].quote == asset:
                self.desk.cancel(order)
        while (balance := self.margin_balance(asset)) < self.maintenance_margin(asset):
            held = self._held(asset)
            if not held:
                break
            listing, position, mark = max(held, key=lambda row: abs(row[1].amount) * row[2])
            self.close_for(listing.symbol, Decimal(1), bankruptcy_price(position.amount, mark, balance))
        if (left := self.account.wallet.get(asset, ZERO)) < 0 and not self._held(asset):
            self.change_wallet(asset, -left, "INSURANCE_CLEAR", "")

    def close_for(self, symbol: str, share: Decimal, price: Decimal, *, adl: bool = False) -> None:
        """Close (a share of) a position for the account: a liquidation or auto-deleveraging.

        A liquidation walks the visible book to `price`, and the insurance fund takes the rest there
        (`CALCULATED`); its fee goes to that fund. Auto-deleveraging is filled at `price`.
        """
        listing, held = self.listings[symbol], self.account.position(symbol)
        size = abs(held.amount) if share == 1 else abs(held.amount) * share // listing.lot * listing.lot
        tick = self.tick_of(listing)
        price = max(tick, price // tick * tick)
        if not size or not self.mark_price(symbol):
            return
        prefix = "adl_autoclose-" if adl else "autoclose-"
        order = self.desk.make(
            client_id=f"{prefix}{self.now_ms()}{len(self.forced) or ''}",
            symbol=symbol,
            side="sell" if held.amount > 0 else "buy",
            kind="limit",
            tif="ioc",
            price=price,
            size=size,
        )
        self.forced.append(("ADL" if adl else "LIQUIDATION", order))
        if adl:
            self.desk.force(order, price, size)
            return
        self.desk.liquidate(order)
        event = force_event(order, self.now_ms())
        self._emit(self._wanted(symbol), "forceOrder", None, lambda: event, "data")
        self._emit(self._wanted(""), "!forceOrder", None, lambda: event, "data")
        left = self.account.wallet.get(listing.quote, ZERO)
        fee = min(max(left, ZERO), (order.value * CLEARANCE_FEE).quantize(_SATOSHI))
        if fee:
            self.change_wallet(listing.quote, -fee, "INSURANCE_CLEAR", symbol)

    def change_wallet(self, asset: str, amount: Decimal, why: str, symbol: str) -> None:
        """Book what no trade is, with its row of income and its event."""
        self.account.deposit(asset, amount)
        self.earned(symbol, asset, why, amount)
        self.tell(account_event(self.account, self.now_ms(), why, asset, amount, None))

    # Answers about the account

    async def _balance(self, call: Call) -> Answer:
        return Answer(
            [
                balance_row(asset, amount, self.unrealized(asset), self.available(asset), self.now_ms())
                for asset, amount in self.account.wallet.items()
            ]
        )

    async def _account(self, call: Call) -> Answer:
        assets = [
            asset_row(
                asset,
                amount,
                self.unrealized(asset),
                self.maintenance_margin(asset),
                self.margins(asset),
                self.available(asset),
                self.now_ms(),
            )
            for asset, amount in self.account.wallet.items()
        ]
        positions = []
        for row in self._position_rows(""):
            wanted = ("symbol", "positionSide", "positionAmt", "isolatedMargin", "notional", "isolatedWallet")
            kept = {key: row[key] for key in (*wanted, "initialMargin", "maintMargin", "updateTime")}
            kept["unrealizedProfit"] = row["unRealizedProfit"]
            if "/v2/" in call.path:
                held = self.account.position(row["symbol"])
                kept |= {"leverage": str(held.leverage), "isolated": False, "entryPrice": row["entryPrice"]}
            positions.append(kept)
        more = {"canTrade": "order" in self.keys.may} if "/v2/" in call.path else {}
        return Answer({**more, **totals_row(assets), "assets": assets, "positions": positions})

    def _position_row(self, symbol: str) -> dict[str, Any]:
        listing, held, mark = self.listings[symbol], self.account.position(symbol), self.mark_price(symbol)
        asset = listing.quote
        others = self.maintenance_margin(asset, without=symbol)
        stop = liquidation_price(held.amount, mark, self.margin_balance(asset), others)
        working = self.desk.working(symbol)
        sides = [
            sum((o.remaining * (o.price or ZERO) for o in working if o.buys == buys), ZERO)
            for buys in (True, False)
        ]
        unrealized = self.account.unrealized(symbol, mark)
        return position_row(listing, held, mark, unrealized, stop, self.order_margin(symbol), sides)

    def _position_rows(self, symbol: str) -> list[dict[str, Any]]:
        known = {name for name, held in self.account.positions.items() if held.amount}
        known |= {order.symbol for order in self.desk.working()}
        return [self._position_row(name) for name in self.listings if name in known and symbol in ("", name)]

    async def _positions(self, call: Call) -> Answer:
        return Answer(self._position_rows(self.listed(call) if "symbol" in call.params else ""))

    async def _old_positions(self, call: Call) -> Answer:
        names = [self.listed(call)] if "symbol" in call.params else list(self.listings)
        held = self.account.position
        return Answer([old_position_row(self._position_row(name), held(name)) for name in names])

    async def _commission(self, call: Call) -> Answer:
        listing = self.listings[self.listed(call)]
        rates = {"makerCommissionRate": listing.maker_fee, "takerCommissionRate": listing.taker_fee}
        return Answer({"symbol": listing.symbol, **{key: text_of(rate) for key, rate in rates.items()}})

    async def _brackets(self, call: Call) -> Answer:
        names = [self.listed(call)] if "symbol" in call.params else list(self.listings)
        return Answer([{"symbol": name, "notionalCoef": 1.0, "brackets": bracket_rows()} for name in names])

    async def _symbol_config(self, call: Call) -> Answer:
        names = [self.listed(call)] if "symbol" in call.params else list(self.listings)
        rows = []
        for name in names:
            leverage = self.account.position(name).leverage
            row: dict[str, Any] = {"symbol": name, "marginType": "CROSSED", "isAutoAddMargin": False}
            rows.append(row | {"leverage": leverage, "maxNotionalValue": text_of(largest_value(leverage))})
        return Answer(rows)

    async def _account_config(self, call: Call) -> Answer:
        trade = "order" in self.keys.may
        flags = {"canTrade": trade, "canDeposit": True, "canWithdraw": False, "dualSidePosition": self.dual}
        more = {"updateTime": 0, "multiAssetsMargin": False, "tradeGroupId": -1}
        return Answer({"feeTier": 0, **flags, **more})

    # Settings

    def set_leverage(self, symbol: str, leverage: int) -> None:
        """Set a symbol's leverage and tell of it."""
        self.account.position(symbol).leverage = leverage
        stamp = self.now_ms()
        inner = {"s": symbol, "l": leverage}
        self.tell({"e": "ACCOUNT_CONFIG_UPDATE", "E": stamp, "T": stamp, "ac": inner}, symbol)

    async def _leverage(self, call: Call) -> Answer:
        symbol, leverage = self.listed(call), amount_of(call, "leverage") or ZERO
        if not 1 <= leverage <= 125 or leverage % 1:
            raise binance_error(400, -4028, f"Leverage {leverage} is not valid.")
        held, most = self.account.position(symbol), largest_value(int(leverage))
        if abs(held.amount) * self.mark_price(symbol) > most:
            raise binance_error(400, -2027, "Exceeded the maximum allowable position at current leverage.")
        if leverage < held.leverage:
            more = abs(held.amount) * self.mark_price(symbol) * (1 / leverage - 1 / Decimal(held.leverage))
            if more > self.available(self.listings[symbol].quote):
                text = "Leverage is smaller than permitted: insufficient margin balance."
                raise binance_error(400, -2028, text)
        self.set_leverage(symbol, int(leverage))
        return Answer({"leverage": int(leverage), "maxNotionalValue": text_of(most), "symbol": symbol})

    async def _margin_type(self, call: Call) -> Answer:
        """Answer that nothing need change; isolated margin is not served, and said so."""
        self.listed(call)
        kind = call.params.get("marginType", "")
        if kind not in ("CROSSED", "ISOLATED"):
            raise binance_error(400, -4021, "Invalid margin type.")
        if kind == "CROSSED":
            raise binance_error(400, -4046, "No need to change margin type.")
        raise binance_error(400, -4168, "Unable to adjust to isolated-margin mode on the practice exchange.")

    async def _dual(self, call: Call) -> Answer:
        return Answer({"dualSidePosition": self.dual})

    async def _set_dual(self, call: Call) -> Answer:
        wanted = call.params.get("dualSidePosition", "").lower()
        if wanted not in ("true", "false"):
            text = "Mandatory parameter 'dualSidePosition' was not sent, was empty/null, or malformed."
            raise binance_error(400, -1102, text)
        if (wanted == "true") == self.dual:
            raise binance_error(400, -4059, "No need to change position side.")
        if self.desk.working():
            text = "Position side cannot be changed if there exists open orders."
            raise binance_error(400, -4067, text)
        if any(held.amount for held in self.account.positions.values()):
            raise binance_error(400, -4068, "Position side cannot be changed if there exists position.")
        self.dual = wanted == "true"
        return Answer({"code": 200, "msg": "success"})

    async def _multi_assets(self, call: Call) -> Answer:
        return Answer({"multiAssetsMargin": False})

    async def _adl(self, call: Call) -> Answer:
        names = [self.listed(call)] if "symbol" in call.params else list(self.listings)
        held = [name for name in names if self.account.position(name).amount]
        return Answer([{"symbol": name, "adlQuantile": {"LONG": 1, "SHORT": 1, "BOTH": 1}} for name in held])

    async def _force_orders(self, call: Call) -> Answer:
        symbol, kind = call.params.get("symbol", ""), call.params.get("autoCloseType", "")
        rows = [
            order_row(order, time=True)
            for why, order in self.forced
            if symbol in ("", order.symbol) and kind in ("", why)
        ]
        return Answer(rows[-int(call.params.get("limit", 50 if symbol else 100)) :])

    # Income and funding

    def earned(self, symbol: str, asset: str, kind: str, amount: Decimal, trade: str = "") -> None:
        """Write a row of income."""
        number = 900_000 + len(self.account.income)
        row = {"symbol": symbol, "incomeType": kind, "income": text_of(amount), "asset": asset, "info": kind}
        self.account.income.append({**row, "time": self.now_ms(), "tranId": number, "tradeId": trade})

    async def _income(self, call: Call) -> Answer:
        symbol, kind = call.params.get("symbol", ""), call.params.get("incomeType", "")
        start, end = int(call.params.get("startTime", 0)), int(call.params.get("endTime", 2**62))
        rows = [
            row
            for row in self.account.income
            if symbol in ("", row["symbol"])
            and kind in ("", row["incomeType"])
            and start <= row["time"] <= end
        ]
        limit, page = min(1000, int(call.params.get("limit", 100))), int(call.params.get("page", 1))
        if not start and page == 1:
            return Answer(rows[-limit:])
        return Answer(rows[(page - 1) * limit : page * limit])

    async def _pay_funding(self) -> None:
        clock = self.core.clock
        while True:
            await clock.sleep_until(min(self._next_funding_ns(), clock.now_ns() + 60 * SECOND_NS))
            while (moment := self._next_funding_ns()) <= clock.now_ns():
                self._paid_until_ns = moment
                for listing in self.listings.values():
                    if moment % (listing.funding_hours * _HOUR_NS) == 0:
                        self._fund(listing, moment // MS_NS)

    def _next_funding_ns(self) -> int:
        steps = [listing.funding_hours * _HOUR_NS for listing in self.listings.values()]
        return min(((self._paid_until_ns // step + 1) * step for step in steps), default=2**62)

    def _fund(self, listing: Listing, moment_ms: int) -> None:
        mark = self.mark_price(listing.symbol)
        self.settled.setdefault(listing.symbol, {})[moment_ms] = (listing.funding_rate, mark)
        held = self.account.positions.get(listing.symbol)
        if held is None or not held.amount:
            return
        payment = -(held.amount * mark * listing.funding_rate).quantize(_SATOSHI)
        self.change_wallet(listing.quote, payment, "FUNDING_FEE", listing.symbol)
