// Runs side by side: gain, drawdown, metrics; two of them trade by trade.

const TALL = { gain: 230, drawdown: 110, difference: 140 };
const RUN_TINTS = ["ab", "ba", "gain", "ink", "loss", "muted"];
const MOST_ROWS = 200;

class CompareView extends TimeView {
  constructor(model, el) {
    super(model, TALL, 12);
    this.pair = [this.setup.names[0], this.setup.names[1]];
    this.hidden = new Set();
    this.order = { column: "difference", down: true };
    this.build(el);
    this.follow(this.plots);
    this.resize();
    this.askTrades();
  }

  // -- elements ---------------------------------------------------------------------------------------------

  build(el) {
    const { setup } = this;
    this.told = make("div", { class: "ak-told", "aria-live": "polite" });
    this.tradesBody = make("tbody", {});
    this.more = make("div", { class: "ak-caption" });
    const legend = make(
      "div",
      { class: "ak-legend" },
      ...setup.names.map((name, k) => {
        const key = make("button", { type: "button", class: "ak-run", "aria-pressed": "true", title: "Show or hide" }, name);
        key.style.setProperty("--ak-tint", `var(--ak-${this.tintName(k)})`);
        key.addEventListener("click", () => this.toggle(k, key));
        return key;
      }),
    );
    this.enter(
      el,
      "compare",
      this.head(setup.about, null, ...this.timeTools()),
      this.error,
      make(
        "div",
        { class: "ak-pair" },
        make("div", { class: "ak-middle" }, legend, this.plots, this.readout),
        make("div", { class: "ak-sides ak-scroll" }, this.buildTable()),
      ),
      make("div", { class: "ak-by-trade" }, this.buildChoice(), this.told, this.buildTrades(), this.more),
    );
    this.buildCharts();
  }

  tintName(k) {
    return RUN_TINTS[k % RUN_TINTS.length];
  }

  buildTable() {
    const { setup } = this;
    const head = make("tr", {}, make("th", { scope: "col" }, "side by side"), ...setup.names.map((name) => make("th", { scope: "col" }, name)));
    const rows = setup.lines.map(([title, cells], k) =>
      make(
        "tr",
        { class: k < setup.differ ? "ak-differs" : "" },
        make("th", { scope: "row" }, title),
        ...cells.map((text) => make("td", {}, minus(text))),
      ),
    );
    return make("table", { class: "ak-table" }, make("thead", {}, head), make("tbody", {}, ...rows));
  }

  buildChoice() {
    const list = (label, options, value, act) => {
      const select = make("select", { "aria-label": label }, ...options.map(([key, text]) => make("option", { value: key }, text)));
      select.value = value;
      select.addEventListener("change", () => act(select.value));
      return select;
    };
    const names = this.setup.names.map((name) => [name, name]);
    const pick = (place) => (name) => {
      this.pair[place] = name;
      this.stale = true;
      this.askTrades();
    };
    this.which = list("which trades", [["all", "all trades"], ["0", "in both"], ["1", "only in the first"], ["2", "only in the second"]], "all", () =>
      this.showTrades(),
    );
    this.first = list("first run", names, this.pair[0], pick(0));
    this.second = list("second run", names, this.pair[1], pick(1));
    return make(
      "div",
      { class: "ak-choice" },
      make("strong", {}, "Trade by trade"),
      "from ",
      this.first,
      " to ",
      this.second,
      this.which,
    );
  }

  buildTrades() {
    this.columns = [
      ["entry", "entered"],
      ["side", "bought"],
      ["in", "made by"],
      ["exit1", "left, first"],
      ["exit2", "left, second"],
      ["pnl1", "PnL, first"],
      ["pnl2", "PnL, second"],
      ["difference", "difference"],
    ];
    this.heads = this.columns.map(([key, title]) => {
      const button = make("button", { type: "button", class: "ak-sort", onclick: () => this.sortBy(key) }, title);
      return make("th", { scope: "col" }, button);
    });
    return make(
      "div",
      { class: "ak-scroll ak-tall" },
      make("table", { class: "ak-table ak-trades" }, make("thead", {}, make("tr", {}, ...this.heads)), this.tradesBody),
    );
  }

