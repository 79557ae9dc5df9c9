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

// What every widget of arbkit is: its element, its theme, its talk with the kernel, and the still that stands in
// for it in a saved notebook.
class View {
  constructor(model) {
    this.model = model;
    this.setup = model.get("_setup");
    this.tints = {};
    this.error = make("div", { class: "ak-error", role: "alert", hidden: true });
  }

  // The line above: what is shown, and what can be done with it.
  head(about, more, ...tools) {
    const { title } = this.setup;
    return make(
      "div",
      { class: "ak-head" },
      make("div", { class: "ak-names" }, make("strong", {}, title), make("span", { class: "ak-about" }, about), more),
      make("div", { class: "ak-tools", role: "toolbar", "aria-label": title }, ...tools),
    );
  }

  // Put the widget into the page.
  enter(el, kind, ...children) {
    this.root = make("div", { class: `arbkit-lab ak-${kind}` }, ...children);
    // JupyterLab must not take keys typed here for its own commands, but for those with Ctrl.
    this.root.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
    });
    this.root.addEventListener("pointerleave", () => this.renew());
    this.root.addEventListener("focusout", (event) => this.root.contains(event.relatedTarget) || this.renew());
    this.root.dataset.mark = this.setup.mark;
    el.append(this.root);
    this.tints = tintsOf(this.root);
    this.showStills = hideStills(this.setup.mark, this.root);
    this.listen = (message, buffers) => this.hear(message, buffers);
    this.model.on("msg:custom", this.listen);
  }

  // Follow the theme, and the width of an element; all is built by now.
  follow(sized) {
    this.endTheme = followTheme(this.root, () => {
      this.tints = tintsOf(this.root);
      this.recolor();
    });
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(sized);
  }

  end() {
    this.model.off("msg:custom", this.listen);
    this.showStills();
    this.endTheme();
    this.resizer.disconnect();
  }

  // Once the hand has left, the picture for where no kernel runs is made anew: that of what is now looked at.
  renew() {
    if (this.stale) this.model.send({ kind: "still", ...this.seen() });
    this.stale = false;
  }

  seen() {
    return {};
  }

  // How often it was drawn, for whoever waits for it.
  count() {
    this.root.dataset.drawn = String(Number(this.root.dataset.drawn || 0) + 1);
  }

  fail(text) {
    if (this.error.textContent === text) return;
    this.error.textContent = text;
    this.error.hidden = !text;
    this.root.classList.toggle("ak-stale", Boolean(text));
  }
}

// Arrays as the kernel sent them: one row per column of a figure.
function rowsOf(buffer, shape) {
  const bytes = buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
  const all = new Float64Array(bytes);
  const rows = [];
  for (let k = 0; k < shape[0]; k++) rows.push(all.subarray(k * shape[1], (k + 1) * shape[1]));
  return rows;
}

function whenPainted(done) {
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  });
}

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
