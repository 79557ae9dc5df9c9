(() => {
"use strict";
const source = document.getElementById("page-data");
if (!source) return;
const page = JSON.parse(source.textContent);
const words = page.words;
const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const pad = (n) => String(n).padStart(2, "0");
const MINUS = "\u2212", NB = "\u00a0", NONE = "\u2014";

// Numbers, as the page writes them.
function number(value, digits, plus) {
  if (value === null || value === undefined) return NONE;
  const text = Math.abs(value).toLocaleString("en-US", {minimumFractionDigits: digits, maximumFractionDigits: digits});
  if (!/[1-9]/.test(text)) return text;
  return (value < 0 ? MINUS : plus ? "+" : "") + text;
}
const money = (value) => number(value, Math.abs(value) >= 1e4 ? 0 : 2, true);
function held(seconds) {
  if (seconds === null) return NONE;
  if (seconds < 1) return Math.round(seconds * 1e3) + NB + "ms";
  let rest = Math.round(seconds);
  const parts = [];
  for (const [name, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount || parts.length) parts.push([amount, name]);
  }
  return parts.slice(0, 2).filter(([amount]) => amount).map(([amount, name]) => amount + NB + name).join(" ") || "0" + NB + "s";
}
function stamp(seconds, fine) {
  if (seconds === null) return NONE;
  const at = new Date(seconds * 1e3);
  const day = `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`;
  return `${day} ${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}` + (fine ? ":" + pad(at.getUTCSeconds()) : "");
}

// The interactive chart: panes on one time axis.
const trades = page.trades.columns;
const chart = page.chart && window.uPlot ? makeChart(page.chart) : null;

function makeChart(data) {
  const host = document.getElementById("explorer");
  if (!host) return null;
  const floats = (text) => {
    const raw = atob(text), bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return Array.from(new Float32Array(bytes.buffer), (value) => (value === value ? value : null));
  };
  const xs = Array.from({length: data.count}, (_, i) => data.start + (i + 0.5) * data.step);
  const flat = (value) => xs.map(() => value);
  const whole = {min: data.start, max: data.start + data.count * data.step};
  const levels = Object.entries(data.premium.levels);
  const panes = [{
    title: words.premium, digits: 1, height: 210, marks: ["premium_in", "premium_out"], side: null,
    rows: [
      {y: floats(data.premium.low), color: "train", fill: true}, {y: floats(data.premium.high), color: "train"},
      ...levels.map(([name, y]) => ({y: floats(y), color: name.startsWith("entry") ? "gain" : "loss", dash: name.startsWith("entry") ? null : [5, 4]})),
      {y: floats(data.premium.reference), color: "ink", wide: 1.6},
    ],
  }];
  for (const item of data.signals) {
    const rows = [{y: floats(item.low), color: item.side, fill: true}, {y: floats(item.high), color: item.side},
      {y: flat(data.entry), color: "gain", wide: 1.2}];
    if (data.exit !== null) rows.push({y: flat(data.exit), color: "loss", dash: [5, 4]});
    panes.push({title: words["signal_" + item.side], digits: 1, height: data.signals.length > 1 ? 150 : 190, marks: ["signal_in", "signal_out"], side: item.side, rows});
  }
  const {train, test} = data.gain;
  panes.push({title: words.gain, digits: 2, height: 150, zero: true, rows: [
    {y: floats(train.low), color: "train", fill: true}, {y: floats(train.high), color: "train"},
    {y: floats(test.low), color: "test", fill: true}, {y: floats(test.high), color: "test"}]});
  panes.push({title: words.drawdown, digits: 3, height: 110, last: true, zero: true, rows: [
    {y: floats(train.drawdown), color: "train", area: true}, {y: floats(test.drawdown), color: "test", area: true}]});

  const stage = host.querySelector(".panes"), readout = host.querySelector(".readout"), live = host.querySelector("[aria-live]");
  let plots = [], range = {...whole}, busy = false, current = -1;
  const style = () => getComputedStyle(document.documentElement);
  const timeText = (splits, step) => splits.map((t) => {
    const at = new Date(t * 1e3), midnight = t % 86400 === 0;
    if (step >= 86400 || midnight) return `${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`;
    return `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}` + (step < 60 ? ":" + pad(at.getUTCSeconds()) : "");
  });

  function triangle(ctx, x, y, up, fill, rim, size) {
    const h = up ? -size : size;
    ctx.beginPath();
    ctx.moveTo(x, y + h / 2); ctx.lineTo(x + size / 2, y - h / 2); ctx.lineTo(x - size / 2, y - h / 2);
    ctx.closePath();
    ctx.fillStyle = fill; ctx.strokeStyle = rim; ctx.lineWidth = devicePixelRatio; ctx.fill(); ctx.stroke();
  }
  function drawMarks(u, pane, color) {
    const {ctx} = u, cut = u.valToPos(data.cut, "x", true);
    ctx.save();
    ctx.beginPath(); ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height); ctx.clip();
    ctx.strokeStyle = color("muted"); ctx.lineWidth = devicePixelRatio; ctx.setLineDash([4, 4]);
    ctx.beginPath(); ctx.moveTo(cut, u.bbox.top); ctx.lineTo(cut, u.bbox.top + u.bbox.height); ctx.stroke();
    ctx.setLineDash([]);
    if (pane.marks) {
      const [into, out] = pane.marks, n = trades.entry.length;
      const size = (n > 300 ? 7 : 10) * devicePixelRatio, {min, max} = u.scales.x;
      for (let i = 0; i < n; i++) {
        if (pane.side && trades.side[i] !== pane.side) continue;
        if (i === current) {
          const a = u.valToPos(trades.entry[i], "x", true), b = u.valToPos(trades.exit[i] ?? max, "x", true);
          ctx.globalAlpha = 0.14; ctx.fillStyle = color("test");
          ctx.fillRect(a, u.bbox.top, Math.max(b - a, 1), u.bbox.height); ctx.globalAlpha = 1;
        }
        if (trades[into][i] !== null && trades.entry[i] >= min && trades.entry[i] <= max)
          triangle(ctx, u.valToPos(trades.entry[i], "x", true), u.valToPos(trades[into][i], "y", true), true, color("ink"), color("paper"), size);
        if (trades.exit[i] !== null && trades[out][i] !== null && trades.exit[i] >= min && trades.exit[i] <= max)
          triangle(ctx, u.valToPos(trades.exit[i], "x", true), u.valToPos(trades[out][i], "y", true), false, color("paper"), color("ink"), size);
      }
    }
    ctx.restore();
  }
  function options(pane, width) {
    const css = style(), color = (name) => css.getPropertyValue("--" + name).trim();
    const font = "11px " + css.getPropertyValue("--sans");
    const series = [{}], bands = [];
    pane.rows.forEach((row, i) => {
      const item = {stroke: color(row.color), width: row.wide ?? (row.fill || pane.rows[i - 1]?.fill ? 1 : 1.2), points: {show: false}, spanGaps: false, pxAlign: 0};
      if (row.dash) item.dash = row.dash;
      if (row.area) { item.fill = color(row.color) + "59"; item.fillTo = 0; }
      series.push(item);
      if (row.fill) bands.push({series: [i + 2, i + 1], fill: color(row.color) + "8c"});
    });
    return {
      width, height: pane.height + (pane.last ? 26 : 0), series, bands,
      legend: {show: false}, padding: [6, 10, pane.last ? 0 : 6, 0],
      cursor: {sync: {key: "report", setSeries: false}, drag: {x: true, y: false}, points: {show: false}, focus: {prox: -1}},
      scales: {x: {time: true, range: (u, min, max) => [min ?? whole.min, max ?? whole.max]},
        y: {range: (u, min, max) => {
          if (min === null || max === null) return [0, 1];
          if (pane.zero) { min = Math.min(min, 0); max = Math.max(max, 0); }
          const room = (max - min) * 0.06 || 1; return [min - room, pane.last ? max : max + room]; }}},
      axes: [
        {show: !!pane.last, stroke: color("muted"), font, size: 26, grid: {show: true, stroke: color("grid"), width: 1}, ticks: {show: false}, values: (u, splits, a, space, step) => timeText(splits, step)},
        {stroke: color("muted"), font, size: 58, grid: {stroke: color("grid"), width: 1}, ticks: {show: false}, space: 34,
          values: (u, splits, a, space, step) => splits.map((v) => number(v, Math.max(0, Math.min(4, -Math.floor(Math.log10(step) + 1e-9)))) + (pane.last ? " %" : ""))},
      ],
      hooks: {
        draw: [(u) => drawMarks(u, pane, color)],
        setScale: [(u, key) => { if (key === "x" && !busy && u.scales.x.min !== null) move(u.scales.x.min, u.scales.x.max); }],
        setCursor: [(u) => { if (u === plots[0]) read(u.cursor.idx); }],
      },
    };
  }
  function build() {
    plots.forEach((plot) => plot.destroy());
    stage.replaceChildren();
    plots = panes.map((pane) => {
      const box = document.createElement("div"), title = document.createElement("p");
      title.className = "pane-title"; title.textContent = pane.title;
      box.append(title); stage.append(box);
      return new uPlot(options(pane, stage.clientWidth), [xs, ...pane.rows.map((row) => row.y)], box);
    });
    move(range.min, range.max);
  }
  function read(at) {
    if (at === null || at === undefined) { readout.textContent = words.hint; return; }
    const first = panes[0].rows, span = (rows) => rows[0].y[at] === null ? NONE : `${number(rows[0].y[at], 1)} ${words.to} ${number(rows[1].y[at], 1)}`;
    const parts = [stamp(xs[at], data.step < 60) + " UTC", `${words.premium_short} ${span(first)}`, `${words.reference} ${number(first[first.length - 1].y[at], 1)}`];
    panes.filter((pane) => pane.side).forEach((pane) => parts.push(`${words["short_" + pane.side]} ${span(pane.rows)}`));
    const gains = panes[panes.length - 2].rows, gain = gains[3].y[at] ?? gains[1].y[at];
    parts.push(`${words.gain_short} ${number(gain, 2, true)} ${data.currency}`);
    readout.textContent = parts.join(" \u00b7 ");
  }
  function move(min, max) {
    const least = Math.max(data.step * 4, 1);
    const span = Math.min(Math.max(max - min, least), whole.max - whole.min);
    min = Math.min(Math.max(min, whole.min), whole.max - span); max = min + span;
    range = {min, max};
    busy = true;
    plots.forEach((plot) => plot.batch(() => plot.setScale("x", {min, max})));
    busy = false;
  }
  const tell = () => { live.textContent = say(words.range, {from: stamp(range.min), to: stamp(range.max)}); };
  const zoom = (factor) => { const mid = (range.min + range.max) / 2, half = (range.max - range.min) / 2 * factor; move(mid - half, mid + half); tell(); };
  const pan = (share) => { const by = (range.max - range.min) * share; move(range.min + by, range.max + by); tell(); };
  function show(i) {
    current = i;
    const from = trades.entry[i], to = trades.exit[i] ?? whole.max, room = Math.max((to - from) * 1.2, data.step * 24);
    move(from - room, to + room);
    live.textContent = say(words.at_trade, {number: trades.number[i], part: words[trades.part[i]], entry: stamp(from, true), exit: stamp(trades.exit[i], true), pnl: money(trades.pnl[i]) + " " + data.currency});
    readout.textContent = live.textContent;
  }
  const step = (by) => {
    const n = trades.entry.length;
    if (!n) return;
    if (current < 0) { const next = trades.entry.findIndex((t) => t >= range.min); show(by > 0 ? Math.max(next, 0) : n - 1); } else show((current + by + n) % n);
  };
  const reset = () => { current = -1; move(whole.min, whole.max); tell(); };
  const acts = {in: () => zoom(0.5), out: () => zoom(2), left: () => pan(-0.4), right: () => pan(0.4), reset, next: () => step(1), previous: () => step(-1)};
  host.querySelectorAll("button[data-do]").forEach((button) => button.addEventListener("click", () => acts[button.dataset.do]()));
  const keys = {ArrowLeft: "left", ArrowRight: "right", "+": "in", "=": "in", "-": "out", "0": "reset", Home: "reset", n: "next", p: "previous"};
  stage.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? null : keys[event.key];
    if (act) { event.preventDefault(); acts[act](); }
  });
  host.hidden = false;
  document.documentElement.classList.add("interactive");
  build();
  read(null);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
  let width = stage.clientWidth;
  new ResizeObserver(() => { if (stage.clientWidth && stage.clientWidth !== width) { width = stage.clientWidth; plots.forEach((plot, i) => plot.setSize({width, height: panes[i].height + (panes[i].last ? 26 : 0)})); } }).observe(stage);
  return {show, range: () => range, host};
}

