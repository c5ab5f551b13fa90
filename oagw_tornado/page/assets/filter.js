/* The filter of requests and streams: words such as `status:4xx`, as /_sim/requests has them. */

import { button, fill, h, settled } from "./dom.js";

export const NAMES = ["alias", "path", "model", "method", "status", "outcome", "rule", "source", "header", "id"];
const QUICK = [["running", "outcome:\"\""], ["errors 4xx", "status:4xx"], ["errors 5xx", "status:5xx"], ["faults", "outcome:fault:*"], ["client left", "outcome:client-left"]];

/** Why there is nothing to filter. */
export const JOURNAL_OFF = "The journal is off: start the server with a --journal-size above 0.";

/** What a text asks for: {query} by names, or {error}. A word without a name is a part of the path. */
export function parse(text) {
  const query = {};
  for (const [word] of text.matchAll(/(?:[^\s"]|"[^"]*")+/g)) {
    const colon = word.indexOf(":");
    const name = colon > 0 ? word.slice(0, colon).toLowerCase() : "";
    if (name && !NAMES.includes(name)) return { error: `${name}: unknown filter; expected ${NAMES.join(", ")}` };
    const value = (name ? word.slice(colon + 1) : word).replaceAll('"', "");
    const key = name || "path";
    if (key in query && key !== "header") return { error: `${key}: given more than once` };
    if (key === "header") query.header = [...(query.header ?? []), value];
    else query[key] = name ? value : `*${value}*`;
  }
  return { query };
}

/** A bar with the filter; `onfilter(query, text)` is told when it has settled. */
export class FilterBar extends HTMLElement {
  onfilter = () => {};

  connectedCallback() {
    if (this.input) return;
    this.error = h("output", { class: "error" });
    const change = settled(() => this.#changed(), 250);
    this.input = h("input", {
      type: "search", placeholder: "filter: status:4xx alias:openai path:*chat*", "aria-label": "Filter", spellcheck: "false",
      autocomplete: "off", title: `Names: ${NAMES.join(", ")}. Values may be globs. A bare word matches part of the path.`, oninput: change,
    });
    fill(this, this.input,
      h("div", { class: "group" }, QUICK.map(([label, text]) => button(label, () => this.#toggle(text), { hint: text }))), this.error);
  }

  /** Show this text, and tell of it at once. */
  set(text) {
    if (this.input.value !== text) {
      this.input.value = text;
      this.#changed();
    }
  }

  #toggle(text) {
    this.set(this.input.value.trim() === text ? "" : text);
  }

  #changed() {
    const { query, error } = parse(this.input.value);
    this.error.textContent = error ?? "";
    if (query) this.onfilter(query, this.input.value.trim());
  }
}

customElements.define("oagw-filter", FilterBar);
