"""Record a day's traffic

A test suite is only as good as the replies it was written against. Let the real ones pass through the simulator for a
day: each request becomes a file with every byte of its reply and the instant at which it came, written as it
happens, readable by its owner only, and without any credential. Later the recordings answer in place of the service:
the same bytes at the same instants, with no network and no key.

The key of the service stays in the environment of the recorder. Its clients need the recorder's own token only, so they
can be anybody's. `--record-max` bounds the disk space: beyond it, traffic still passes, but is no longer recorded.
"""

import pytest

from oagw_tornado.client import OagwClient
from oagw_tornado.testing import SimulatorThread

QUESTION = {"model": "gpt-4", "stream": True, "messages": [{"role": "user", "content": "how was the day"}]}

CONFIGURATION = """
record: {folder}/recordings
record-max: 2GiB
upstreams:
  model:
    url: {url}
    authorization: "env:MODEL_KEY"
    service: openai
"""


@pytest.fixture
def service():
    """The real service: here a simulator with the uneven gaps of a model."""
    with SimulatorThread(inter_token_latency="lognormal(10ms,0.4)", token="the-key-of-the-service") as server:
        yield f"{server.base_url}/api/oagw/v1/proxy/openai"


def answer(server):
    with OagwClient(server.base_url, server.token) as client:
        response = client.execute("model", "POST", "/v1/chat/completions", json=QUESTION)
        return [event.data for event in response.iter_events()]


def test_traffic_is_recorded_and_replayed(service, tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_KEY", "the-key-of-the-service")
    configuration = tmp_path / "sim.yaml"
    configuration.write_text(CONFIGURATION.format(folder=tmp_path, url=service))
    with SimulatorThread(config=str(configuration)) as recorder:
        said = answer(recorder)

    (recording,) = (tmp_path / "recordings" / "model").iterdir()
    assert said[-1] == "[DONE]"
    assert recording.stat().st_mode & 0o777 == 0o600
    for credential in ("the-key-of-the-service", recorder.token):
        assert credential not in recording.read_text()

    # Another day, without the service:
    with SimulatorThread(replay=str(tmp_path / "recordings")) as replaying:
        assert answer(replaying) == said
