"""The target of a request to a real upstream: the upstream's own path, the path after the alias, the query. Pure.

The host is always that of the configuration, never that of a request. So only the path needs checking: it is
appended as it was sent, and one that would lead out of the configured path is refused.
"""

from __future__ import annotations

from urllib.parse import unquote

from oagw_tornado.knobs.real_upstream import Origin


class LeadsOut(ValueError):
    """The path leads out of the path that is configured."""


def target(origin: Origin, path: str, query: str) -> tuple[str, str]:
    """Path and query to ask `origin` for. `path` is what follows the alias as it was sent, without its first slash.

    >>> target(Origin("http", "a.test", 80, "/base"), "v1//models", "b=1")
    ('/base/v1//models', 'b=1')

    Raises LeadsOut.
    """
    # Servers read a backslash as a slash, and decode before they look for dots.
    if ".." in unquote(path).replace("\\", "/").split("/"):
        raise LeadsOut("the path has a segment '..'")
    return _ascii(f"{origin.path}/{path}"), _ascii(query)


def _ascii(text: str) -> str:
    """Bytes that no URL has are percent-encoded, as is what would end the path."""
    if text.isascii() and "#" not in text:
        return text
    return "".join(each if each < "\x80" and each != "#" else f"%{ord(each):02X}" for each in text)
