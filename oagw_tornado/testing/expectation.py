"""What a test expects of a request, whether one matches, and the failure message if none does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, ndiff
from fnmatch import fnmatchcase
from typing import Any

from oagw_tornado.testing.request import Request

#: Requests that a failed assertion lists at most, and lines of its comparison with the nearest of them.
SHOWN = 20
COMPARED = 60

_MISSING = "(not there)"


class Expectation:
    """All that is given must fit; see `oagw_tornado.testing.fixture.Oagw.assert_requested`."""

    def __init__(self, **wanted: Any) -> None:
        self.wanted = {name: value for name, value in wanted.items() if value is not None}

    def fits(self, request: Request) -> bool:
        return not any(True for _ in self.differences(request))

    def differences(self, request: Request) -> Iterator[str]:
        """For each thing that does not fit: what was expected, and what there is."""
        for name, value in self.wanted.items():
            expected, found, fits = _LOOKS[name](request, value)
            if not fits:
                yield f"{name}: expected {expected}, found {found}"

    def filters(self) -> dict[str, Any]:
        """What the server can sort out by itself."""
        return {name: value for name, value in self.wanted.items() if name not in ("json", "body_contains")}

    def __str__(self) -> str:
        return ", ".join(f"{name} {_short(value)}" for name, value in self.wanted.items())


def explained(arrived: Sequence[Request], expectation: Expectation, count: int | None) -> Iterator[str]:
    """Why an assertion failed, line by line: what arrived, and how the nearest request differs."""
    fitting = [request for request in arrived if expectation.fits(request)]
    number = "at least one request" if count is None else f"{count} request{'' if count == 1 else 's'}"
    what = f" with {expectation}" if expectation.wanted else ""
    yield f"expected {number}{what}, but {len(fitting)} of the {len(arrived)} that arrived fit"
    for request in arrived[:SHOWN]:
        yield f"  {'*' if expectation.fits(request) else ' '} {described(request)}"
    if len(arrived) > SHOWN:
        yield f"    … and {len(arrived) - SHOWN} earlier ones"
    others = [request for request in arrived if not expectation.fits(request)]
    if others and (not count or len(fitting) < count):
        yield from _compared(min(others, key=lambda request: _distance(request, expectation)), expectation)


def described(request: Request) -> str:
    """One request and its reply in a line."""
    events = f", {request.events_sent} events" if request.events_sent else ""
    rule = f", rule {request.rule}" if request.rule else ""
    where = f"{request.alias} {request.service_path}" if request.alias else f"(no alias) {request['path']}"
    return (
        f"{request.method} {where} -> {request.status} "
        f"from {request.source or '?'}, {request.outcome or 'under way'}{events}{rule}"
    )


def contains(document: Any, expected: Any) -> bool:
    """Whether a JSON document says what is expected: objects may have more members, all else must be equal."""
    if isinstance(expected, Mapping):
        return isinstance(document, dict) and all(
            name in document and contains(document[name], value) for name, value in expected.items()
        )
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(document, list)
            and len(document) == len(expected)
            and all(contains(item, value) for item, value in zip(document, expected, strict=True))
        )
    return (type(document) is type(expected) and bool(document == expected)) or _equal_numbers(document, expected)


def _equal_numbers(one: Any, other: Any) -> bool:
    return type(one) in (int, float) and type(other) in (int, float) and one == other


def _compared(request: Request, expectation: Expectation) -> Iterator[str]:
    yield f"the nearest one, {described(request)}, differs:"
    lines: list[str] = []
    for difference in expectation.differences(request):
        if difference.startswith("json: "):
            lines += ["json: - expected, + found", *_json_difference(request, expectation.wanted["json"])]
        else:
            lines.append(difference)
    for line in lines[:COMPARED]:
        yield f"  {line}"
    if len(lines) > COMPARED:
        yield f"  … and {len(lines) - COMPARED} more lines"


def _json_difference(request: Request, expected: Any) -> Iterator[str]:
    try:
        found = _named(request.json, expected)
    except ValueError:
        kept = "" if request["body"]["size"] == len(request.body.encode()) else ", and was not kept whole"
        yield f"  the body is not JSON{kept}: {_short(request.body)}"
        return
    left, right = (_pretty(value)[:500] for value in (expected, found))
    yield from (f"  {line}" for line in ndiff(left, right) if not line.startswith("?"))


def _named(document: Any, expected: Any) -> Any:
    """Of a document the members that are expected, so that the others do not stand in the way of a comparison."""
    if isinstance(expected, Mapping) and isinstance(document, dict):
        return {name: _named(document[name], value) for name, value in expected.items() if name in document}
    if isinstance(expected, (list, tuple)) and isinstance(document, list) and len(document) == len(expected):
        return [_named(item, value) for item, value in zip(document, expected, strict=True)]
    return document


def _distance(request: Request, expectation: Expectation) -> tuple[int, float]:
    """How far a request is from what is expected: things that differ, then how much its JSON does."""
    differences = sum(1 for _ in expectation.differences(request))
    if "json" not in expectation.wanted:
        return differences, 0.0
    try:
        found = _pretty(_named(request.json, expectation.wanted["json"]))
    except ValueError:
        return differences, 1.0
    return differences, 1 - SequenceMatcher(None, _pretty(expectation.wanted["json"])[:200], found[:200]).ratio()


def _pretty(value: Any) -> list[str]:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str).splitlines()


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else f"{text[:200]}…"


# The expected value, the actual one, and whether it matches.
_Look = Callable[[Request, Any], tuple[str, str, bool]]


def _plain(name: str) -> _Look:
    def look(request: Request, value: Any) -> tuple[str, str, bool]:
        return str(value), str(request[name]), request[name] == value

    return look


def _method(request: Request, value: str) -> tuple[str, str, bool]:
    return value.upper(), request.method, request.method == value.upper()


def _path(request: Request, value: str) -> tuple[str, str, bool]:
    glob = value if value.startswith(("/", "*")) else f"/{value}"
    return glob, request.service_path, fnmatchcase(request.service_path, glob)


def _glob(name: str) -> _Look:
    def look(request: Request, value: str) -> tuple[str, str, bool]:
        found = getattr(request, name)
        return value, str(found), fnmatchcase(found or "", value)

    return look


def _header(request: Request, value: Mapping[str, str]) -> tuple[str, str, bool]:
    found = {name: request.header(name) for name in value}
    fits = all(found[name] is not None and fnmatchcase(found[name] or "", glob) for name, glob in value.items())
    shown = {name: _MISSING if text is None else text for name, text in found.items()}
    return _short(dict(value)), _short(shown), fits


def _json(request: Request, value: Any) -> tuple[str, str, bool]:
    try:
        document = request.json
    except ValueError:
        return _short(value), _short(request.body), False
    return _short(value), _short(document), contains(document, value)


def _body_contains(request: Request, value: str) -> tuple[str, str, bool]:
    return repr(_short(value)), repr(_short(request.body)), value in request.body


_LOOKS: dict[str, _Look] = {
    "alias": _plain("alias"),
    "path": _path,
    "method": _method,
    "status": _plain("status"),
    "outcome": _glob("outcome"),
    "model": _glob("model"),
    "rule": _glob("rule"),
    "header": _header,
    "json": _json,
    "body_contains": _body_contains,
}
