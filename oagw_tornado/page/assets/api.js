/* The control endpoints. What changes something goes through `act`, and is told as the curl that does the same. */

const KEY = "oagw-admin-token";

/** Where the server is, as the page's own address has it. */
export const base = new URL("..", document.baseURI);

/** What the server refused: `status`, what was wrong, and what would help. */
export class Refused extends Error {
  constructor(status, text, hint) {
    super(text);
    this.status = status;
    this.hint = hint ?? "";
  }
}

/** Told of `act` (detail: the curl) and of `token` (a token is wanted). */
export const events = new EventTarget();

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

export function urlOf(path, query = {}) {
  const url = new URL(path.replace(/^\//, ""), base);
  for (const [name, values] of Object.entries(query)) {
    for (const value of [values].flat()) if (value !== null && value !== undefined) url.searchParams.append(name, value);
  }
  return url;
}

export function authorization() {
  const given = token.get();
  return given ? { Authorization: `Bearer ${given}` } : {};
}

/** Ask the server; gives the JSON of its reply, null for none. Throws `Refused`. */
export async function call(method, path, { query = {}, body, signal } = {}) {
  const reply = await fetch(urlOf(path, query), {
    method,
    signal,
    headers: { ...authorization(), ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return reading(reply);
}

/** The JSON of a reply. Throws `Refused`, and has the token asked for where that is what is wrong. */
export async function reading(reply) {
  const text = await reply.text();
  let document_ = null;
  try {
    document_ = text ? JSON.parse(text) : null;
  } catch {
    document_ = { error: text.slice(0, 200) };
  }
  if (reply.ok) return document_;
  if (reply.status === 401 || (reply.status === 403 && !document_?.rule)) events.dispatchEvent(new Event("token"));
  throw new Refused(reply.status, String(document_?.error ?? reply.statusText), document_?.hint);
}

/** As `call`, for what changes something: it is told, too. */
export async function act(method, path, options = {}) {
  const result = await call(method, path, options);
  events.dispatchEvent(new CustomEvent("act", { detail: curlOf(method, path, options) }));
  return result;
}

/** A word for a POSIX shell. */
export function quoted(text) {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The curl that asks the same; an admin token stands in a variable, not in the text. */
export function curlOf(method, path, { query = {}, body } = {}) {
  const words = ["curl"];
  if (method !== "GET" && !(method === "POST" && body !== undefined)) words.push("-X", method);
  words.push(quoted(urlOf(path, query).href));
  if (token.get()) words.push("-H", '"Authorization: Bearer $OAGW_SIM_ADMIN_TOKEN"');
  if (body !== undefined) words.push("--json", quoted(JSON.stringify(body)));
  return words.join(" ");
}
