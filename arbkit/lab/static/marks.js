// What moves with the sliders is drawn above the chart of the spread, so that the thousands of lines below stay.

const FEW_TRADES = 250;

function triangle(path, x, y, size) {
  path.moveTo(x, y - size);
  path.lineTo(x + 0.9 * size, y + 0.7 * size);
  path.lineTo(x - 0.9 * size, y + 0.7 * size);
  path.closePath();
}

function cross(path, x, y, size) {
  path.moveTo(x - size, y - size);
  path.lineTo(x + size, y + size);
  path.moveTo(x + size, y - size);
  path.lineTo(x - size, y + size);
}

// A canvas above a chart.
function overlayOn(u) {
  const canvas = make("canvas", { class: "ak-overlay" });
  u.over.append(canvas);
  return {
    draw(paint) {
      // Taken from the chart: asking the element for its size would lay out the page.
      const scale = devicePixelRatio;
      const [width, height] = [u.bbox.width / scale, u.bbox.height / scale];
      if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
        canvas.width = Math.round(width * scale);
        canvas.height = Math.round(height * scale);
      }
      const ctx = canvas.getContext("2d");
      ctx.setTransform(scale, 0, 0, scale, 0, 0);
      ctx.clearRect(0, 0, width, height);
      paint(ctx, width, height);
    },
  };
}

// A mark, painted once. Hundreds of outlines, or of copied pictures, take the browser's canvas longer than a frame
// lasts: so marks are put together as pixels, and given to it in one piece.
const stamps = new Map();

function stampOf(paint, size, color, rim, scale) {
  const key = [paint.name, size, color, rim, scale].join();
  if (!stamps.has(key)) {
    const side = 2 * Math.ceil(size * scale + 3);
    const ctx = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true });
    ctx.scale(scale, scale);
    paint(ctx, side / 2 / scale, size, color, rim);
    const { data } = ctx.getImageData(0, 0, side, side);
    stamps.set(key, { side, data, words: new Uint32Array(data.buffer) });
  }
  return stamps.get(key);
}

// Pixels of a canvas's size, on which stamps are put.
class Sheet {
  constructor(width, height) {
    this.image = new ImageData(width, height);
    this.words = new Uint32Array(this.image.data.buffer);
  }

  put(stamp, x, y) {
    const { width, height, data } = this.image;
    const [left, top] = [Math.round(x - stamp.side / 2), Math.round(y - stamp.side / 2)];
    const [first, last] = [Math.max(0, -left), Math.min(stamp.side, width - left)];
    for (let row = Math.max(0, -top); row < Math.min(stamp.side, height - top); row++) {
      let from = row * stamp.side + first;
      let to = (top + row) * width + left + first;
      for (let k = first; k < last; k++, from++, to++) {
        const alpha = stamp.data[4 * from + 3];
        if (alpha === 0) continue;
        const below = data[4 * to + 3];
        if (alpha === 255 || below === 0) this.words[to] = stamp.words[from];
        else {
          const rest = below * (255 - alpha);
          const whole = 255 * alpha + rest;
          for (let c = 0; c < 3; c++) {
            data[4 * to + c] = (255 * alpha * stamp.data[4 * from + c] + rest * data[4 * to + c]) / whole;
          }
          data[4 * to + 3] = whole / 255;
        }
      }
    }
  }
}

function entered(ctx, middle, size, color, rim) {
  const path = new Path2D();
  triangle(path, middle, middle, size);
  ctx.fillStyle = color;
  ctx.strokeStyle = rim;
  ctx.lineWidth = 0.2 * size;
  ctx.fill(path);
  ctx.stroke(path);
}

function left(ctx, middle, size, color, rim) {
  const path = new Path2D();
  cross(path, middle, middle, size);
  for (const [style, width] of [
    [rim, 1.2],
    [color, 0.6],
  ]) {
    ctx.strokeStyle = style;
    ctx.lineWidth = width * size;
    ctx.stroke(path);
  }
}

