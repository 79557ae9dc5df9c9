// The explorer: spread with trades, equity, drawdown, metrics; a slider for every parameter.

const HEIGHTS = { spread: 292, equity: 158, drawdown: 116 };
const OPEN_GROUPS = new Set(["Entry", "Exit", "Costs"]);
const REACH = 9;

// The venues alone, where they tell the legs apart.
function shortly(legs) {
  const venues = legs.map((leg) => leg.split("/")[0]);
  return venues[0] === venues[1] ? legs : venues;
}

class ExploreView extends TimeView {
  constructor(model, el) {
    super(model, HEIGHTS, 88);
    this.values = {};
    this.levels = {};
    this.trades = null;
    this.eachRow = false;
    this.build(el);
    this.follow(this.plots);
    this.resize();
    this.ask({ spread: true });
  }

  // -- elements ---------------------------------------------------------------------------------------------

  build(el) {
    const { setup } = this;
    this.status = make("span", { class: "ak-status" });
    this.flags = make("div", { class: "ak-flags" });
    this.note = make("div", { class: "ak-note", hidden: true });
    this.headline = make("strong", {}, document.createTextNode(""));
    this.headlineTitle = make("span", { class: "ak-caption" });
    this.measures = make("tbody", {});
    this.keptTable = make("div", { class: "ak-kept", hidden: true });
    const tools = [
      ...this.timeTools(),
      make("span", { class: "ak-gap" }),
      this.button("Keep", "Keep this set: a row of .kept", (event) => this.keep(event), "ak-keep"),
      this.button("Study around it\u2026", "Search around this set", () => this.askStudy(), "ak-study"),
      this.button("Copy code", "The code that makes the same backtest", () => this.way.send({ kind: "code" }), "ak-code"),
    ];
    const [a, b] = shortly(setup.legs);
    const legend = make(
      "div",
      { class: "ak-legend" },
      make("span", { class: "ak-key ak-ab", title: setup.legs.join(", ") }, `buy ${a}, sell ${b}`),
      make("span", { class: "ak-key ak-ba", title: setup.legs.join(", ") }, `buy ${b}, sell ${a}`),
      make("span", { class: "ak-mark" }, "\u25B2 entry"),
      make("span", { class: "ak-mark ak-won" }, "\u2715 exit at a gain"),
      make("span", { class: "ak-mark ak-lost" }, "\u2715 at a loss"),
    );
    this.enter(
      el,
      "explore",
      this.head(setup.about, null, ...tools),
      this.flags,
      this.error,
      this.note,
      make(
        "div",
        { class: "ak-body" },
        make("div", { class: "ak-controls" }, ...this.buildControls()),
        make("div", { class: "ak-middle" }, legend, this.plots, this.readout),
        make(
          "div",
          { class: "ak-numbers" },
          make("div", { class: "ak-headline" }, this.headlineTitle, this.headline),
          make("table", { class: "ak-measures" }, this.measures),
        ),
      ),
      this.keptTable,
      make("div", { class: "ak-foot" }, this.status),
    );
    this.buildCharts();
  }

  buildControls() {
    this.controls = new Map();
    const groups = new Map();
    for (const control of this.setup.controls) {
      if (!groups.has(control.group)) {
        const inside = make("div", {});
        groups.set(
          control.group,
          [make("details", { open: OPEN_GROUPS.has(control.group) }, make("summary", {}, control.group), inside), inside],
        );
      }
      const made = draggable(control, null, (value, event) => this.moved(control.name, value, event));
      this.controls.set(control.name, made);
      groups.get(control.group)[1].append(made.row);
    }
    return [...groups.values()].map(([details]) => details);
  }

