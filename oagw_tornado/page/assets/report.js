/* Draws a report from the data in its own file. All that it shows is set as text, never as markup. */
import { clock, lanes, legend, percentiles, short, timeSeries } from "./plot.js";

const { title, runs } = JSON.parse(document.getElementById("data").textContent);

function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined).map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

const milliseconds = (value) => (value === null || value === undefined ? "–" : `${short(value)} ms`);
const seconds = (value) => (value === null || value === undefined ? "–" : value < 1 ? milliseconds(value * 1000) : `${short(value)} s`);
const date = (unix) => new Date(unix * 1000).toLocaleString([], { hour12: false });
const word = (text, good) => el("b", { class: good ? "good" : "bad" }, text);

function table(heads, rows, numbers = []) {
  const row = (name, cells) => el("tr", null, ...cells.map((cell, at) => el(name, numbers.includes(at) ? { class: "number" } : null, cell ?? "–")));
  return el("div", { class: "scroll" }, el("table", null, el("thead", null, row("th", heads)), el("tbody", null, ...rows.map((cells) => row("td", cells)))));
}

const facts = (object) => table(["", ""], Object.entries(object).map(([name, value]) => [name, el("code", null, value === null ? "–" : typeof value === "object" ? JSON.stringify(value) : value)]));

function figure(caption, plot, names) {
  return el("figure", null, el("figcaption", null, caption), plot, names ? legend(names) : null);
}

function tiles(run) {
  const tile = (name, value) => el("li", null, el("b", null, value), el("span", null, name));
  const late = run.timing.late_ms;
  return el("ul", { class: "tiles" },
    tile("fixture", word(run.verdict.verdict, run.verdict.verdict === "innocent")),
    tile("client", word(run.conduct.conduct, run.conduct.conduct === "sound")),
    tile("requests", run.counts.requests),
    tile("events", run.timing.events),
    tile("late p50", milliseconds(late.p50)),
    tile("late p99", milliseconds(late.p99)),
    tile("late max", milliseconds(late.max)),
    tile("blocked by client", run.timing.blocked_by_client),
  );
}

function verdict(run) {
  const judged = run.verdict;
  const reasons = judged.reasons.map((reason) => el("li", { class: "bad" }, reason));
  return [
    el("h2", null, "Was the fixture on time?"),
    el("p", null, word(judged.verdict, judged.verdict === "innocent"),
      ` over ${seconds(judged.seconds)}: p99 of the lateness ${milliseconds(judged.late_ms.p99)}, allowed ${milliseconds(judged.late_ms.budget)}; `,
      `loop lag p99 ${milliseconds(judged.loop_lag_ms.p99)}, max ${milliseconds(judged.loop_lag_ms.max)}; `,
      `processor ${Math.round(judged.cpu_share * 100)} %`),
    reasons.length ? el("ul", null, ...reasons) : null,
  ];
}

function plots(run) {
  const first = run.percentiles.first_event;
  const late = run.percentiles.lateness;
  const history = run.verdict.history ?? [];
  const shown = [];
  const pair = [];
  if (late.length) pair.push(figure("Lateness of events", percentiles({ title: "Lateness of events by percentile", unit: " ms", log: true, series: [{ name: "late", points: late }] })));
  if (first.length) pair.push(figure("Time to first event", percentiles({ title: "Time to first event by percentile", unit: " ms", log: true, series: [{ name: "first event", points: first }] })));
  if (pair.length) shown.push(el("h2", null, "Percentiles"), el("div", { class: "pair" }, ...pair));
  if (history.length > 1) {
    const ends = { from: history[0].ended - 1, to: history.at(-1).ended };
    const series = (name, key, scale = 1) => ({ name, points: history.map((second) => [second.ended, second[key] === null ? null : second[key] * scale]) });
    shown.push(el("h2", null, "Over time"), el("div", { class: "pair" },
      figure("Events a second", timeSeries({ title: "Events a second", series: [{ ...series("events", "events"), area: true }], ...ends })),
      figure("Lateness and loop lag", timeSeries({ title: "Lateness and loop lag in milliseconds", unit: " ms", series: [series("late p99", "late_p99_ms"), series("loop lag", "loop_lag_max_ms")], ...ends }), ["late p99", "loop lag"]),
      figure("Processor", timeSeries({ title: "Processor time in percent", unit: " %", series: [series("processor", "cpu_share", 100)], ...ends })),
      figure("Memory", timeSeries({ title: "Memory in MiB", unit: " MiB", series: [series("memory", "memory_bytes", 1 / 2 ** 20)], ...ends }))));
  }
  return shown;
}

