"""Status line and header lines of replies as bytes, cached: most replies have the same ones as an earlier reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oagw_tornado.reply.phrases import phrase

if TYPE_CHECKING:
    from oagw_tornado.reply.reply import Headers

    Key = tuple[int, Headers, str | None, str]


#: Heads that are remembered.
MOST = 512


def render(status: int, headers: Headers, source: str | None, reason: str = "") -> bytes:
    """What `HeadLines` remembers."""
    if "\r" in reason or "\n" in reason:
        raise ValueError("the reason phrase contains a line break")
    lines = [f"HTTP/1.1 {status} {reason or phrase(status)}"]
    if source is not None:
        lines.append(f"X-OAGW-Error-Source: {source}")
    for name, value in headers:
        if "\r" in value or "\n" in value or "\r" in name or "\n" in name:
            raise ValueError(f"header {name!r} contains a line break")
        lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n").encode("latin-1", "replace")


class HeadLines:
    """Remembers those that were asked for twice.

    A header that differs from reply to reply, such as an id, makes a head that is never asked for again; it must not
    push out those that are.
    """

    __name__ = "status_and_fields"
    # The uncached function, as with functools' caches.
    __wrapped__ = staticmethod(render)

    def __init__(self) -> None:
        self._known: dict[Key, bytes] = {}
        # Requested once, recently.
        self._seen: set[Key] = set()

    def __call__(self, status: int, headers: Headers, source: str | None, reason: str = "") -> bytes:
        """Status line and header lines of a reply, without what differs from request to request.

        Raises ValueError for a header that would break out of its line.
        """
        key = (status, headers, source, reason)
        lines = self._known.get(key)
        if lines is None:
            lines = render(status, headers, source, reason)
            self._remember(key, lines)
        return lines

    def _remember(self, key: Key, lines: bytes) -> None:
        seen, known = self._seen, self._known
        if key in seen:
            seen.discard(key)
            if len(known) >= MOST:
                del known[next(iter(known))]
            known[key] = lines
        else:
            if len(seen) >= MOST:
                seen.clear()
            seen.add(key)


#: Of a pure function, and bounded: all simulators of a process may share it.
status_and_fields = HeadLines()
