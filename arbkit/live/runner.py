"""`LiveRunner`: feeds, session, heartbeat and kill switch of one run in one asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import math
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from arbkit._typing import PathLike
from arbkit.errors import ConfigError
from arbkit.live.config import LiveConfig
from arbkit.live.decide import PairRules, compile_rules
from arbkit.live.folder import RunFolder, write_json
from arbkit.live.funding import FundingBook, Told, follow_funding, recorded_payments, told_by
from arbkit.live.journal import Journal, read_journal
from arbkit.live.losses import LossWatch
from arbkit.live.money import LIVE_VARIABLE, in_mode
from arbkit.live.ordering import VenueOrders
from arbkit.live.past import ORDER_KINDS, needed_of
from arbkit.live.replay import ReplayFeed
from arbkit.live.replay_loop import ReplayLoop
from arbkit.live.reporting import Reporter
from arbkit.live.resume import Resumed, about_run, check_same_run, resume, save_checkpoint
from arbkit.live.session import Session, Sizer
from arbkit.live.stores import StateStore, open_store
from arbkit.live.warm_up import remembered, warm_up
from arbkit.panel import split_view
from arbkit.units import HOUR_NS
from arbkit.venues import MarketFeed

if TYPE_CHECKING:
    from arbkit.live.recording import RunRecording

__all__ = ["LIVE_VARIABLE", "LiveRunner"]

_CHECKPOINT_S: Final = 30.0
#: For how long the loop may keep the interpreter from a thread that wants it: an order waits for the one that
#: puts its intent onto the disk. With Python's own 5 ms that was most of the time until it left.
_SWITCH_S: Final = 0.0005


class LiveRunner:
    """Runs a configuration until it is stopped.

    Args:
        config: the configuration, or its file.
        mode: `paper` or `live`; live trading needs it here, in the configuration, and the variable
            `ARBKIT_LIVE` set to the name of the run.
        sizer: scales entries.
        say: told in words what a person watching should know.
        environ: the environment.

    Raises:
        ConfigError: when the configuration breaks a rule, or live trading is not asked for three times.
    """

    def __init__(
        self,
        config: LiveConfig | PathLike,
        *,
        mode: str | None = None,
        sizer: Sizer | None = None,
        say: Callable[[str], None] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        read = config if isinstance(config, LiveConfig) else LiveConfig.load(config)
        self.config = in_mode(read, mode, environ)
        self.folder = RunFolder(self.config.runs / self.config.name)
        self._say = say or (lambda text: None)
        self._sizer = sizer
        self._environ = environ
        self._stop = asyncio.Event()
        self._replay: ReplayFeed | None = None
        self._open_feeds: list[MarketFeed] = []
        self._moments: Iterator[Any] | None = None
        self._held = contextlib.ExitStack()
        self._session: Session | None = None
        self._store: StateStore | None = None
        self._reporter: Reporter | None = None
        self._losses: LossWatch | None = None
        self._started = 0.0
        self._saved = 0.0
        self._halted: dict[str, Any] | None = None
        self._down: frozenset[str] = frozenset()
        self._recorded: list[Mapping[str, Any]] = []
        self._orders: VenueOrders | None = None
        self._recording: RunRecording | None = None
        self._told: Told | None = None

    def at_risk(self) -> list[str]:
        """Return, line by line, what a run may do with the money it is given."""
        config = self.config
        lines = [f"{config.name} trades with MONEY: balance {config.balance:,.2f} {config.currency}"]
        for pair in config.pairs:
            p, guard = pair.params, pair.params.guard
            loss = (
                "no daily limit"
                if guard is None or guard.max_daily_loss_usd is None
                else (f"daily loss at most {guard.max_daily_loss_usd:,.2f}")
            )
            lines.append(
                f"{pair.name}: {pair.legs[0]} against {pair.legs[1]}, {p.max_position_usd:,.2f} per trade, "
                f"{p.max_open_trades} open at most, {loss} {config.currency}"
            )
        return lines

    # The life of a run.

    def open(self) -> Resumed | None:
        """Take the run's folder, begin it or take it up; returns what was taken up.

        Raises:
            ConfigError: when another process holds the run, or it was begun with other parameters.
            DataError: when its journal or a tape is damaged.
        """
        from arbkit import __version__

        config, folder = self.config, self.folder
        self._held.enter_context(folder.locked())
        try:
            created = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            about = about_run(config, created, __version__)
            goes_on = folder.exists
            by_venue = config.execution.fills == "venue"
            if config.replay is not None:
                self._replay = ReplayFeed(
                    config.replay.dataset,
                    config.legs,
                    levels=config.levels,
                    start=config.replay.start,
                    end=config.replay.end,
                    every_moment=config.execution.fills == "venue",
                )
            if goes_on:
                check_same_run(folder, about)
            else:
                folder.begin(config, about)
            clock = self._replay.clock if self._replay else time.time_ns
            journal = Journal(folder.journal)
            self._held.callback(journal.close)
            if goes_on and by_venue:
                self._recorded = needed_of(read_journal(folder.journal, *ORDER_KINDS))
            pool = self._held.enter_context(ThreadPoolExecutor(1, "arbkit-tape"))
            session = Session(config, folder, journal, sizer=self._sizer, pool=pool, clock=clock)
            self._held.callback(session.close)
            self._account_funding(session)
            taken = resume(session, folder, self._remembered()) if goes_on else None
            if taken is not None and self._replay is not None:
                session.prime(self._replay.latest(taken.last_ts))
                self._replay.now_ns = taken.last_ts
            self._begin(session, taken)
            if taken is None or self._replay is None:
                since = taken.last_ts + 1 if taken is not None else 0
                warm_up(session, config, self._now_ns(), since)
                save_checkpoint(session, folder)
        except BaseException:
            self._held.close()
            raise
        return taken

    def _account_funding(self, session: Session) -> None:
        """Let the session book funding where the parameters ask for it."""
        book = FundingBook(session.desk, self.config.pairs, [lane.tape for lane in session.lanes])
        if not book.needed:
            return
        session.funding = book
        if self.folder.journal.is_file():
            book.taken_up(read_journal(self.folder.journal, "funding"))
        if self.config.replay is not None:
            recorded_payments(self.config.replay.dataset, book, self.config)

    def _remembered(self) -> dict[int, list[Any]]:
        """Return the rows that pairs with a scale were warmed up with; the checkpoint has a reference's."""
        scaled = [p for p, pair in enumerate(self.config.pairs) if split_view(pair.reference)[1] != "none"]
        lines = list(read_journal(self.folder.journal, "warm_up")) if scaled else []
        return {p: remembered(self.config, p, iter(lines), self._say) for p in scaled}

    def _begin(self, session: Session, taken: Resumed | None) -> None:
        self._session = session
        self._started = self._saved = time.monotonic()
        url = self.config.store or f"sqlite:///{self.folder.path / 'state.sqlite'}"
        self._store = open_store(url, say=self._say)
        self._held.callback(self._store.close, 5.0)
        self._reporter = Reporter(session, self._store, self.config)
        if self.config.losses is not None:
            self._losses = LossWatch(self.config.losses, self.folder.path / "losses.json")
        session.on_trade = self._reporter.on_trade
        session.say = self._say
        compile_rules([PairRules(pair.name, pair.params) for pair in self.config.pairs], self.config.limits)
        kind = "start" if taken is None else "resume"
        more = {} if taken is None else taken._asdict()
        session.journal.append(kind, pid=os.getpid(), mode=self.config.mode, **more)
        if taken is not None:
            self._say(
                f"run {self.config.name} goes on: {taken.trades} trades so far, {taken.open_trades} open, "
                f"{taken.redone} rows done again"
            )
        self._watch()
        self._judge()

    def close(self, why: str = "stopped") -> dict[str, Any]:
        """Write the end of the run and give its folder back; returns the final statistics. Idempotent."""
        session = self._session
        if session is None:
            return {}
        final = self.stats() | {"ended": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), "why": why}
        try:
            if session.journal.broken is None:
                self._save()
                session.journal.append("stop", why=why, trades=session.desk.n_trades)
                write_json(self.folder.summary, final)
                if self._reporter is not None:
                    self._reporter.beat(force=True)
        finally:
            self._session = None
            with contextlib.suppress(*([OSError] if session.journal.broken else [])):
                self._held.close()
        return final

    def _save(self) -> None:
        """Save the state, or say that nothing can be written."""
        try:
            save_checkpoint(self.session, self.folder)
            write_json(self.folder.summary, self.stats())
        except OSError as error:
            self.session.journal.fail(error, self.folder.path)

    @property
    def session(self) -> Session:
        """The session of a run that is open."""
        if self._session is None:
            raise ConfigError("a run must be open for this; call `open`, `run_once` or `run_forever` first")
        return self._session

    def run_once(self) -> int:
        """Take the next books and decide on them; returns how many rows were decided on.

        From a replay it takes the next moment, else it asks every venue once over REST. It opens the run if
        need be; `close` ends it.
        """
        if self.config.record is not None:
            raise ConfigError("`run_once` decides and goes; where books are recorded, use `run_forever`")
        if self.config.execution.fills == "venue":
            raise ConfigError("`run_once` decides and goes; where venues fill, use `run_forever`")
        if self._session is None:
            taken = self.open()
            if self._replay is not None:
                self._moments = self._replay.moments(taken.last_ts if taken else 0)
        before = self._rows()
        if self._replay is None:
            asyncio.run(self._poll_once())
            self.beat()
            return self._rows() - before
        assert self._moments is not None
        for ts, events in self._moments:
            self._replay.now_ns = ts
            self.session.on_moment(events)
            self._watch()
            self._judge()
            break
        return self._rows() - before

    def _rows(self) -> int:
        return sum(lane.seen for lane in self.session.lanes)

    async def _poll_once(self) -> None:
        """Ask every venue for its books once, over REST."""
        from arbkit.live.feeds import PollingFeed, live_feeds

        for feed in live_feeds(self.config, 1.0):
            assert isinstance(feed, PollingFeed)
            try:
                await feed.once(self.session)
            finally:
                await feed.close()

    def run_forever(
        self, *, max_runtime_s: float | None = None, poll_interval_s: float | None = None
    ) -> dict[str, Any]:
        """Run until stopped, until the replay has ended or the time is up; returns the final statistics."""
        replay = self.config.replay
        make = None if replay is None else functools.partial(ReplayLoop, replay.speed)
        with asyncio.Runner(loop_factory=make) as loop:
            return loop.run(self.run(max_runtime_s=max_runtime_s, poll_interval_s=poll_interval_s))

    async def run(
        self, *, max_runtime_s: float | None = None, poll_interval_s: float | None = None
    ) -> dict[str, Any]:
        """Do as `run_forever`, in a loop that runs already; for a replay that is a `ReplayLoop`."""
        if self.config.mode == "live":
            from arbkit.live.clients import check_keys

            check_keys(self.config, self._environ)
        if self.config.replay is None and not self.folder.exists:
            from arbkit.live.feeds import check_listed

            await check_listed(self.config)
        taken = self.open()
        why = "error"
        try:
            with self._signals(), _quick_threads():
                try:
                    self._record(taken)
                    why = await self._run(max_runtime_s, poll_interval_s, taken)
                finally:
                    if self._recording is not None:
                        await self._recording.close()
        finally:
            final = self.close(why)
        return final

    async def _run(
        self, max_runtime_s: float | None, poll_interval_s: float | None, taken: Resumed | None
    ) -> str:
        loop = asyncio.get_running_loop()
        wait = asyncio.sleep if self._replay is None else self._replay.follow(loop).wall_sleep
        orders = await self._open_orders()
        if orders is not None and self._replay is not None:
            if taken is not None:
                self.session.prime(self._replay.latest(taken.last_ts))
            await orders.prepare()
        feeds = [asyncio.ensure_future(feed) for feed in self._feeds(poll_interval_s, taken)]
        if orders is not None:
            feeds.append(asyncio.ensure_future(orders.run()))
        beside: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._heartbeat(wait))]
        if self._replay is not None:
            beside.append(asyncio.ensure_future(self._follow_time()))
        stop = asyncio.ensure_future(self._stop.wait())
        limit = asyncio.ensure_future(wait(math.inf if max_runtime_s is None else max_runtime_s))
        beside += [stop, limit]
        try:
            done, _ = await asyncio.wait({*feeds, *beside}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if stop in done:
                return "stopped"
            return "time is up" if limit in done else "end of data"
        finally:
            if orders is not None:
                self.session.guard.set("stopping", True)
                await self._settle(orders, feeds)
            for task in (*feeds, *beside):
                task.cancel()
            await asyncio.gather(*feeds, *beside, return_exceptions=True)
            if orders is not None:
                await orders.close()

    def _record(self, taken: Resumed | None) -> None:
        """Let the books go into a dataset, where the configuration asks for it."""
        if self.config.record is None:
            return
        from arbkit.live.recording import RunRecording

        session, replay = self.session, self._replay
        after = None if replay is None else taken.last_ts if taken else replay.now_ns - 1
        self._recording = RunRecording(self.config, lambda text: session.trouble("record", text), after)
        self._recording.start()
        session.taps.append(self._recording)
        session.journal.append("recording", dataset=str(self._recording.to.resolve()), since=self._now_ns())

    async def _settle(self, orders: VenueOrders, feeds: Sequence[asyncio.Future[None]]) -> None:
        """Wait for what is on its way and the rows that book it, no longer than one side may be open."""
        now = asyncio.get_running_loop().time
        until = now() + self.config.execution.deadline_s
        while await orders.settle(max(until - now(), 0.0)) and orders.not_booked():
            if now() >= until or any(feed.done() for feed in feeds):
                break
            await asyncio.sleep(0.01)
        if text := orders.not_booked():
            self._say(f"{text}; the next start books it")
        if text := orders.unfinished():
            self.session.trouble("unhedged", f"{text}; the next start levels it")

    async def _open_orders(self) -> VenueOrders | None:
        """Make what sends orders, where venues fill them; nothing is entered before the accounts agree."""
        if self.config.execution.fills != "venue":
            return None
        from arbkit.live.clients import PerVenue, paper_accounts, real_clients

        session, clock = self.session, self._replay.clock if self._replay else time.time_ns
        clients: dict[str, Any]
        if self.config.mode == "live":
            clients = dict(real_clients(self.config, self._environ))
            await asyncio.to_thread(session.journal.sync)  # the first time takes longer than an order may
        else:
            paper = await paper_accounts(self.config, clock, self._recorded)
            session.mirrors += [PerVenue(client) for client in paper.values()]
            clients = dict(paper)
        session.guard.set("reconciling", True)
        grace_s = 2.0 if self.config.mode == "live" else 0.0
        self._orders = session.orders = VenueOrders(session, clients, self._recorded, clock, grace_s)
        if self.config.mode == "live":
            self._told = told_by(clients, self._orders.before)
        self._recorded = []
        return self._orders

    def _feeds(self, poll_interval_s: float | None, taken: Resumed | None) -> list[Any]:
        """Return the coroutines that bring books."""
        if self._replay is not None:
            return [self._replay.run(self.session, taken.last_ts if taken else 0)]
        from arbkit.live.feeds import live_feeds

        self._open_feeds = live_feeds(self.config, poll_interval_s)
        feeds = [*(feed.run(self.session) for feed in self._open_feeds), self._follow_states()]
        return feeds if self.session.funding is None else [*feeds, self._follow_funding(taken)]

    async def _follow_states(self) -> None:
        """Ask every minute whether the venues take orders in the instruments."""
        from arbkit.live.feeds import follow_states

        async for venue, symbol, state in follow_states(self.config, self.session.trouble):
            if self._recording is not None:
                self._recording.on_state(venue, symbol, state)
            if self.session.set_entry_ok(venue, symbol, state.entry_ok):
                takes = "takes entries again" if state.entry_ok else "takes no entries"
                self._say(f"{venue}/{symbol} {takes}: the venue's list or its warnings say so")

    async def _follow_funding(self, taken: Resumed | None) -> None:
        """Ask what perpetual legs pay; a run that goes on asks for what was paid meanwhile, too."""
        session = self.session
        assert session.funding is not None
        since = time.time_ns()
        if taken is not None:
            held = [int(session.desk.trades[t]["entry_ts"]) for lane in session.lanes for t in lane.open]
            since = min([taken.last_ts - HOUR_NS, *held])
        await follow_funding(
            self.config,
            session.funding,
            since,
            lambda venue, text: session.trouble("funding", text, venue=venue),
            self._told,
        )

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM, halt on SIGUSR1, while the loop runs in the main thread."""
        loop, added = asyncio.get_running_loop(), []
        actions = {
            signal.SIGINT: self.stop,
            signal.SIGTERM: self.stop,
            signal.SIGUSR1: self._halt_by_signal,
        }
        for number, action in actions.items():
            with contextlib.suppress(ValueError, NotImplementedError, RuntimeError):
                loop.add_signal_handler(number, action)
                added.append(number)
        try:
            yield
        finally:
            for number in added:
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Ask the run to end; where venues fill, nothing is entered from now on."""
        if self._orders is not None and self._session is not None:
            self._session.guard.set("stopping", True)
        self._stop.set()

    def halt(self, *, flatten: bool = False, reason: str = "by hand") -> None:
        """Throw the kill switch; it stays thrown until `clear`, across restarts."""
        self.folder.halt(flatten=flatten, reason=reason)
        self._watch()

    def clear(self) -> None:
        """Take the kill switch back."""
        self.folder.clear()
        self._watch()

    def _halt_by_signal(self) -> None:
        if self.folder.halted() is None:
            self.folder.halt(reason="signal")
        self._watch()

    # What is done every now and then.

    async def _heartbeat(self, wait: Callable[[float], Awaitable[None]]) -> None:
        """Do every now and then, by the wall clock, what people want of a run."""
        while True:
            self.beat()
            await wait(self.config.heartbeat_s)

    async def _follow_time(self) -> None:
        """Hold the run against dates and losses by the time of the recording."""
        while self.config.decided is not None or self._losses is not None:
            self._judge()
            await asyncio.sleep(self.config.heartbeat_s)
        await asyncio.Event().wait()

    def beat(self) -> None:
        """Look at the kill switch and the losses, tell the state store, save the state from time to time."""
        if self.session.journal.broken is not None:
            raise self.session.journal.broken
        self._watch()
        self._watch_feeds()
        if self._replay is None:
            self._judge()
        if self._reporter is not None:
            self._reporter.beat()
        now = time.monotonic()
        if now - self._saved >= _CHECKPOINT_S:
            self._saved = now
            self._save()

    def _watch(self) -> None:
        """Follow the kill switch."""
        session = self._session
        if session is None:
            return
        halted = self.folder.halted()
        if halted != self._halted:
            self._halted = halted
            if halted is not None:
                reason = str(halted.get("reason", ""))
                session.guard.set("kill_switch", True, detail=reason)
                session.flatten(bool(halted.get("flatten")))
                if self._orders is not None:
                    self._orders.cancel_all()
                self._say(f"HALTED: {reason}; `arbkit live clear {self.config.name}` lets it go on")
            else:
                session.guard.set("kill_switch", False)
                session.flatten(False)
                self._say("the kill switch was taken back")

    def _judge(self) -> None:
        """Follow the date of the parameters, and hold the equity against the loss to expect."""
        session, decided = self._session, self.config.decided
        if decided is not None and session is not None:
            now = dt.datetime.fromtimestamp(self._now_ns() / 1e9, dt.UTC)
            session.guard.set(
                "stale_params", now > decided.valid_until, detail=f"since {decided.valid_until:%Y-%m-%d}"
            )
        self._watch_losses()

    def _watch_feeds(self) -> None:
        """Say which venues' books went away and came back."""
        down = frozenset(self.session.feeds_down)
        for venue in sorted(down ^ self._down):
            self._say(f"{venue}: {'no books, nothing is entered' if venue in down else 'books again'}")
        self._down = down

    def _watch_losses(self) -> None:
        """Hold the equity against the loss to expect."""
        if self._losses is None or self._session is None:
            return
        desk, guard = self.session.desk, self.session.guard
        equity = self.config.balance + float(desk.account[0]["realized_pnl"]) + desk.marked()
        found = self._losses.see(self._now_ns(), equity)
        detail = f"expected shortfall {found.expected_shortfall:,.2f}"
        guard.set("loss_breaker", found.state == "tripped", detail=detail)
        guard.set("risk_limit", found.state == "reducing", detail=f"{found.reason}, {detail}")

    def _now_ns(self) -> int:
        return self._replay.now_ns if self._replay is not None else time.time_ns()

    def stats(self) -> dict[str, Any]:
        """Return what a person or a program watching wants to know, ready for JSON."""
        if self._reporter is None:
            return {}
        self.session.desk.marked()
        about: dict[str, Any] = {
            "run": self.config.name,
            "mode": self.config.mode,
            "currency": self.config.currency,
            "runtime_s": round(time.monotonic() - self._started, 3),
        }
        feeds = {feed.venue: dict(feed.stats()) for feed in self._open_feeds}
        more = {} if self._orders is None else {"orders": self._orders.stats()}
        if self._recording is not None:
            more["recorded"] = self._recording.stats()
        return about | self._reporter.stats(self._now_ns()) | {"feeds": feeds} | more


@contextlib.contextmanager
def _quick_threads() -> Iterator[None]:
    """Let threads have the interpreter soon, while this lasts."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _SWITCH_S))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
