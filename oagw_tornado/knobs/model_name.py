"""Knobs in the name of a model, for clients behind gateways that pass neither headers nor queries. ::

    gpt-4.sim.ttft-200ms.itl-lognormal-20ms-0.4.output-tokens-400.fault-reset.at-event-3

Only letters, digits, dots and hyphens are needed, which any gateway lets through. After ``.sim.`` come pieces
separated by dots. A piece that begins with the name of a knob sets that knob, to the value after the hyphen; any other
belongs to the value before it: as a parameter (``at-event-3``) or, if it begins with a digit, which no name does, as
decimals. Hyphens within a value stand for its separators: ``uniform-20ms-80ms`` is
``uniform(20ms,80ms)``, ``60-min`` is ``60/min``. The values of a knob given twice are joined by commas.
"""

from __future__ import annotations

from oagw_tornado.knobs.vocabulary import MODEL_MARK, VOCABULARY
from oagw_tornado.units.documents import DocumentError, read_json
from oagw_tornado.units.knob_errors import KnobError

_MARK = MODEL_MARK.decode()

#: Characters of a model's name.
LONGEST_NAME = 1000

_DISTRIBUTIONS = ("uniform", "normal", "lognormal", "exponential", "trace")

# Longer names first: tokens-per-second is not tokens with a value.
_NAMES = sorted(VOCABULARY, key=len, reverse=True)

# Parameters whose values are names with underscores, which a model's name cannot contain.
_WITH_UNDERSCORES = ("error", "type", "code", "param")


def knobs_in_body(body: bytes) -> dict[str, str]:
    """The knobs in the model's name of a JSON body, by name. Raises KnobError."""
    try:
        document = read_json(body)
    except DocumentError:
        return {}
    model = document.get("model") if isinstance(document, dict) else None
    return knobs_in_model(model) if isinstance(model, str) else {}


def without_knobs(body: bytes) -> bytes:
    """A JSON body whose model has the name that is left without its knobs; any other as it is."""
    try:
        document = read_json(body)
    except DocumentError:
        return body
    model = document.get("model") if isinstance(document, dict) else None
    if not isinstance(model, str) or _MARK not in model:
        return body
    return body.replace(b'"%b"' % model.encode(), b'"%b"' % model.partition(_MARK)[0].encode())


def knobs_in_model(model: str) -> dict[str, str]:
    """The knobs in a model's name, by name. Raises KnobError.

    >>> knobs_in_model("gpt-4.sim.ttft-1.5s.fault-status.code-429.retry-after-1s")
    {'ttft': '1.5s', 'fault': 'status;code=429;retry-after=1s'}
    """
    _, mark, rest = model.partition(_MARK)
    if not mark:
        return {}
    if len(model) > LONGEST_NAME:
        raise KnobError("model", f"expected at most {LONGEST_NAME} characters with knobs")
    given: dict[str, str] = {}
    for name, pieces in _grouped(rest.split(".")):
        value = _value(name, pieces)
        given[name] = f"{given[name]},{value}" if name in given else value
    return given


def _grouped(pieces: list[str]) -> list[tuple[str, list[str]]]:
    """The knobs with the pieces of their values."""
    groups: list[tuple[str, list[str]]] = []
    for piece in pieces:
        name = next((name for name in _NAMES if piece.startswith(f"{name}-")), None)
        if name is not None:
            groups.append((name, [piece[len(name) + 1 :]]))
        elif not groups:
            raise KnobError("model", f"{piece[:80]!r} does not begin with the name of a knob")
        elif piece[:1].isdigit():
            groups[-1][1][-1] += f".{piece}"
        else:
            groups[-1][1].append(piece)
    return groups


def _value(name: str, pieces: list[str]) -> str:
    first, *parameters = pieces
    if name == "rate-limit":
        return ";".join([first.replace("-", "/", 1), *(_parameter(each, "/") for each in parameters)])
    if name == "fault":
        return ";".join([first, *(_parameter(each) for each in parameters)])
    return ";".join([_latency(first), *(_parameter(each) for each in parameters)])


def _latency(text: str) -> str:
    """A distribution as the knobs have it; anything else as it is."""
    kind, _, arguments = text.partition("-")
    return f"{kind}({arguments.replace('-', ',')})" if kind in _DISTRIBUTIONS and arguments else text


def _parameter(piece: str, separator: str = "-") -> str:
    """``at-event-3`` as ``at-event=3``: the value begins with the first part that has a digit, else with the last."""
    words = piece.split("-")
    place = next((number for number, word in enumerate(words) if number and word[:1].isdigit()), len(words) - 1)
    for known in _WITH_UNDERSCORES:
        if piece.startswith(f"{known}-") and not words[1][:1].isdigit():
            return f"{known}={piece[len(known) + 1 :].replace('-', '_')}"
    if place < 1:
        return piece
    return f"{'-'.join(words[:place])}={_latency(separator.join(words[place:]))}"