function conduct(run) {
  const judged = run.conduct;
  const shown = [el("h2", null, "Did the client behave?"), el("p", null, word(judged.conduct, judged.conduct === "sound"), ` in ${judged.requests} requests`)];
  for (const finding of judged.findings) {
    const start = finding.story[0]?.time ?? 0;
    shown.push(
      el("p", null, el("b", null, finding.rule), ` (${finding.severity}): ${finding.message}`),
      el("div", { class: "story" }, finding.story.map((line) => `${(line.time - start).toFixed(3).padStart(9)} s  ${line.request}  ${line.text}`).join("\n")),
    );
  }
  return shown;
}

function requests(run) {
  const counts = (object) => Object.entries(object).map(([name, count]) => [name, count]);
  const shown = [el("h2", null, "Requests"), el("div", { class: "pair" },
    table(["alias", "requests"], counts(run.counts.aliases), [1]),
    table(["status", "requests"], counts(run.counts.statuses), [1]),
    table(["outcome", "requests"], counts(run.counts.outcomes), [1]),
    table(["fault", "struck"], counts(run.counts.faults), [1]))];
  if (run.slowest.length) {
    shown.push(el("h2", null, "The slowest requests"),
      table(["request", "", "status", "outcome", "events", "first event", "whole"], run.slowest.map((each) => [
        el("code", null, each.id), `${each.method} ${each.path}`, each.status, [each.outcome ?? "under way", ...each.faults].join(", "),
        each.events_sent, seconds(each.first_event), seconds(each.ended)]), [2, 4, 5, 6]));
    const streams = run.slowest.filter((each) => each.planned.length);
    if (streams.length) {
      shown.push(figure("Planned (above) and actual (below) instants of their events", lanes({
        title: "Planned and actual instants of the slowest streams",
        lanes: streams.map((each) => ({ label: each.id, planned: each.planned, actual: each.actual, ended: each.ended, outcome: each.outcome })),
      })));
    }
  }
  return shown;
}

function settings(run) {
  const rules = run.rules.map((rule) => [rule.name, rule.fitted, rule.applied]);
  return [
    el("h2", null, "Where and how"),
    facts(run.provenance),
    el("details", null, el("summary", null, "Configuration"), facts(run.config)),
    rules.length ? el("details", null, el("summary", null, `Rules (${run.rules_in_all})`), table(["rule", "fitted", "applied"], rules, [1, 2])) : null,
    run.marks.length ? el("details", null, el("summary", null, "Marks"), table(["when", "mark"], run.marks.map((mark) => [date(mark.time), mark.name]))) : null,
  ];
}

function whole(run) {
  return [tiles(run), ...verdict(run), ...plots(run), ...conduct(run), ...requests(run), ...settings(run)].filter(Boolean);
}

function draw() {
  const main = el("main", null, el("h1", null, title), el("p", { class: "quiet" }, `made ${date(runs[0]?.made ?? 0)}`));
  if (runs.length === 1) {
    if (runs[0].label) main.append(el("p", null, runs[0].label));
    main.append(...whole(runs[0]));
  } else {
    main.append(table(["run", "fixture", "client", "requests", "events", "late p99"], runs.map((run, number) => [
      el("a", { href: `#run-${number}` }, run.label), word(run.verdict.verdict, run.verdict.verdict === "innocent"),
      word(run.conduct.conduct, run.conduct.conduct === "sound"), run.counts.requests, run.timing.events, milliseconds(run.timing.late_ms.p99)]), [3, 4, 5]));
    runs.forEach((run, number) => {
      const part = el("details", { class: "run", id: `run-${number}` }, el("summary", null, `${run.label} · ${clock(run.made)}`));
      part.addEventListener("toggle", () => { if (part.open && part.children.length === 1) part.append(...whole(run)); });
      main.append(part);
    });
    const open = () => { const part = document.getElementById(location.hash.slice(1)); if (part) part.open = true; };
    addEventListener("hashchange", open);
    open();
  }
  document.body.replaceChildren(main);
}

draw();