// The table of trades: search, sort, pages.
const list = document.getElementById("trade-list");
if (list && trades.entry.length) makeTable(list);

function makeTable(host) {
  const kinds = {number: (v) => number(v, 0), part: (v) => words[v], side: (v) => words["short_" + v], reason: (v) => v === null ? words.open : words["exit_" + v],
    entry: (v) => stamp(v, true), exit: (v) => stamp(v, true), held, signal_in: (v) => number(v, 1), signal_out: (v) => number(v, 1),
    pnl: money, bps: (v) => number(v, 1, true), worst: (v) => number(v, 1, true), fees: (v) => number(v, 2)};
  const names = Object.keys(kinds), perPage = 25, n = trades.entry.length;
  const text = (i) => names.map((name) => kinds[name](trades[name][i])).join(" ").toLowerCase();
  const haystack = Array.from({length: n}, (_, i) => text(i).replaceAll(NB, " ").replaceAll(MINUS, "-"));
  const body = host.querySelector("tbody"), search = host.querySelector("input"), status = host.querySelector("[role=status]");
  const heads = [...host.querySelectorAll("th[data-key]")], controls = host.querySelector(".controls"), pager = host.querySelector(".pager");
  let key = "number", up = true, at = 0, rows = [];
  const order = {part: (v) => (v === "train" ? 0 : 1)};
  function sorted() {
    const wanted = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    rows = [];
    for (let i = 0; i < n; i++) if (wanted.every((word) => haystack[i].includes(word))) rows.push(i);
    if (key !== "number") {
      const value = (i) => (order[key] ?? ((v) => (typeof v === "string" ? kinds[key](v) : v)))(trades[key][i]);
      rows.sort((a, b) => { const x = value(a), y = value(b); if (x === null || y === null) return (x === null) - (y === null) || a - b; return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1) || a - b; });
    } else if (!up) rows.reverse();
  }
  function draw() {
    const pages = Math.max(1, Math.ceil(rows.length / perPage));
    at = Math.min(Math.max(at, 0), pages - 1);
    body.replaceChildren(...rows.slice(at * perPage, (at + 1) * perPage).map((i) => {
      const row = document.createElement("tr");
      names.forEach((name, k) => {
        const cell = document.createElement(k ? "td" : "th");
        if (!k) {
          cell.scope = "row";
          if (chart) {
            const button = document.createElement("button");
            button.type = "button"; button.className = "link"; button.textContent = kinds[name](trades[name][i]);
            button.setAttribute("aria-label", say(words.show, {number: trades.number[i], part: words[trades.part[i]]}));
            button.addEventListener("click", () => { chart.show(i); chart.host.scrollIntoView({block: "start"}); chart.host.querySelector(".panes").focus({preventScroll: true}); });
            cell.append(button);
          } else cell.textContent = kinds[name](trades[name][i]);
        } else {
          cell.textContent = kinds[name](trades[name][i]);
          if (["part", "side", "reason"].includes(name)) cell.className = "word";
          if ((name === "pnl" || name === "bps") && trades.pnl[i] < 0) cell.className = "down";
        }
        row.append(cell);
      });
      return row;
    }));
    heads.forEach((head) => head.setAttribute("aria-sort", head.dataset.key === key ? (up ? "ascending" : "descending") : "none"));
    status.textContent = say(words.found, {from: rows.length ? at * perPage + 1 : 0, to: Math.min(rows.length, (at + 1) * perPage), shown: rows.length, total: n});
    pager.hidden = pages < 2;
    pager.querySelector("[data-page=back]").disabled = at === 0;
    pager.querySelector("[data-page=on]").disabled = at === pages - 1;
  }
  const renew = () => { sorted(); draw(); };
  heads.forEach((head) => head.querySelector("button").addEventListener("click", () => {
    if (key === head.dataset.key) up = !up; else { key = head.dataset.key; up = ["number", "part", "side", "reason", "entry", "exit"].includes(key); }
    at = 0; renew();
  }));
  search.addEventListener("input", () => { at = 0; renew(); });
  pager.querySelector("[data-page=back]").addEventListener("click", () => { at -= 1; draw(); });
  pager.querySelector("[data-page=on]").addEventListener("click", () => { at += 1; draw(); });
  controls.hidden = false;
  renew();
}
})();
