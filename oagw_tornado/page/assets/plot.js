/* Plots of plain values: time series, percentiles as HdrHistogram draws them, lanes of planned and actual instants.
 *
 * It imports nothing, so that the page can load it and a report of one file can hold it. What it draws is SVG (lanes
 * that move: a canvas); colours and fonts are those of plot.css. Texts are only ever set as text.
 */

const SVG = "http://www.w3.org/2000/svg";
const FIRST_LANE = 18;

function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Round numbers between `low` and `high`, about `count` of them. */
export function ticks(low, high, count = 4) {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999);
  const found = [];
  for (let number = Math.ceil(low / step - 1e-9); number * step <= high + step * 1e-9; number += 1) {
    found.push(Number((number * step).toPrecision(12)));
  }
  return found;
}

/** A number in at most four digits, with k or M. */
export function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return `${trim((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${trim((value / 1e3).toPrecision(3))}k`;
  if (size >= 100 || value === 0) return String(Math.round(value));
  return trim(value.toPrecision(size >= 1 ? 3 : 2));
}

const trim = (text) => (text.includes("e") ? String(Number(text)) : text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** An instant of Unix time as a clock shows it. */
export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
}

function frame({ title, width, height, left = 40, right = 10, top = 8, bottom = 18 }) {
  const root = svg("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: "0" });
  root.setAttribute("aria-label", title);
  return { root, box: { left, top, right: width - right, bottom: height - bottom, width, height } };
}

/* The values of an axis: round ones, or powers of ten. */
function valuesOf(low, high, height, log) {
  if (!log) return ticks(low, high, height > 150 ? 5 : 4);
  const steps = high / low > 150 ? [1] : [1, 2, 5];
  const found = [];
  for (let power = low; power <= high; power *= 10) {
    for (const step of steps) if (step * power <= high) found.push(Number((step * power).toPrecision(3)));
  }
  return found;
}

/* From a value to its share of the axis, which begins at `low`: 0, or a power of ten that nothing is below. */
function scaleOf(values, most, log) {
  const high = Math.max(...values, most, 0) * 1.08 || 1;
  if (!log) return { low: 0, high, share: (value) => value / high };
  const least = Math.min(...values.filter((value) => value > 0), high / 10);
  const low = 10 ** Math.floor(Math.log10(least));
  return { low, high, share: (value) => Math.log(Math.max(value, low) / low) / Math.log(high / low) };
}

function valueAxis(root, box, low, high, unit, y, log = false) {
  for (const tick of valuesOf(low, high, box.height, log)) {
    const at = Math.round(y(tick));
    root.append(svg("line", { class: "grid", x1: box.left, x2: box.right, y1: at, y2: at }));
    root.append(svg("text", { x: box.left - 5, y: at + 4, "text-anchor": "end" }, `${short(tick)}${unit}`));
  }
}

function line(points, x, y) {
  let path = "";
  let pen = "M";
  for (const [at, value] of points) {
    if (value === null || value === undefined) {
      pen = "M";
      continue;
    }
    path += `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  }
  return path;
}

/* The parts of a line between points that have no value. */
function unbroken(points) {
  const parts = [[]];
  for (const point of points) {
    if (point[1] === null) parts.push([]);
    else parts.at(-1).push(point);
  }
  return parts.filter((part) => part.length > 1);
}

/* A point with nothing on either side of it would be a line of no length. */
function loners(points) {
  const there = (number) => number >= 0 && number < points.length && points[number][1] !== null;
  return points.filter((point, number) => there(number) && !there(number - 1) && !there(number + 1));
}

/**
 * Values over time.
 *
 * `series`: [{name, points: [[x, y or null], …], area}], x rising in seconds; `from` and `to` are the ends of the axis;
 * `unit` stands behind each value; `label(x)` says an x in words (Unix time on a clock if it is not given).
 * `most` is what the value axis reaches at least; `log` makes it logarithmic.
 */
export function timeSeries({ title, unit = "", series, from, to, width = 480, height = 120, most = 0, log = false, label = clock }) {
  const { root, box } = frame({ title, width, height });
  const { low, high, share } = scaleOf(series.flatMap(({ points }) => points.map(([, value]) => value ?? 0)), most, log);
  const span = Math.max(to - from, 1e-9);
  const x = (at) => box.left + ((at - from) / span) * (box.right - box.left);
  const y = (value) => box.bottom - share(value) * (box.bottom - box.top);
  valueAxis(root, box, low, high, unit, y, log);
  root.append(svg("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
  for (const [at, anchor] of [[from, "start"], [(from + to) / 2, "middle"], [to, "end"]]) {
    root.append(svg("text", { x: x(at), y: box.height - 4, "text-anchor": anchor }, label(at)));
  }
  series.forEach(({ points, area }, number) => {
    const kept = points.filter(([at]) => at >= from && at <= to);
    const colour = `series-${(number % 5) + 1}`;
    for (const part of area ? unbroken(kept) : []) {
      const floor = `L${x(part.at(-1)[0]).toFixed(1)} ${box.bottom}L${x(part[0][0]).toFixed(1)} ${box.bottom}Z`;
      root.append(svg("path", { class: `area ${colour}`, d: line(part, x, y) + floor }));
    }
    root.append(svg("path", { class: `line ${colour}`, d: line(kept, x, y) }));
    for (const [at, value] of loners(kept)) {
      root.append(svg("circle", { class: `dot ${colour}`, cx: x(at), cy: y(value), r: 1.5 }));
    }
  });
  const all = [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  readout(root, box, all, x, (at) => [
    label(at),
    ...series.map(({ name, points }) => {
      const found = points.find((point) => point[0] === at);
      return `${name} ${found && found[1] !== null ? short(found[1]) + unit : "–"}`;
    }),
  ]);
  return root;
}

/**
 * Raw values as [percentile, value] pairs, from 0 to 100: what `percentiles` draws. At most `points` of them, denser
 * towards 100, the last one the maximum.
 */
export function quantilePoints(values, points = 200) {
  const sorted = [...values].sort((a, b) => a - b);
  const found = [];
  if (!sorted.length) return found;
  for (let number = 0; number <= points; number += 1) {
    const rest = 10 ** (-(number / points) * Math.log10(Math.max(2, sorted.length)));
    const rank = Math.min(sorted.length, Math.max(1, Math.ceil((1 - rest) * sorted.length)));
    found.push([100 * (1 - rest), sorted[rank - 1]]);
  }
  found.push([100, sorted.at(-1)]);
  return found;
}

/**
 * Percentiles on a scale of 1 / (1 - p), as HdrHistogram plots them: as much room from 99 to 99.9 as from 90 to 99.
 *
 * `series`: [{name, points: [[percentile, value], …]}], percentiles from 0 to 100, rising. `log`: the values on a
 * logarithmic scale too.
 */
export function percentiles({ title, unit = "", series, width = 640, height = 240, log = false }) {
  const { root, box } = frame({ title, width, height });
  const values = series.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite);
  const { low, high, share } = scaleOf(values, 0, log);
  const deepest = Math.max(2, ...series.flatMap(({ points }) => points.map(([p]) => nines(p)).filter(Number.isFinite)));
  const decades = Math.min(6, Math.ceil(deepest - 1e-9));
  const x = (p) => box.left + (Math.min(nines(p), decades) / decades) * (box.right - box.left);
  const y = (value) => box.bottom - share(value) * (box.bottom - box.top);
  valueAxis(root, box, low, high, unit, y, log);
  for (let decade = 0; decade <= decades; decade += 1) {
    const p = 100 * (1 - 10 ** -decade);
    const at = Math.round(x(p));
    root.append(svg("line", { class: decade ? "grid" : "axis", x1: at, x2: at, y1: box.top, y2: box.bottom }));
    const anchor = decade === 0 ? "start" : decade === decades ? "end" : "middle";
    root.append(svg("text", { x: at, y: box.height - 4, "text-anchor": anchor }, `${named(p, decade)}%`));
  }
  root.append(svg("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
  series.forEach(({ points }, number) => {
    root.append(svg("path", { class: `line series-${(number % 5) + 1}`, d: line(points, x, y) }));
  });
  const all = [...new Set(series.flatMap(({ points }) => points.map(([p]) => p)))].sort((a, b) => a - b);
  readout(root, box, all, x, (p) => [
    `p${Number(p.toFixed(p < 99 ? 1 : 4))}`,
    ...series.map(({ name, points }) => {
      const found = points.findLast((point) => point[0] <= p);
      return `${name} ${found ? short(found[1]) + unit : "–"}`;
    }),
  ]);
  return root;
}

const nines = (p) => (p >= 100 ? Infinity : -Math.log10(1 - p / 100));
const named = (p, decade) => (decade < 2 ? String(Math.round(p)) : p.toFixed(decade - 2));

/** The names of `series` beside their colours. */
export function legend(names, classes = names.map((_, number) => `series-${(number % 5) + 1}`)) {
  const list = document.createElement("ul");
  list.className = "legend";
  names.forEach((name, number) => {
    const item = document.createElement("li");
    item.className = classes[number];
    item.append(document.createElement("i"), name);
    list.append(item);
  });
  return list;
}

/* A line that follows the pointer, or the arrow keys, and says the values there. */
function readout(root, box, all, x, texts) {
  if (!all.length) return;
  const cursor = svg("line", { class: "cursor", y1: box.top, y2: box.bottom });
  const board = svg("g", { class: "readout" });
  let shown = all.length - 1;
  const hide = () => { cursor.remove(); board.remove(); };
  const show = (number) => {
    shown = Math.max(0, Math.min(all.length - 1, number));
    const at = x(all[shown]);
    cursor.setAttribute("x1", at);
    cursor.setAttribute("x2", at);
    const rows = texts(all[shown]);
    const width = Math.max(...rows.map((row) => row.length)) * 6.2 + 12;
    const begin = at + width + 8 > box.right ? at - width - 6 : at + 6;
    board.replaceChildren(
      svg("rect", { x: begin, y: box.top, width, height: rows.length * 14 + 6, rx: 3 }),
      ...rows.map((row, line) => svg("text", { x: begin + 6, y: box.top + 14 + line * 14 }, row)),
    );
    root.append(cursor, board);
  };
  root.addEventListener("pointermove", (event) => {
    const area = root.getBoundingClientRect();
    const at = ((event.clientX - area.left) / area.width) * box.width;
    let nearest = 0;
    all.forEach((value, number) => { if (Math.abs(x(value) - at) < Math.abs(x(all[nearest]) - at)) nearest = number; });
    show(nearest);
  });
  root.addEventListener("pointerleave", hide);
  root.addEventListener("blur", hide);
  root.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      show(shown + (event.key === "ArrowLeft" ? -1 : 1));
      event.preventDefault();
    } else if (event.key === "Escape") hide();
  });
}

/** Where `offsets` lie between `from` and `to` on `width` pixels, each pixel at most once; rising. */
export function tickPositions(offsets, from, to, width) {
  const found = [];
  const scale = width / Math.max(to - from, 1e-9);
  let last = -1;
  for (let number = firstAtLeast(offsets, from); number < offsets.length && offsets[number] <= to; number += 1) {
    const at = Math.round((offsets[number] - from) * scale);
    if (at !== last) found.push(at);
    last = at;
  }
  return found;
}

function firstAtLeast(offsets, value) {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Streams one below the other, each with its planned instants (above its line) and its actual ones (below).
 *
 * `lanes`: [{label, planned, actual, ended, outcome}], offsets in seconds from the same zero; `ended` may be null.
 * `from` and `to` are the ends of the axis in seconds.
 */
export function lanes({ title, lanes: rows, from = 0, to, width = 800, left = 190 }) {
  const end = to ?? Math.max(0.001, ...rows.map((row) => Math.max(row.ended ?? 0, row.planned.at(-1) ?? 0, row.actual.at(-1) ?? 0)));
  const height = rows.length * FIRST_LANE + 22;
  const { root, box } = frame({ title, width, height, left, top: 2 });
  const x = (at) => box.left + ((at - from) / Math.max(end - from, 1e-9)) * (box.right - box.left);
  for (const tick of ticks(from, end, 6)) {
    const at = Math.round(x(tick));
    root.append(svg("line", { class: "grid", x1: at, x2: at, y1: box.top, y2: box.bottom }));
    root.append(svg("text", { x: at, y: height - 4, "text-anchor": "middle" }, `${short(tick)}s`));
  }
  rows.forEach((row, number) => {
    const middle = box.top + number * FIRST_LANE + 9;
    const marks = (offsets, rise) =>
      tickPositions(offsets, from, end, box.right - box.left).map((at) => `M${box.left + at} ${middle}v${rise}`).join("");
    const name = svg("text", { x: box.left - 6, y: middle + 4, "text-anchor": "end" }, cut(row.label, Math.floor(left / 6.3)));
    name.append(svg("title", {}, `${row.label}: ${row.outcome || "under way"}`));
    const last = row.ended ?? row.actual.at(-1) ?? 0;
    root.append(
      name,
      svg("line", { class: "axis", x1: box.left, x2: Math.max(box.left, x(Math.min(last, end))), y1: middle, y2: middle }),
      svg("path", { class: "tick planned", d: marks(row.planned, -6) }),
      svg("path", { class: "tick series-1", d: marks(row.actual, 6) }),
    );
    if (row.ended !== null && row.ended !== undefined && row.ended <= end) {
      const colour = row.outcome === "complete" ? "series-4" : row.outcome ? "series-3" : "planned";
      root.append(svg("circle", { class: `dot ${colour}`, cx: x(row.ended), cy: middle, r: 3 }));
    }
  });
  return root;
}

const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** The colours of `paintLane`, as they are now. */
export function laneColours(element = document.documentElement) {
  const probe = document.createElement("span");
  probe.hidden = true;
  element.append(probe);
  const colour = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const found = {
    planned: colour("--plot-planned"), actual: colour("--plot-1"), axis: colour("--plot-grid"),
    good: colour("--plot-4"), bad: colour("--plot-3"), late: colour("--plot-2"),
  };
  probe.remove();
  return found;
}

/**
 * One lane on a canvas, for lanes that move: `lane` as in `lanes`, `view` {from, to, now} in the same seconds.
 * Events that left more than `late` seconds after their plan have a colour of their own.
 */
export function paintLane(canvas, lane, view, colours, late = 0.005) {
  const ratio = globalThis.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width) return;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const middle = Math.floor(height / 2);
  const scale = width / Math.max(view.to - view.from, 1e-9);
  const x = (at) => (at - view.from) * scale;
  const last = lane.ended ?? view.now;
  pen.fillStyle = colours.axis;
  pen.fillRect(Math.max(0, x(0)), middle, Math.max(0, Math.min(width, x(last)) - Math.max(0, x(0))), 1);
  pen.fillStyle = colours.planned;
  for (const at of tickPositions(lane.planned, view.from, view.to, width)) pen.fillRect(at, middle - 7, 1, 7);
  pen.fillStyle = colours.actual;
  for (const at of tickPositions(lane.actual, view.from, view.to, width)) pen.fillRect(at, middle + 1, 1, 7);
  pen.fillStyle = colours.late;
  for (let number = firstAtLeast(lane.actual, view.from); number < lane.actual.length; number += 1) {
    if (lane.actual[number] > view.to) break;
    if (lane.actual[number] - lane.planned[number] > late) pen.fillRect(Math.round(x(lane.actual[number])), middle + 1, 1, 7);
  }
  if (lane.ended !== null && lane.ended !== undefined && x(lane.ended) >= 0) {
    pen.fillStyle = lane.outcome === "complete" ? colours.good : colours.bad;
    pen.beginPath();
    pen.arc(Math.min(width - 4, x(lane.ended)), middle, 3, 0, 2 * Math.PI);
    pen.fill();
  }
}
