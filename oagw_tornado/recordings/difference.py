"""Where two requests differ: the number of differences, and the first one with both values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import orjson

from oagw_tornado.recordings.compared_request import ComparedRequest

#: Differences searched for; further ones are not counted.
MOST_DIFFERENCES = 1000

# Characters that are shown of a value, and how many of these stand before the place where two texts part.
_SHOWN = 80
_BEFORE = 30

#: Represents a missing value.
NOTHING = object()


class Difference(NamedTuple):
    """One place: ``method``, ``path``, ``query.city``, ``body`` or a JSON path such as ``$.messages[1].content``."""

    at: str
    recorded: Any
    requested: Any

    def as_json(self) -> dict[str, Any]:
        """With both values; one that is not there is left out."""
        recorded, requested = _shown(self.recorded, self.requested), _shown(self.requested, self.recorded)
        view = {"at": self.at, "recorded": recorded, "requested": requested}
        return {name: value for name, value in view.items() if value is not NOTHING}

    @property
    def in_common(self) -> int:
        """How many characters two texts begin with alike."""
        recorded, requested = self.recorded, self.requested
        return _parting(recorded, requested) if isinstance(recorded, str) and isinstance(requested, str) else 0

    def __str__(self) -> str:
        view = self.as_json()
        words = [f"{name} {_json(view[name]) if name in view else 'nothing'}" for name in ("recorded", "requested")]
        return f"{self.at}: {', '.join(words)}"


def difference(recorded: ComparedRequest, requested: ComparedRequest) -> tuple[Difference | None, int]:
    """The first place where two requests differ, and how many there are."""
    found = list(islice(_differences(recorded, requested), MOST_DIFFERENCES))
    return (found[0] if found else None), len(found)


def _differences(recorded: ComparedRequest, requested: ComparedRequest) -> Iterator[Difference]:
    if recorded.method != requested.method:
        yield Difference("method", recorded.method, requested.method)
    if recorded.path != requested.path:
        yield Difference("path", recorded.path, requested.path)
    yield from _of_queries(recorded.query, requested.query)
    if recorded.text == requested.text:
        return
    if recorded.document is None or requested.document is None:
        yield Difference("body", _body(recorded), _body(requested))
    else:
        yield from _of_values("$", recorded.document, requested.document)


def _of_queries(recorded: tuple[tuple[str, str], ...], requested: tuple[tuple[str, str], ...]) -> Iterator[Difference]:
    if recorded == requested:
        return
    before, now = _by_name(recorded), _by_name(requested)
    for name in dict.fromkeys((*now, *before)):
        if before.get(name) != now.get(name):
            yield Difference(f"query.{name[:80]}", _values(before.get(name)), _values(now.get(name)))


def _by_name(query: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in query:
        values.setdefault(name, []).append(value)
    return values


def _values(values: list[str] | None) -> Any:
    return NOTHING if values is None else values[0] if len(values) == 1 else values


def _body(request: ComparedRequest) -> Any:
    if request.document is not None:
        return request.document
    return request.text.decode("utf-8", "replace") if request.text else NOTHING


def _of_values(at: str, recorded: Any, requested: Any) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(requested, dict):
        for key in dict.fromkeys((*requested, *recorded)):
            yield from _of_values(_member(at, key), recorded.get(key, NOTHING), requested.get(key, NOTHING))
    elif isinstance(recorded, list) and isinstance(requested, list):
        for number in range(max(len(recorded), len(requested))):
            yield from _of_values(f"{at}[{number}]", _element(recorded, number), _element(requested, number))
    elif recorded is NOTHING or requested is NOTHING or not _are_equal(recorded, requested):
        yield Difference(at, recorded, requested)


def _member(at: str, key: str) -> str:
    return f"{at}.{key}" if key.isidentifier() else f"{at}[{_json(key[:80])}]"


def _element(values: list[Any], number: int) -> Any:
    return values[number] if number < len(values) else NOTHING


def _are_equal(one: Any, other: Any) -> bool:
    # 1 and 1.0 are one number; 1 and true are not one value.
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _shown(value: Any, other: Any) -> Any:
    """`value`, of a long text the part where it parts from `other`."""
    if value is NOTHING or value is None or isinstance(value, (bool, int, float)):
        return value
    if not isinstance(value, str):
        text = _json(value)
        return value if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    start = 0
    if isinstance(other, str) and len(value) > _SHOWN:
        start = max(0, _parting(value, other) - _BEFORE)
    end = start + _SHOWN
    return ("…" if start else "") + value[start:end] + ("…" if end < len(value) else "")


def _parting(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning: halving, as comparing them is quick."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half a surrogate pair, from a percent-encoded query
        return repr(value)
