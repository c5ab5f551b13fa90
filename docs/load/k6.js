// Streams of chat completions under load, with k6 as it is.
//
//   k6 run --env BASE_URL=http://127.0.0.1:8765 --vus 100 --duration 30s k6.js
//
// k6 reads a reply whole before it hands it over, so this measures the first byte and the whole, and checks that the
// stream is complete. For the time between events take k6-sse.js.

import exec from "k6/execution";
import http from "k6/http";
import { check } from "k6";
import { Counter, Trend } from "k6/metrics";

const BASE_URL = __ENV.BASE_URL || "http://127.0.0.1:8765";
const TOKEN = __ENV.OAGW_AUTH_TOKEN || "test-integration-token";

const firstByte = new Trend("time_to_first_byte", true);
const wholeStream = new Trend("whole_stream", true);
// 1 if the simulator itself was late: then the measurement is void.
const simulatorVoid = new Counter("simulator_void");
const LATE_P99 = __ENV.LATE_P99 || "2ms";

export const options = {
  thresholds: {
    checks: ["rate==1"],
    time_to_first_byte: ["p(99)<500"],
    simulator_void: ["count==0"],
  },
};

export function setup() {
  http.post(`${BASE_URL}/_sim/reset`);
}

export default function () {
  const question = {
    model: "gpt-4",
    stream: true,
    messages: [{ role: "user", content: "Tell me a story of ten words, no more, no less" }],
  };
  const reply = http.post(`${BASE_URL}/api/oagw/v1/proxy/openai/v1/chat/completions`, JSON.stringify(question), {
    headers: {
      Authorization: `Bearer ${TOKEN}`,
      "Content-Type": "application/json",
      // Drawn times are made of the seed and the request: the same request would get the same times, again and again.
      "X-Sim-Seed": String(exec.scenario.iterationInTest),
    },
  });
  firstByte.add(reply.timings.waiting);
  wholeStream.add(reply.timings.waiting + reply.timings.receiving);
  check(reply, {
    "status is 200": (r) => r.status === 200,
    "the stream is complete": (r) => r.body.endsWith("data: [DONE]\n\n"),
  });
}

export function teardown() {
  console.log(`simulator: ${http.get(`${BASE_URL}/_sim/timing`).body}`);
  const judged = http.get(`${BASE_URL}/_sim/verdict?late-p99=${LATE_P99}`).json();
  console.log(`verdict: ${[judged.verdict, ...judged.reasons].join("; ")}`);
  simulatorVoid.add(judged.verdict === "void" ? 1 : 0);
}
