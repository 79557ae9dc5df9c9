// Charts above each other over one stretch of time, drawn by uPlot from what the kernel sends.

// The short way to a kernel on this machine: a WebSocket of its own, whose address the kernel tells when asked.
// Elsewhere, and where it cannot be opened, everything goes by way of Jupyter.
function shortWay(model, hear, lost) {
  let socket = null;
  let held = [];
  const way = {
    open(address) {
      if (socket) return;
      try {
        socket = new WebSocket(address);
      } catch {
        return;
      }
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => hear(...unpacked(data));
      socket.onopen = () => {
        for (const text of held) socket.send(text);
        held = [];
      };
      socket.onclose = () => {
        socket = null;
        // What is drawn is asked for anew.
        for (const text of held) if (JSON.parse(text).kind !== "draw") model.send(JSON.parse(text));
        held = [];
        lost();
      };
    },
    get isOpen() {
      return socket !== null && socket.readyState === WebSocket.OPEN;
    },
    send(message) {
      if (this.isOpen) socket.send(JSON.stringify(message));
      else if (socket && socket.readyState === WebSocket.CONNECTING) held.push(JSON.stringify(message));
      else model.send(message);
    },
    close() {
      lost = () => {};
      if (socket) socket.close();
    },
  };
  if (/^(localhost|127(\.\d+){3}|\[::1\])$/.test(location.hostname)) {
    if (model.get("_address")) way.open(model.get("_address"));
    else model.send({ kind: "shortcut" });
  }
  return way;
}

// An answer in one piece, as `arbkit.lab.shortcut.packed` makes it.
function unpacked(data) {
  const length = new DataView(data).getUint32(0, true);
  const message = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  let place = 8 * Math.ceil((4 + length) / 8);
  const buffers = (message.shapes || []).map((shape) => {
    const bytes = 8 * shape.reduce((all, one) => all * one, 1);
    place += bytes;
    return new DataView(data, place - bytes, bytes);
  });
  return [message, buffers];
}

// One request for a picture at a time: what is asked meanwhile is joined, and the latest wins.
function drawer(way, drawn, silent) {
  let number = 0;
  let flying = null;
  let waiting = null;
  let watch = 0;
  const send = () => {
    flying = { ...waiting, id: ++number };
    waiting = null;
    const { moved, ...message } = flying;
    way.send({ kind: "draw", ...message });
    clearTimeout(watch);
    watch = setTimeout(() => silent(), 15000);
  };
  return {
    ask(wish) {
      waiting = { ...waiting, ...wish, spread: Boolean(wish.spread || (waiting && waiting.spread)) };
      if (!flying) send();
    },
    answered(message, buffers) {
      if (!flying || message.id !== flying.id) return;
      clearTimeout(watch);
      const asked = flying;
      flying = null;
      if (waiting) send();
      drawn(message, buffers, asked);
    },
    // What was asked is asked anew: its way was lost.
    again() {
      if (!flying) return;
      waiting = { ...flying, ...waiting, spread: Boolean(flying.spread || (waiting && waiting.spread)) };
      send();
    },
    forget() {
      clearTimeout(watch);
      flying = waiting = null;
    },
    get idle() {
      return !flying && !waiting;
    },
  };
}

// uPlot draws no gap for NaN, but one for null.
function withGaps(values) {
  const out = new Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = Number.isNaN(values[i]) ? null : values[i];
  return out;
}

const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC");

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// Ticks of time: what changes from tick to tick, and beneath it, where it begins, what stands above that.
function timeTicks(_, ticks, __, ___, step) {
  let before = "";
  return ticks.map((tick) => {
    const at = new Date(tick * 1e3);
    const iso = at.toISOString();
    const day = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
    const year = String(at.getUTCFullYear());
    let [upper, lower] = [day, year];
    if (step >= 27 * 86400) upper = MONTHS[at.getUTCMonth()];
    else if (step < 86400) [upper, lower] = [iso.slice(11, step < 1 ? 23 : step < 60 ? 19 : 16), `${day} ${year}`];
    const shown = lower === before ? upper : `${upper}\n${lower}`;
    before = lower;
    return shown;
  });
}

