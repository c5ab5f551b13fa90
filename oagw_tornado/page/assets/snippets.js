/* What people paste elsewhere: how to point a client here, and one request as curl, as a test, as a rule. */

import { base, quoted } from "./api.js";

/** Headers that a client makes itself, or that say how this one request travelled. */
const OWN = new Set([
  "host", "content-length", "connection", "accept-encoding", "transfer-encoding", "expect", "x-request-id",
  "authorization", "user-agent", "keep-alive", "te", "upgrade", "x-api-key",
]);
const MASK = "***";

/** Where the gateway is: the page's own address, unless control has another. */
export function gatewayOf(hello) {
  return (hello?.gateway ?? base.href).replace(/\/$/, "");
}

const proxyOf = (hello) => `${gatewayOf(hello)}/api/oagw/v1/proxy`;
const bearer = (hello) => hello?.token ?? "$OAGW_TOKEN";
const shellBearer = (hello) =>
  hello?.token ? quoted(`Authorization: Bearer ${hello.token}`) : '"Authorization: Bearer $OAGW_TOKEN"';
const pythonKey = (hello) => (hello?.token ? JSON.stringify(hello.token) : 'os.environ["OAGW_TOKEN"]');
const pythonOs = (hello) => (hello?.token ? "" : "import os\n\n");

/** How to point a client at this server, by the name of the client. */
export function clients(hello) {
  const proxy = proxyOf(hello);
  const chat = { model: "gpt-4", stream: true, messages: [{ role: "user", content: "hi" }] };
  return {
    curl: `curl -N ${proxy}/openai/v1/chat/completions \\\n  -H ${shellBearer(hello)} \\\n  --json '${JSON.stringify(chat)}'`,
    "openai-python": `${pythonOs(hello)}from openai import OpenAI

client = OpenAI(base_url="${proxy}/openai/v1", api_key=${pythonKey(hello)})
stream = client.chat.completions.create(
    model="gpt-4", stream=True, messages=[{"role": "user", "content": "hi"}]
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)`,
    anthropic: `${pythonOs(hello)}from anthropic import Anthropic

client = Anthropic(base_url="${proxy}/anthropic", api_key=${pythonKey(hello)})
with client.messages.stream(
    model="claude-sonnet-4-5", max_tokens=64, messages=[{"role": "user", "content": "hi"}]
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)`,
    pytest: `# pip install "oagw-tornado" openai; the fixture oagw starts a server of its own
from openai import OpenAI


def test_chat(oagw):
    client = OpenAI(base_url=oagw.openai_base_url, api_key=oagw.token)
    client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "hello"}])
    oagw.assert_requested(alias="openai", model="gpt-4")`,
  };
}

const isWhole = (entry) => entry.body.size === new TextEncoder().encode(entry.body.head).length && !entry.body.head.includes("\ufffd");

function sentHeaders(entry) {
  return Object.entries(entry.headers).filter(([name, value]) => !OWN.has(name.toLowerCase()) && !value.includes(MASK));
}

/** What is not in a copy of this request, in words; empty if it is whole. */
export function missing(entry) {
  const masked = Object.entries(entry.headers)
    .filter(([name, value]) => value.includes(MASK) && !OWN.has(name.toLowerCase()))
    .map(([name]) => name);
  return [
    masked.length ? `masked and left out: ${masked.join(", ")}` : "",
    entry.target.includes(MASK) ? "part of the URL is masked" : "",
    entry.body.head.includes(MASK) ? "part of the body is masked" : "",
    entry.body.size && !isWhole(entry) ? `the journal kept ${entry.body.head.length} of ${entry.body.size} bytes of the body` : "",
  ].filter(Boolean).join("; ");
}