  buildCharts() {
    const { names, currency } = this.setup;
    const line = (_, k) => ({
      stroke: () => this.tints[this.tintName(k)],
      width: 1.3,
      dash: k < RUN_TINTS.length ? undefined : [5, 4],
      points: { show: false },
      spanGaps: true,
    });
    const series = names.map(line);
    this.chart("gain", `gain, ${currency}, open trades marked`, { y: (u, low, high) => roomAround(low, high), series });
    this.chart("drawdown", "drawdown below the peak", { y: drawdownRange, unit: " %", space: 24, series });
    this.chart("difference", this.differenceTitle(), {
      y: () => this.differenceRange(),
      space: 24,
      series: [{ paths: () => null, points: { show: false } }],
      draw: [(u) => this.drawSticks(u)],
    });
  }

  differenceTitle() {
    const [first, second] = this.pair;
    return `difference per trade, ${this.setup.currency}: ${second} less ${first}`;
  }

  // -- what the hand does -----------------------------------------------------------------------------------

  toggle(k, key) {
    if (this.hidden.has(k)) this.hidden.delete(k);
    else this.hidden.add(k);
    key.setAttribute("aria-pressed", String(!this.hidden.has(k)));
    for (const name of ["gain", "drawdown"]) this.charts[name].setSeries(k + 1, { show: !this.hidden.has(k) });
    this.stale = true;
  }

  seen() {
    const [first, second] = this.pair;
    const shown = this.setup.names.filter((_, k) => !this.hidden.has(k));
    return { ...this.stretch(), first, second, shown };
  }

  pointed(u) {
    const { left, idx } = u.cursor;
    if (left === null || left < 0 || idx === null || idx === undefined) {
      this.readout.textContent = "Drag over a chart to zoom, double click for all; choose a trade below to see it in the charts.";
      return;
    }
    const before = (row) => {
      for (let k = idx; k >= 0; k--) if (row[k] !== null && row[k] !== undefined) return row[k];
      return null;
    };
    const texts = this.setup.names.map((name, k) => `${name}: ${signed(before(u.data[k + 1]), 2)}`);
    this.readout.textContent = `${stampText(u.posToVal(left, "x"), this.span.max - this.span.min)}   ${texts.join("   ")} ${this.setup.currency}`;
  }

  sortBy(column) {
    this.order = { column, down: this.order.column === column ? !this.order.down : true };
    this.showTrades();
  }

  // A trade chosen in the table is marked in all charts, with as much time around it as it took.
  choose(k) {
    const t = this.trades;
    this.chosen = this.chosen === k ? null : k;
    if (this.chosen === null) this.all();
    else {
      const exits = [t[3][k], t[4][k]].filter((value) => !Number.isNaN(value));
      const last = exits.length ? Math.max(...exits) : this.setup.end;
      const room = Math.max((this.setup.end - this.setup.start) / 400, (last - t[1][k]) * 2);
      this.look(t[1][k] - room, last + room);
    }
    for (const row of this.tradesBody.rows) row.setAttribute("aria-selected", String(Number(row.dataset.k) === this.chosen));
  }

  // -- what the kernel says ---------------------------------------------------------------------------------

  askTrades() {
    this.chosen = null;
    this.way.send({ kind: "trades", first: this.pair[0], second: this.pair[1] });
  }

  hear(message, buffers) {
    if (message.kind === "draw") return this.drawer.answered(message, buffers);
    if (message.kind === "shortcut") return this.way.open(message.address);
    if (message.error) return this.fail(message.error);
    if (message.kind !== "trades") return undefined;
    this.fail("");
    this.told.textContent = message.told;
    this.trades = rowsOf(buffers[0], message.shapes[0]);
    this.say("difference", this.differenceTitle());
    const [, stamps, , , , , , , , difference] = this.trades;
    this.show("difference", [Array.from(stamps), Array.from(difference)]);
    this.showTrades();
    return undefined;
  }

  drawn(message, buffers) {
    if (message.error) return this.fail(message.error);
    this.fail("");
    clearTimeout(this.glance);
    const rows = buffers.map((buffer, k) => rowsOf(buffer, message.shapes[k]));
    for (const [name, row] of [
      ["gain", 1],
      ["drawdown", 2],
    ]) {
      this.show(name, uPlot.join(rows.map((run) => [Array.from(run[0]), Array.from(run[row])])));
    }
    this.charts.difference.setScale("x", this.span);
    whenPainted(() => this.count());
    return undefined;
  }

  // -- trades -----------------------------------------------------------------------------------------------

  differenceRange() {
    if (!this.trades) return [-1, 1];
    const [, stamps, , , , , , , , difference] = this.trades;
    const seen = difference.filter((_, k) => stamps[k] >= this.span.min && stamps[k] <= this.span.max);
    return roomAround(Math.min(0, ...seen), Math.max(0, ...seen));
  }

