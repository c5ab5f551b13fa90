/* The feed: server-sent events by fetch, as an EventSource can send no token. It comes back by itself. */

import { Refused, authorization, reading, urlOf } from "./api.js";

const LONGEST_WAIT = 5000;

/** One connection to /_sim/live at a time. `onupdate(update)` is told what happens, `onstate(word, text)` how it stands. */
export class Feed {
  #abort = null;
  #query = {};
  #timer = 0;
  #wait = 0;

  constructor(onupdate, onstate) {
    this.onupdate = onupdate;
    this.onstate = onstate;
  }

  /** Watch with this query from now on. */
  open(query) {
    this.#query = query;
    this.#wait = 500;
    this.close();
    this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#abort = null;
  }

  async #connect() {
    const abort = new AbortController();
    this.#abort = abort;
    this.onstate("connecting", "");
    try {
      const reply = await fetch(urlOf("/_sim/live", this.#query), { headers: authorization(), signal: abort.signal });
      if (!reply.ok) await reading(reply);
      this.onstate("live", "");
      this.#wait = 500;
      await this.#read(reply.body.getReader(), abort);
      throw new Error("the server has ended the feed");
    } catch (error) {
      if (abort.signal.aborted) return;
      if (error instanceof Refused && error.status < 500) {
        this.onstate("refused", error.message);
        return;
      }
      this.onstate("lost", error instanceof Refused ? error.message : "");
      this.#timer = setTimeout(() => this.#connect(), this.#wait);
      this.#wait = Math.min(LONGEST_WAIT, this.#wait * 2);
    }
  }

  async #read(reader, abort) {
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done || abort.signal.aborted) return;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) if (block.startsWith("data: ")) this.onupdate(JSON.parse(block.slice(6)));
    }
  }
}
