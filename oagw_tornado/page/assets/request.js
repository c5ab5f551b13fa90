/* One request whole: what arrived, what held, which rules came near, and each event. */

import { call } from "./api.js";
import { button, copyButton, fill, h, seconds, settled } from "./dom.js";
import { lanes, legend } from "./plot.js";
import { asCurl, asRule, asTest, missing } from "./snippets.js";

const MOST_EVENTS = 200;

class RequestDetail extends HTMLElement {
  #entry = null;
  #raw = false;
  #all = false;
  onclose = () => {};
  id = null;

  connectedCallback() {
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "One request");
    this.classList.add("card");
    this.changed = settled(() => this.id && this.#load(), 150);
  }

  changed() {}

  show(id) {
    if (id !== this.id) {
      this.#raw = this.#all = false;
      this.scrollTop = 0;
    }
    this.id = id;
    this.#load();
  }

  forget() {
    this.id = this.#entry = null;
  }

  async #load() {
    const { id } = this;
    try {
      const entry = await call("GET", `/_sim/requests/${encodeURIComponent(id)}`);
      if (id !== this.id) return;
      this.#entry = entry;
      this.#draw();
    } catch (error) {
      if (id !== this.id) return;
      fill(this, this.#head(id), h("p", { class: "error" }, error.message));
    }
  }

  #head(title, ...more) {
    return h("div", { class: "bar" }, h("h2", { title }, title), ...more,
      button("×", () => this.onclose(), { kind: "quiet close", "aria-label": "Close", hint: "Escape" }));
  }

  #draw() {
    const entry = this.#entry;
    const { hello } = this.store;
    const left = missing(entry);
    fill(this,
      this.#head(`${entry.method} ${entry.target}`),
      h("div", { class: "group copies" },
        copyButton("Copy as curl", () => asCurl(entry, hello), left || null),
        copyButton("as pytest", () => asTest(entry), left || null),
        copyButton("as rule", () => JSON.stringify(asRule(entry), null, 2)),
        button("Make a rule…", () => {
          sessionStorage.setItem("oagw-draft", JSON.stringify(asRule(entry), null, 2));
          location.hash = "controls?rule=draft";
        })),
      h("dl", { class: "facts" }, facts(entry)),
      this.#events(entry),
      nearest(entry),
      this.#body(entry),
      section("Headers", Object.keys(entry.headers).length
        ? h("table", { class: "pairs" }, h("tbody", {}, Object.entries(entry.headers).map(([name, value]) =>
          h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)))))
        : h("p", { class: "quiet" }, "None.")),
      entry.knobs ? section("Knobs in effect", h("table", { class: "pairs" }, h("tbody", {}, Object.entries(entry.knobs)
        .filter(([, value]) => value !== null && value !== "" && value !== "none" && value !== false)
        .map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, String(value))))))) : null);
  }

  #events(entry) {
    const { planned, actual } = entry.events;
    if (!planned.length) return null;
    const shown = this.#all ? planned.length : Math.min(planned.length, MOST_EVENTS);
    const late = actual.map((at, number) => at - planned[number]);
    const worst = Math.max(...late);
    return section(`Events (${entry.events_sent.toLocaleString("en")})`,
      legend(["planned", "actual"], ["planned", "series-1"]),
      lanes({
        title: "Planned and actual times of this stream", width: 560, left: 8,
        lanes: [{ label: "", planned, actual, ended: entry.ended, outcome: entry.outcome }],
      }),
      h("p", { class: "quiet" }, `at most ${seconds(Math.max(0, worst))} late`,
        entry.events_blocked ? `; ${entry.events_blocked} blocked by the client` : "",
        entry.events_sent > planned.length ? `; times of the first ${planned.length} are kept` : ""),
      h("details", {}, h("summary", {}, "Each event"),
        h("table", { class: "numbers" },
          h("thead", {}, h("tr", {}, ["event", "planned", "actual", "late"].map((name) => h("th", { scope: "col", class: "number" }, name)))),
          h("tbody", {}, planned.slice(0, shown).map((at, number) => h("tr", {},
            h("td", { class: "number" }, number + 1),
            h("td", { class: "number" }, milliseconds(at)),
            h("td", { class: "number" }, milliseconds(actual[number])),
            h("td", { class: late[number] > 0.005 ? "number warn" : "number" }, milliseconds(late[number])))))),
        shown < planned.length ? button(`All ${planned.length}`, () => { this.#all = true; this.#draw(); this.querySelector("details").open = true; }) : null));
  }

  #body(entry) {
    if (!entry.body.size) return null;
    let text = entry.body.head;
    let pretty = null;
    try {
      pretty = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // No JSON, or only the beginning of it: as it came.
    }
    if (pretty !== null && !this.#raw) text = pretty;
    return section(`Body (${entry.body.size.toLocaleString("en")} bytes)`,
      h("div", { class: "group" },
        pretty === null ? null : button(this.#raw ? "formatted" : "as received", () => { this.#raw = !this.#raw; this.#draw(); }),
        copyButton("copy", () => text)),
      h("pre", { tabindex: "0" }, text.length > 65536 ? `${text.slice(0, 65536)}…` : text));
  }
}

const milliseconds = (value) => `${(value * 1000).toFixed(2)} ms`;

function section(title, ...children) {
  return h("section", {}, h("h3", {}, title), ...children);
}

function facts(entry) {
  const rows = [
    ["status", `${entry.status ?? "none yet"}${entry.source ? ` by the ${entry.source}` : ""}`],
    ["outcome", entry.outcome ?? "running"],
    ["time", `${new Date(entry.time * 1000).toLocaleString("sv")}, from ${entry.client}`],
    ["upstream", entry.alias ?? "none"],
    ["rule", entry.rule ?? "none applied"],
    ["first event", entry.first_event === null ? null : seconds(entry.first_event)],
    ["ended after", entry.ended === null ? null : seconds(entry.ended)],
    ["queued for", entry.queued ? seconds(entry.queued) : null],
    ["faults", entry.faults.join(", ") || null],
    ["sent", `${entry.events_sent.toLocaleString("en")} events, ${entry.bytes_sent.toLocaleString("en")} bytes`],
    ["id", entry.id],
  ];
  return rows.filter(([, value]) => value !== null).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
}

function nearest(entry) {
  if (!entry.nearest.length) return null;
  return section("Nearest rules that did not apply",
    h("table", {}, h("thead", {}, h("tr", {}, ["rule", "failed on", "wanted", "saw"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, entry.nearest.map((miss) => h("tr", {},
        h("th", { scope: "row" }, miss.rule), h("td", {}, miss.predicate), h("td", {}, miss.wanted), h("td", {}, miss.saw ?? "(absent)"))))));
}

customElements.define("oagw-request", RequestDetail);