  drawSticks(u) {
    if (!this.trades) return;
    const { ctx, bbox } = u;
    const [, stamps, , exit1, exit2, , , , , difference] = this.trades;
    const zero = u.valToPos(0, "y", true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    if (this.chosen !== null && this.chosen !== undefined) {
      const exits = [exit1[this.chosen], exit2[this.chosen]].filter((value) => !Number.isNaN(value));
      const [x, x2] = [stamps[this.chosen], Math.max(stamps[this.chosen], ...exits)].map((at) => u.valToPos(at, "x", true));
      ctx.fillStyle = `color-mix(in srgb, ${this.tints.ab} 16%, transparent)`;
      ctx.fillRect(x, bbox.top, Math.max(2, x2 - x), bbox.height);
    }
    ctx.lineWidth = 2 * devicePixelRatio;
    for (const [sign, tint] of [
      [1, "gain"],
      [-1, "loss"],
    ]) {
      ctx.strokeStyle = ctx.fillStyle = this.tints[tint];
      ctx.beginPath();
      for (let k = 0; k < stamps.length; k++) {
        if (difference[k] * sign <= 0) continue;
        const [x, y] = [u.valToPos(stamps[k], "x", true), u.valToPos(difference[k], "y", true)];
        ctx.moveTo(x, zero);
        ctx.lineTo(x, y);
      }
      ctx.stroke();
    }
    ctx.lineWidth = devicePixelRatio;
    ctx.strokeStyle = this.tints.muted;
    ctx.beginPath();
    ctx.moveTo(bbox.left, zero);
    ctx.lineTo(bbox.left + bbox.width, zero);
    ctx.stroke();
    ctx.restore();
  }

  showTrades() {
    const [side, entry, came, exit1, exit2, reason1, reason2, pnl1, pnl2, difference] = this.trades;
    const values = { entry, side, in: came, exit1, exit2, pnl1, pnl2, difference };
    const { column, down } = this.order;
    const key = (k) => (column === "difference" ? Math.abs(difference[k]) : values[column][k]);
    const wanted = this.which.value === "all" ? () => true : (k) => came[k] === Number(this.which.value);
    const order = [...entry.keys()].filter(wanted);
    const last = down ? -Infinity : Infinity;
    const weight = (k) => (Number.isNaN(key(k)) ? last : key(k));
    order.sort((a, b) => (down ? weight(b) - weight(a) : weight(a) - weight(b)) || a - b);
    this.heads.forEach((head, k) => head.setAttribute("aria-sort", this.columns[k][0] !== column ? "none" : down ? "descending" : "ascending"));
    const [first, second] = this.pair;
    const out = (stamp, reason, has) =>
      !has ? "\u2013" : Number.isNaN(stamp) ? "still open" : `${stampText(stamp, 0).slice(5, 19)}, ${this.setup.reasons[reason]}`;
    const money = (value) => (Number.isNaN(value) ? "\u2013" : signed(value, 2));
    const legs = this.setup.legs;
    const rows = order.slice(0, MOST_ROWS).map((k) => {
      const [in1, in2] = [!Number.isNaN(pnl1[k]), !Number.isNaN(pnl2[k])];
      const texts = [
        stampText(entry[k], 0).slice(0, 19),
        legs[side[k] === 0 ? 0 : 1],
        ["both", first, second][came[k]],
        out(exit1[k], reason1[k], in1),
        out(exit2[k], reason2[k], in2),
        money(pnl1[k]),
        money(pnl2[k]),
        money(difference[k]),
      ];
      const row = make("tr", { tabindex: "0", "aria-selected": String(k === this.chosen) }, ...texts.map((text) => make("td", {}, text)));
      row.lastChild.className = difference[k] > 0 ? "ak-won" : difference[k] < 0 ? "ak-lost" : "";
      row.dataset.k = String(k);
      row.addEventListener("click", () => this.choose(k));
      row.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        this.choose(k);
      });
      return row;
    });
    this.tradesBody.replaceChildren(...rows);
    const all = order.length.toLocaleString("en-US");
    this.more.textContent = order.length > MOST_ROWS ? `${MOST_ROWS} of ${all} trades; .trades("${first}", "${second}") has all` : `${all} trades`;
    this.root.dataset.trades = String(order.length);
  }

  resize() {
    if (super.resize()) this.ask();
  }
}

export default {
  render({ model, el }) {
    const view = new CompareView(model, el);
    return () => view.end();
  },
};
