// Runs side by side: gain, drawdown, metrics; two of them trade by trade.

const TALL = { gain: 230, drawdown: 110, difference: 140 };
const RUN_TINTS = ["ab", "ba", "gain", "ink", "loss", "muted"];
const MOST_ROWS = 200;

class CompareView {
  constructor(model, el) {
    this.model = model;
    this.setup = model.get("_setup");
    this.span = { min: this.setup.start, max: this.setup.end };
    this.pair = [this.setup.names[0], this.setup.names[1]];
    this.hidden = new Set();
    this.order = { column: "difference", down: true };
    this.tints = {};
    this.build(el);
    this.showStills = hideStills(this.setup.mark, this.root);
    this.way = shortWay(
      model,
      (message, buffers) => this.hear(message, buffers),
      () => this.drawer.again(),
    );
    this.drawer = drawer(
      this.way,
      (message, buffers) => this.drawn(message, buffers),
      () => this.fail("The kernel does not answer; is it running?"),
    );
    this.listen = (message, buffers) => this.hear(message, buffers);
    model.on("msg:custom", this.listen);
    this.endTheme = followTheme(this.root, () => {
      this.tints = tintsOf(this.root);
      for (const chart of Object.values(this.charts)) chart.redraw(false);
    });
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(this.plots);
    this.resize();
    this.askTrades();
  }

  end() {
    this.model.off("msg:custom", this.listen);
    this.drawer.forget();
    this.way.close();
    this.showStills();
    this.endTheme();
    this.resizer.disconnect();
    for (const chart of Object.values(this.charts)) chart.destroy();
  }

  // -- elements ---------------------------------------------------------------------------------------------

