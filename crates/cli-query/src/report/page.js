"use strict";
// Draws each chart from the values that stand in its table. Nothing is computed here that a query could have answered.
const data = JSON.parse(document.getElementById("data").textContent);
const count = new Intl.NumberFormat("en-US");
const css = (name) => `var(--${name})`;
// As many colours as there are types of events, and then some.
const MANY = [...d3.schemeTableau10, "#1b9e77", "#7570b3", "#a6761d", "#e7298a", "#66a61e", "#8c8c8c"];
const STATES = ["published", "degraded", "tiny", "missing", "failed", "landed", "not yet"];
const colourOf = (state) => css(state.replace(" ", "").replace("notover", "future"));

const cut = (text, most) => {
  const letters = Array.from(text ?? "(none)");
  return letters.length > most ? letters.slice(0, most - 1).join("") + "…" : letters.join("");
};

// A plot as wide as the page lets it be.
function plot(width, options) {
  return Plot.plot({
    width,
    style: { background: "transparent", color: "inherit", fontSize: "12px", fontFamily: "inherit" },
    ...options,
  });
}

function bars(width, rows, name, value, title, colour) {
  const left = Math.min(190, width * 0.38);
  return plot(width, {
    height: rows.length * 22 + 40,
    marginLeft: left,
    marginRight: 64,
    x: { grid: true, label: null, ticks: 4, tickFormat: "~s", domain: [0, Math.max(1, d3.max(rows, value))] },
    y: { label: null, domain: rows.map(name), tickFormat: (text) => cut(text, Math.floor(left / 8)), tickSize: 0 },
    marks: [
      Plot.barX(rows, { x: value, y: name, fill: colour ?? css("accent"), title }),
      Plot.text(rows, { x: value, y: name, text: (row) => count.format(value(row)), textAnchor: "start", dx: 4, fill: "currentColor" }),
      Plot.ruleX([0]),
    ],
  });
}

