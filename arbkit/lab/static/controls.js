// A slider, a field, a tick or a list for every parameter.

function draggable(control, value, changed) {
  const id = `ak-${control.name}-${Math.random().toString(36).slice(2, 8)}`;
  const off = Boolean(control.why_not);
  const label = make("label", { for: id, title: control.name }, control.title);
  const row = make("div", { class: `ak-control${off ? " ak-idle" : ""}`, title: off ? control.why_not : control.name });
  if (control.kind === "flag") {
    const box = make("input", { type: "checkbox", id, disabled: off });
    box.addEventListener("input", (event) => changed(box.checked, event));
    row.append(make("div", { class: "ak-line" }, box, label));
    return { row, show: (v) => (box.checked = Boolean(v)), focused: () => document.activeElement === box, show0: value };
  }
  if (control.kind === "choice") {
    const select = make("select", { id, disabled: off });
    for (const choice of control.choices) select.append(make("option", { value: choice }, choice.replaceAll("_", " ")));
    select.addEventListener("input", (event) => changed(select.value, event));
    row.append(make("div", { class: "ak-line" }, label), select);
    return { row, show: (v) => (select.value = v), focused: () => document.activeElement === select };
  }
  return numeric(control, id, label, row, off, changed);
}

function numeric(control, id, label, row, off, changed) {
  const step = control.whole ? 1 : control.step;
  const slider = make("input", { type: "range", min: String(control.low), max: String(control.high), step: String(step) });
  slider.setAttribute("aria-label", control.title);
  slider.dataset.name = control.name;
  const field = make("input", { type: "number", id, step: "any", class: "ak-field" });
  field.dataset.name = control.name;
  const unit = make("span", { class: "ak-unit" }, control.unit);
  const on = control.optional ? make("input", { type: "checkbox", "aria-label": `${control.title}: on` }) : null;
  let last = control.at_first;
  const enable = (yes) => {
    slider.disabled = field.disabled = off || !yes;
    row.classList.toggle("ak-off", !yes);
  };
  const tell = (value, event) => {
    last = control.whole ? Math.round(value) : value;
    changed(last, event);
  };
  slider.addEventListener("input", (event) => {
    const value = Number(slider.value);
    field.value = String(+value.toPrecision(12));
    tell(value, event);
  });
  field.addEventListener("input", (event) => {
    if (field.value === "" || !Number.isFinite(Number(field.value))) return;
    slider.value = field.value;
    tell(Number(field.value), event);
  });
  if (on) {
    on.disabled = off;
    on.addEventListener("input", (event) => {
      enable(on.checked);
      if (on.checked) {
        slider.value = field.value = String(last);
        tell(last, event);
      } else {
        field.value = "";
        changed(null, event);
      }
    });
  }
  row.append(make("div", { class: "ak-line" }, on, label, field, unit), slider);
  if (off && on) on.disabled = true;
  return {
    row,
    show(value) {
      const yes = value !== null;
      if (on) on.checked = yes;
      enable(yes);
      field.value = yes ? String(+Number(value).toPrecision(12)) : "";
      if (yes) {
        last = value;
        slider.value = String(value);
      }
    },
    focused: () => [slider, field, on].includes(document.activeElement),
  };
}
