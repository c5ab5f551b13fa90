"""A browser's own EventSource: it loses its connection, comes back with Last-Event-ID, and is ended by a 204.

An EventSource sends no Authorization, so it reaches the gateway as in real life: through the server of its own page,
which adds the bearer and hands on what comes, byte for byte.
"""

from __future__ import annotations

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from browser import browsing, needs_browser

from oagw_tornado.testing import SimulatorThread

PAGE = b"""<!doctype html><meta charset="utf-8"><title>EventSource</title><script>
const seen = [], opened = [];
const source = new EventSource("/events");
const note = (event) => seen.push([event.lastEventId, event.type, event.data]);
for (const type of ["message", "update", "complete"]) source.addEventListener(type, note);
source.onopen = () => opened.push(seen.length);
source.onerror = () => {
  if (source.readyState === EventSource.CLOSED)
    fetch("/done", { method: "POST", body: JSON.stringify({ seen, opened }) });
};
</script>"""


class PageServer(ThreadingHTTPServer):
    """Serves the page and passes its events on."""

    daemon_threads = True

    def __init__(self, simulator, query):
        super().__init__(("127.0.0.1", 0), PageHandler)
        self.simulator = simulator
        self.query = query
        self.last_event_ids: list[str | None] = []
        self.result = None
        self.done = threading.Event()


class PageHandler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self):
        if self.path == "/events":
            self.pass_on()
            return
        found = self.path == "/"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE if found else b"")

    def do_POST(self):
        self.server.result = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.done.set()

    def pass_on(self):
        simulator = self.server.simulator
        last = self.headers.get("Last-Event-ID")
        self.server.last_event_ids.append(last)
        headers = {"Authorization": f"Bearer {simulator.token}", "Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = last
        upstream = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=10)
        try:
            upstream.request("GET", f"/api/oagw/v1/proxy/stream-test/events?{self.server.query}", headers=headers)
            reply = upstream.getresponse()
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.headers.get("Content-Type", "text/plain"))
            self.end_headers()
            while piece := reply.read1():
                self.wfile.write(piece)
        except http.client.IncompleteRead as cut:
            self.wfile.write(cut.partial)
        finally:
            upstream.close()

    def log_message(self, *args):
        pass


@needs_browser
@pytest.mark.parametrize("ending", ["lf", "crlf", "cr"])
def test_a_browser_comes_back_and_is_ended(ending):
    rule = {"match": {"alias": "stream-test"}, "when": {"first": 1}, "fault": "close;at-event=2"}
    query = f"retry=50ms&interval=1ms&bom=1&comment=x&sim-line-ending={ending}"
    with SimulatorThread(rules=[rule]) as simulator, PageServer(simulator, query) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            with browsing(f"http://127.0.0.1:{server.server_port}/"):
                assert server.done.wait(25), f"the browser asked {server.last_event_ids} and was not ended"
        finally:
            server.shutdown()
            serving.join()
    assert server.result is not None
    assert server.result["seen"] == [
        ["1", "message", "First event"],
        ["2", "update", "Second event"],
        ["3", "message", "Third event with\nmultiple lines"],
        ["4", "complete", "Final event"],
    ]
    assert server.last_event_ids == [None, "2", "4"]
    assert server.result is not None
    assert server.result["opened"] == [0, 2]  # the 204 opens nothing
