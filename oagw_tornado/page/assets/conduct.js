/* How the client or gateway behaved, judged when asked: /_sim/conduct; and the report to keep. */

import { authorization, call, reading, urlOf } from "./api.js";
import { button, fill, h } from "./dom.js";
import { clock } from "./plot.js";

class Conduct extends HTMLElement {
  connectedCallback() {
    if (this.result) return;
    this.classList.add("card");
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Client conduct");
    this.result = h("div", { "aria-live": "polite" }, h("p", { class: "quiet" },
      "Checks the journal for retries that came too early, ignored headers, replies cut short and taken for whole, and more."));
    fill(this,
      h("div", { class: "bar" }, h("h2", {}, "Client conduct"),
        h("div", { class: "group end" }, button("Judge now", () => this.#judge()),
          button("Save a report", () => this.#report(), { hint: "One HTML file of the whole run" }))),
      this.result);
  }

  async #judge() {
    try {
      this.#draw(await call("GET", "/_sim/conduct", { query: { final: 1 } }));
    } catch (error) {
      fill(this.result, h("p", { class: "error" }, error.message));
    }
  }

  /* By fetch, as a link sends no token. */
  async #report() {
    try {
      const reply = await fetch(urlOf("/_sim/report"), { headers: authorization() });
      if (!reply.ok) await reading(reply);
      const link = h("a", { href: URL.createObjectURL(await reply.blob()), download: "oagw-report.html" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (error) {
      fill(this.result, h("p", { class: "error" }, error.message));
    }
  }

  #draw({ conduct, requests, findings }) {
    fill(this.result,
      h("p", { class: "word", data: { verdict: conduct === "sound" ? "innocent" : "void" } }, conduct),
      h("p", { class: "quiet" }, `${requests.toLocaleString("en")} requests judged, ${findings.length} findings`),
      findings.slice(0, 50).map((finding) => h("details", { class: "finding" },
        h("summary", {}, h("b", {}, finding.rule), ` ${finding.message}`),
        h("ol", {}, finding.story.map((line) => h("li", {}, `${clock(line.time)} ${line.text}`))),
        h("p", {}, finding.requests.slice(0, 10).map((id) => [h("a", { href: `#requests?id=${encodeURIComponent(id)}` }, id), " "])))));
  }
}

customElements.define("oagw-conduct", Conduct);
