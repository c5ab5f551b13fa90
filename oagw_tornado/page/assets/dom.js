/* Elements from plain values. A text becomes a text node, whatever it holds: nothing here reads markup. */

/**
 * An element: `h("a", {href: "#x", class: "link", onclick: f, data: {n: 1}}, "text", child)`. Attributes that are
 * null, undefined or false are left out.
 */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key === "value") element.value = value;
    else if (key === "checked") element.checked = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  fill(element, ...children);
  return element;
}

/** Have `element` hold these children alone; null among them is nothing. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Set a text only if it is another: a selection in it stays, and nothing is laid out anew. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A button; `hint` is told by its tooltip. */
export function button(label, onclick, { kind = "", hint = null, ...more } = {}) {
  return h("button", { type: "button", class: kind, title: hint, onclick, ...more }, label);
}

/** A button that copies what `text()` gives. */
export function copyButton(label, text, hint = null) {
  const made = button(label, async () => {
    const done = await copy(text());
    made.textContent = done ? "copied" : "select and copy";
    setTimeout(() => { made.textContent = label; }, 1200);
  }, { kind: "copy", hint });
  return made;
}

/** Copy to the clipboard, by the older way where the newer is refused (a page that is not on loopback, no TLS). */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { class: "offscreen", value: text, "aria-hidden": "true" });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/**
 * Call `act` at most once in each frame, however often the result is called; less often on a machine for which it is
 * much work, so that two thirds of its time are left for everything else.
 */
export function inFrame(act) {
  let asked = false;
  let rested = 0;
  const run = () => {
    asked = false;
    const begun = performance.now();
    act();
    const ended = performance.now();
    rested = ended - begun > 8 ? ended + 2 * (ended - begun) : ended;
  };
  return () => {
    if (asked) return;
    asked = true;
    const wait = rested - performance.now();
    if (wait > 0) setTimeout(() => requestAnimationFrame(run), wait);
    else requestAnimationFrame(run);
  };
}

/** Call `act` when nobody has called the result for `milliseconds`. */
export function settled(act, milliseconds = 180) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...values), milliseconds);
  };
}

/** Seconds in words: 12.3 ms, 1.25 s. */
export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return `${(value * 1000).toFixed(value < 0.1 ? 1 : 0)} ms`;
  return `${value.toFixed(value < 100 ? 2 : 0)} s`;
}
