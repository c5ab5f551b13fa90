"""The official OpenAI client for Node against the running server, where there is a Node to run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from oagw_tornado.testing import SimulatorThread

SCRIPT = Path(__file__).with_suffix(".mjs")


@pytest.fixture(scope="module")
def package(request):
    """A directory from which Node finds the package; it is fetched once and kept in pytest's cache."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    home = request.config.cache.mkdir("openai-node")
    if not (home / "node_modules" / "openai" / "package.json").exists():
        options = ["--no-audit", "--no-fund", "--no-save", "--fetch-retries=0", "--fetch-timeout=20000"]
        try:
            installed = subprocess.run(
                [npm, "install", "--prefix", str(home), *options, "openai"],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        except subprocess.TimeoutExpired:
            pytest.skip("npm install openai takes longer than a minute here")
        if installed.returncode != 0:
            pytest.skip(f"npm cannot install openai here: {installed.stderr.strip()[-200:]}")
    return home


@pytest.mark.parametrize("profile", ["prototype", "openai"])
def test_openai_node(package, profile):
    rule = {
        "match": {"alias": "openai", "header": {"X-Retried": "yes"}},
        "when": {"first": 1},
        "fault": "status;code=429;retry-after=700ms",
    }
    with SimulatorThread(openai_profile=profile, inter_token_latency="1ms", rules=[rule]) as simulator:
        environment = {
            **os.environ,
            "BASE_URL": simulator.openai_base_url,
            "TOKEN": simulator.token,
            "OPENAI_FROM": str(package / "x.js"),
        }
        run = subprocess.run(
            ["node", str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=30, check=False
        )
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    assert seen["completion"].startswith("I received your message: 'tell me a joke'.")
    *said, _, usage = (chunk for chunk in seen["chunks"] if chunk != "")  # the real shape begins with an empty one
    assert "".join(said).strip() == "Streaming response to: tell me a joke"
    assert usage == 7
    assert seen["told"] == [["assistant", "Streaming response to: tell me a joke"]] * 2
    assert seen["tool"]["name"] == "get_weather"
    assert json.loads(seen["tool"]["arguments"]) == {"city": "city"}
    assert seen["response"] == "Hello! How can I assist you today?"
    assert (seen["events"][0], seen["events"][-1]) == ("response.created", "response.completed")
    assert seen["embedding"] == [1536, pytest.approx(1, abs=1e-5)]
    assert seen["models"] == ["gpt-4", "gpt-3.5-turbo"]
    assert seen["error"] == ["BadRequestError", 400, "messages", "empty_array", True]
    assert seen["retried"] == "chat.completion"
    assert seen["waited"] >= 700  # of its own accord it would wait half a second at most
