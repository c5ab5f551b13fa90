"""Calls to the control plane of a running server, for commands."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

from oagw_tornado.commands.arguments import Arguments, CommandError

#: Seconds that a reply may take.
TIMEOUT = 10.0


class Remote:
    """The server at `url`, ``http://host[:port]`` or ``https://…``; its path stands before every path asked for.

    Raises CommandError for an invalid URL.
    """

    def __init__(self, url: str, admin_token: str | None = None) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            self._port = parts.port
        except ValueError:
            self._port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or self._port == -1:
            raise CommandError(f"{url!r} is not the URL of a server, such as http://127.0.0.1:8765", 2)
        self._url = url
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {admin_token}"} if admin_token else {}

    def post(self, path: str) -> None:
        """``POST path``, which answers with nothing. Raises CommandError for anything else."""
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=TIMEOUT)
        try:
            connection.request("POST", f"{self._prefix}{path}", headers=self._headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise CommandError(f"{self._url}: {_reason(error)}") from None
        finally:
            connection.close()
        if status != 204:
            raise CommandError(f"{self._url}{path}: status {status}")

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The JSON that ``GET path`` gives. Raises CommandError for anything else."""
        with self._asked(path, query) as reply:
            text = reply.read().decode("utf-8", "replace")
        return self._json(path, reply.status, text)

    def save(self, path: str, query: Mapping[str, str], file: str) -> int:
        """Write the reply to ``GET path``, of any length, to `file`; returns its bytes. Raises CommandError."""
        size = 0
        with self._asked(path, query) as reply:
            if reply.status != 200:
                self._json(path, reply.status, reply.read().decode("utf-8", "replace"))
            with _written(file) as opened:
                while piece := reply.read(2**16):
                    size += opened.write(piece)
        return size

    @contextmanager
    def _asked(self, path: str, query: Mapping[str, str] | None) -> Iterator[http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=TIMEOUT)
        target = f"{self._prefix}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            connection.request("GET", target, headers=self._headers)
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise CommandError(f"{self._url}: {_reason(error)}") from None
        finally:
            connection.close()

    def _json(self, path: str, status: int, text: str) -> Any:
        try:
            document = json.loads(text)
        except ValueError:
            raise CommandError(f"{self._url}{path}: status {status}, and no JSON") from None
        if status != 200:
            reason = document.get("error", text[:200]) if isinstance(document, dict) else text[:200]
            raise CommandError(f"{self._url}{path}: {reason} (status {status})")
        return document


def _reason(error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, socket.timeout):
        return "no reply in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@contextmanager
def _written(file: str) -> Iterator[BinaryIO]:
    try:
        with open(file, "wb") as opened:
            yield opened
    except OSError as error:
        raise CommandError(f"cannot write {file!r}: {error.strerror or error}") from None


def add_remote(parser: Arguments, default: str | None = None) -> None:
    """Add the arguments of which a `Remote` is made; without a `default` the URL must be given."""
    what = (
        "the server's URL, such as http://127.0.0.1:8765"
        if default is None
        else f"the server's URL (default: {default})"
    )
    parser.add_argument("url", metavar="URL", help=what, nargs=None if default is None else "?", default=default)
    parser.add_argument("--admin-token", metavar="TOKEN", help="the server's --admin-token")
