"""Stream through a reverse proxy

By default nginx buffers replies, so a chat arrives in one piece at its end. The simulator's event streams carry
`X-Accel-Buffering: no`, which turns this off. A gate proves that it works: the first event arrives before the second
one has been sent.

The proxy passes on the gateway and nothing else. To the simulator every request of a proxy on the same machine comes
from the same machine, so whoever reaches `/_sim` or `/metrics` through it could change rules and read the journal.
Where these have to be reached through a proxy, start the simulator with `--admin-token`.
"""

import shutil
import socket
import subprocess
import time

import pytest

from oagw_tornado.client import OagwClient

CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder};
    fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port};
        location /api/oagw/ {{           # never `/`: /_sim and /metrics are not for the world
            proxy_pass {upstream};
            proxy_http_version 1.1;      # chunked replies need it
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $remote_addr;  # else the world may use /_sim as this machine
            proxy_read_timeout 1h;       # between two events, not for the whole
        }}
    }}
}}
"""


@pytest.fixture
def proxy_url(oagw_url, tmp_path):
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=tmp_path, port=port, upstream=oagw_url))
    command = [nginx, "-p", str(tmp_path), "-e", "stderr", "-c", str(configuration)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as server:
        try:
            wait_for(port, server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def wait_for(port, server):
    deadline = time.monotonic() + 10
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    server.kill()
    pytest.fail(f"nginx did not start: {server.stderr.read().decode()}")


def test_events_are_passed_on_one_by_one(oagw, proxy_url):
    oagw.add_rule(match={"alias": "stream-test"}, gate="steps")

    with OagwClient(proxy_url, oagw.token) as client, client.execute("stream-test", "GET", "/events") as response:
        events = response.iter_events()
        for number in (1, 2):
            oagw.release("steps", events=1)
            assert next(events).id == str(number)
            (request,) = oagw.requests(alias="stream-test")
            assert request["events_sent"] == number
        oagw.release("steps", events="all")
        assert [event.id for event in events] == ["3", "4"]


def test_the_control_endpoints_are_not_published(oagw, proxy_url):
    for path in (
        "/_sim/requests",
        "/_sim/reset",
        "/metrics",
        "//_sim/requests",
        "/%5fsim/requests",
        "/api/oagw/../../_sim/requests",
    ):
        with socket.create_connection(("127.0.0.1", int(proxy_url.rpartition(":")[2]))) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            assert connection.makefile("rb").readline().split()[1] in (b"404", b"400"), path


def test_leaving_is_passed_on_too(oagw, proxy_url):
    oagw.configure(event_interval="5ms")
    with OagwClient(proxy_url, oagw.token) as client:
        next(client.execute("stream-test", "GET", "/events?count=inf").iter_events())  # and drop the response
    oagw.assert_requested(alias="stream-test", outcome="client-left", within=5)
