/* The journal, live: a long list of which only what is seen is drawn, and one request whole beside it. */

import { fill, h, inFrame, say, seconds } from "./dom.js";
import { JOURNAL_OFF } from "./filter.js";
import "./request.js";
import { short } from "./plot.js";

const HEIGHT = 26;
const MOST = 5000;
const COLUMNS = ["time", "upstream", "request", "model", "status", "outcome", "events", "took"];

class Requests extends HTMLElement {
  #rows = new Map();
  #ordered = [];
  #filter = {};
  #skipped = 0;
  #chosen = null;
  #stale = false;

  connectedCallback() {
    if (this.scroller) return;
    this.draw = inFrame(() => this.#draw());
    this.bar = h("oagw-filter", {});
    this.bar.onfilter = (query, text) => this.#filtered(query, text);
    this.count = h("output", { class: "quiet", "aria-live": "polite" });
    this.body = h("div", { class: "rows", role: "rowgroup" });
    this.scroller = h("div", { class: "scroller", tabindex: "0", role: "table", "aria-label": "Requests, the newest first", onscroll: () => this.draw() },
      h("div", { class: "row head", role: "row" }, COLUMNS.map((name) => h("span", { role: "columnheader", class: `c-${name}` }, name))),
      this.body);
    this.detail = h("oagw-request", { hidden: true });
    this.detail.onclose = () => this.#close();
    this.empty = h("p", { class: "empty" }, "No matching requests.");
    fill(this, h("div", { class: "bar wrap" }, this.bar, this.count),
      h("div", { class: "split" }, h("div", { class: "card list" }, this.scroller, this.empty), this.detail));
    this.detail.store = this.store;
    this.detail.app = this.app;
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("[data-n]");
      if (row) this.#choose(Number(row.dataset.n));
    });
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.scroller);
  }

  disconnectedCallback() {
    this.resized?.disconnect();
  }

  query() {
    return { show: "requests", ...this.#filter };
  }

  asked(parameters) {
    const text = parameters.get("filter") ?? "";
    const id = parameters.get("id");
    this.bar.set(text);
    if (id) {
      this.#chosen = null;
      this.detail.hidden = false;
      this.detail.show(id);
    }
  }

  #filtered(query, text) {
    this.#filter = query;
    history.replaceState(null, "", text ? `#requests?filter=${encodeURIComponent(text)}` : "#requests");
    this.anew();
    this.app.watch();
  }

  anew() {
    this.#rows.clear();
    this.#skipped = 0;
    this.#stale = true;
    this.draw();
  }

  take(update) {
    if (update.reset || update.hello) this.anew();
    this.#skipped += update.skipped ?? 0;
    for (const row of update.rows ?? []) {
      this.#rows.set(row.n, row);
      if (row.n === this.#chosen || row.id === this.detail.id) this.detail.changed();
      this.#stale = true;
    }
    // A page in the background is not drawn.
    if (this.#rows.size > 2 * MOST) this.#order();
    if (this.#stale) this.draw();
  }

  #order() {
    if (!this.#stale) return;
    this.#ordered = [...this.#rows.values()].sort((a, b) => begun(b) - begun(a) || b.n - a.n);
    for (const row of this.#ordered.splice(MOST)) this.#rows.delete(row.n);
    this.#stale = false;
  }

  #draw() {
    const before = this.#ordered[0]?.n;
    const { scroller } = this;
    this.#order();
    // What somebody reads stays where it is when others come above it.
    if (before !== undefined && scroller.scrollTop > HEIGHT) {
      const place = this.#ordered.findIndex((row) => row.n === before);
      if (place > 0) scroller.scrollTop += place * HEIGHT;
    }
    const total = this.#ordered.length;
    this.empty.hidden = total > 0;
    if (this.store.hello?.["journal-size"] === 0) say(this.empty, JOURNAL_OFF);
    this.body.style.height = `${total * HEIGHT}px`;
    const first = Math.max(0, Math.floor(scroller.scrollTop / HEIGHT) - 6);
    const last = Math.min(total, first + Math.ceil(scroller.clientHeight / HEIGHT) + 12);
    scroller.setAttribute("aria-rowcount", total + 1);
    fill(this.body, this.#ordered.slice(first, last).map((row, number) => this.#row(row, first + number)));
    const kept = total >= MOST ? `the latest ${MOST.toLocaleString("en")}` : total.toLocaleString("en");
    say(this.count, `${kept}${this.#skipped ? `, ${short(this.#skipped)} arrived too fast to list` : ""}`);
  }

  #row(row, place) {
    const bad = row.outcome && row.outcome !== "complete";
    const path = row.path.replace(/^\/api\/oagw\/v1\/proxy\/[^/]+/, "") || row.path;
    const cells = [
      ["time", clockText(row.time)],
      ["upstream", row.alias ?? "–"],
      ["request", `${row.method} ${path}`],
      ["model", row.model],
      ["status", row.status ?? "…"],
      ["outcome", [row.rule ? h("i", { class: "tag", title: `rule ${row.rule}` }, row.rule) : null, row.outcome ?? "running",
        row.faults.length && !row.outcome?.startsWith("fault:") ? h("i", { class: "tag warn" }, row.faults.join(", ")) : null]],
      ["events", row.stream ? row.events.toLocaleString("en") : ""],
      ["took", row.ended === null ? "" : seconds(row.ended)],
    ];
    const element = h("div", {
      class: "row", role: "row", "aria-rowindex": place + 2, "aria-selected": String(row.n === this.#chosen),
      data: { n: row.n, kind: row.ended === null ? "running" : bad ? "bad" : row.status >= 400 ? "warn" : "good" },
    }, cells.map(([name, text]) => h("span", { role: "cell", class: `c-${name}`, title: typeof text === "string" && text.length > 12 ? text : null }, text)));
    element.style.top = `${place * HEIGHT}px`;
    return element;
  }

  #choose(number) {
    const row = this.#rows.get(number);
    if (!row) return;
    this.#chosen = number;
    this.detail.hidden = false;
    this.detail.show(row.id);
    this.draw();
  }

  #close() {
    this.#chosen = null;
    this.detail.hidden = true;
    this.detail.forget();
    this.scroller.focus();
    this.draw();
  }

  key(event) {
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && !this.detail.hidden) this.#close();
    else if (step !== undefined && !event.target.closest("oagw-request")) {
      const place = this.#ordered.findIndex((row) => row.n === this.#chosen);
      const next = this.#ordered[Math.max(0, Math.min(this.#ordered.length - 1, place + step))];
      if (!next) return true;
      this.#chosen = next.n;
      const at = this.#ordered.indexOf(next) * HEIGHT;
      const { scroller } = this;
      if (at < scroller.scrollTop) scroller.scrollTop = at;
      else if (at + 2 * HEIGHT > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = at + 2 * HEIGHT - scroller.clientHeight;
      if (this.detail.hidden) this.draw();
      else this.#choose(next.n);
    } else if (event.key === "Enter" && this.#chosen !== null && !event.target.closest("a, button")) this.#choose(this.#chosen);
    else return false;
    return true;
  }
}

/* Numbers of several processes say nothing of the order. A request without a time is arriving yet. */
function begun(row) {
  return row.time || Infinity;
}

function clockText(time) {
  const date = new Date(time * 1000);
  return `${date.toLocaleTimeString([], { hour12: false })}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

customElements.define("oagw-requests", Requests);
