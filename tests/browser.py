"""A real browser for one page, which tells what it saw by posting JSON to where it came from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import TemporaryDirectory
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


@contextmanager
def browsing(url: str, *switches: str, environment: Mapping[str, str] = {}) -> Iterator[None]:
    """The browser, with `url` open."""
    assert BROWSER is not None
    # It leaves its locks behind when it is killed; one is a socket, whose path must be short.
    with TemporaryDirectory(prefix="web", ignore_cleanup_errors=True) as home:
        command = [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={home}/profile",
            "--remote-debugging-port=0",  # else it ends when the page is loaded
            *switches,
            url,
        ]
        browser = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": home, **environment},
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(browser.pid, 9)
            browser.wait()


class PageServer(ThreadingHTTPServer):
    """Serves one page at ``/``, and keeps what the page posts to ``/done``."""

    daemon_threads = True

    def __init__(self, script: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page = f'<!doctype html><meta charset="utf-8"><title>Test</title><script>{script}</script>'.encode()
        self.result: Any = None
        self._done = threading.Event()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def finish(self, result: Any) -> None:
        self.result = result
        self._done.set()

    def wait(self, seconds: float = 40.0) -> Any:
        """What the page posted."""
        assert self._done.wait(seconds), "the page did not come to its end"
        return self.result


class _Handler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        found = self.path == "/"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.page if found else b"")

    def do_POST(self) -> None:
        result = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.finish(result)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def page(script: str) -> Iterator[PageServer]:
    """A page that runs `script`, on an origin of its own. The script ends with ``done(result)``."""
    done = 'const done = (result) => fetch("/done", { method: "POST", body: JSON.stringify(result) });\n'
    with PageServer(done + script) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()
