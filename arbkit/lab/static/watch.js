// A study as it runs: what its storage holds, looked at once a second.

const EVERY_MS = 1000;
const STILL_MS = 60_000;

function rangeOf(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

// Values far worse than the rest would flatten all others: the picture ends at thrice the way from best to middle.
function worthSeeing(values, maximize) {
  const sorted = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
  if (!sorted.length) return [0, 1];
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const [best, middle] = maximize ? [at(1), at(0.5)] : [at(0), at(0.5)];
  const worst = middle + 2 * (middle - best);
  const [low, high] = maximize ? [Math.max(at(0), worst), best] : [best, Math.min(at(1), worst)];
  const room = (high - low || 1) * 0.08;
  return [low - room, high + room];
}

class WatchView extends View {
  constructor(model, el) {
    super(model);
    this.known = -1;
    this.stillAt = performance.now();
    this.build(el);
    this.follow(this.root);
    this.ask();
  }

  end() {
    this.ended = true;
    clearTimeout(this.timer);
    super.end();
  }

  recolor() {
    this.draw();
  }

  resize() {
    this.draw();
  }

  build(el) {
    const { setup } = this;
    this.status = make("span", { class: "ak-flag" });
    this.lines = make("tbody", {});
    this.bestTable = make("div", { class: "ak-scroll" });
    this.stop = make(
      "button",
      { type: "button", class: "ak-button ak-stop", title: "End after this batch; resume goes on to the same trials" },
      "Stop",
    );
    this.stop.addEventListener("click", () => {
      this.stop.disabled = true;
      this.model.send({ kind: "stop" });
    });
    this.figures = make("div", { class: "ak-figures" });
    this.views = [["history", `${setup.objectives[0]} by trial; line: best so far`, 170]];
    this.views.push(["parallel", `all parameters of a trial, the best fifth in colour`, 190]);
    if (setup.objectives.length > 1) {
      this.views.push(["front", `${setup.objectives[1]} against ${setup.objectives[0]}; line: the front`, 190]);
    }
    for (const name of setup.params) this.views.push([`slice:${name}`, `${setup.objectives[0]} by ${name}`, 130]);
    this.canvases = new Map();
    for (const [name, title, height] of this.views) {
      const canvas = make("canvas", { role: "img", "aria-label": title });
      canvas.style.height = `${height}px`;
      const wide = name === "history" || name === "parallel";
      this.figures.append(
        make("figure", { class: wide ? "ak-wide" : "" }, make("figcaption", { class: "ak-caption" }, title), canvas),
      );
      this.canvases.set(name, canvas);
    }
    this.enter(
      el,
      "watch",
      this.head(`${setup.sampler}; ${setup.objectives.join(", ")}`, this.status, this.stop),
      this.error,
      make(
        "div",
        { class: "ak-said" },
        make("table", { class: "ak-measures" }, this.lines),
        make("div", { class: "ak-kept" }, this.bestTable),
      ),
      this.figures,
    );
  }

  ask() {
    if (this.ended) return;
    if (document.hidden) this.timer = setTimeout(() => this.ask(), EVERY_MS);
    else this.model.send({ kind: "look", known: this.known });
  }

  hear(message, buffers) {
    if (message.kind === "stopping") {
      this.status.textContent = "stopping after this batch";
      return;
    }
    clearTimeout(this.timer);
    // A study that has ended is looked at less often: another process may take it further.
    this.timer = setTimeout(() => this.ask(), message.running ? EVERY_MS : 5 * EVERY_MS);
    this.fail(message.error || "");
    if (message.error) return;
    this.status.textContent = message.status;
    this.status.className = message.running ? "ak-won" : "ak-about";
    this.stop.disabled = !message.running;
    this.lines.replaceChildren(
      ...message.lines.map(([name, text]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, text))),
    );
    this.root.dataset.trials = String(message.trials);
    this.keepStill(message.running, buffers.length > 0);
    if (!buffers.length) return;
    this.known = message.trials;
    this.scales = message.scales;
    this.points = rowsOf(buffers[0], message.shapes[0]);
    this.steps = rowsOf(buffers[1], message.shapes[1]);
    this.showBest(message.best);
    this.draw();
  }

  // A study moves without a hand: its still is made anew now and then, and at its end.
  keepStill(running, more) {
    this.stale = this.stale || more;
    if (running && performance.now() - this.stillAt < STILL_MS) return;
    this.stillAt = performance.now();
    this.renew();
  }

  showBest(best) {
    const head = make("tr", {}, ...best.columns.map((name) => make("th", { scope: "col" }, name)));
    const rows = best.rows.map((row) => make("tr", {}, ...row.map((text) => make("td", {}, minus(text)))));
    this.bestTable.replaceChildren(
      make("div", { class: "ak-caption" }, "best so far"),
      make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)),
    );
  }

  // -- drawing ----------------------------------------------------------------------------------------------

  draw() {
    if (!this.points) return;
    for (const [name, canvas] of this.canvases) {
      const [width, height] = [canvas.clientWidth, canvas.clientHeight];
      if (!width) continue;
      canvas.width = Math.round(width * devicePixelRatio);
      canvas.height = Math.round(height * devicePixelRatio);
      const ctx = canvas.getContext("2d");
      ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
      ctx.font = "11px system-ui, sans-serif";
      if (name === "history") this.drawHistory(ctx, width, height);
      else if (name === "parallel") this.drawParallel(ctx, width, height);
      else if (name === "front") this.drawFront(ctx, width, height);
      else this.drawSlice(ctx, width, height, name.slice(6));
    }
  }

  column(name) {
    return this.points[2 + this.scales.findIndex((scale) => scale.name === name)];
  }

  // A frame with four ticks each way; returns where a value stands.
  frame(ctx, width, height, xs, ys, words, log) {
    const [left, right, top, bottom] = [58, 10, 6, 20];
    const x = (value) => left + ((value - xs[0]) / (xs[1] - xs[0])) * (width - left - right);
    const y = (value) => height - bottom - ((value - ys[0]) / (ys[1] - ys[0])) * (height - top - bottom);
    ctx.fillStyle = this.tints.muted;
    ctx.strokeStyle = this.tints.grid;
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    for (const value of ticksOf(ys, Math.max(2, Math.floor(height / 30)))) {
      ctx.beginPath();
      ctx.moveTo(left, y(value));
      ctx.lineTo(width - right, y(value));
      ctx.stroke();
      ctx.fillText(minus(+value.toPrecision(8)), left - 6, y(value));
    }
    ctx.textAlign = "center";
    ctx.textBaseline = "bottom";
    const marks = words ? words.map((_, k) => k) : log ? decades(xs, width / 75) : ticksOf(xs, Math.max(2, Math.floor(width / 60)));
    const named = (value) => (words ? words[value] : log ? short(10 ** value) : minus(+value.toPrecision(8)));
    for (const value of marks) ctx.fillText(named(value), x(value), height - 2);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width - left - right, height - top - bottom);
    ctx.clip();
    return [x, y];
  }

  dots(ctx, x, y, xs, ys) {
    const feasible = this.points[1];
    for (const [wanted, color] of [
      [0, this.tints.muted],
      [1, this.tints.ab],
    ]) {
      ctx.fillStyle = color;
      ctx.globalAlpha = wanted ? 0.6 : 0.3;
      for (let k = 0; k < xs.length; k++) {
        if (feasible[k] === wanted && !Number.isNaN(xs[k]) && !Number.isNaN(ys[k])) ctx.fillRect(x(xs[k]) - 1.5, y(ys[k]) - 1.5, 3, 3);
      }
    }
    ctx.globalAlpha = 1;
  }

  drawHistory(ctx, width, height) {
    const [numbers, values] = [this.points[0], this.points[2]];
    const last = Math.max(1, numbers[numbers.length - 1]);
    const [x, y] = this.frame(ctx, width, height, [0, last], worthSeeing(values, this.setup.maximize[0]));
    this.dots(ctx, x, y, numbers, values);
    ctx.strokeStyle = this.tints.gain;
    ctx.lineWidth = 1.8;
    ctx.beginPath();
    const [at, best] = this.steps;
    for (let k = 0; k < at.length; k++) {
      if (k) ctx.lineTo(x(at[k]), y(best[k - 1]));
      ctx.lineTo(x(at[k]), y(best[k]));
    }
    ctx.stroke();
    ctx.restore();
  }

  drawSlice(ctx, width, height, name) {
    const xs = this.column(name);
    const scale = this.scales.find((one) => one.name === name);
    const shown = scale.log ? xs.map((value) => Math.log10(value)) : xs;
    const range = scale.words ? [-0.5, scale.words.length - 0.5] : rangeOf(shown);
    const [x, y] = this.frame(ctx, width, height, range, worthSeeing(this.points[2], this.setup.maximize[0]), scale.words, scale.log);
    this.dots(ctx, x, y, shown, this.points[2]);
    ctx.restore();
  }

  drawFront(ctx, width, height) {
    const [first, second] = [this.points[2], this.points[3]];
    const [x, y] = this.frame(
      ctx, width, height, worthSeeing(first, this.setup.maximize[0]), worthSeeing(second, this.setup.maximize[1]),
    );
    this.dots(ctx, x, y, first, second);
    const sign = this.setup.maximize.map((up) => (up ? 1 : -1));
    const order = [...first.keys()].filter((k) => this.points[1][k] === 1 && !Number.isNaN(first[k] + second[k]));
    order.sort((a, b) => sign[0] * (first[b] - first[a]) || sign[1] * (second[b] - second[a]));
    ctx.strokeStyle = ctx.fillStyle = this.tints.gain;
    ctx.beginPath();
    let highest = -Infinity;
    for (const k of order) {
      if (sign[1] * second[k] <= highest) continue;
      highest = sign[1] * second[k];
      ctx.lineTo(x(first[k]), y(second[k]));
      ctx.fillRect(x(first[k]) - 2.5, y(second[k]) - 2.5, 5, 5);
    }
    ctx.stroke();
    ctx.restore();
  }

  drawParallel(ctx, width, height) {
    const names = [...this.setup.params, this.scales[0].name];
    const columns = names.map((name) => this.column(name));
    const isLog = names.map((name) => this.scales.find((scale) => scale.name === name).log);
    const shown = columns.map((column, k) => (isLog[k] ? column.map((value) => Math.log10(value)) : column));
    const ranges = shown.map((column, k) =>
      k === names.length - 1 ? worthSeeing(column, this.setup.maximize[0]) : rangeOf(column),
    );
    const [top, bottom, side] = [12, 30, 60];
    const x = (k) => side + (k * (width - 2 * side)) / Math.max(1, names.length - 1);
    const y = (k, value) => height - bottom - ((value - ranges[k][0]) / (ranges[k][1] - ranges[k][0])) * (height - top - bottom);
    const values = this.points[2];
    const order = [...values.keys()].filter((k) => this.points[1][k] === 1 && !Number.isNaN(values[k]));
    order.sort((a, b) => (this.setup.maximize[0] ? values[a] - values[b] : values[b] - values[a]));
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, top, width, height - top - bottom);
    ctx.clip();
    const step = Math.max(1, Math.floor(order.length / 600));
    for (let place = 0; place < order.length; place++) {
      const good = place >= 0.8 * order.length;
      if (!good && place % step) continue;
      const k = order[place];
      ctx.strokeStyle = good ? this.tints.ba : this.tints.muted;
      ctx.globalAlpha = place === order.length - 1 ? 1 : good ? 0.22 : 0.08;
      ctx.lineWidth = place === order.length - 1 ? 2.4 : 1;
      ctx.beginPath();
      shown.forEach((column, axis) => {
        if (!Number.isNaN(column[k])) ctx.lineTo(x(axis), y(axis, column[k]));
      });
      ctx.stroke();
    }
    ctx.restore();
    ctx.globalAlpha = 1;
    ctx.strokeStyle = this.tints.muted;
    ctx.fillStyle = this.tints.muted;
    names.forEach((name, k) => {
      ctx.lineWidth = 1;
      ctx.beginPath();
      ctx.moveTo(x(k), top);
      ctx.lineTo(x(k), height - bottom);
      ctx.stroke();
      ctx.textAlign = k === 0 ? "left" : k === names.length - 1 ? "right" : "center";
      const at = k === 0 ? x(k) - side + 4 : k === names.length - 1 ? x(k) + side - 4 : x(k);
      ctx.fillText(k === names.length - 1 ? this.setup.objectives[0] : name, at, height - 4);
      const real = (value) => (isLog[k] ? 10 ** value : value);
      ctx.textAlign = k === names.length - 1 ? "left" : "right";
      const beside = k === names.length - 1 ? 5 : -5;
      const words = this.scales.find((scale) => scale.name === name).words;
      ctx.lineWidth = 3;
      ctx.strokeStyle = this.tints.paper;
      for (const [end, at] of [
        [1, top + 8],
        [0, height - bottom],
      ]) {
        const text = words ? words[end * (words.length - 1)] : short(real(ranges[k][end]));
        ctx.strokeText(text, x(k) + beside, at);
        ctx.fillText(text, x(k) + beside, at);
      }
      ctx.strokeStyle = this.tints.muted;
    });
  }
}

// Four digits at most, thousands apart.
const short = (value) => minus((+value.toPrecision(4)).toLocaleString("en-US", { maximumFractionDigits: 6 }));

// Where 1, 2 and 5 times a power of ten stand on a logarithmic range, or fewer where they would be too many.
function decades([low, high], most) {
  for (const times of [[1, 2, 5], [1, 3], [1]]) {
    const marks = [];
    for (let power = Math.floor(low); power <= high; power++) {
      marks.push(...times.map((one) => power + Math.log10(one)).filter((at) => at >= low && at <= high));
    }
    if (marks.length <= most || times.length === 1) return marks;
  }
  return [];
}

// Round numbers inside a range, about so many.
function ticksOf([low, high], about) {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * power).find((one) => one >= rough);
  const ticks = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) ticks.push(k * step);
  return ticks;
}

export default {
  render({ model, el }) {
    const view = new WatchView(model, el);
    return () => view.end();
  },
};