  buildCharts() {
    const tint = (name) => () => this.tints[name];
    const soft = (name) => () => `color-mix(in srgb, ${this.tints[name]} 28%, transparent)`;
    const stepped = uPlot.paths.stepped({ align: 1 });
    const linear = uPlot.paths.linear();
    const paths = (u, ...rest) => (this.eachRow ? stepped : linear)(u, ...rest);
    // The direction that is not traded stands back.
    const faint = (name) => this.values.direction === (name === "ab" ? "long_b_short_a" : "long_a_short_b");
    const stroke = (name) => () => (faint(name) ? soft(name)() : this.tints[name]);
    const fill = (name) => () => (faint(name) ? `color-mix(in srgb, ${this.tints[name]} 10%, transparent)` : soft(name)());
    const line = (name, extra) => ({ stroke: stroke(name), width: 1, points: { show: false }, paths, ...extra });
    this.chart("spread", "signal, bps", {
      y: (u, low, high) => roomAround(low, high),
      series: [line("ab"), line("ab"), line("ba"), line("ba")],
      bands: [
        { series: [2, 1], fill: fill("ab") },
        { series: [4, 3], fill: fill("ba") },
      ],
      draw: [() => this.drawMarks(), () => this.placeLevels()],
    });
    this.chart("equity", `gain, ${this.setup.currency}: equity filled, balance thin`, {
      y: (u, low, high) => {
        if (low === null || !this.whole) return roomAround(low, high);
        return roomAround(Math.min(0, low), Math.max(0, high));
      },
      series: [
        { stroke: tint("muted"), width: 1, points: { show: false }, paths: stepped },
        { stroke: tint("ink"), width: 1.4, points: { show: false }, paths: linear, fill: soft("ab"), fillTo: 0 },
      ],
    });
    this.chart("drawdown", "drawdown below the peak", {
      y: drawdownRange,
      unit: " %",
      space: 24,
      series: [{ stroke: tint("loss"), width: 1, fill: soft("loss"), fillTo: 0, points: { show: false }, paths: linear }],
    });
    this.entry = new Level(this.charts.spread, "enter", "enter", (bps, event) =>
      this.drag("min_spread_bps", bps - this.costs(), event),
    );
    this.exit = new Level(this.charts.spread, "leave", "leave", (bps, event) => this.drag("exit_spread_bps", bps, event));
  }

  drawMarks() {
    const u = this.charts.spread;
    if (!u) return;
    this.overlay = this.overlay || overlayOn(u);
    this.overlay.draw((ctx) => {
      if (this.trades) drawTrades(ctx, u, this.trades, this.tints);
    });
  }

  placeLevels() {
    const u = this.charts.spread;
    if (!u) return;
    const above = this.entry.place(this.levels.entry);
    const below = this.exit.place(this.levels.exit);
    if (above === null || below === null || Math.abs(below - above) >= 19) return;
    const room = (19 - Math.abs(below - above)) / 2;
    const sign = below >= above ? 1 : -1;
    this.entry.place(this.levels.entry, -sign * room);
    this.exit.place(this.levels.exit, sign * room);
  }

  // -- what the hand does -----------------------------------------------------------------------------------

  moved(name, value, event) {
    this.values[name] = value;
    this.echo();
    this.ask({ values: { ...this.values }, moved: event ? event.timeStamp : performance.now() });
  }

  // A level in the hand moves like its slider, in the slider's steps.
  drag(name, value, event) {
    const { step } = this.setup.controls.find((control) => control.name === name);
    const rounded = +(Math.round(value / step) * step).toPrecision(12);
    if (rounded === this.values[name]) return;
    this.controls.get(name).show(rounded);
    this.moved(name, rounded, event);
  }

  costs() {
    const v = this.values;
    return v.taker_fee_a_bps + v.taker_fee_b_bps + v.slippage_bps;
  }

  // Levels follow before the kernel has answered.
  echo() {
    const v = this.values;
    this.levels = {
      entry: v.min_spread_bps + this.costs(),
      exit: v.close_on_spread_reversal ? v.exit_spread_bps : null,
    };
    if (this.direction !== v.direction) {
      this.direction = v.direction;
      this.charts.spread.redraw(false);
    } else this.placeLevels();
  }

  keep(event) {
    this.acted = event.timeStamp;
    this.way.send({ kind: "keep" });
  }

  pointed(u) {
    const { left, top, idx } = u.cursor;
    if (left < 0 || left === null || idx === null || idx === undefined) {
      this.readout.textContent = this.hint;
      return;
    }
    const trade = this.near(u, left, top);
    this.readout.textContent = trade === null ? this.valuesAt(u.posToVal(left, "x")) : this.tradeText(trade);
  }

  near(u, left, top) {
    if (!this.trades || top === null || top < 0) return null;
    const [entered, entrySignal, closed, exitSignal] = this.trades;
    let best = null;
    let least = REACH * REACH;
    const consider = (k, seconds, bps) => {
      const dx = u.valToPos(seconds, "x") - left;
      const dy = u.valToPos(bps, "y") - top;
      if (dx * dx + dy * dy < least) [best, least] = [k, dx * dx + dy * dy];
    };
    for (let k = 0; k < entered.length; k++) {
      consider(k, entered[k], entrySignal[k]);
      if (!Number.isNaN(closed[k])) consider(k, closed[k], exitSignal[k]);
    }
    return best;
  }

  tradeText(k) {
    const [entered, entrySignal, closed, exitSignal, side, reason, pnl, bps] = this.trades.map((row) => row[k]);
    const span = this.span.max - this.span.min;
    const legs = side === 0 ? this.setup.legs : [...this.setup.legs].reverse();
    const out = Number.isNaN(closed)
      ? "still open"
      : `left ${stampText(closed, span)} at ${fixed(exitSignal, 1)} (${this.setup.reasons[reason]})`;
    return (
      `bought ${legs[0]}, sold ${legs[1]} ${stampText(entered, span)} at ${fixed(entrySignal, 1)} bps, ${out}: ` +
      `${signed(pnl, 2)} ${this.setup.currency} (${signed(bps, 1)} bps)`
    );
  }

