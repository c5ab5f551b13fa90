"""Put it between a gateway and its upstream

A gateway under test (nginx, LiteLLM, Envoy, your own) can keep its real upstream. Put the simulator between the two:
replies stay the real ones, while the simulator adds what the service will not do on demand, and notes what the gateway
made of it. Here a stream of the real service is reset after three events, and nginx must not take it for a complete
one; and a client that leaves nginx must not leave a request to the service behind.

With LiteLLM's proxy it is the address and the key of a model that change:

    model_list:
      - model_name: gpt-4
        litellm_params:
          model: openai/gpt-4
          api_base: http://127.0.0.1:8765/api/oagw/v1/proxy/real/v1
          api_key: test-integration-token
"""

import shutil
import socket
import subprocess
import time

import pytest

from oagw_tornado.client import OagwClient, OagwResponseError
from oagw_tornado.testing import SimulatorThread

QUESTION = {"model": "gpt-4", "stream": True, "messages": [{"role": "user", "content": "one two three four five"}]}

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder};
    fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port};
        location /api/oagw/ {{
            proxy_pass {between};       # in place of the service's own address
            proxy_http_version 1.1;
            proxy_buffering off;
        }}
    }}
}}
"""


@pytest.fixture
def service():
    """The real service: here another simulator."""
    with SimulatorThread(inter_token_latency="20ms") as server:
        yield server


@pytest.fixture
def between(service, tmp_path):
    configuration = tmp_path / "sim.yaml"
    configuration.write_text(f"""
upstreams:
  real:
    url: {service.base_url}/api/oagw/v1/proxy/openai
    authorization: Bearer {service.token}
""")
    with SimulatorThread(config=str(configuration)) as server:
        yield server


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def gateway_url(between, tmp_path):
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(NGINX.format(folder=tmp_path, port=port, between=between.base_url))
    command = [nginx, "-p", str(tmp_path), "-e", "stderr", "-c", str(configuration)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + 10
        while not listens(port):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.kill()


def test_a_reset_reaches_the_client_of_the_gateway(between, gateway_url):
    between.control.add_rule(match={"alias": "real"}, fault="reset;at-event=3")

    with OagwClient(gateway_url, between.token) as client:
        events = client.execute("real", "POST", "/v1/chat/completions", json=QUESTION).iter_events()
        for _ in range(3):
            next(events)
        with pytest.raises(OagwResponseError):  # nginx closes its own connection in the middle of the body
            next(events)


def test_a_client_that_leaves_ends_the_request_to_the_service(service, between, gateway_url):
    client = OagwClient(gateway_url, between.token)
    with client, client.execute("real", "POST", "/v1/chat/completions", json=QUESTION) as response:
        next(response.iter_events())

    deadline = time.monotonic() + 10
    while not service.control.requests(outcome="client-left"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
