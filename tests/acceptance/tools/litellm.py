"""LiteLLM's proxy, from its docs: ``litellm --config config.yaml``, with this server as its ``api_base``."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from typing import Any

from acceptance.tool import Failed, Run, Tool, end, expect, last_lines

CONFIG = """
model_list:
  - model_name: gpt-4
    litellm_params: {{model: openai/gpt-4, api_base: "{url}", api_key: "{token}"}}
  - model_name: claude
    litellm_params: {{model: anthropic/claude-sonnet-5-5, api_base: "{anthropic}", api_key: "{token}"}}
litellm_settings: {{num_retries: 0}}
"""
# It refuses the one that its docs show.
MASTER_KEY = f"sk-{secrets.token_hex(32)}"
WORDS = "the old man and the water"


def check(run: Run) -> str:
    anthropic = run.alias_url.removesuffix("openai") + "anthropic"
    (run.folder / "config.yaml").write_text(
        CONFIG.format(url=run.openai_url, token=run.server.token, anthropic=anthropic)
    )
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
        status, reply = refused(port)
        expect(status == 429 and "RateLimitError" in reply, f"{status}: {reply}")
    finally:
        end(process)
    return "chat over an OpenAI and an Anthropic upstream, whole and streamed; a 429 arrives as its RateLimitError"


def request_to(port: int, body: dict[str, Any]) -> urllib.request.Request:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {MASTER_KEY}"}
    return urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", json.dumps(body).encode(), headers)


def ask(port: int, body: dict[str, Any]) -> str:
    try:
        with urllib.request.urlopen(request_to(port, body), timeout=60) as reply:
            return reply.read().decode()
    except urllib.error.HTTPError as error:
        raise Failed(f"{error.code}: {error.read()[:500].decode()}") from None


def refused(port: int) -> tuple[int, str]:
    question = {"model": "gpt-4", "messages": [{"role": "user", "content": "hi"}]}
    try:
        with urllib.request.urlopen(request_to(port, question), timeout=60):
            return 200, ""
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
