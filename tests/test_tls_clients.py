"""Real clients over TLS, none of which is told not to verify."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from browser import BROWSER, browsing, needs_browser, page
from nginx import needs_nginx, nginx
from raw_http import CHAT, TOKEN, RawReply, chat, read_reply, request
from test_tls import WEATHER

from oagw_tornado.client import AsyncOagwClient, OagwClient, OagwConnectionError
from oagw_tornado.testing import SimulatorProcess

# Real clients, none of which is told not to verify.


@pytest.fixture(scope="module")
def server(tls_state: Path) -> Any:
    with SimulatorProcess(tls="auto", inter_token_latency="1ms", cors="*", token_in_query=True) as running:
        yield running


@pytest.fixture
def trusting(tls_state: Path) -> dict[str, str]:
    """The environment of a shell in which the line was run that the program prints."""
    rest = {name: value for name, value in os.environ.items() if "CERT" not in name and "CA_BUNDLE" not in name}
    return {**rest, "SSL_CERT_FILE": str(tls_state), "NODE_EXTRA_CA_CERTS": str(tls_state)}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(server: SimulatorProcess, trusting: dict[str, str]) -> None:
    command = ["curl", "-sS", "--max-time", "10", f"{server.base_url}/health"]
    ran = subprocess.run(command, env=trusting, capture_output=True, text=True, check=False)
    assert json.loads(ran.stdout)["status"] == "healthy", ran.stderr
    del trusting["SSL_CERT_FILE"]
    assert subprocess.run(command, env=trusting, capture_output=True, check=False).returncode == 60


def test_our_own_clients(server: SimulatorProcess, tls_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)

    async def ask() -> int:
        async with AsyncOagwClient(server.base_url, server.token) as client:
            return (await client.execute("weather", "GET", "/current")).status

    with pytest.raises(OagwConnectionError), OagwClient(server.base_url, server.token) as client:
        client.execute("weather", "GET", "/current")
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_state))
    with OagwClient(server.base_url, server.token) as client:
        assert client.execute("weather", "GET", "/current").status == 200
    assert asyncio.run(ask()) == 200


OPENAI = """
import os, openai
client = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key=os.environ["TOKEN"], max_retries=0)
messages = [{"role": "user", "content": "one two"}]
stream = client.chat.completions.create(model="gpt-4", messages=messages, stream=True)
print("".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices))
"""


def test_openai_python(server: SimulatorProcess, trusting: dict[str, str]) -> None:
    pytest.importorskip("openai")
    environment = {**trusting, "BASE_URL": server.openai_base_url, "TOKEN": server.token}
    ran = subprocess.run([sys.executable, "-c", OPENAI], env=environment, capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "Streaming response to: one two", ran.stderr


NODE = """
import { createRequire } from "node:module";
const { default: OpenAI } = await import(createRequire(process.env.OPENAI_FROM).resolve("openai"));
const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.TOKEN, maxRetries: 0 });
const messages = [{ role: "user", content: "one two" }];
let text = "";
for await (const chunk of await client.chat.completions.create({ model: "gpt-4", messages, stream: true }))
  text += chunk.choices[0]?.delta?.content ?? "";
console.log(text);
"""


def test_openai_node(request: pytest.FixtureRequest, server: SimulatorProcess, trusting: dict[str, str]) -> None:
    package = request.config.cache.mkdir("openai-node")
    if shutil.which("node") is None or not (package / "node_modules" / "openai").exists():
        pytest.skip("test_clients_openai_node.py has not fetched the package")
    environment = {
        **trusting,
        "BASE_URL": server.openai_base_url,
        "TOKEN": server.token,
        "OPENAI_FROM": str(package / "x.js"),
    }
    command = ["node", "--input-type=module", "-e", NODE]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert ran.stdout.strip() == "Streaming response to: one two", ran.stderr


SCRIPT = """
const base = "%s", token = "%s";
(async () => {
  const reply = await fetch(`${base}/health`).then((reply) => reply.json(), (error) => error.name);
  const events = await new Promise((resolve) => {
    const source = new EventSource(`${base}/api/oagw/v1/proxy/stream-test/events?interval=1ms&access_token=${token}`);
    source.addEventListener("complete", (event) => { source.close(); resolve(event.lastEventId) });
    source.onerror = () => { source.close(); resolve(null) };
  });
  done({ reply, events });
})();
"""


@needs_browser
@pytest.mark.skipif(shutil.which("certutil") is None, reason="certutil (libnss3-tools) is not installed")
@pytest.mark.parametrize("is_trusted", [True, False])
def test_chromium(server: SimulatorProcess, tls_state: Path, tmp_path: Path, is_trusted: bool) -> None:
    assert BROWSER is not None
    store = tmp_path / ".pki" / "nssdb"
    store.mkdir(parents=True)
    subprocess.run(["certutil", "-d", f"sql:{store}", "-N", "--empty-password"], check=True)
    if is_trusted:
        added = ["certutil", "-d", f"sql:{store}", "-A", "-t", "C,,", "-n", "oagw", "-i", str(tls_state)]
        subprocess.run(added, check=True)
    with (
        page(SCRIPT % (server.base_url, TOKEN)) as origin,
        browsing(origin.origin, environment={"HOME": str(tmp_path)}),
    ):
        result = origin.wait()
    if is_trusted:
        assert result == {"reply": {"service": "oagw-mock-server", "status": "healthy"}, "events": "4"}
    else:
        assert result == {"reply": "TypeError", "events": None}


@needs_nginx
def test_nginx_as_a_client(server: SimulatorProcess, tls_state: Path, tmp_path: Path) -> None:
    verified = f"proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_trusted_certificate {tls_state};"
    settings = f"proxy_http_version 1.1; proxy_set_header Connection ''; {verified}"
    with nginx(tmp_path, server.base_url, settings) as port:
        reply = talk_plain(port, request(CHAT, chat("a b")))
        assert reply.status == 200
        assert reply.body.count(b"data: ") == 7
    with nginx(tmp_path, server.base_url, settings.replace("localhost", "elsewhere.test")) as port:
        assert talk_plain(port, request(WEATHER)).status == 502


def talk_plain(port: int, data: bytes) -> RawReply:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        return read_reply(connection)
