// Time to first event and inter-token latency, with k6 and its extension xk6-sse:
//
//   xk6 build --with github.com/phymbert/xk6-sse
//   ./k6 run --env BASE_URL=http://127.0.0.1:8765 --vus 100 --duration 30s k6-sse.js

import sse from "k6/x/sse";
import exec from "k6/execution";
import http from "k6/http";
import { check } from "k6";
import { Counter, Trend } from "k6/metrics";

const BASE_URL = __ENV.BASE_URL || "http://127.0.0.1:8765";
const TOKEN = __ENV.OAGW_AUTH_TOKEN || "test-integration-token";

const firstEvent = new Trend("time_to_first_event", true);
const interToken = new Trend("inter_token_latency", true);
// 1 if the simulator itself was late: then the measurement is void.
const simulatorVoid = new Counter("simulator_void");
const LATE_P99 = __ENV.LATE_P99 || "2ms";

export const options = { thresholds: { simulator_void: ["count==0"] } };

export function setup() {
  http.post(`${BASE_URL}/_sim/reset`);
}

export default function () {
  const question = {
    model: "gpt-4",
    stream: true,
    messages: [{ role: "user", content: "Tell me a story of ten words, no more, no less" }],
  };
  const parameters = {
    method: "POST",
    body: JSON.stringify(question),
    headers: {
      Authorization: `Bearer ${TOKEN}`,
      "Content-Type": "application/json",
      // Drawn times are made of the seed and the request: the same request would get the same times, again and again.
      "X-Sim-Seed": String(exec.scenario.iterationInTest),
    },
  };
  const started = Date.now();
  let last = 0;
  let complete = false;
  const reply = sse.open(`${BASE_URL}/api/oagw/v1/proxy/openai/v1/chat/completions`, parameters, (client) => {
    client.on("event", (event) => {
      const now = Date.now();
      if (event.data === "[DONE]") {
        complete = true;
        client.close();
      } else if (last) {
        interToken.add(now - last);
      } else {
        firstEvent.add(now - started);
      }
      last = now;
    });
  });
  check(reply, { "status is 200": (r) => r && r.status === 200 });
  check(complete, { "the stream is complete": (done) => done });
}

export function teardown() {
  console.log(`simulator: ${http.get(`${BASE_URL}/_sim/timing`).body}`);
  const judged = http.get(`${BASE_URL}/_sim/verdict?late-p99=${LATE_P99}`).json();
  console.log(`verdict: ${[judged.verdict, ...judged.reasons].join("; ")}`);
  simulatorVoid.add(judged.verdict === "void" ? 1 : 0);
}
