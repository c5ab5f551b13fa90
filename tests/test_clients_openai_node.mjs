// The official OpenAI client for Node, as it is. Run by test_clients_openai_node.py; prints what it saw as JSON.
import { createRequire } from "node:module";

const { default: OpenAI } = await import(createRequire(process.env.OPENAI_FROM).resolve("openai"));
const { BASE_URL: baseURL, TOKEN: apiKey } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "tell me a joke" }];
const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];
const seen = {};

seen.completion = (await client.chat.completions.create({ model: "gpt-4", messages })).choices[0].message.content;

seen.chunks = [];
const stream = await client.chat.completions.create({
  model: "gpt-4",
  messages,
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  seen.chunks.push(chunk.choices[0]?.delta?.content ?? (chunk.usage ? chunk.usage.completion_tokens : null));
}

const told = await client.chat.completions.stream({ model: "gpt-4", messages, n: 2 }).finalChatCompletion();
seen.told = told.choices.map(({ message }) => [message.role, message.content.trim()]);

const runner = client.chat.completions.stream({ model: "gpt-4", messages, tools });
seen.tool = (await runner.finalChatCompletion()).choices[0].message.tool_calls[0].function;

seen.response = (await client.responses.create({ model: "gpt-4", input: "hello" })).output_text;
seen.events = [];
for await (const event of await client.responses.create({ model: "gpt-4", input: "hello", stream: true })) {
  seen.events.push(event.type);
}

const vector = (await client.embeddings.create({ model: "text-embedding-3-small", input: "x" })).data[0].embedding;
seen.embedding = [vector.length, Math.hypot(...vector)];

seen.models = [];
for await (const model of client.models.list()) seen.models.push(model.id);

const refused = await client.chat.completions.create({ model: "gpt-4", messages: [] }).catch((error) => error);
seen.error = [refused.constructor.name, refused.status, refused.param, refused.code, Boolean(refused.requestID)];

const stubborn = new OpenAI({ baseURL, apiKey, maxRetries: 2 });
const started = performance.now();
const fault = { headers: { "X-Retried": "yes" } };
seen.retried = (await stubborn.chat.completions.create({ model: "gpt-4", messages }, fault)).object;
seen.waited = performance.now() - started;

console.log(JSON.stringify(seen));
