"""What every peer says."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs

_HEAD = (
    b'data: {"id":"chatcmpl-peer","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4",'
    b'"choices":[{"index":0,"delta":{"content":"'
)
_TAIL = b'"},"finish_reason":null}]}\n\n'


class Wanted(NamedTuple):
    """A stream, as the query of its request asks for it: ``count=60&gap=0.05&size=5``."""

    events: int
    gap: float
    event: bytes


def wanted(query: str) -> Wanted:
    fields = parse_qs(query)
    size = int(fields.get("size", ["5"])[0])
    return Wanted(int(fields["count"][0]), float(fields["gap"][0]), _HEAD + b"w" * size + _TAIL)


def weather(city: str) -> dict[str, object]:
    return {
        "location": city,
        "temperature": 72,
        "unit": "fahrenheit",
        "condition": "sunny",
        "humidity": 45,
        "wind_speed": 8,
    }