  valuesAt(seconds) {
    const at = (chart, row) => {
      const [times] = chart.data;
      if (!times.length) return null;
      const k = uPlot.assign({}, { k: chart.valToIdx(seconds) }).k;
      return chart.data[row][k];
    };
    const { spread, equity, drawdown } = this.charts;
    const range = (low, high) =>
      low === null || low === undefined ? "\u2013" : low === high ? fixed(low, 1) : `${fixed(low, 1)} to ${fixed(high, 1)}`;
    const [a, b] = this.setup.legs;
    return (
      `${stampText(seconds, this.span.max - this.span.min)}   buy ${a}: ${range(at(spread, 1), at(spread, 2))} bps   ` +
      `buy ${b}: ${range(at(spread, 3), at(spread, 4))} bps   gain ${signed(at(equity, 2), 2)} ${this.setup.currency}   ` +
      `drawdown ${fixed(at(drawdown, 1), 2)} %`
    );
  }

  // -- what the kernel says ---------------------------------------------------------------------------------

  hear(message, buffers) {
    if (message.kind === "draw") return this.drawer.answered(message, buffers);
    if (message.kind === "shortcut") return this.way.open(message.address);
    if (message.error) return this.fail(message.error);
    if (message.kind === "moved") return this.ask({ refresh: true });
    if (message.kind === "code") return this.showText("The code that makes the same backtest", message.text, true);
    if (message.kind === "study")
      return this.showText(`Study ${message.name} runs in a process of its own; watch it with`, message.text, false);
    if (message.kind === "keep" || message.kind === "forget") {
      this.showKept(message.kept);
      if (this.acted !== undefined) whenPainted(() => performance.measure("arbkit:keep", { start: this.acted }));
      return undefined;
    }
    if (message.kind === "use") {
      this.values = message.values;
      this.showValues(true);
      this.echo();
      return this.ask({ values: { ...this.values } });
    }
    return undefined;
  }

  drawn(message, buffers, asked) {
    const heard = performance.now();
    if (message.error) return this.fail(message.error);
    this.fail("");
    message.parts.forEach((part, k) => this.take(part, rowsOf(buffers[k], message.shapes[k])));
    if (message.each_row !== undefined) {
      this.eachRow = message.each_row;
      this.rows = message.rows;
    }
    if (asked.values !== undefined) this.stale = true;
    if (this.drawer.idle) {
      const first = !Object.keys(this.values).length;
      if (first || asked.values === undefined) {
        this.values = message.values;
        this.showValues(first || asked.refresh);
      }
      this.levels = message.levels;
      this.direction = this.values.direction;
      if (!this.fresh.spread) this.placeLevels();
    }
    if (this.fresh.spread) clearTimeout(this.glance);
    for (const name of ["equity", "drawdown", "spread"]) {
      if (this.fresh[name]) this.show(name, this.fresh[name]);
    }
    if (!this.fresh.spread) this.drawMarks();
    this.fresh = {};
    this.showMeasures(message);
    whenPainted(() => {
      const took = asked.moved === undefined ? null : performance.now() - asked.moved;
      if (took !== null) {
        performance.measure("arbkit:explore", {
          start: asked.moved,
          end: asked.moved + took,
          detail: { values: asked.values !== undefined, heard: heard - asked.moved, painted: took, ...message.ms },
        });
      }
      this.showStatus(message, took);
    });
    return undefined;
  }

  fresh = {};

  take(part, rows) {
    if (part === "trades") this.trades = rows;
    else if (part === "spread") this.fresh.spread = [Array.from(rows[0]), ...rows.slice(1).map(withGaps)];
    else {
      const times = Array.from(rows[0]);
      this.fresh.equity = [times, Array.from(rows[1]), Array.from(rows[2])];
      this.fresh.drawdown = [times, Array.from(rows[3])];
    }
  }

  showValues(all) {
    for (const [name, control] of this.controls) {
      if (name in this.values && (all || !control.focused())) control.show(this.values[name]);
    }
  }

