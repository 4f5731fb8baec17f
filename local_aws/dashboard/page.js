"use strict";
// Draws each widget of the dashboards from its series, whose values are those of the table below it.
const data = JSON.parse(document.getElementById("data").textContent);
const COLOURS = [...d3.schemeTableau10, "#1b9e77", "#7570b3", "#a6761d", "#e7298a"];
const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 3 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 }).format;

// A series of the right axis is drawn in the scale of the left axis; the labels of the right axis show its own values.
function scales(series, lines) {
  const most = (axis) => d3.max(series.filter((one) => one.axis === axis), (one) => d3.max(one.points, (point) => point[1]));
  const left = Math.max(most("left") ?? 0, d3.max(lines, (line) => line.value) ?? 0) || 1;
  return { left, right: most("right") || 1 };
}

function stackedMost(rows) {
  return d3.max(d3.rollup(rows, (same) => d3.sum(same, (row) => row.value), (row) => +row.at).values()) || 1;
}

// Round moments, few enough that their labels do not overlap.
function moments(domain, width) {
  const all = d3.scaleUtc(domain, [0, 1]).ticks(6);
  const every = Math.ceil(all.length / Math.max(1, Math.floor((width - 60) / 75)));
  return all.filter((_, place) => place % every === 0);
}

function chart(width, { series, stacked, lines, period_ms }) {
  const { left, right } = scales(series, lines);
  const rows = series.flatMap(({ label, axis, points }) => points.map(([at, value]) => ({
    label, at: new Date(at), value, y: axis === "right" ? (value / right) * left : value,
  })));
  if (rows.length === 0) return null;
  const title = (row) => `${row.label}, ${d3.utcFormat("%H:%M:%S")(row.at)}: ${number.format(row.value)}`;
  const colour = d3.scaleOrdinal(series.map((one) => one.label), COLOURS);
  const hasRight = series.some((one) => one.axis === "right");
  // At least four periods, so that a single point is drawn inside a range of time.
  const [first, last] = d3.extent(rows, (row) => +row.at);
  const domain = [first - period_ms, Math.max(last, first + 4 * period_ms) + period_ms].map((moment) => new Date(moment));
  const options = { x: "at", stroke: (row) => colour(row.label), z: "label" };
  const marks = stacked
    ? [Plot.rectY(rows, Plot.stackY({ x1: (row) => +row.at - period_ms / 2.5, x2: (row) => +row.at + period_ms / 2.5, y: "y", z: "label", fill: (row) => colour(row.label), title }))]
    : [Plot.lineY(rows, { ...options, y: "y" }), Plot.dot(rows, { x: "at", y: "y", fill: (row) => colour(row.label), r: 3, title })];
  return Plot.plot({
    width, height: 190, marginLeft: 48, marginRight: hasRight ? 44 : 24,
    style: { background: "transparent", color: "inherit", fontSize: "11px", fontFamily: "inherit" },
    color: { type: "identity" },
    x: { type: "utc", label: null, domain, ticks: moments(domain, width), tickFormat: d3.utcFormat("%H:%M:%S") },
    y: { label: null, grid: true, domain: [0, stacked ? stackedMost(rows) : left], nice: true, ticks: 5, tickFormat: short },
    marks: [
      Plot.ruleY([0]),
      ...(hasRight ? [Plot.axisY({ anchor: "right", label: null, ticks: 5, tickFormat: (y) => short((y / left) * right) }),
                      Plot.axisY({ anchor: "left", label: null, ticks: 5, tickFormat: short })] : []),
      Plot.ruleY(lines, { y: "value", stroke: "var(--warn)", strokeDasharray: "4 3", title: (line) => `${line.label}: ${line.value}` }),
      ...marks,
    ],
  });
}

function legend({ series, lines }) {
  const box = document.createElement("div");
  box.className = "legend";
  const colour = d3.scaleOrdinal(series.map((one) => one.label), COLOURS);
  const entries = series.map((one) => [one.axis === "right" ? `${one.label} (right)` : one.label, colour(one.label)]);
  for (const [name, paint] of [...entries, ...lines.map((line) => [`${line.label} ${line.value}`, "var(--warn)"])]) {
    const entry = document.createElement("span");
    const mark = document.createElement("i");
    mark.style.background = paint;
    entry.append(mark, name);
    box.append(entry);
  }
  return box;
}

function nothing() {
  const note = document.createElement("p");
  note.className = "none";
  note.textContent = "No values.";
  return note;
}

let drawnAt = 0;
function draw() {
  if (window.innerWidth === drawnAt) return;
  drawnAt = window.innerWidth;
  for (const [id, widget] of Object.entries(data)) {
    const place = document.getElementById(id).querySelector(".chart");
    place.replaceChildren(chart(Math.max(240, place.clientWidth), widget) ?? nothing(), legend(widget));
  }
}

draw();
window.addEventListener("resize", draw);
