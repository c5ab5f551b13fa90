/* Streams as lanes: planned instants above the line, actual ones below, as they leave. */

import { button, fill, h, inFrame, say, seconds } from "./dom.js";
import { JOURNAL_OFF } from "./filter.js";
import { laneColours, paintLane, short, ticks } from "./plot.js";

const NARROWEST = 0.05;
const WIDEST = 3600;
const MOST_LANES = 60;

class Streams extends HTMLElement {
  #lanes = new Map();
  #filter = {};
  #byClock = true;
  #span = 10;
  // The right end of the axis; null: it goes along with the clock, or fits all.
  #end = null;
  #open = 0;

  connectedCallback() {
    if (this.list) return;
    this.draw = inFrame(() => this.#draw());
    this.bar = h("oagw-filter", {});
    this.bar.onfilter = (query, text) => this.#filtered(query, text);
    this.list = h("div", { class: "lanes", role: "list", "aria-label": "Streams, the newest first" });
    this.axis = h("div", { class: "lane-axis", "aria-hidden": "true" });
    this.clockButton = h("button", { type: "button", onclick: () => this.#align(true) }, "by the clock");
    this.startButton = h("button", { type: "button", onclick: () => this.#align(false) }, "from the start");
    this.followButton = button("now", () => { this.#end = null; this.draw(); }, { hint: "Follow the clock (0)" });
    this.span = h("output", { class: "quiet" });
    this.count = h("output", { class: "quiet", "aria-live": "polite" });
    this.empty = h("p", { class: "empty" }, "No streams yet. Request one: a chat completion with ", h("code", {}, '"stream": true'), ", or ", h("code", {}, "stream-test/events"), ".");
    fill(this,
      h("div", { class: "bar wrap" }, this.bar,
        h("div", { class: "group" }, this.clockButton, this.startButton),
        h("div", { class: "group" }, button("−", () => this.#zoom(2), { "aria-label": "Zoom out", hint: "-" }),
          button("+", () => this.#zoom(0.5), { "aria-label": "Zoom in", hint: "+" }), this.followButton), this.span),
      h("p", { class: "quiet key-line" },
        h("i", { class: "mark planned" }), "planned ", h("i", { class: "mark actual" }), "actual ",
        h("i", { class: "mark late" }), "more than 5 ms late ",
        h("i", { class: "mark good" }), "complete ", h("i", { class: "mark bad" }), "ended otherwise ", this.count),
      h("div", { class: "lane-box card" }, this.list, this.axis), this.empty);
    this.list.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.list.addEventListener("pointerdown", (event) => this.#drag(event));
    this.#align(true);
    this.recolour();
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this);
    this.ticking = setInterval(() => { if (!this.app.paused && this.#lanes.size) this.draw(); }, 100);
  }

  disconnectedCallback() {
    clearInterval(this.ticking);
    this.resized?.disconnect();
    this.list = null;
  }

  query() {
    return { show: "streams", ...this.#filter };
  }

  asked(parameters) {
    this.bar.set(parameters.get("filter") ?? "");
  }

  #filtered(query, text) {
    this.#filter = query;
    history.replaceState(null, "", text ? `#streams?filter=${encodeURIComponent(text)}` : "#streams");
    this.anew();
    this.app.watch();
  }

  anew() {
    this.#lanes.clear();
    fill(this.list);
    this.draw();
  }

  recolour() {
    this.colours = laneColours();
    this.draw?.();
  }

  take(update) {
    if (update.reset || update.hello) this.anew();
    for (const number of update.gone ?? []) this.#drop(number);
    for (const change of (update.lanes ?? []).toReversed()) this.#change(change);
    while (this.#lanes.size > MOST_LANES) this.#drop(this.#lanes.keys().next().value);
    this.#open = this.store.now?.streams ?? 0;
    this.draw();
  }

  #drop(number) {
    this.#lanes.get(number)?.element.remove();
    this.#lanes.delete(number);
  }

  #change(change) {
    let lane = this.#lanes.get(change.n);
    if (!lane) {
      if (!change.row) return;
      lane = { row: change.row, planned: [], actual: [], ended: null, outcome: null, events: 0, faults: [], dirty: true };
      this.#add(change.n, lane);
    }
    if (change.from === lane.planned.length) {
      lane.planned.push(...change.planned);
      lane.actual.push(...change.actual);
    }
    Object.assign(lane, { events: change.events, blocked: change.blocked, ended: change.ended ?? null, outcome: change.outcome ?? null, faults: change.faults ?? [], dirty: true });
  }

  #add(number, lane) {
    const { row } = lane;
    const path = row.path.replace(/^\/api\/oagw\/v1\/proxy\/[^/]+/, "");
    lane.canvas = h("canvas", { "aria-hidden": "true" });
    lane.how = h("span", { class: "how" });
    lane.element = h("div", { class: "lane", role: "listitem", data: { n: number, id: row.id } },
      h("a", { class: "who", href: `#requests?id=${encodeURIComponent(row.id)}`, title: `${row.method} ${row.path}\n${row.id}` },
        h("b", {}, row.alias ?? "–"), h("span", {}, row.model || path)),
      lane.canvas, lane.how);
    this.#lanes.set(number, lane);
    this.list.prepend(lane.element);
  }

  #align(byClock) {
    this.#byClock = byClock;
    this.#end = null;
    this.clockButton.setAttribute("aria-pressed", String(byClock));
    this.startButton.setAttribute("aria-pressed", String(!byClock));
    this.draw();
  }

  /** The axis: {from, to} in Unix time, or in seconds from each stream's start. */
  get #view() {
    if (this.#byClock) {
      const to = this.#end ?? this.store.clock;
      return { from: to - this.#span, to };
    }
    const to = this.#end ?? this.#span;
    return { from: to - this.#span, to };
  }

  #zoom(factor, share = this.#byClock && this.#end === null ? 1 : 0.5) {
    const { from, to } = this.#view;
    const at = from + (to - from) * share;
    this.#span = Math.min(WIDEST, Math.max(NARROWEST, this.#span * factor));
    if (this.#end !== null || share !== 1) {
      this.#end = at + this.#span * (1 - share);
      if (!this.#byClock && this.#end < this.#span) this.#end = null;
    }
    this.#lanes.forEach((lane) => { lane.dirty = true; });
    this.draw();
  }

  #share(event) {
    const area = this.list.querySelector("canvas")?.getBoundingClientRect();
    return area ? Math.min(1, Math.max(0, (event.clientX - area.left) / area.width)) : 0.5;
  }

  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
    event.preventDefault();
    this.#zoom((event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8, this.#share(event));
  }

  #drag(event) {
    if (event.target.localName !== "canvas") return;
    const width = event.target.clientWidth;
    const { to } = this.#view;
    const begin = event.clientX;
    const move = (moved) => {
      if (Math.abs(moved.clientX - begin) < 3 && this.#end === null) return;
      this.#end = to - ((moved.clientX - begin) / width) * this.#span;
      this.#lanes.forEach((lane) => { lane.dirty = true; });
      this.draw();
    };
    const stop = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", stop);
      removeEventListener("pointercancel", stop);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
    addEventListener("pointercancel", stop);
  }

  key(event) {
    if (event.key === "+" || event.key === "=") this.#zoom(0.5);
    else if (event.key === "-") this.#zoom(2);
    else if (event.key === "0") {
      this.#span = 10;
      this.#end = null;
      this.draw();
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const { to } = this.#view;
      this.#end = to + (event.key === "ArrowLeft" ? -1 : 1) * this.#span * 0.2;
      this.draw();
    } else return false;
    return true;
  }

  #draw() {
    if (!this.list) return;
    const view = this.#view;
    const { clock } = this.store;
    this.empty.hidden = this.#lanes.size > 0;
    if (this.store.hello?.["journal-size"] === 0) say(this.empty, JOURNAL_OFF);
    this.axis.parentElement.hidden = this.#lanes.size === 0;
    const moving = this.#byClock && this.#end === null;
    const top = -this.getBoundingClientRect().top;
    for (const lane of this.#lanes.values()) {
      const { offsetTop, offsetHeight } = lane.element;
      if (offsetTop + offsetHeight < top - 100 || offsetTop > top + innerHeight + 100) continue;
      const zero = this.#byClock ? lane.row.time : 0;
      const own = { from: view.from - zero, to: view.to - zero, now: clock - lane.row.time };
      if (moving || lane.dirty || lane.ended === null) paintLane(lane.canvas, lane, own, this.colours);
      if (lane.dirty) this.#sayHow(lane);
      lane.dirty = false;
    }
    this.#drawAxis(view);
    say(this.span, `${seconds(this.#span)} wide`);
    this.followButton.setAttribute("aria-pressed", String(this.#end === null));
    const running = [...this.#lanes.values()].filter((lane) => lane.ended === null).length;
    // Others wait for a lane only as long as all lanes are taken by streams that are open.
    const hidden = running < MOST_LANES ? 0 : Math.max(0, this.#open - running);
    say(this.count, `${running} open, ${this.#lanes.size - running} over${hidden && !Object.keys(this.#filter).length ? `, ${short(hidden)} more open, not drawn` : ""}`);
  }

  #sayHow(lane) {
    const over = lane.ended !== null;
    const late = lane.actual.length ? Math.max(...lane.actual.map((at, number) => at - lane.planned[number])) : null;
    const words = over ? (lane.outcome ?? "") : lane.row.gate ? `at gate ${lane.row.gate}` : "open";
    lane.how.dataset.how = over ? (lane.outcome === "complete" ? "good" : "bad") : "open";
    fill(lane.how, h("b", {}, words),
      h("span", {}, `${lane.events.toLocaleString("en")} events${over ? `, ${seconds(lane.ended)}` : ""}`));
    const more = [late === null ? "" : `at most ${seconds(Math.max(0, late))} late`,
      lane.blocked ? `${lane.blocked} blocked by the client` : "",
      lane.faults.length ? `faults: ${lane.faults.join(", ")}` : "",
      lane.events > lane.planned.length ? `the first ${lane.planned.length} drawn` : ""].filter(Boolean);
    lane.how.title = more.join("\n");
    lane.canvas.setAttribute("title", more.join("\n"));
  }

  #drawAxis(view) {
    const canvas = this.list.querySelector("canvas");
    if (!canvas) return;
    const left = canvas.offsetLeft;
    const width = canvas.clientWidth;
    const round = ticks(view.from, view.to, Math.max(2, Math.floor(width / 110)));
    fill(this.axis, round.map((at) => {
      const text = this.#byClock ? clockText(at, this.#span) : `${short(at)} s`;
      const mark = h("span", {}, text);
      mark.style.left = `${left + ((at - view.from) / (view.to - view.from)) * width}px`;
      return mark;
    }));
  }
}

function clockText(at, span) {
  const date = new Date(at * 1000);
  const text = date.toLocaleTimeString([], { hour12: false });
  return span < 8 ? `${text}.${String(date.getMilliseconds()).padStart(3, "0").slice(0, span < 1 ? 3 : 1)}` : text;
}

customElements.define("oagw-streams", Streams);
