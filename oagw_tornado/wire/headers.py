"""Header fields as they came over the wire; tornado's dictionary of them is made for the first who needs it.

Of a request's headers a gateway looks up four or five and the simulated services none, so decoding and normalizing
all of them for each request would be most of the price of reading it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tornado.httputil import HTTPHeaders


@lru_cache(1024)
def _key(name: str) -> bytes:
    return name.lower().encode("latin-1", "replace")


# What is looked up for every request.
_KEYS = {name: _key(name) for name in ("Authorization", "Content-Length", "Host", "X-Request-Id", "Expect")}


class WireHeaders(HTTPHeaders):
    """`tornado.httputil.HTTPHeaders`, filled by `add_field`. Behaves as one filled by its `add`."""

    # True once tornado's dictionaries are there: then they count, as they can be changed.
    _made = False

    def __init__(self) -> None:
        # Neither of the base class's dictionaries is there until `__getattr__` makes both.
        self._lines: list[tuple[bytes, bytes]] = []
        # Lower-cased name to value, the values of a repeated field joined as RFC 9110, section 5.3 has it.
        self._fields: dict[bytes, bytes] = {}

    def add_field(self, name: bytes, value: bytes) -> None:
        """Add one field line. A parser has checked it."""
        self._lines.append((name, value))
        key = name.lower()
        fields = self._fields
        if key in fields:
            value = fields[key] + b"," + value
        fields[key] = value

    @property
    def size(self) -> int:
        """Bytes of all lines, as sent."""
        return sum(len(name) + len(value) + 4 for name, value in self._lines)

    def get(self, name: str, default: Any = None) -> Any:
        if self._made:
            return super().get(name, default)
        value = self._fields.get(_KEYS.get(name) or _key(name))
        return default if value is None else value.decode("latin-1")

    def names(self) -> list[bytes]:
        """The names of all fields, lower-cased."""
        return list(self._fields)

    def starting_with(self, prefix: bytes) -> dict[str, str]:
        """The fields whose lower-cased names start with `prefix`, by the rest of their names."""
        found: dict[str, str] = {}
        for name, value in self._fields.items():
            if name.startswith(prefix):
                found[name[len(prefix) :].decode("latin-1")] = value.decode("latin-1")
        return found

    def __getattr__(self, attribute: str) -> Any:
        if attribute not in ("_as_list", "_combined_cache"):
            raise AttributeError(attribute)
        self._made = True
        self._as_list: dict[str, list[str]] = {}
        self._combined_cache: dict[str, str] = {}
        for name, value in self._lines:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            if key in self:
                self._as_list[_normal(key)].append(text)
                self._combined_cache.pop(_normal(key), None)
            else:
                self[key] = text
        return self.__dict__[attribute]


@lru_cache(1024)
def _normal(name: str) -> str:
    return "-".join([part.capitalize() for part in name.split("-")])
