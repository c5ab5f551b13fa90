"""What the program writes to stderr, and that nobody who does not read it stops the server."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import time

from program import CHAT, DEADLINE, HEADERS, environment, free_port, serving

from oagw_tornado.process.stderr_log import StderrLog


def test_no_access_log_unless_stderr_is_a_terminal_or_it_is_asked_for() -> None:
    with serving("--port=0") as server:
        server.get("/api/oagw/v1/proxy/nobody/x")
        assert server.end() == (0, "")


def test_the_access_log_has_one_line_for_each_request() -> None:
    with serving("--port=0", "--access-log") as server:
        server.get("/health")
        server.get("/api/oagw/v1/proxy/nobody/x?y=%0a")
        server.stream(words=1).read()
        code, rest = server.end()
    assert code == 0
    lines = rest.splitlines()
    assert [re.sub(r"\b\d+\.\d+ms\b", "N ms", line.partition("oagw_tornado.access: ")[2]) for line in lines] == [
        "127.0.0.1 GET /health 200 complete N ms",
        "127.0.0.1 GET /api/oagw/v1/proxy/nobody/x?y=%0a 404 complete N ms",
        f"127.0.0.1 POST {CHAT} 200 complete N ms",
    ]


def test_a_reader_of_stderr_that_never_reads_does_not_stop_the_server() -> None:
    """A pipe holds 64 KiB; here far more than that is logged, and the pipe is not read before the end."""
    with serving("--port=0", "--access-log") as server:
        connection = server.connect()
        target = "/api/oagw/v1/proxy/nobody/" + "x" * 1000
        for _ in range(300):
            connection.request("GET", target, headers=HEADERS)
            assert connection.getresponse().read()
        connection.close()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE) == 0


def test_the_log_drops_and_counts_what_a_full_queue_cannot_take() -> None:
    import logging

    reader, writer = os.pipe()
    log = StderrLog(writer, capacity=10)
    line = "x" * 100_000  # more than a pipe holds, so the writer waits in the first one
    for _ in range(50):
        log.emit(logging.LogRecord("n", logging.INFO, "", 0, line, None, None))
    with open(reader, encoding="ascii") as stream:
        kept = 1
        assert stream.readline() == line + "\n"
        log.emit(logging.LogRecord("n", logging.INFO, "", 0, "last", None, None))
        while (text := stream.readline()) == line + "\n":
            kept += 1
        assert 10 <= kept <= 12
        if text.startswith("("):
            assert text == f"({50 - kept} log lines dropped: stderr was not read)\n"
            text = stream.readline()
        assert text == "last\n"
        log.flush_and_close(DEADLINE)
    os.close(writer)


def test_a_closed_stderr_does_not_stop_the_server() -> None:
    port = free_port()
    with subprocess.Popen(
        ["/bin/sh", "-c", f'exec "{sys.executable}" -m oagw_tornado {port} --access-log 2>&-'], env=environment()
    ) as process:
        try:
            deadline = time.monotonic() + DEADLINE
            while True:
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
                    connection.request("GET", "/health")
                    break
                except ConnectionRefusedError:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
            assert connection.getresponse().status == 200
            connection.close()
            process.terminate()
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()
