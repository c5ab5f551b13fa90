"""Calls to the control endpoints of a server that runs somewhere."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any
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

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The JSON that ``GET path`` gives. Raises CommandError for anything else."""
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=TIMEOUT)
        target = f"{self._prefix}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            connection.request("GET", target, headers=self._headers)
            reply = connection.getresponse()
            text = reply.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            reason = "no reply in time" if isinstance(error, socket.timeout) else str(error) or type(error).__name__
            raise CommandError(f"{self._url}: {reason}") from None
        finally:
            connection.close()
        try:
            document = json.loads(text)
        except ValueError:
            raise CommandError(f"{self._url}{path}: status {reply.status}, and no JSON") from None
        if reply.status != 200:
            reason = document.get("error", text[:200]) if isinstance(document, dict) else text[:200]
            raise CommandError(f"{self._url}{path}: {reason} (status {reply.status})")
        return document


def add_remote(parser: Arguments) -> None:
    """Add the arguments that `remote_of` reads."""
    parser.add_argument("url", metavar="URL", help="of the server, such as http://127.0.0.1:8765")
    parser.add_argument("--admin-token", metavar="TOKEN", help="what the server's own --admin-token is")