/** The request as a curl that asks the same again. */
export function asCurl(entry, hello) {
  const target = entry.target.startsWith("/") ? `${gatewayOf(hello)}${entry.target}` : entry.target;
  const words = ["curl -sS -N"];
  if (/[[\]{}]/.test(target)) words.push("-g");
  if (/\/\.\.?(\/|$)/.test(entry.path)) words.push("--path-as-is");
  const method = entry.method;
  if (method === "HEAD") words.push("-I");
  else if (method !== (entry.body.size ? "POST" : "GET")) words.push(`-X ${quoted(method)}`);
  words.push(quoted(target));
  const hadKey = Object.keys(entry.headers).some((name) => ["authorization", "x-api-key"].includes(name.toLowerCase()));
  const lines = hadKey ? [`-H ${shellBearer(hello)}`] : [];
  for (const [name, value] of sentHeaders(entry)) {
    lines.push(`-H ${quoted(value === "" ? `${name};` : `${name}: ${value}`)}`);
  }
  if (entry.body.size) {
    if (!sentHeaders(entry).some(([name]) => name.toLowerCase() === "content-type")) lines.push("-H 'Content-Type;'");
    lines.push(`--data-raw ${quoted(entry.body.head)}`);
  }
  const left = missing(entry);
  return `${left ? `# ${left}\n` : ""}${[words.join(" "), ...lines].join(" \\\n  ")}`;
}

/** A Python literal of what JSON can say. */
export function python(value, indent = "    ") {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string") return JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029]/g, escaped);
  if (typeof value !== "object") return String(value);
  const inner = `${indent}    `;
  const parts = Array.isArray(value)
    ? value.map((each) => python(each, inner))
    : Object.entries(value).map(([key, each]) => `${python(key)}: ${python(each, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const line = `${open}${parts.join(", ")}${close}`;
  if (line.length + indent.length < 90 && !line.includes("\n")) return line;
  return `${open}\n${parts.map((part) => `${inner}${part},\n`).join("")}${indent}${close}`;
}

const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

function json(entry) {
  try {
    return JSON.parse(entry.body.head);
  } catch {
    return undefined;
  }
}

/** The request as a test with the pytest plugin, which sends it again and looks for it in the journal. */
export function asTest(entry) {
  const document_ = json(entry);
  const query = entry.target.slice(entry.path.length);
  const headers = Object.fromEntries(sentHeaders(entry).filter(([name]) => document_ === undefined || name.toLowerCase() !== "content-type"));
  const sent = [`"${entry.method}"`, `oagw.base_url + ${python(entry.path + query)}`];
  sent.push(`headers={"Authorization": f"Bearer {oagw.token}"${Object.keys(headers).length ? `, **${python(headers)}` : ""}}`);
  if (document_ !== undefined) sent.push(`json=${python(document_, "        ")}`);
  else if (entry.body.size) sent.push(`content=${python(entry.body.head)}`);
  const service = entry.alias ? entry.path.split("/").slice(6).join("/") : "";
  const wanted = entry.alias ? [`alias=${python(entry.alias)}`] : [];
  if (service) wanted.push(`path=${python(globless(decoded(service)))}`);
  if (typeof document_?.model === "string") wanted.push(`model=${python(globless(document_.model))}`);
  const left = missing(entry);
  return `import httpx


def test_request(oagw):
${left ? `    # ${left}\n` : ""}    reply = httpx.request(
${sent.map((line) => `        ${line},\n`).join("")}    )
    assert reply.status_code == ${entry.status ?? 200}
    oagw.assert_requested(${wanted.join(", ")})
`;
}

const globless = (text) => text.replace(/[[*?]/g, "[$&]");

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A rule that meets this request again, with nothing changed yet. */
export function asRule(entry) {
  const match = {};
  if (entry.alias) match.alias = entry.alias;
  const service = entry.alias ? decoded(entry.path.split("/").slice(6).join("/")) : "";
  if (service) match.path = globless(service);
  if (!["GET", "POST"].includes(entry.method)) match.method = entry.method;
  const document_ = json(entry);
  if (typeof document_?.model === "string") match.model = globless(document_.model);
  if (document_?.stream === true) match.stream = true;
  const last = document_?.messages?.at?.(-1)?.content;
  if (typeof last === "string" && last && last.length <= 200) match["last-message"] = globless(last);
  return { match, "time-to-first-token": "300ms" };
}

export { bearer, proxyOf };
