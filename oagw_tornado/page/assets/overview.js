/* How it stands: figures of the last minutes, what runs, what was counted, and how to point a client here. */

import "./conduct.js";
import { copyButton, fill, h, inFrame, say } from "./dom.js";
import { legend, short, timeSeries } from "./plot.js";
import { clients, gatewayOf, proxyOf } from "./snippets.js";

const SPANS = [["1 min", 60], ["3 min", 180], ["10 min", 600]];
const PLOTS = [
  { key: "requests", title: "Requests per second", unit: "", series: [["requests", (each) => rate(each, each.requests)]], area: true },
  { key: "events", title: "Events per second", unit: "", series: [["events", (each) => rate(each, each.events)]], area: true },
  { key: "first", title: "First event", unit: "ms", series: quantiles("first"), log: true },
  { key: "late", title: "Lateness of events", unit: "ms", series: quantiles("late"), log: true },
];
const BUDGET = 2;

function quantiles(key) {
  return ["p50", "p99", "max"].map((name, number) => [name, (each) => each[key]?.[number] ?? null]);
}

function rate(sample, count) {
  return count === null ? null : count / Math.max(sample.length, 1e-3);
}

class Overview extends HTMLElement {
  #span = 60;
  #client = "curl";
  #drawn = 0;

  connectedCallback() {
    if (this.tiles) return;
    this.draw = inFrame(() => this.#draw());
    this.tiles = Object.fromEntries(
      [["requests", "requests/s"], ["events", "events/s"], ["running", "in flight"], ["streams", "streams open"],
        ["first", "first event p99"], ["late", "late p99"]].map(([key, label]) =>
        [key, { value: h("b", {}, "–"), more: h("small", {}, ""), label }]));
    this.spans = SPANS.map(([label, span]) =>
      h("button", { type: "button", "aria-pressed": String(span === this.#span), onclick: () => this.#choose(span), data: { span } }, label));
    this.plots = PLOTS.map((plot) => ({ ...plot, place: h("div", { class: "place" }) }));
    this.verdict = h("section", { class: "card verdict-card", "aria-label": "Verdict" });
    this.running = h("div", {});
    this.counted = h("div", {});
    this.snippet = h("pre", { tabindex: "0" });
    this.urls = h("dl", { class: "urls" });
    this.clients = Object.keys(clients(null)).map((name) =>
      h("button", { type: "button", "aria-pressed": String(name === this.#client), onclick: () => this.#pick(name), data: { client: name } }, name));
    fill(this,
      h("section", { class: "tiles", "aria-label": "Now" }, Object.values(this.tiles).map(({ value, more, label }) =>
        h("div", { class: "tile" }, h("span", {}, label), value, more))),
      h("section", { "aria-label": "The last minutes" },
        h("div", { class: "bar" }, h("h2", {}, "The last minutes"), h("div", { class: "group" }, this.spans)),
        h("div", { class: "plots" }, this.plots.map(({ title, place, series }) =>
          h("figure", { class: "card" },
            h("figcaption", {}, h("span", {}, title), series.length > 1 ? legend(series.map(([name]) => name)) : null), place)))),
      h("div", { class: "columns" },
        this.verdict,
        h("section", { class: "card" }, h("h2", {}, "By upstream"), this.running),
        h("section", { class: "card" }, h("h2", {}, "Since the last reset"), this.counted)),
      h("oagw-conduct", {}),
      h("section", { class: "card" },
        h("div", { class: "bar" }, h("h2", {}, "Point a client here"),
          h("div", { class: "group" }, this.clients),
          copyButton("Copy", () => this.#snippetText())),
        this.urls, this.snippet));
  }

  query() {
    return {};
  }

  take() {
    this.draw();
  }

  #snippetText() {
    return clients(this.store.hello)[this.#client];
  }

  #choose(span) {
    this.#span = span;
    for (const each of this.spans) each.setAttribute("aria-pressed", String(Number(each.dataset.span) === span));
    this.draw();
  }

  #pick(name) {
    this.#client = name;
    for (const each of this.clients) each.setAttribute("aria-pressed", String(each.dataset.client === name));
    this.draw();
  }

  #draw() {
    const begun = performance.now();
    const all = this.store.ordered();
    const last = all.at(-1);
    const { now, hello } = this.store;
    if (last) this.#drawTiles(last, now);
    if (begun - this.#drawn > 900) {
      this.#drawPlots(all);
      this.#drawn = begun;
    }
    if (now) this.#drawTables(now);
    this.#drawVerdict();
    if (hello) {
      say(this.snippet, this.#snippetText());
      if (!this.urls.childElementCount) this.#drawUrls(hello);
    }
  }

  #drawTiles(last, now) {
    const { tiles } = this;
    const set = (key, text, more = "") => {
      say(tiles[key].value, text);
      say(tiles[key].more, more);
    };
    set("requests", short(rate(last, last.requests)));
    set("events", short(rate(last, last.events)));
    set("running", short(now?.running ?? null), sum(now?.waiting) ? `${sum(now.waiting)} waiting` : "");
    set("streams", short(now?.streams ?? null));
    const triple = (values) => (values?.[0] === null || !values ? "" : `p50 ${short(values[0])} · max ${short(values[2])}`);
    set("first", last.first?.[1] === null || !last.first ? "–" : `${short(last.first[1])} ms`, triple(last.first));
    set("late", last.late[1] === null ? "–" : `${short(last.late[1])} ms`, triple(last.late));
    tiles.late.value.classList.toggle("bad", last.late[1] > BUDGET);
  }

  #drawPlots(all) {
    const to = this.store.clock;
    const from = to - this.#span;
    const kept = all.filter((each) => each.t >= from);
    for (const { place, title, unit, series, area, log } of this.plots) {
      if (place.contains(document.activeElement) || place.matches(":hover")) continue;
      const width = Math.max(240, place.clientWidth || 480);
      fill(place, timeSeries({
        title: `${title} over the last ${this.#span} seconds`, unit, from, to, width, height: 130, log,
        series: series.map(([name, value]) => ({ name, area, points: kept.map((each) => [each.t, value(each)]) })),
      }));
    }
  }

  #drawTables(now) {
    const aliases = [...new Set([...Object.keys(now.answered), ...Object.keys(now.in_flight), ...Object.keys(now.waiting)])].sort();
    table(this.running, ["upstream", "in flight", "waiting", "answered", "clients left"], aliases.map((alias) =>
      [alias || "(none)", now.in_flight[alias] ?? 0, now.waiting[alias] ?? 0, now.answered[alias] ?? 0, now.left[alias] ?? 0]),
    "No requests yet.");
    const counts = [
      ...Object.entries(now.statuses).sort().map(([status, count]) => [status === "0" ? "no reply" : `status ${status}`, count]),
      ...Object.entries(now.faults).sort().map(([type, count]) => [`fault ${type}`, count]),
    ];
    if (sum(now.left)) counts.push(["clients left", sum(now.left)]);
    if (now.blocked) counts.push(["events blocked by the client", now.blocked]);
    table(this.counted, ["what", "count"], counts, "Nothing yet.");
  }

  #drawVerdict() {
    const { verdict } = this.store;
    if (!verdict) return;
    const { late_ms: late, loop_lag_ms: lag } = verdict;
    fill(this.verdict,
      h("h2", {}, "Verdict"),
      h("p", { class: "word", data: { verdict: verdict.verdict } }, verdict.verdict),
      verdict.reasons.length
        ? h("ul", {}, verdict.reasons.map((reason) => h("li", {}, reason)))
        : h("p", { class: "quiet" }, "The server was on time: any delay you measured comes from what you test."),
      h("dl", { class: "figures" },
        pair("judged", `${Math.round(verdict.seconds)} s, ${short(verdict.events)} events`),
        pair("lateness", late.p99 === null ? "–" : `p50 ${short(late.p50)} · p99 ${short(late.p99)} · max ${short(late.max)} ms`),
        pair("loop lag", lag.p99 === null ? "–" : `p99 ${short(lag.p99)} · max ${short(lag.max)} ms`),
        pair("processor", `${Math.round(verdict.cpu_share * 100)} %, memory ${Math.round(verdict.memory_bytes / 2 ** 20)} MiB`)));
  }

  #drawUrls(hello) {
    const proxy = proxyOf(hello);
    const rows = [["gateway", gatewayOf(hello)], ["OpenAI", `${proxy}/openai/v1`], ["Anthropic", `${proxy}/anthropic`],
      ["any upstream", `${proxy}/ALIAS/PATH`]];
    fill(this.urls,
      rows.map(([name, url]) => [h("dt", {}, name), h("dd", {}, h("code", {}, url), copyButton("copy", () => url))]),
      h("dt", {}, "token"),
      h("dd", {}, hello.token
        ? [h("code", {}, hello.token), copyButton("copy", () => hello.token)]
        : "the one you started the server with"));
  }
}

function pair(name, text) {
  return [h("dt", {}, name), h("dd", {}, text)];
}

function sum(counts) {
  return Object.values(counts ?? {}).reduce((total, count) => total + count, 0);
}

function table(place, names, rows, nothing) {
  if (!rows.length) {
    fill(place, h("p", { class: "quiet" }, nothing));
    return;
  }
  fill(place, h("table", {},
    h("thead", {}, h("tr", {}, names.map((name, number) => h("th", { scope: "col", class: number ? "number" : null }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value, number) =>
      number ? h("td", { class: value === 0 ? "number zero" : "number" }, typeof value === "number" ? value.toLocaleString("en") : value)
        : h("th", { scope: "row" }, value)))))));
}

customElements.define("oagw-overview", Overview);