const charts = {
  totals() {
    const tiles = document.createElement("div");
    tiles.className = "tiles";
    for (const name of ["events", "contributors", "repositories", "organisations"]) {
      const value = data.totals[0][name];
      const tile = document.createElement("div");
      tile.className = "tile";
      const figure = document.createElement("b");
      figure.textContent = count.format(value);
      const label = document.createElement("span");
      label.textContent = name;
      tile.append(figure, label);
      tiles.append(tile);
    }
    return tiles;
  },

  types: (width) => bars(width, data.types, (row) => row.type, (row) => row.events, (row) => `${row.type}: ${count.format(row.events)}`),

  hours(width) {
    const moment = (text) => new Date(`${text.replace(" ", "T")}:00:00Z`);
    const odd = new Map(data.calendar.filter((cell) => cell.state === "degraded" || cell.state === "tiny").map((cell) => [`${cell.day} ${cell.hour}`, cell.state]));
    const known = new Map(data.hours.map((row) => [row.hour, row.events]));
    // An hour without a point breaks the line: nothing is made up between its neighbours.
    const all = data.calendar.map((cell) => `${cell.day} ${cell.hour}`).map((hour) => ({ hour, at: moment(hour), events: known.get(hour) ?? NaN }));
    const points = all.filter((row) => !Number.isNaN(row.events));
    return plot(width, {
      height: 240,
      marginLeft: 48,
      x: { type: "utc", label: null, ticks: Math.max(2, Math.floor(width / 110)), tickFormat: d3.utcFormat(all.length <= 96 ? "%H:%M\n%-d %b" : "%-d %b"), domain: [all[0].at, all[all.length - 1].at] },
      y: { grid: true, label: null, zero: true, ticks: 5, tickFormat: "~s" },
      marks: [
        Plot.ruleY([0]),
        Plot.lineY(all, { x: "at", y: "events", stroke: css("accent"), strokeWidth: 1.6 }),
        Plot.dot(points, {
          x: "at", y: "events", r: (row) => (odd.has(row.hour) ? 5 : points.length > 200 ? 1 : 2.5),
          fill: (row) => (odd.has(row.hour) ? css("warn") : css("accent")),
          title: (row) => `${row.hour}: ${count.format(row.events)}${odd.has(row.hour) ? `, ${odd.get(row.hour)}` : ""}`,
        }),
      ],
      r: { type: "identity" },
      color: { type: "identity" },
    });
  },

  contributors: (width) => bars(
    width, data.contributors,
    (row) => (row.organisation ? `${row.contributor} (${row.organisation})` : row.contributor ?? "(none)"), (row) => row.events,
    (row) => `${row.contributor}: ${count.format(row.events)}${row.organisation ? `, mostly for ${row.organisation}` : ""}`,
  ),

  repositories: (width) => bars(
    width, data.repositories, (row) => row.repository ?? "(none)", (row) => row.events,
    (row) => `${row.repository}: ${count.format(row.events)}, of these ${count.format(row.stars)} stars`,
  ),

  actions(width) {
    const names = [...new Set(data.actions.map((row) => row.contributor))];
    const types = [...new Set(data.actions.map((row) => row.type))].sort();
    const left = Math.min(160, width * 0.32);
    const drawn = plot(width, {
      height: names.length * 24 + 40,
      marginLeft: left,
      x: { grid: true, label: null, ticks: 4, tickFormat: "~s" },
      y: { label: null, domain: names, tickFormat: (text) => cut(text, Math.floor(left / 8)), tickSize: 0 },
      color: { domain: types, range: MANY },
      marks: [
        Plot.barX(data.actions, Plot.stackX({ x: "actions", y: "contributor", fill: "type", order: types, title: (row) => `${row.contributor}, ${row.type}: ${count.format(row.actions)}` })),
        Plot.ruleX([0]),
      ],
    });
    return withLegend(drawn, types.map((type) => [type, drawn.scale("color").apply(type)]));
  },

  organisations(width) {
    const share = (row) => row.with_organisation / row.events;
    return plot(width, {
      height: Math.max(70, data.organisations.length * (data.organisations.length > 31 ? 12 : 24) + 40),
      marginLeft: 84,
      marginRight: 52,
      x: { percent: true, grid: true, label: null, domain: [0, 100], ticks: 5, tickFormat: (share) => `${share} %` },
      y: { type: "band", label: null, tickSize: 0 },
      marks: [
        Plot.barX(data.organisations, { x: share, y: "day", fill: css("accent"), title: (row) => `${row.day}: ${count.format(row.with_organisation)} of ${count.format(row.events)}` }),
        Plot.text(data.organisations, { x: share, y: "day", text: (row) => `${(100 * share(row)).toFixed(1)} %`, textAnchor: "start", dx: 4, fill: "currentColor" }),
        Plot.ruleX([0]),
      ],
    });
  },

  week(width) {
    const days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const rows = data.week.map((row) => ({ ...row, mean: row.events / row.days, day: days[row.weekday - 1] }));
    const most = d3.max(rows, (row) => row.mean);
    const drawn = plot(width, {
      height: 7 * 26 + 40,
      marginLeft: 40,
      padding: 0.06,
      x: { type: "band", domain: d3.range(24).map((hour) => String(hour).padStart(2, "0")), label: null, tickSize: 0, tickFormat: (hour) => (width < 500 && hour % 3 ? "" : hour) },
      y: { type: "band", domain: days, label: null, tickSize: 0 },
      opacity: { domain: [0, most], range: [0.06, 1] },
      marks: [
        Plot.cell(rows, { x: "hour", y: "day", fill: css("accent"), fillOpacity: "mean", inset: 0.5, rx: 2, title: (row) => `${row.day} ${row.hour}: ${count.format(Math.round(row.mean))} (of ${row.days} days)` }),
      ],
    });
    return withLegend(drawn, [0.25, 0.5, 0.75, 1].map((part) => [count.format(Math.round(part * most)), `color-mix(in srgb, ${css("accent")} ${100 * part}%, transparent)`]));
  },

  late(width) {
    const rows = Object.entries(data.late[0] ?? {}).map(([what, events]) => ({ what, events: events ?? 0 }));
    return bars(width, rows, (row) => row.what, (row) => row.events, (row) => `${row.what}: ${count.format(row.events)}`);
  },

  calendar(width) {
    const days = [...new Set(data.calendar.map((cell) => cell.day))];
    const cells = data.calendar.filter((cell) => cell.state !== "not over");
    const drawn = plot(width, {
      height: days.length * (days.length > 62 ? 12 : 20) + 40,
      marginLeft: 84,
      padding: 0.1,
      x: { type: "band", domain: d3.range(24).map((hour) => String(hour).padStart(2, "0")), label: null, tickSize: 0, axis: "top", tickFormat: (hour) => (width < 500 && hour % 3 ? "" : hour) },
      y: { type: "band", domain: days, label: null, tickSize: 0 },
      color: { type: "identity" },
      marks: [Plot.cell(cells, { x: "hour", y: "day", fill: (cell) => colourOf(cell.state), rx: 2, title: (cell) => `${cell.day} ${cell.hour}: ${cell.state}` })],
    });
    const counts = d3.rollup(cells, (same) => same.length, (cell) => cell.state);
    return withLegend(drawn, STATES.filter((state) => counts.has(state)).map((state) => [`${state} ${counts.get(state)}`, colourOf(state)]));
  },

  quality(width) {
    const rows = data.quality.filter((row) => row.what === "duplicates" || row.what === "quarantined");
    return bars(width, rows, (row) => row.what, (row) => row.records, (row) => `${row.what}: ${count.format(row.records)} (${(100 * row.share).toFixed(3)} %)`, css("warn"));
  },
};

function withLegend(drawn, entries) {
  const whole = document.createElement("div");
  const legend = document.createElement("div");
  legend.className = "legend";
  for (const [name, colour] of entries) {
    const entry = document.createElement("span");
    const mark = document.createElement("i");
    mark.style.background = colour;
    entry.append(mark, name);
    legend.append(entry);
  }
  whole.append(drawn, legend);
  return whole;
}

function nothing() {
  const note = document.createElement("p");
  note.textContent = "No hour of this stretch is published.";
  return note;
}

let drawnAt = 0;
function draw() {
  const width = Math.max(280, Math.min(940, document.querySelector("main").clientWidth - 34));
  if (width === drawnAt) return;
  drawnAt = width;
  for (const [id, chart] of Object.entries(charts)) {
    const place = document.querySelector(`#${id} .chart`);
    place.replaceChildren(data[id].length === 0 ? nothing() : chart(width));
  }
  document.documentElement.dataset.height = String(Math.ceil(document.documentElement.getBoundingClientRect().height));
}

draw();
window.addEventListener("resize", draw);