// Axes in the colours of the theme, numbers with a real minus sign.
function axesFor(tints, unit, { showTime = true, space = 34 } = {}) {
  const common = { ticks: { show: false } };
  const font = "11px system-ui, sans-serif";
  const grid = { stroke: () => tints().grid, width: 1 };
  return [
    { ...common, font, stroke: () => tints().muted, grid: { show: false }, show: showTime, size: 38, space: 90, values: timeTicks },
    {
      ...common,
      font,
      stroke: () => tints().muted,
      grid,
      size: 58,
      space,
      values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : minus(+tick.toPrecision(12)) + unit)),
    },
  ];
}

const drawdownRange = (u, low) => [Math.min(-1e-3, low === null ? 0 : low) * 1.12, 0];

function roomAround(low, high) {
  if (low === null || high === null) return [-1, 1];
  const room = Math.max(1e-6, (high - low) * 0.07);
  return [low - room, high + room];
}

// What is known of a new stretch of time is shown where its picture takes longer than a glance.
const GLANCE_MS = 60;

class TimeView extends View {
  // `heights` names the charts, top to bottom; `right` is the room beside them.
  constructor(model, heights, right) {
    super(model);
    this.heights = heights;
    this.right = right;
    this.span = { min: this.setup.start, max: this.setup.end };
    this.charts = {};
    this.plots = make("div", { class: "ak-plots", tabindex: "0" });
    this.plots.setAttribute("aria-label", "Charts: arrow keys move, + and \u2212 zoom, 0 shows all");
    this.plots.addEventListener("keydown", (event) => this.key(event));
    this.readout = make("div", { class: "ak-readout", "aria-live": "off" });
    this.way = shortWay(
      model,
      (message, buffers) => this.hear(message, buffers),
      () => this.drawer.again(),
    );
    this.drawer = drawer(
      this.way,
      (message, buffers, asked) => this.drawn(message, buffers, asked),
      () => this.fail("The kernel does not answer; is it running?"),
    );
  }

  end() {
    this.drawer.forget();
    clearTimeout(this.glance);
    this.way.close();
    super.end();
    for (const chart of Object.values(this.charts)) chart.destroy();
  }

  recolor() {
    for (const chart of Object.values(this.charts)) chart.redraw(false);
  }

  button(text, title, act, extra) {
    return make("button", { type: "button", title, onclick: act, class: `ak-button ${extra || ""}` }, text);
  }

  // Buttons that do what keys and mouse do.
  timeTools() {
    return [
      this.button("\u2212", "Zoom out (key \u2212)", () => this.zoom(2), "ak-small"),
      this.button("+", "Zoom in (key +)", () => this.zoom(0.5), "ak-small"),
      this.button("\u2190", "Earlier (left arrow)", () => this.pan(-0.4), "ak-small"),
      this.button("\u2192", "Later (right arrow)", () => this.pan(0.4), "ak-small"),
      this.button("All", "Show the whole time (key 0, or double click)", () => this.all(), "ak-small"),
    ];
  }

