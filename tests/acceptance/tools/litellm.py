"""LiteLLM's proxy, from its docs: ``litellm --config config.yaml``, with this server as its ``api_base``.

Its second model is that of the how-to "between gateway and upstream", as the page has it: there the server is an
upstream that is real, with another simulator before it, which judges LiteLLM's conduct.
"""

from __future__ import annotations

import http.client
import json
import re
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acceptance.tool import Failed, Run, Tool, end, expect, last_lines

from oagw_tornado.testing import SimulatorProcess

HOWTO = Path(__file__).parents[3] / "docs" / "howto" / "between-gateway-and-upstream.md"
CONFIG = """
  - model_name: gpt-4
    litellm_params: {{model: openai/gpt-4, api_base: "{url}", api_key: "{token}"}}
  - model_name: claude
    litellm_params: {{model: anthropic/claude-sonnet-5-5, api_base: "{anthropic}", api_key: "{token}"}}
litellm_settings: {{num_retries: 0}}
"""
# It refuses the one that its docs show.
MASTER_KEY = f"sk-{secrets.token_hex(32)}"
WORDS = "the old man and the water"


# What LiteLLM makes of a fault of its upstream: how it is asked, what its client gets, how often it asks, and what is
# found of its conduct.
CONDUCT: Sequence[tuple[str, dict[str, Any], str, int, int, list[str]]] = (
    ("status;code=429;retry-after=1s", {"num_retries": 2}, "choices", 200, 2, []),
    ("status;code=429;retry-after=1s", {}, "RateLimitError", 429, 1, ["never-retried"]),
    ("status;code=503", {"num_retries": 2}, "choices", 200, 2, []),
    ("reset", {"num_retries": 2}, "choices", 200, 2, []),
    ("status;code=400", {"num_retries": 2}, "BadRequestError", 400, 1, []),
    ("stall;at-event=3;for=1s", {"stream": True}, "[DONE]", 200, 1, []),
    ("reset;at-event=3", {"stream": True}, "APIConnectionError", 200, 1, []),
    ("error-event;at-event=3", {"stream": True}, "APIConnectionError", 200, 1, []),
    # It says finish_reason "stop" and [DONE], which nobody has told it.
    ("truncate;at-event=3", {"stream": True}, "[DONE]", 200, 1, ["cut-taken-for-whole"]),
)


def check(run: Run) -> str:
    configuration = run.folder / "sim.json"
    real = {"url": run.alias_url, "authorization": f"Bearer {run.server.token}", "service": "openai"}
    configuration.write_text(json.dumps({"upstreams": {"real": real}}))
    with SimulatorProcess(config=str(configuration)) as between:
        return check_both(run, between)


def config(run: Run, between: SimulatorProcess) -> str:
    """The model list of the how-to, and two models of this server."""
    page = HOWTO.read_text(encoding="utf-8")
    lines = re.search(r"^    model_list:\n(?:    .*\n)+", page, re.MULTILINE)
    assert lines is not None
    anthropic = run.alias_url.removesuffix("openai") + "anthropic"
    listed = lines[0].replace("\n    ", "\n").removeprefix("    ").replace("model_name: gpt-4", "model_name: real")
    own = CONFIG.format(url=run.openai_url, token=run.server.token, anthropic=anthropic)
    return listed.replace("http://127.0.0.1:8765", between.base_url) + own.lstrip("\n")


def check_both(run: Run, between: SimulatorProcess) -> str:
    (run.folder / "config.yaml").write_text(config(run, between))
    port = free_port()
    # Its prices come with the package: no request leaves the machine.
    command = (run.program("litellm"), "--config", "config.yaml", "--port", str(port))
    process = run.start(*command, LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_MASTER_KEY=MASTER_KEY)
    try:
        wait_until_ready(run, process, port)
        for model in ("gpt-4", "claude"):
            reply = ask(port, {"model": model, "messages": [{"role": "user", "content": WORDS}]})
            expect(WORDS in json.loads(reply)["choices"][0]["message"]["content"], reply)
            events = ask(port, {"model": model, "stream": True, "messages": [{"role": "user", "content": WORDS}]})
            expect(WORDS in said(events) and "data: [DONE]" in events, events)
        run.server.control.add_rule(match={"alias": "openai"}, fault="status;code=429;retry-after=1s")
        status, reply = replied(port, {"model": "gpt-4", "messages": [{"role": "user", "content": "hi"}]})
        expect(status == 429 and "RateLimitError" in reply, f"{status}: {reply}")
        run.server.control.reset()
        for case in CONDUCT:
            behaves(port, between, *case)
        leaves(port, between, run.server)
    finally:
        end(process)
    return (
        "chat over an OpenAI and an Anthropic upstream, whole and streamed; a 429 arrives as its RateLimitError; "
        f"before a real upstream, {len(CONDUCT)} faults, one taken for the end; a client that leaves ends both"
    )


def behaves(
    port: int, between: SimulatorProcess, fault: str, given: dict[str, Any], said: str, status: int, asked: int,
    found: list[str],
) -> None:  # fmt: skip
    between.control.reset()
    between.control.add_rule(match={"alias": "real"}, when={"first": 1}, fault=fault)
    got, reply = replied(port, {"model": "real", "messages": [{"role": "user", "content": WORDS}], **given})
    expect(got == status and said in reply, f"{fault}: {got}: {reply}")
    expect(len(between.control.requests(alias="real")) == asked, between.control.requests())
    rules = [finding["rule"] for finding in between.control.conduct(final=True)["findings"]]
    expect(rules == found, f"{fault}: {rules}")


def leaves(port: int, between: SimulatorProcess, service: SimulatorProcess) -> None:
    """A client that leaves LiteLLM in the middle of a stream leaves no request behind, there or at the service."""
    between.control.reset()
    service.control.reset()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    question = {"model": "real", "stream": True, "messages": [{"role": "user", "content": WORDS * 500}]}
    sent = request_to(port, question)
    connection.request("POST", sent.selector, sent.data, dict(sent.header_items()))
    response = connection.getresponse()
    expect(response.read(20), "nothing came")
    between.control.mark("left")
    response.close()
    connection.close()
    deadline = time.monotonic() + 30
    while not (between.control.requests(outcome="client-left") and service.control.requests(outcome="client-left")):
        expect(time.monotonic() < deadline, f"{between.control.requests()}, {service.control.requests()}")
        time.sleep(0.02)
    expect(between.control.conduct(final=True)["counts"]["late-cancel"] == 0, between.control.conduct(final=True))


def request_to(port: int, body: dict[str, Any]) -> urllib.request.Request:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {MASTER_KEY}"}
    return urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", json.dumps(body).encode(), headers)


def ask(port: int, body: dict[str, Any]) -> str:
    try:
        with urllib.request.urlopen(request_to(port, body), timeout=60) as reply:
            return reply.read().decode()
    except urllib.error.HTTPError as error:
        raise Failed(f"{error.code}: {error.read()[:500].decode()}") from None


def replied(port: int, question: dict[str, Any]) -> tuple[int, str]:
    """Status and body of a reply, whichever it is."""
    try:
        with urllib.request.urlopen(request_to(port, question), timeout=60) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def said(events: str) -> str:
    chunks = [json.loads(line[6:]) for line in events.splitlines() if line.startswith("data: {")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])


def wait_until_ready(run: Run, process: subprocess.Popen[str], port: int, limit: float = 300.0) -> None:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise Failed(f"the proxy was not ready: {last_lines(run.output())}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


TOOL = Tool(requirements=("litellm[proxy]==1.108.7",), check=check, options={"inter_token_latency": "2ms"})
