"""The files of the page, with media types and entity tags. Read once, with the first request for one."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent / "assets"

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}

#: The page itself.
INDEX = "index.html"


class Asset(NamedTuple):
    """One file: its bytes, its media type and its strong entity tag (RFC 9110, section 8.8.3)."""

    body: bytes
    media_type: str
    etag: str


@cache
def assets() -> dict[str, Asset]:
    """All files by name."""
    return {path.name: _read(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _MEDIA_TYPES}


def text(name: str) -> str:
    """A file as text, for embedding in a document. Raises KeyError if there is no such file."""
    return assets()[name].body.decode()


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(body, _MEDIA_TYPES[path.suffix], f'"{sha256(body).hexdigest()[:32]}"')
