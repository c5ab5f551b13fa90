/* A fault from a form: put together, checked by the server, and set for all, put into a rule, or copied as a header. */

import { act, call, curlOf } from "./api.js";
import { button, copyButton, fill, h, settled } from "./dom.js";

class Faults extends HTMLElement {
  #faults = [];
  #current = "";

  connectedCallback() {
    this.classList.add("card");
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Faults");
    this.kind = h("select", { "aria-label": "Fault", onchange: () => this.#form() });
    this.help = h("p", { class: "quiet" });
    this.fields = h("div", { class: "fields" });
    this.text = h("code", { class: "built" });
    this.said = h("output", { class: "verdict-line", "aria-live": "polite" });
    this.now = h("p", { class: "quiet" });
    this.check = settled(() => this.#check());
    this.forAll = button("Set for all requests", () => this.#set(this.#built()));
    this.none = button("Clear", () => this.#set("none"), { hidden: true });
    fill(this, h("h2", {}, "Faults"), this.now,
      h("div", { class: "fault-form" }, h("label", {}, "fault", this.kind), this.fields),
      this.help, h("p", {}, this.text), this.said,
      h("div", { class: "group" }, this.forAll, this.none,
        button("Use in a rule…", () => this.controls.rules.edit(null, JSON.stringify({ match: { alias: "openai" }, when: { first: 1 }, fault: this.#built() }, null, 2))),
        copyButton("Copy as header", () => `X-Sim-Fault: ${this.#built()}`),
        copyButton("as curl", () => curlOf("PATCH", "/_sim/config", { body: { fault: this.#built() } }))));
  }

  known(vocabulary, config) {
    this.#faults = vocabulary.faults;
    const chosen = this.kind.value;
    fill(this.kind, this.#faults.map((fault) => h("option", { value: fault.type }, fault.type)));
    if (chosen) this.kind.value = chosen;
    this.#stand(config);
    if (!chosen) this.#form();
  }

  #stand(config) {
    this.#current = String(config.fault ?? "");
    const there = this.#current && this.#current !== "none";
    fill(this.now, there ? ["Set for all requests: ", h("code", {}, this.#current), "."] : "No fault is set for all requests.");
    this.none.hidden = !there;
  }

  get #fault() {
    return this.#faults.find((fault) => fault.type === this.kind.value);
  }

  #form() {
    const fault = this.#fault;
    if (!fault) return;
    this.help.textContent = fault.help + (fault["streams-only"] ? " Streams only." : "");
    fill(this.fields, fault.parameters.map((name) => h("label", {}, name,
      h("input", { type: "text", spellcheck: "false", autocomplete: "off", data: { parameter: name }, placeholder: fault.needs.includes(name) ? "needed" : "", oninput: () => this.#changed() }))));
    this.#changed();
  }

  #built() {
    const given = [...this.fields.querySelectorAll("input")].filter((input) => input.value.trim() !== "");
    return [this.kind.value, ...given.map((input) => `${input.dataset.parameter}=${written(input.value.trim())}`)].join(";");
  }

  #changed() {
    this.text.textContent = this.#built();
    this.check();
  }

  async #check() {
    const fault = this.#built();
    try {
      await call("PATCH", "/_sim/config", { query: { check: 1 }, body: { fault } });
      if (fault === this.#built()) this.#tell("good", "");
    } catch (error) {
      if (fault === this.#built()) this.#tell("bad", error.message);
    }
  }

  #tell(how, words) {
    this.said.dataset.how = how;
    this.said.textContent = words;
    this.forAll.disabled = how === "bad";
  }

  async #set(fault) {
    try {
      this.#stand(await act("PATCH", "/_sim/config", { body: { fault } }));
      this.#tell("good", "");
    } catch (error) {
      this.#tell("bad", error.message);
    }
  }
}

/** A value as a fault is given one: percent-encoded beyond ASCII, in quotes around a comma or a semicolon. */
function written(value) {
  const plain = value.replace(/[%\u0000-\u001f\u007f-\uffff]+/g, encodeURIComponent);
  return /[,;"]/.test(plain) ? `"${plain.replace(/["\\]/g, "\\$&")}"` : plain;
}

customElements.define("oagw-faults", Faults);
