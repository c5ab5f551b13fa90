"""The calculator: two finite numbers in, one out. Exact on integers, bounded in work, never invalid JSON."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from oagw_tornado.reply.reply import JSON, Reply, json_reply
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.units.documents import TooLarge, brief, read_json

Number = int | float

OPERATIONS: Mapping[str, Callable[[Number, Number], Number]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
}

#: From here on a float no longer stands for one integer: orjson reads integers beyond 64 bits as floats.
INEXACT = 2.0**53


def calculate(body: bytes) -> Reply:
    """The reply to a body ``{"operation": …, "a": …, "b": …}``, `a` and `b` 0 if they are not given."""
    try:
        problem = read_json(body)
        if type(problem) is not dict:
            return _refuse("The body must be a JSON object")
        a, b = problem.get("a", 0), problem.get("b", 0)
        if _may_be_rounded(a) or _may_be_rounded(b):
            problem = json.loads(body)
            a, b = problem.get("a", 0), problem.get("b", 0)
    except TooLarge as error:
        return _refuse(f"The body has {error}")
    except ValueError:
        return _refuse("The body must be a JSON object whose numbers are finite")

    name = problem.get("operation")
    operation = OPERATIONS.get(name) if type(name) is str else None
    if operation is None:
        return _refuse(f"Unknown operation: {brief(name)}")
    if not (_is_finite_number(a) and _is_finite_number(b)):
        return _refuse("a and b must be finite numbers")
    if b == 0 and operation is operator.truediv:
        return _refuse("Division by zero")

    try:
        result = operation(a, b)
        finite = math.isfinite(result)
    except OverflowError:
        finite = False
    if not finite:
        return _refuse("The result is not a finite number")
    return _numbers_reply({"operation": name, "a": a, "b": b, "result": result})


def _may_be_rounded(value: Any) -> bool:
    return type(value) is float and not -INEXACT < value < INEXACT


def _is_finite_number(value: Any) -> bool:
    if type(value) is not int and type(value) is not float:  # a bool is an int to isinstance
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the range of floats
        return False


def _numbers_reply(payload: dict[str, Any]) -> Reply:
    try:
        return json_reply(payload)
    except TypeError:  # an integer beyond 64 bits
        return Reply(200, JSON, json.dumps(payload, separators=(",", ":")).encode())


def _refuse(message: str) -> Reply:
    return json_reply({"error": message}, 400)


class Calculate(ServiceHandler):
    """Any path."""

    def serve(self, *path_args: str) -> None:
        self.respond(calculate(self.request.body))
