"""Streams of chat completions under load, with Locust: time to first event, inter-token latency, whole stream.

    locust -f locustfile.py --headless --host http://127.0.0.1:8765 --users 100 --spawn-rate 50 --run-time 30s

Each of the three is a row of Locust's statistics, with its own percentiles, summed up over all workers. At the end the
simulator judges itself: if it was itself late, the run is void, and Locust exits with 3.

From the environment: OAGW_AUTH_TOKEN (default test-integration-token), OAGW_PROMPT, OAGW_LATE_P99, which is the
lateness that the simulator is allowed at p99 (default 2ms), and, where the control plane is not at the host or wants a
token, OAGW_CONTROL_URL and OAGW_ADMIN_TOKEN.
"""

import itertools
import json
import os
import time
import urllib.request
from typing import Any

from locust import HttpUser, events, task
from locust.runners import WorkerRunner

from oagw_tornado.reply.sse import EventDecoder

TOKEN = os.environ.get("OAGW_AUTH_TOKEN", "test-integration-token")
LATE_P99 = os.environ.get("OAGW_LATE_P99", "2ms")
PROMPT = os.environ.get("OAGW_PROMPT", "Tell me a story of ten words, no more, no less")
# Drawn times are made of the seed and the request, so the same request would get the same times, again and again:
# each has a seed of its own. They are counted, so the next run draws the same.
SEEDS = itertools.count()
AS_HEADERS: dict[str, Any] = {"catch_response": True, "name": "headers"}
PATH = "/api/oagw/v1/proxy/openai/v1/chat/completions"


class ChatUser(HttpUser):
    """Asks, reads the stream to its end, and asks again."""

    def on_start(self):
        self.client.headers["Authorization"] = f"Bearer {TOKEN}"

    @task
    def stream(self):
        question = {"model": "gpt-4", "stream": True, "messages": [{"role": "user", "content": PROMPT}]}
        # The workers count apart from one another.
        seed = {"X-Sim-Seed": str(next(SEEDS) + getattr(self.environment.runner, "worker_index", 0) * 1_000_000_000)}
        started = time.perf_counter()
        decoder = EventDecoder()
        last, size, complete = None, 0, False
        with self.client.post(PATH, json=question, headers=seed, stream=True, **AS_HEADERS) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}")
                return
            response.success()
            try:
                for piece in response.iter_content(chunk_size=None):
                    now = time.perf_counter()
                    size += len(piece)
                    for event in decoder.feed(piece):
                        if event.data == "[DONE]":
                            complete = True
                        elif last is None:
                            self.measured("time to first event", now - started)
                        else:
                            self.measured("inter-token latency", now - last)
                        last = now
            except Exception as broken:
                self.measured("whole stream", time.perf_counter() - started, size, broken)
                return
        error = None if complete else RuntimeError("the stream ended without [DONE]")
        self.measured("whole stream", time.perf_counter() - started, size, error)

    def measured(self, name, seconds, size=0, error=None):
        self.environment.events.request.fire(
            request_type="SSE",
            name=name,
            response_time=seconds * 1000,
            response_length=size,
            exception=error,
            context={},
        )


@events.test_start.add_listener
def start_anew(environment, **_):
    """Forget what the simulator has counted before. One of the runners does it for all."""
    if environment.host and not isinstance(environment.runner, WorkerRunner):
        control(environment.host, "POST", "/_sim/reset")


@events.test_stop.add_listener
def judge_the_simulator(environment, **_):
    """Print how late the simulator's events left, and end a run as void in which it was too late."""
    if environment.host and not isinstance(environment.runner, WorkerRunner):
        print("simulator:", json.dumps(control(environment.host, "GET", "/_sim/timing")))
        judged = control(environment.host, "GET", f"/_sim/verdict?late-p99={LATE_P99}")
        print(f"verdict: {judged['verdict']}", *judged["reasons"], sep="\n  ")
        if judged["verdict"] == "void":
            environment.process_exit_code = 3


def control(host, method, path):
    url = os.environ.get("OAGW_CONTROL_URL", host) + path
    token = os.environ.get("OAGW_ADMIN_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers), timeout=10) as reply:
        return json.loads(reply.read() or b"null")
