// What all widgets of arbkit share: elements, colours of the theme, the talk with the kernel, charts.

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node && key !== "list" && typeof value !== "string") node[key] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Colours come from the style sheet, so that light and dark follow the notebook's theme.
const TINTS = ["ink", "muted", "grid", "paper", "ab", "ba", "entry", "gain", "loss"];

function tintsOf(root) {
  const style = getComputedStyle(root);
  const tints = {};
  for (const name of TINTS) tints[name] = style.getPropertyValue(`--ak-${name}`).trim() || "gray";
  return tints;
}

function seemsDark(root) {
  const told = document.body.dataset.jpThemeLight;
  if (told !== undefined) return told === "false";
  const classes = `${document.body.className} ${document.documentElement.className}`;
  if (/\b(vscode-dark|vscode-high-contrast|dark|dark-theme)\b/.test(classes)) return true;
  if (/\b(vscode-light|light|light-theme)\b/.test(classes)) return false;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

// Call `changed` now and whenever the theme changes; returns what ends that.
function followTheme(root, changed) {
  const update = () => {
    root.dataset.theme = seemsDark(root) ? "dark" : "light";
    changed();
  };
  const observer = new MutationObserver(update);
  for (const node of [document.body, document.documentElement]) {
    observer.observe(node, { attributes: true, attributeFilter: ["class", "data-jp-theme-light"] });
  }
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", update);
  update();
  return () => {
    observer.disconnect();
    media.removeEventListener("change", update);
  };
}

// While a widget is alive, the picture that stands in for it in a saved notebook is hidden; it may come later,
// and anew.
function hideStills(mark, root) {
  const hidden = new Set();
  const hide = () => {
    for (const still of document.querySelectorAll(`.arbkit-still[data-mark="${mark}"]`)) {
      const whole = still.closest(".jp-OutputArea-child") || still;
      whole.style.display = "none";
      // Its rule holds for the whole page, and is looked at whenever anything changes.
      for (const rule of still.querySelectorAll("style")) rule.disabled = true;
      hidden.add(whole);
    }
  };
  const watcher = new MutationObserver(hide);
  const look = () => {
    hide();
    const outputs = root.closest(".jp-OutputArea");
    if (outputs) watcher.observe(outputs, { childList: true });
  };
  const timers = [0, 300, 1000, 3000, 10000].map((ms) => setTimeout(look, ms));
  return () => {
    timers.forEach(clearTimeout);
    watcher.disconnect();
    for (const whole of hidden) whole.style.display = "";
  };
}

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

// Arrays as the kernel sent them: one row per column of a figure.
function rowsOf(buffer, shape) {
  const bytes = buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
  const all = new Float64Array(bytes);
  const rows = [];
  for (let k = 0; k < shape[0]; k++) rows.push(all.subarray(k * shape[1], (k + 1) * shape[1]));
  return rows;
}

// uPlot draws no gap for NaN, but one for null.
function withGaps(values) {
  const out = new Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = Number.isNaN(values[i]) ? null : values[i];
  return out;
}

function whenPainted(done) {
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  });
}

const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC");

function stampText(seconds, span) {
  const text = new Date(seconds * 1e3).toISOString().replace("T", " ");
  return `${text.slice(0, span < 600 ? 23 : span < 172800 ? 19 : 16)} UTC`;
}

const minus = (text) => String(text).replace("-", "\u2212");
const fixed = (value, digits) =>
  value === null || value === undefined || Number.isNaN(value)
    ? "\u2013"
    : minus(value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "negative" }));
const signed = (value, digits) => (value > 0 ? "+" : "") + fixed(value, digits);

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