  showMeasures(message) {
    const names = message.measures.map(([name]) => name).join();
    if (names !== this.measured) {
      this.measured = names;
      this.cells = message.measures.map((_, k) => (k ? make("td", {}, document.createTextNode("")) : this.headline));
      this.headlineTitle.textContent = message.measures[0][1];
      this.measures.replaceChildren(
        ...message.measures
          .slice(1)
          .map(([name, title], k) => make("tr", {}, make("th", { scope: "row", title: name }, title), this.cells[k + 1])),
      );
      message.measures.forEach(([name], k) => (this.cells[k].dataset.metric = name));
    }
    message.measures.forEach(([name, , text, tone], k) => {
      const cell = this.cells[k];
      if (cell.firstChild.data !== text) cell.firstChild.data = text;
      cell.dataset.value = String(message.metrics[name]);
      const look = tone > 0 ? "ak-won" : tone < 0 ? "ak-lost" : "";
      if (cell.className !== look) cell.className = look;
    });
    const flags = message.flags.join("\n");
    if (flags !== this.flagged) {
      this.flagged = flags;
      this.flags.replaceChildren(...message.flags.map((flag) => make("span", { class: "ak-flag" }, `\u26A0 ${flag}`)));
    }
  }

  showStatus(message, took) {
    const drawn = this.trades ? this.trades[0].length : 0;
    const trades =
      drawn < message.trades
        ? `${drawn.toLocaleString("en-US")} of ${message.trades.toLocaleString("en-US")} trades in view drawn`
        : `${message.trades.toLocaleString("en-US")} trades in view`;
    const detail = this.eachRow ? "every row drawn" : "lowest and highest of every pixel drawn";
    const ms = message.ms;
    const speed = took === null ? "" : `, on the screen ${fixed(took, 0)} ms after the move`;
    this.status.textContent =
      `${(this.rows || 0).toLocaleString("en-US")} rows in view, ${detail}; ${trades}; ` +
      `backtest ${fixed(ms.backtest, 1)} ms, picture ${fixed(ms.picture, 1)} ms${speed}`;
    if (!this.root.dataset.drawn) performance.mark("arbkit:first");
    this.root.dataset.way = this.way.isOpen ? "shortcut" : "jupyter";
    this.count();
    this.hint =
      "Drag over a chart to zoom, double click for all; Ctrl + wheel zooms, Shift + wheel moves; point at a mark for its trade.";
    if (!this.readout.textContent) this.readout.textContent = this.hint;
  }

  // -- notes and kept sets ----------------------------------------------------------------------------------

  showText(title, text, copy) {
    const area = make("textarea", { readonly: true, rows: String(Math.min(18, text.split("\n").length)), "aria-label": title });
    area.value = text;
    const said = make("span", { class: "ak-said" }, title);
    const close = make("button", { type: "button", class: "ak-button ak-small", onclick: () => this.closeNote() }, "Close");
    this.note.replaceChildren(make("div", { class: "ak-line" }, said, make("span", { class: "ak-gap" }), close), area);
    this.note.hidden = false;
    area.focus();
    area.select();
    if (copy && navigator.clipboard) {
      navigator.clipboard.writeText(text).then(
        () => (said.textContent = `${title}: copied`),
        () => (said.textContent = `${title}: press Ctrl + C`),
      );
    }
  }

  closeNote() {
    this.note.hidden = true;
    this.note.replaceChildren();
  }

  askStudy() {
    const trials = make("input", { type: "number", min: "1", value: "300", class: "ak-field", "aria-label": "trials" });
    const start = make("button", { type: "button", class: "ak-button" }, "Start");
    start.addEventListener("click", () => {
      start.disabled = true;
      this.way.send({ kind: "study", trials: Math.max(1, Math.round(Number(trials.value)) || 300) });
    });
    const close = make("button", { type: "button", class: "ak-button ak-small", onclick: () => this.closeNote() }, "Close");
    const said = "Search around the thresholds and times of this set, in a process of its own, with this many trials:";
    this.note.replaceChildren(make("div", { class: "ak-line" }, make("span", {}, said), trials, start, make("span", { class: "ak-gap" }), close));
    this.note.hidden = false;
  }

  showKept(kept) {
    this.keptTable.hidden = !kept.rows.length;
    const head = make("tr", {}, ...kept.columns.map((name) => make("th", { scope: "col" }, name)), make("td", {}));
    const body = kept.rows.map((row, place) =>
      make(
        "tr",
        {},
        ...row.map((text) => make("td", {}, minus(text))),
        make(
          "td",
          { class: "ak-acts" },
          make("button", { type: "button", class: "ak-button ak-small", onclick: () => this.way.send({ kind: "use", place }) }, "Show"),
          make("button", { type: "button", class: "ak-button ak-small", onclick: () => this.way.send({ kind: "forget", place }) }, "Drop"),
        ),
      ),
    );
    this.keptTable.replaceChildren(
      make("div", { class: "ak-caption" }, "Kept sets: also the frame .kept"),
      make("div", { class: "ak-scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body))),
    );
  }

  resize() {
    const first = this.width === undefined;
    if (super.resize() && !first) this.ask({ spread: true });
  }
}

export default {
  render({ model, el }) {
    const view = new ExploreView(model, el);
    return () => view.end();
  },
};
