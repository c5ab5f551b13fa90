/* What is to happen: gates, rules, knobs, faults, and the way back to the start. */

import { act, call } from "./api.js";
import { button, fill, h } from "./dom.js";
import "./faults.js";
import "./gates.js";
import "./knobs.js";
import "./rules.js";

class Controls extends HTMLElement {
  connectedCallback() {
    if (this.parts) return;
    this.note = h("output", { class: "error" });
    this.parts = ["gates", "rules", "faults", "knobs"].map((name) => {
      const part = document.createElement(`oagw-${name}`);
      part.store = this.store;
      part.controls = this;
      return part;
    });
    this.resetButton = button("Reset all", () => this.#reset(), { kind: "danger", hint: "Configuration and rules as started, journal and timing empty, gates released" });
    this.emptyButton = button("Empty the journal", () => this.#try(() => act("DELETE", "/_sim/requests")));
    fill(this, h("div", { class: "bar" }, h("h2", {}, "Controls"), this.note, h("div", { class: "group end" }, this.emptyButton, this.resetButton)),
      h("div", { class: "columns wide" }, h("div", {}, this.parts[0], this.parts[1]), h("div", {}, this.parts[2], this.parts[3])));
    this.anew();
  }

  query() {
    return { show: "gates,rules" };
  }

  asked(parameters) {
    if (parameters.get("rule") === "draft") {
      const draft = sessionStorage.getItem("oagw-draft");
      sessionStorage.removeItem("oagw-draft");
      history.replaceState(null, "", "#controls");
      if (draft) this.rules.edit(null, draft);
    }
  }

  get rules() {
    return this.parts[1];
  }

  /** Ask for all again: another token, or a reset. */
  async anew() {
    await this.#try(async () => {
      const [vocabulary, config] = await Promise.all([call("GET", "/_sim/vocabulary"), call("GET", "/_sim/config")]);
      for (const part of this.parts) part.known?.(vocabulary, config);
    });
  }

  take(update) {
    if (update.reset) this.anew();
    for (const part of this.parts) part.take?.(update);
  }

  async #reset() {
    if (this.resetButton.dataset.sure) {
      delete this.resetButton.dataset.sure;
      this.resetButton.textContent = "Reset all";
      await this.#try(() => act("POST", "/_sim/reset"));
      await this.anew();
      return;
    }
    this.resetButton.dataset.sure = "yes";
    this.resetButton.textContent = "Reset all, really?";
    setTimeout(() => {
      delete this.resetButton.dataset.sure;
      this.resetButton.textContent = "Reset all";
    }, 4000);
  }

  async #try(what) {
    try {
      await what();
      this.note.textContent = "";
    } catch (error) {
      this.note.textContent = error.message;
    }
  }
}

customElements.define("oagw-controls", Controls);
