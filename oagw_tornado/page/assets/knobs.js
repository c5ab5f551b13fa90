/* Knobs and the other options that can change: the server itself says, as one types, whether a value is one. */

import { act, call } from "./api.js";
import { button, fill, h, settled } from "./dom.js";

class Knobs extends HTMLElement {
  #options = [];
  #config = {};
  #only = "";

  connectedCallback() {
    this.classList.add("card");
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Knobs");
    this.find = h("input", { type: "search", placeholder: "find a knob", "aria-label": "Find a knob", oninput: () => {
      this.#only = this.find.value.trim().toLowerCase();
      this.#sift();
    } });
    this.list = h("div", { class: "knobs" });
    fill(this, h("div", { class: "bar" }, h("h2", {}, "Knobs"), this.find), this.list);
  }

  known(vocabulary, config) {
    const own = vocabulary.options.filter((option) => !option["form-of"]);
    this.#options = [...own.filter((option) => option.knob), ...own.filter((option) => !option.knob)];
    this.#config = config;
    this.#draw();
  }

  #draw() {
    fill(this.list, this.#options.map((option) => this.#row(option)));
    this.#sift();
  }

  #sift() {
    for (const row of this.list.children) row.hidden = !row.dataset.words.includes(this.#only);
  }

  #row(option) {
    const { name } = option;
    const id = `knob-${name}`;
    const value = this.#config[name];
    const said = h("output", { class: "verdict-line", id: `${id}-said` });
    const input = option.flag
      ? h("input", { type: "checkbox", id, checked: value === true || value === "yes" })
      : h("input", { type: "text", id, value: text(value), placeholder: option.default || "not set", spellcheck: "false", autocomplete: "off", "aria-describedby": `${id}-said` });
    const set = button("Set", () => change(given()), { hidden: true });
    const back = button("↺", () => change(null), { hint: `Back to the default: ${option.default || "not set"}`, "aria-label": `${name} back to its default`, kind: "quiet" });
    const given = () => (option.flag ? input.checked : input.value.trim() === "" ? null : input.value.trim());
    const tell = (how, words) => {
      said.dataset.how = how;
      said.textContent = words;
      input.setAttribute("aria-invalid", String(how === "bad"));
    };
    const show = () => {
      const now = this.#config[name];
      if (option.flag) input.checked = now === true || now === "yes";
      else input.value = text(now);
      set.hidden = true;
      back.hidden = text(now) === option.default || (option.flag && !input.checked && option.default !== "yes");
      tell("", "");
    };
    const check = settled(async () => {
      const checked = given();
      if (!option.flag && text(this.#config[name]) === (checked ?? "")) return show();
      set.hidden = false;
      try {
        await call("PATCH", "/_sim/config", { query: { check: 1 }, body: { [name]: checked } });
        if (checked === given()) tell("good", "");
      } catch (error) {
        if (checked === given()) tell("bad", error.message);
      }
      set.disabled = said.dataset.how === "bad";
    });
    const change = async (wanted) => {
      try {
        this.#config = await act("PATCH", "/_sim/config", { body: { [name]: wanted } });
        show();
      } catch (error) {
        tell("bad", error.message);
      }
    };
    input.addEventListener("input", option.flag ? () => change(input.checked) : check);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") change(given());
      else if (event.key === "Escape") show();
    });
    show();
    return h("div", { class: "knob", data: { knob: name, words: `${name} ${option.help}`.toLowerCase() } },
      h("label", { for: id, title: option.help }, name), h("div", { class: "field" }, input, set, back),
      h("p", { class: "quiet" }, option.help), said);
  }
}

function text(value) {
  return value === null || value === undefined ? "" : String(value);
}

customElements.define("oagw-knobs", Knobs);