  // A chart below the others. `y` is its scale's range, `unit` stands behind its ticks; the last one has the time.
  chart(name, title, { y, unit = "", space, series, bands, draw = [] }, data) {
    const names = Object.keys(this.heights);
    const options = {
      width: 600,
      height: this.heights[name],
      tzDate: utc,
      legend: { show: false },
      padding: [20, this.right, 0, 0],
      axes: axesFor(() => this.tints, unit, { showTime: name === names[names.length - 1], space }),
      scales: { x: { time: true, auto: false, ...this.span }, y: { range: y } },
      series: [{}, ...series],
      bands,
      cursor: {
        sync: { key: this.setup.mark, setSeries: false },
        drag: { x: true, y: false, setScale: false },
        y: false,
        points: { show: false },
        bind: {
          dblclick: () => () => {
            this.all();
            return null;
          },
        },
      },
      hooks: {
        setSelect: [(u) => this.selected(u)],
        setCursor: [(u) => u === this.charts[names[0]] && this.pointed(u)],
        ready: [(u) => this.wheel(u)],
        draw,
      },
    };
    const empty = [[this.span.min, this.span.max], ...series.map(() => [null, null])];
    const made = new uPlot(options, data || empty, this.plots);
    made.title = make("span", { class: `ak-title ak-at-${name}` });
    made.over.append(made.title);
    made.over.setAttribute("role", "img");
    this.charts[name] = made;
    this.say(name, title);
    return made;
  }

  say(name, title) {
    this.charts[name].title.textContent = title;
    this.charts[name].over.setAttribute("aria-label", title);
  }

  // -- the stretch of time ----------------------------------------------------------------------------------

  get whole() {
    return this.span.min === this.setup.start && this.span.max === this.setup.end;
  }

  stretch() {
    return this.whole ? { start: null, end: null } : { start: this.span.min, end: this.span.max };
  }

  seen() {
    return this.stretch();
  }

  ask(wish) {
    this.drawer.ask({ ...this.stretch(), pixels: this.pixels(), ...wish });
  }

  pixels() {
    const [first] = Object.values(this.charts);
    return Math.max(100, Math.round(first.bbox.width / devicePixelRatio));
  }

  look(min, max) {
    const { start, end } = this.setup;
    const all = end - start || 1;
    const width = Math.min(all, Math.max(Math.min(1e-3, all), max - min));
    const begin = Math.min(Math.max(min, start), end - width);
    this.span = width >= all * 0.9999 ? { min: start, max: end } : { min: begin, max: begin + width };
    this.stale = true;
    this.ask({ spread: true, moved: performance.now() });
    clearTimeout(this.glance);
    this.glance = setTimeout(() => {
      for (const chart of Object.values(this.charts)) chart.setScale("x", this.span);
    }, GLANCE_MS);
  }

  all() {
    this.look(this.setup.start, this.setup.end);
  }

  zoom(factor, around) {
    const { min, max } = this.span;
    const middle = around === undefined ? (min + max) / 2 : around;
    this.look(middle - (middle - min) * factor, middle + (max - middle) * factor);
  }

  pan(share) {
    const { min, max } = this.span;
    this.look(min + share * (max - min), max + share * (max - min));
  }

  key(event) {
    const acts = {
      ArrowLeft: () => this.pan(-0.2),
      ArrowRight: () => this.pan(0.2),
      "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      0: () => this.all(),
    };
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    acts[event.key]();
    event.preventDefault();
    event.stopPropagation();
  }

  selected(u) {
    const { left, width } = u.select;
    if (width < 4) return;
    const [min, max] = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.look(min, max);
  }

  // The wheel zooms with Ctrl and moves with Shift; alone it scrolls the notebook.
  wheel(u) {
    u.over.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
        event.preventDefault();
        const by = Math.sign(event.deltaY || event.deltaX);
        if (event.shiftKey) this.pan(0.1 * by);
        else this.zoom(by > 0 ? 1.25 : 0.8, u.posToVal(event.offsetX, "x"));
      },
      { passive: false },
    );
  }

  show(name, data) {
    const chart = this.charts[name];
    chart.batch(() => {
      chart.setData(data, false);
      chart.setScale("x", this.span);
    });
  }

  // Whether the width has changed.
  resize() {
    const width = Math.floor(this.plots.clientWidth);
    if (width < 50 || width === this.width) return false;
    // Colours are known once the element stands in the page.
    this.tints = tintsOf(this.root);
    this.width = width;
    for (const [name, chart] of Object.entries(this.charts)) chart.setSize({ width, height: this.heights[name] });
    return true;
  }
}
