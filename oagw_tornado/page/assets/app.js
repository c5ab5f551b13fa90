/* The page as a whole: its views, the feed that they share, keys, the token, the theme, and what was done as curl. */

import { events, token } from "./api.js";
import "./controls.js";
import { copyButton, button, fill, h, inFrame, say } from "./dom.js";
import { Feed } from "./live.js";
import "./overview.js";
import "./requests.js";
import "./streams.js";

const VIEWS = ["overview", "streams", "requests", "controls"];
const TITLES = { overview: "Overview", streams: "Streams", requests: "Requests", controls: "Controls" };
const KEYS = [
  ["1 2 3 4", "Overview, Streams, Requests, Controls"],
  ["/", "focus the filter"],
  ["j k ↓ ↑", "move through the requests; Enter opens one, Escape closes it"],
  ["+ − 0", "zoom in, out and reset, in Streams"],
  ["p", "pause the page; the server goes on"],
  ["t", "light, dark or system theme"],
  ["?", "show this list"],
];
const THEMES = ["system", "light", "dark"];
//: Updates that are kept while the page is paused; then it begins anew.
const MOST_PAUSED = 600;
//: Milliseconds for which a page may be hidden before it stops watching.
const HIDDEN = 60000;

/** What all views share: `samples` by time, the latest `now`, `verdict`, `hello`, and the server's clock. */
class Store {
  samples = new Map();
  now = null;
  verdict = null;
  hello = null;
  #offset = 0;

  take(update) {
    if (update.reset) this.samples.clear();
    for (const sample of update.samples ?? []) this.samples.set(sample.t, sample);
    if (this.samples.size > 1500) {
      for (const t of [...this.samples.keys()].sort((a, b) => a - b).slice(0, 300)) this.samples.delete(t);
    }
    for (const name of ["now", "verdict", "hello"]) if (name in update) this[name] = update[name];
    this.#offset = update.at - Date.now() / 1000;
  }

  /** The server's clock, Unix time. */
  get clock() {
    return Date.now() / 1000 + this.#offset;
  }

  ordered() {
    return [...this.samples.values()].sort((a, b) => a.t - b.t);
  }
}

