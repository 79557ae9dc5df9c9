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

// Trades on the spread: a triangle where one was entered, a cross where it was left, a thin line between.
function drawTrades(ctx, u, trades, tints) {
  const [entered, entrySignal, left, exitSignal, side, , pnl] = trades;
  const few = entered.length <= FEW_TRADES;
  const scale = few ? 1 : 0.72;
  const shapes = { ab: new Path2D(), ba: new Path2D(), gain: new Path2D(), loss: new Path2D() };
  const lines = { gain: new Path2D(), loss: new Path2D() };
  for (let k = 0; k < entered.length; k++) {
    const [x, y] = [u.valToPos(entered[k], "x"), u.valToPos(entrySignal[k], "y")];
    triangle(shapes[side[k] === 0 ? "ab" : "ba"], x, y, 6 * scale);
    if (Number.isNaN(left[k])) continue;
    const good = pnl[k] >= 0 ? "gain" : "loss";
    const [x2, y2] = [u.valToPos(left[k], "x"), u.valToPos(exitSignal[k], "y")];
    cross(shapes[good], x2, y2, 3.4 * scale);
    if (few) {
      lines[good].moveTo(x, y);
      lines[good].lineTo(x2, y2);
    }
  }
  for (const good of ["gain", "loss"]) {
    ctx.strokeStyle = tints[good];
    ctx.globalAlpha = 0.45;
    ctx.lineWidth = 1;
    ctx.stroke(lines[good]);
    ctx.globalAlpha = 1;
    ctx.strokeStyle = tints.paper;
    ctx.lineWidth = 4 * scale;
    ctx.stroke(shapes[good]);
    ctx.strokeStyle = tints[good];
    ctx.lineWidth = 2 * scale;
    ctx.stroke(shapes[good]);
  }
  for (const way of ["ab", "ba"]) {
    ctx.fillStyle = tints[way];
    ctx.strokeStyle = tints.paper;
    ctx.lineWidth = 1.2 * scale;
    ctx.fill(shapes[way]);
    ctx.stroke(shapes[way]);
  }
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