  build(el) {
    const { setup } = this;
    this.error = make("div", { class: "ak-error", role: "alert", hidden: true });
    this.plots = make("div", { class: "ak-plots", tabindex: "0" });
    this.plots.setAttribute("aria-label", "Charts: drag to zoom, arrow keys move, + and \u2212 zoom, 0 shows all");
    this.plots.addEventListener("keydown", (event) => this.key(event));
    this.readout = make("div", { class: "ak-readout" });
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
    this.root = make(
      "div",
      { class: "arbkit-lab ak-compare" },
      make(
        "div",
        { class: "ak-head" },
        make("div", { class: "ak-names" }, make("strong", {}, setup.title), make("span", { class: "ak-about" }, setup.about)),
        make(
          "div",
          { class: "ak-tools" },
          make("button", { type: "button", class: "ak-button ak-small", onclick: () => this.look(setup.start, setup.end) }, "All"),
        ),
      ),
      this.error,
      make(
        "div",
        { class: "ak-pair" },
        make("div", { class: "ak-middle" }, legend, this.plots, this.readout),
        make("div", { class: "ak-sides ak-scroll" }, this.buildTable()),
      ),
      make("div", { class: "ak-by-trade" }, this.buildChoice(), this.told, this.buildTrades(), this.more),
    );
    this.root.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
    });
    this.root.dataset.mark = setup.mark;
    el.append(this.root);
    this.tints = tintsOf(this.root);
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
    const { setup } = this;
    const shared = (name, axes, extra) => ({
      width: 600,
      height: TALL[name],
      tzDate: utc,
      legend: { show: false },
      padding: [20, 12, 0, 0],
      axes,
      ...extra,
      cursor: {
        sync: { key: this.model.cid || "arbkit-compare", setSeries: false },
        drag: { x: true, y: false, setScale: false },
        y: false,
        points: { show: false },
        bind: {
          dblclick: () => () => {
            this.look(setup.start, setup.end);
            return null;
          },
        },
      },
      hooks: { setSelect: [(u) => this.selected(u)], setCursor: [(u) => this.pointed(u)], ...extra.hooks },
    });
    const x = { time: true, auto: false, ...this.span };
    const tints = () => this.tints;
    const line = (_, k) => ({
      stroke: () => this.tints[this.tintName(k)],
      width: 1.3,
      dash: k < RUN_TINTS.length ? undefined : [5, 4],
      points: { show: false },
      spanGaps: true,
    });
    const empty = [[this.span.min, this.span.max], ...setup.names.map(() => [null, null])];
    const made = {
      gain: shared("gain", axesFor(tints, "", { showTime: false }), {
        scales: { x: { ...x }, y: { range: (u, low, high) => roomAround(low, high) } },
        series: [{}, ...setup.names.map(line)],
      }),
      drawdown: shared("drawdown", axesFor(tints, " %", { showTime: false, space: 24 }), {
        scales: { x: { ...x }, y: { range: (u, low) => [Math.min(-1e-3, low === null ? 0 : low) * 1.12, 0] } },
        series: [{}, ...setup.names.map(line)],
      }),
      difference: shared("difference", axesFor(tints, "", { space: 24 }), {
        scales: { x: { ...x }, y: { range: () => this.differenceRange() } },
        series: [{}, { paths: () => null, points: { show: false } }],
        hooks: { draw: [(u) => this.drawSticks(u)] },
      }),
    };
    this.charts = {};
    for (const [name, options] of Object.entries(made)) {
      const data = name === "difference" ? [[this.span.min, this.span.max], [null, null]] : empty;
      this.charts[name] = new uPlot(options, data, this.plots);
      const title = make("span", { class: "ak-title" });
      this.charts[name].over.append(title);
      this.charts[name].over.setAttribute("role", "img");
      this.charts[name].title = title;
      this.say(name);
    }
  }

  say(name) {
    const [first, second] = this.pair;
    const text = {
      gain: `gain, ${this.setup.currency}, open trades marked`,
      drawdown: "drawdown below the peak",
      difference: `difference per trade, ${this.setup.currency}: ${second} less ${first}`,
    }[name];
    this.charts[name].title.textContent = text;
    this.charts[name].over.setAttribute("aria-label", text);
  }

  // -- what the hand does -----------------------------------------------------------------------------------

  toggle(k, key) {
    if (this.hidden.has(k)) this.hidden.delete(k);
    else this.hidden.add(k);
    key.setAttribute("aria-pressed", String(!this.hidden.has(k)));
    for (const name of ["gain", "drawdown"]) this.charts[name].setSeries(k + 1, { show: !this.hidden.has(k) });
  }

  look(min, max) {
    const { start, end } = this.setup;
    const whole = end - start || 1;
    const width = Math.min(whole, Math.max(Math.min(1e-3, whole), max - min));
    const begin = Math.min(Math.max(min, start), end - width);
    this.span = width >= whole * 0.9999 ? { min: start, max: end } : { min: begin, max: begin + width };
    for (const chart of Object.values(this.charts)) chart.setScale("x", this.span);
    this.ask();
  }

  key(event) {
    const { min, max } = this.span;
    const by = (share) => () => this.look(min + share * (max - min), max + share * (max - min));
    const zoom = (factor) => () => this.look((min + max) / 2 - ((max - min) / 2) * factor, (min + max) / 2 + ((max - min) / 2) * factor);
    const acts = {
      ArrowLeft: by(-0.2),
      ArrowRight: by(0.2),
      "+": zoom(0.5),
      "=": zoom(0.5),
      "-": zoom(2),
      0: () => this.look(this.setup.start, this.setup.end),
    };
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    acts[event.key]();
    event.preventDefault();
  }

  selected(u) {
    const { left, width } = u.select;
    if (width < 4) return;
    const [min, max] = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.look(min, max);
  }

  pointed(u) {
    if (u !== this.charts.gain) return;
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
    if (this.chosen === null) this.look(this.setup.start, this.setup.end);
    else {
      const exits = [t[3][k], t[4][k]].filter((value) => !Number.isNaN(value));
      const last = exits.length ? Math.max(...exits) : this.setup.end;
      const room = Math.max((this.setup.end - this.setup.start) / 400, (last - t[1][k]) * 2);
      this.look(t[1][k] - room, last + room);
    }
    for (const row of this.tradesBody.rows) row.setAttribute("aria-selected", String(Number(row.dataset.k) === this.chosen));
  }

  // -- what the kernel says ---------------------------------------------------------------------------------

  ask() {
    const whole = this.span.min === this.setup.start && this.span.max === this.setup.end;
    const when = whole ? {} : { start: this.span.min, end: this.span.max };
    const pixels = Math.max(100, Math.round(this.charts.gain.bbox.width / devicePixelRatio));
    this.drawer.ask({ start: null, end: null, ...when, pixels });
  }

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
    this.say("difference");
    const [, stamps, , , , , , , , difference] = this.trades;
    this.charts.difference.setData([Array.from(stamps), Array.from(difference)], false);
    this.charts.difference.setScale("x", this.span);
    this.showTrades();
    return undefined;
  }

  drawn(message, buffers) {
    if (message.error) return this.fail(message.error);
    this.fail("");
    const rows = buffers.map((buffer, k) => rowsOf(buffer, message.shapes[k]));
    for (const [name, row] of [
      ["gain", 1],
      ["drawdown", 2],
    ]) {
      const tables = rows.map((run) => [Array.from(run[0]), Array.from(run[row])]);
      this.charts[name].batch(() => {
        this.charts[name].setData(uPlot.join(tables), false);
        this.charts[name].setScale("x", this.span);
      });
    }
    this.charts.difference.redraw(false);
    whenPainted(() => (this.root.dataset.drawn = String(Number(this.root.dataset.drawn || 0) + 1)));
    return undefined;
  }

  fail(text) {
    this.error.textContent = text;
    this.error.hidden = !text;
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
    const width = Math.floor(this.plots.clientWidth);
    if (width < 50 || width === this.width) return;
    this.tints = tintsOf(this.root);
    this.width = width;
    for (const [name, chart] of Object.entries(this.charts)) chart.setSize({ width, height: TALL[name] });
    this.ask();
  }
}

function roomAround(low, high) {
  if (low === null || high === null) return [-1, 1];
  const room = Math.max(1e-6, (high - low) * 0.07);
  return [low - room, high + room];
}

export default {
  render({ model, el }) {
    const view = new CompareView(model, el);
    return () => view.end();
  },
};