class App extends HTMLElement {
  connectedCallback() {
    this.store = new Store();
    this.feed = new Feed((update) => this.take(update), (word, text) => this.stand(word, text));
    this.paused = null;
    this.done = [];
    this.drawHead = inFrame(() => this.#drawHead());
    this.#build();
    addEventListener("hashchange", () => this.#show());
    addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("visibilitychange", () => this.#seen());
    events.addEventListener("token", () => this.#askToken());
    events.addEventListener("act", (event) => this.#told(event.detail));
    this.#theme(localStorage.getItem("oagw-theme") ?? "system");
    this.#show();
  }

  #build() {
    this.state = h("output", { class: "state", "aria-live": "polite" });
    this.verdict = h("span", { class: "verdict" });
    this.members = h("span", { class: "quiet", hidden: true });
    this.pauseButton = button("Pause", () => this.#pause(), { kind: "quiet", hint: "p" });
    this.themeButton = button("", () => this.#theme(THEMES[(THEMES.indexOf(this.theme) + 1) % 3]), { kind: "quiet", hint: "t" });
    this.tabs = VIEWS.map((name, number) =>
      h("a", { href: `#${name}`, title: String(number + 1), data: { view: name } }, TITLES[name]));
    this.main = h("main", { id: "main", tabindex: "-1" });
    this.curl = h("code", {});
    this.bar = h("footer", { class: "done", hidden: true, "aria-label": "The last change as curl" },
      h("span", { class: "label" }, "as curl"), this.curl,
      copyButton("copy", () => this.done[0] ?? ""),
      button("×", () => { this.bar.hidden = true; }, { kind: "quiet", "aria-label": "Close" }));
    fill(this,
      h("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); this.main.focus(); } }, "Skip to content"),
      h("header", {},
        h("h1", {}, "oagw", h("span", {}, "-tornado")),
        h("nav", { "aria-label": "Views" }, this.tabs),
        h("div", { class: "right" }, this.members, this.verdict, this.state, this.pauseButton, this.themeButton,
          button("?", () => this.#help(), { kind: "quiet", "aria-label": "Keys", hint: "Keys" }))),
      this.main, this.bar);
  }

  get view() {
    return this.main.firstElementChild;
  }

  /** Show the view that the address names; what stands behind ``?`` there is its filter. */
  #show() {
    const [name, query] = location.hash.slice(1).split("?");
    const wanted = VIEWS.includes(name) ? name : "overview";
    for (const tab of this.tabs) {
      if (tab.dataset.view === wanted) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    document.title = `${TITLES[wanted]} · oagw-tornado`;
    if (this.view?.localName !== `oagw-${wanted}`) {
      const view = document.createElement(`oagw-${wanted}`);
      view.app = this;
      view.store = this.store;
      fill(this.main, view);
    }
    this.view.asked?.(new URLSearchParams(query ?? ""));
    this.watch();
  }

  /** Have the feed tell what the view wants to know. */
  watch() {
    if (this.paused) this.#pause();
    this.feed.open(this.view.query());
  }

  /* A page that nobody sees costs the server nothing. */
  #seen() {
    clearTimeout(this.leaving);
    if (document.hidden) {
      this.leaving = setTimeout(() => { this.feed.close(); this.isAway = true; }, HIDDEN);
    } else if (this.isAway) {
      this.isAway = false;
      this.watch();
    }
  }

  take(update) {
    if (this.paused) {
      this.paused.push(update);
      if (this.paused.length > MOST_PAUSED) this.paused.shift();
      return;
    }
    this.store.take(update);
    this.view.take(update);
    this.drawHead();
  }

  stand(word, text) {
    const words = {
      connecting: "connecting", live: "live", lost: text || "disconnected, retrying",
      refused: text || "refused", paused: "paused",
    };
    this.word = word;
    if (word === "connecting" && this.state.dataset.state === "live") return;
    this.state.dataset.state = word;
    say(this.state, words[word]);
  }

  #drawHead() {
    const { verdict, hello } = this.store;
    if (this.word === "live") this.stand("live", "");
    this.verdict.dataset.verdict = verdict?.verdict ?? "";
    say(this.verdict, verdict?.verdict ?? "");
    this.verdict.title = verdict?.reasons?.join("\n") || "The server itself was on time";
    if (!hello) return;
    this.querySelector("h1").title = `oagw-tornado ${hello.version}`;
    const members = this.store.now?.members ?? [];
    this.members.hidden = !hello["shares-state"] || !members.length;
    say(this.members, members.length === 1 ? "1 process" : `${members.length} processes`);
    this.members.title = `This page shows, and changes, all of them:\n${members.join("\n")}`;
  }

  #pause() {
    const updates = this.paused;
    this.paused = updates ? null : [];
    say(this.pauseButton, updates ? "Pause" : "Resume");
    this.pauseButton.setAttribute("aria-pressed", String(!updates));
    if (!updates) {
      this.stand("paused", "");
      return;
    }
    this.stand("live", "");
    if (updates.length >= MOST_PAUSED) {
      this.view.anew?.();
      this.watch();
    } else {
      for (const update of updates) this.take(update);
    }
  }

  #theme(name) {
    this.theme = THEMES.includes(name) ? name : "system";
    localStorage.setItem("oagw-theme", this.theme);
    if (this.theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
    say(this.themeButton, { system: "Auto", light: "Light", dark: "Dark" }[this.theme]);
    this.view?.recolour?.();
  }

  #told(curl) {
    this.done.unshift(curl);
    this.done.length = Math.min(this.done.length, 20);
    say(this.curl, curl);
    this.bar.hidden = false;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, dialog")) {
      if (event.key === "Escape" && !event.target.closest("dialog")) event.target.blur();
      return;
    }
    const number = "1234".indexOf(event.key);
    if (event.key.length === 1 && number >= 0) location.hash = VIEWS[number];
    else if (event.key === "p") this.#pause();
    else if (event.key === "t") this.#theme(THEMES[(THEMES.indexOf(this.theme) + 1) % 3]);
    else if (event.key === "?") this.#help();
    else if (event.key === "/") this.view.querySelector("input[type=search]")?.focus();
    else if (!this.view.key?.(event)) return;
    event.preventDefault();
  }

  #help() {
    const dialog = h("dialog", { "aria-label": "Keys", class: "narrow" },
      h("h2", {}, "Keys"),
      h("dl", { class: "keys" }, KEYS.map(([keys, what]) => [h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, what)])),
      h("form", { method: "dialog" }, button("Close", () => dialog.close(), { kind: "primary" })));
    openDialog(this, dialog);
  }

  #askToken() {
    if (this.querySelector("dialog.token")) return;
    const input = h("input", { type: "password", autocomplete: "off", "aria-label": "Admin token", required: true });
    const again = token.get() ? h("p", { class: "error" }, "That is not the server's token.") : null;
    const dialog = h("dialog", { class: "token narrow", "aria-label": "Admin token" },
      h("h2", {}, "Admin token"),
      h("p", {}, "This server was started with ", h("code", {}, "--admin-token"), ". The token is kept until you close this tab."),
      again,
      h("form", {
        onsubmit: (event) => {
          event.preventDefault();
          token.set(input.value);
          dialog.close();
          this.#show();
          this.view.asked?.(new URLSearchParams(location.hash.split("?")[1] ?? ""));
          this.view.anew?.();
        },
      }, input, h("button", { class: "primary" }, "Open")));
    openDialog(this, dialog);
  }
}

function openDialog(parent, dialog) {
  dialog.addEventListener("close", () => dialog.remove());
  parent.append(dialog);
  dialog.showModal();
}

customElements.define("oagw-app", App);
