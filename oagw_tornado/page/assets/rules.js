/* Rules: in their order, with their counts; written as JSON that the server checks while one types. */

import { act, call, curlOf } from "./api.js";
import { button, copyButton, fill, h, settled } from "./dom.js";

const FIRST = { match: { alias: "openai" }, when: { first: 2 }, fault: "status;code=429;retry-after=1s" };
const OWN = new Set(["name", "fitted", "applied"]);

class Rules extends HTMLElement {
  #rules = [];
  #counts = new Map();
  #vocabulary = null;

  connectedCallback() {
    this.classList.add("card");
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Rules");
    this.error = h("output", { class: "error" });
    this.list = h("ol", { class: "rules" });
    fill(this,
      h("div", { class: "bar" }, h("h2", {}, "Rules"), this.error,
        h("div", { class: "group end" }, copyButton("Copy as curl", () => curlOf("PUT", "/_sim/rules", { body: this.#rules.map(written) })),
          button("Add a rule…", () => this.edit(null), { kind: "primary" }))),
      this.list);
  }

  known(vocabulary) {
    this.#vocabulary = vocabulary;
    this.#load();
  }

  take(update) {
    if (!update.rules) return;
    this.#counts = new Map(update.rules.map(([name, fitted, applied]) => [name, { fitted, applied }]));
    const names = update.rules.map(([name]) => name);
    if (names.join("\n") !== this.#rules.map((rule) => rule.name).join("\n")) this.#load();
    else this.#drawCounts();
  }

  async #load() {
    await this.#try(async () => {
      this.#rules = (await call("GET", "/_sim/rules")).rules;
      this.#counts = new Map(this.#rules.map((rule) => [rule.name, rule]));
      this.#draw();
    });
  }

  async #try(what) {
    try {
      await what();
      this.error.textContent = "";
      return true;
    } catch (error) {
      this.error.textContent = error.message;
      return false;
    }
  }

  #draw() {
    if (!this.#rules.length) {
      fill(this.list, h("li", { class: "quiet" }, "No rules. The first rule that applies to a request decides."));
      return;
    }
    fill(this.list, this.#rules.map((rule, place) => h("li", { class: "rule", data: { rule: rule.name } },
      h("div", { class: "bar" },
        h("b", {}, rule.name), h("span", { class: "counts quiet" }),
        h("div", { class: "group end" },
          button("↑", () => this.#move(place, -1), { "aria-label": `Move ${rule.name} up`, disabled: place === 0 }),
          button("↓", () => this.#move(place, 1), { "aria-label": `Move ${rule.name} down`, disabled: place === this.#rules.length - 1 }),
          button("Edit…", () => this.edit(rule.name, JSON.stringify(written(rule), null, 2))),
          button("Remove", () => this.#remove(rule.name), { "aria-label": `Remove ${rule.name}` }))),
      h("code", {}, JSON.stringify(written(rule, false))))));
    this.#drawCounts();
  }

  #drawCounts() {
    for (const item of this.list.querySelectorAll("[data-rule]")) {
      const { fitted = 0, applied = 0 } = this.#counts.get(item.dataset.rule) ?? {};
      item.querySelector(".counts").textContent = `fitted ${fitted.toLocaleString("en")}, applied ${applied.toLocaleString("en")}`;
    }
  }

  async #move(place, step) {
    const order = this.#rules.map((rule) => rule.name);
    [order[place], order[place + step]] = [order[place + step], order[place]];
    await this.#try(() => act("PATCH", "/_sim/rules", { body: { order } }));
    await this.#load();
    this.list.children[place + step]?.querySelectorAll("button")[step < 0 ? 0 : 1]?.focus();
  }

  async #remove(name) {
    await this.#try(() => act("DELETE", `/_sim/rules/${encodeURIComponent(name)}`));
    await this.#load();
  }

  /** Open the editor for the rule of that name, or for a new one; `text` is what stands there first. */
  edit(name, text = JSON.stringify(FIRST, null, 2)) {
    const verdict = h("output", { class: "verdict-line", "aria-live": "polite" });
    const area = h("textarea", { rows: "16", spellcheck: "false", "aria-label": "Rule as JSON", value: text });
    const save = button(name ? "Save" : "Add", () => send(), { kind: "primary" });
    const read = () => {
      const rule = JSON.parse(area.value);
      if (rule === null || typeof rule !== "object" || Array.isArray(rule)) throw new Error("expected an object");
      return rule;
    };
    const check = async () => {
      const checked = area.value;
      try {
        await call("POST", "/_sim/rules", { query: { check: 1 }, body: read() });
        if (checked === area.value) tell("good", "Valid rule.");
      } catch (error) {
        if (checked === area.value) tell("bad", error.message);
      }
    };
    const tell = (how, words) => {
      verdict.dataset.how = how;
      verdict.textContent = words;
      save.disabled = how === "bad";
    };
    const send = async () => {
      try {
        if (name) await act("PUT", `/_sim/rules/${encodeURIComponent(name)}`, { body: read() });
        else await act("POST", "/_sim/rules", { body: read() });
        dialog.close();
        await this.#load();
      } catch (error) {
        tell("bad", error.message);
      }
    };
    area.addEventListener("input", settled(check));
    area.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
    });
    const dialog = h("dialog", { class: "editor", "aria-label": name ? `Rule ${name}` : "New rule" },
      h("h2", {}, name ? `Rule ${name}` : "New rule"),
      h("div", { class: "editor-body" }, h("div", {}, area, verdict), this.#keys()),
      h("div", { class: "group end" }, button("Cancel", () => dialog.close()), save));
    dialog.addEventListener("close", () => dialog.remove());
    this.append(dialog);
    dialog.showModal();
    area.focus();
    check();
  }

  #keys() {
    const { match = [], when = [], options = [] } = this.#vocabulary ?? {};
    const listed = (title, keys) => h("details", { open: title === "match" },
      h("summary", {}, title), h("dl", {}, keys.map((key) => [h("dt", {}, key.name), h("dd", {}, key.help)])));
    return h("div", { class: "keys-of-rules" }, listed("match", match), listed("when", when),
      listed("knobs", options.filter((option) => option.knob)));
  }
}

/** A rule as it would be given: without its counts. */
function written(rule, named = true) {
  return Object.fromEntries(Object.entries(rule).filter(([key]) => !OWN.has(key) || (named && key === "name")));
}

customElements.define("oagw-rules", Rules);
