/* Gates: who waits, and the buttons that let them pass. */

import { act } from "./api.js";
import { button, fill, h } from "./dom.js";

class Gates extends HTMLElement {
  #gates = {};
  #open = new Map();

  connectedCallback() {
    this.classList.add("card");
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Gates");
    this.list = h("div", { class: "gates" });
    this.error = h("output", { class: "error" });
    fill(this, h("h2", {}, "Gates"), this.error, this.list);
    this.#draw();
  }

  take(update) {
    if (!("gates" in update)) return;
    this.#gates = update.gates;
    this.#draw();
  }

  /* Rows stay as long as their gates: a number that somebody types is not to vanish under the fingers. */
  #draw() {
    const names = Object.keys(this.#gates);
    for (const name of this.#open.keys()) if (!names.includes(name)) this.#open.delete(name);
    for (const name of names) {
      if (!this.#open.has(name)) this.#open.set(name, this.#make(name));
      this.#open.get(name).say(this.#gates[name]);
    }
    const shown = names.map((name) => this.#open.get(name).element);
    if (!shown.length) {
      fill(this.list, h("p", { class: "quiet" }, "No request is waiting. With ", h("code", {}, "X-Sim-Gate: NAME"), " a stream waits before each event until you release it."));
    } else if (shown.length !== this.list.children.length || shown.some((element, number) => this.list.children[number] !== element)) {
      fill(this.list, shown);
    }
  }

  #make(name) {
    const many = h("input", { type: "number", min: "1", max: "1000000000", value: "10", "aria-label": `Number of events to release at ${name}` });
    const state = h("span", { class: "quiet" });
    const who = h("ul", { class: "who" });
    const release = (events) => this.#release(name, events);
    const element = h("div", { class: "gate", data: { gate: name } },
      h("div", { class: "bar" }, h("b", {}, name), state,
        h("div", { class: "group end" },
          button("Release 1", () => release("1")),
          many, button("Release n", () => release(many.value)),
          button("Open for all", () => release("all")))),
      who);
    return {
      element,
      say: (gate) => {
        state.textContent = [gate.open ? "open" : "", `${gate.waiting} waiting`, gate.permits ? `${gate.permits} permits` : ""].filter(Boolean).join(", ");
        fill(who, gate.who.map((each) => h("li", {},
          h("a", { href: `#requests?id=${encodeURIComponent(each.id)}` }, each.id), ` ${each.alias || "gateway"}, after ${each.events} events`)),
        gate.waiting > gate.who.length ? h("li", { class: "quiet" }, `and ${gate.waiting - gate.who.length} more`) : null);
      },
    };
  }

  async #release(name, events) {
    try {
      await act("POST", `/_sim/gates/${encodeURIComponent(name)}/release`, { query: { events } });
      this.error.textContent = "";
    } catch (error) {
      this.error.textContent = error.message;
    }
  }
}

customElements.define("oagw-gates", Gates);
