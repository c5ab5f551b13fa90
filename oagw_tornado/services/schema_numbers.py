"""Numbers that a JSON schema accepts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from oagw_tornado.services.pattern_text import UnsupportedSchema


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _bounds(schema: Mapping[str, Any]) -> tuple[float, float, bool, bool]:
    low, high = -math.inf, math.inf
    low_open = high_open = False
    if is_number(schema.get("minimum")):
        low = schema["minimum"]
    if is_number(schema.get("maximum")):
        high = schema["maximum"]
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    # Draft 4 and OpenAPI 3.0 write a boolean beside the bound.
    low_open = above is True
    high_open = below is True
    if is_number(above) and above is not None and above >= low:
        low, low_open = above, True
    if is_number(below) and below is not None and below <= high:
        high, high_open = below, True
    return low, high, low_open, high_open


def integer_for(schema: dict[str, Any], name: str, index: int, *rest: Any) -> int:
    """The first integer that the schema accepts, or another one for each `index`. Raises UnsupportedSchema."""
    low, high, low_open, high_open = _bounds(schema)
    least = None if low == -math.inf else math.floor(low) + 1 if low_open else math.ceil(low)
    most = None if high == math.inf else math.ceil(high) - 1 if high_open else math.floor(high)
    step = schema.get("multipleOf")
    step = int(step) if is_number(step) and step is not None and step >= 1 and step == int(step) else 1
    value = step
    if least is not None and value < least:
        value = -(-least // step) * step
    if most is not None and value > most:
        value = most // step * step
    if most is None or value + index * step <= most:
        value += index * step
    if (least is not None and value < least) or (most is not None and value > most):
        raise UnsupportedSchema(f"no integer from {least} to {most}")
    return value


def number_for(schema: dict[str, Any], name: str, index: int, *rest: Any) -> float:
    """The same for numbers; an integer where one fits."""
    low, high, low_open, high_open = _bounds(schema)
    step = schema.get("multipleOf")
    try:
        return integer_for(schema if step is None or step == int(step) else {**schema, "multipleOf": None}, name, index)
    except UnsupportedSchema:
        if step is not None or low > high:
            raise
    if low == high and not (low_open or high_open):
        return low
    value = (low + high) / 2
    if not low < value < high:
        raise UnsupportedSchema(f"no number between {low} and {high}")
    return value