// Trades on the spread: a triangle where one was entered, a cross where it was left, a thin line between.
function drawTrades(ctx, u, trades, tints) {
  const [entries, entrySignal, exits, exitSignal, side, , pnl] = trades;
  const few = entries.length <= FEW_TRADES;
  const size = few ? 1 : 0.72;
  const scale = devicePixelRatio;
  const stamp = (paint, wide, tint) => stampOf(paint, wide * size, tints[tint], tints.paper, scale);
  const sheet = new Sheet(ctx.canvas.width, ctx.canvas.height);
  const put = (mark, seconds, bps) => sheet.put(mark, u.valToPos(seconds, "x") * scale, u.valToPos(bps, "y") * scale);
  const [won, lost] = [stamp(left, 3.4, "gain"), stamp(left, 3.4, "loss")];
  for (let k = 0; k < entries.length; k++) {
    if (!Number.isNaN(exits[k])) put(pnl[k] >= 0 ? won : lost, exits[k], exitSignal[k]);
  }
  const ways = [stamp(entered, 6, "ab"), stamp(entered, 6, "ba")];
  for (let k = 0; k < entries.length; k++) put(ways[side[k]], entries[k], entrySignal[k]);
  ctx.putImageData(sheet.image, 0, 0);
  if (few) drawWays(ctx, u, trades, tints);
}

// From entries to exits, below the marks.
function drawWays(ctx, u, trades, tints) {
  const [entries, entrySignal, exits, exitSignal, , , pnl] = trades;
  ctx.save();
  ctx.globalCompositeOperation = "destination-over";
  ctx.globalAlpha = 0.45;
  ctx.lineWidth = 1;
  for (const good of [true, false]) {
    ctx.strokeStyle = tints[good ? "gain" : "loss"];
    ctx.beginPath();
    for (let k = 0; k < entries.length; k++) {
      if (Number.isNaN(exits[k]) || pnl[k] >= 0 !== good) continue;
      ctx.moveTo(u.valToPos(entries[k], "x"), u.valToPos(entrySignal[k], "y"));
      ctx.lineTo(u.valToPos(exits[k], "x"), u.valToPos(exitSignal[k], "y"));
    }
    ctx.stroke();
  }
  ctx.restore();
}

// Where an entry and an exit need the signal to be: a line, and a tag in the margin that can be dragged. Both are
// elements, not drawn: moving them costs no picture.
class Level {
  constructor(u, kind, word, dragged) {
    this.u = u;
    this.word = word;
    this.text = document.createTextNode("");
    this.line = make("div", { class: `ak-level ak-${kind}`, hidden: true });
    this.tag = make("div", { class: `ak-tag ak-${kind}`, hidden: true, title: "Drag to move" }, this.text);
    u.over.parentNode.append(this.line, this.tag);
    this.tag.addEventListener("pointerdown", (event) => this.take(event, dragged));
  }

  take(down, dragged) {
    const [from, bps] = [down.clientY, this.bps];
    down.preventDefault();
    this.tag.setPointerCapture(down.pointerId);
    const move = (event) => {
      const { min, max } = this.u.scales.y;
      dragged(bps - ((event.clientY - from) * (max - min) * devicePixelRatio) / this.u.bbox.height, event);
    };
    const end = () => {
      this.tag.removeEventListener("pointermove", move);
      this.tag.removeEventListener("lostpointercapture", end);
    };
    this.tag.addEventListener("pointermove", move);
    this.tag.addEventListener("lostpointercapture", end);
  }

  // Beyond the picture an arrow says which way; `apart` keeps two tags from covering each other.
  place(bps, apart = 0) {
    this.bps = bps;
    const shown = !(bps === null || bps === undefined || Number.isNaN(bps));
    this.line.hidden = this.tag.hidden = !shown;
    if (!shown) return null;
    const { bbox } = this.u;
    const [left, top, width, height] = [bbox.left, bbox.top, bbox.width, bbox.height].map((px) => px / devicePixelRatio);
    const y = this.u.valToPos(bps, "y");
    const inside = y >= 0 && y <= height;
    const place = Math.min(height, Math.max(0, y));
    this.line.style.opacity = inside ? "" : "0";
    this.line.style.width = `${width}px`;
    this.line.style.transform = `translate(${left}px, ${top + place}px)`;
    this.tag.style.transform = `translate(${left + width + 3}px, ${top + place + apart - 9}px)`;
    const text = `${this.word} ${fixed(bps, 1)}${inside ? "" : y < 0 ? " \u2191" : " \u2193"}`;
    if (this.text.data !== text) this.text.data = text;
    return place;
  }
}
