"""Header fields as they came over the wire; Tornado's dictionary of them is made when it is first needed.

The gateway looks up four or five of a request's headers and the simulated services none, so decoding and normalizing
all of them would be most of the cost of reading a request.
"""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPHeaders

# Looked up for every request.
_KEYS = {name: name.lower().encode() for name in ("Authorization", "Content-Length", "Host", "X-Request-Id", "Expect")}

_new = object.__new__


class WireHeaders(HTTPHeaders):
    """`tornado.httputil.HTTPHeaders`, made of field lines. Behaves as one filled by its `add`."""

    # True once tornado's dictionaries are there: then they count, as they can be changed.
    _made = False
    # What others have read out of these fields, for all requests that have them; None: for this request alone.
    shared: dict[Any, Any] | None = None

    def __init__(self, lines: list[bytes]) -> None:
        """`lines` are well-formed, without their ends."""
        # Neither of the base class's dictionaries is there until `__getattr__` makes both.
        self.lines = lines
        fields: dict[bytes, bytes] = {}
        for line in lines:
            name, _, value = line.partition(b":")
            fields[name.lower()] = value.strip()
        if len(fields) != len(lines):
            fields = _joined(lines)
        # Lower-cased name to value; the values of a repeated field are joined (RFC 9110, section 5.3).
        self.fields = fields

    def again(self) -> WireHeaders:
        """The same fields for another request, which may change them. Only of headers that nobody has changed."""
        twin: WireHeaders = _new(WireHeaders)
        twin.lines, twin.fields, twin.shared = self.lines, self.fields, self.shared
        return twin

    @property
    def size(self) -> int:
        """Bytes of all lines, as sent."""
        return sum(map(len, self.lines)) + 2 * len(self.lines)

    def get(self, name: str, default: Any = None) -> Any:
        if self._made:
            return super().get(name, default)
        value = self.fields.get(_KEYS.get(name) or name.lower().encode("latin-1", "replace"))
        return default if value is None else value.decode("latin-1")

    def count(self, name: bytes) -> int:
        """How many lines have this name, which is in lower case."""
        return sum(line.partition(b":")[0].lower() == name for line in self.lines)

    def names(self) -> list[bytes]:
        """The names of all fields, lower-cased."""
        return list(self.fields)

    def starting_with(self, prefix: bytes) -> dict[str, str]:
        """The fields whose lower-cased names start with `prefix`, by the rest of their names."""
        found: dict[str, str] = {}
        for name, value in self.fields.items():
            if name.startswith(prefix):
                found[name[len(prefix) :].decode("latin-1")] = value.decode("latin-1")
        return found

    def __getattr__(self, attribute: str) -> Any:
        if attribute not in ("_as_list", "_combined_cache"):
            raise AttributeError(attribute)
        self._made = True
        self._as_list: dict[str, list[str]] = {}
        self._combined_cache: dict[str, str] = {}
        for line in self.lines:
            name, _, value = line.partition(b":")
            key, text = name.decode("latin-1"), value.strip().decode("latin-1")
            if key in self:
                self._as_list[_normal(key)].append(text)
                self._combined_cache.pop(_normal(key), None)
            else:
                self[key] = text
        return self.__dict__[attribute]


def _joined(lines: list[bytes]) -> dict[bytes, bytes]:
    values: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        values.setdefault(name.lower(), []).append(value.strip())
    return {name: b",".join(each) for name, each in values.items()}


def _normal(name: str) -> str:
    return "-".join([part.capitalize() for part in name.split("-")])
