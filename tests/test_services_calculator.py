"""The calculator, for any body there is: exact on integers, finite or refused, always JSON."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.services.calculator import calculate

NUMBERS = st.integers() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
OPERATIONS = st.sampled_from(["add", "subtract", "multiply", "divide"])


def ask(**problem):
    return calculate(json.dumps(problem).encode())


@pytest.mark.parametrize(
    ("problem", "result"),
    [
        ({"operation": "add", "a": 15, "b": 27}, "42"),
        ({"operation": "subtract", "a": 1, "b": 2.5}, "-1.5"),
        ({"operation": "multiply", "a": 2**40, "b": 2**40}, str(2**80)),
        ({"operation": "divide", "a": 50, "b": 2}, "25.0"),
        ({"operation": "add", "a": 2**64, "b": 1}, str(2**64 + 1)),
        ({"operation": "add"}, "0"),
        ({"operation": "add", "a": 1}, "1"),
    ],
)
def test_results_to_the_letter(problem, result):
    reply = ask(**problem)
    assert reply.status == 200
    assert reply.body.decode().endswith(f'"result":{result}}}')


@pytest.mark.parametrize(
    ("problem", "error"),
    [
        ({"operation": "divide", "a": 1, "b": 0}, "Division by zero"),
        ({"operation": "divide", "a": 1, "b": -0.0}, "Division by zero"),
        ({"operation": "power", "a": 10, "b": 10**10}, "Unknown operation: power"),
        ({"a": 1}, "Unknown operation: None"),
        ({"operation": ["add"]}, "Unknown operation: ['add']"),
        ({"operation": "add", "a": True}, "a and b must be finite numbers"),
        ({"operation": "add", "a": "1"}, "a and b must be finite numbers"),
        ({"operation": "multiply", "a": [1], "b": 10**10}, "a and b must be finite numbers"),
        ({"operation": "add", "a": None}, "a and b must be finite numbers"),
        ({"operation": "multiply", "a": 1e308, "b": 10}, "The result is not a finite number"),
        ({"operation": "multiply", "a": 10**300, "b": 10**300}, "The result is not a finite number"),
        ({"operation": "divide", "a": 10**308, "b": 0.001}, "The result is not a finite number"),
    ],
)
def test_refusals(problem, error):
    reply = ask(**problem)
    assert (reply.status, json.loads(reply.body)) == (400, {"error": error})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no",
        b"[]",
        b"3",
        b"null",
        b'{"operation":"add","a":NaN}',
        b'{"operation":"add","a":Infinity}',
        b'{"operation":"add","a":1e999}',
        b'{"operation":"add","a":' + b"9" * 100_000 + b"}",
        b"[" * 100_000,
        b'{"operation":"\xff"}',
    ],
)
def test_what_is_no_problem_is_refused(body):
    reply = calculate(body)
    assert reply.status == 400
    assert isinstance(json.loads(reply.body)["error"], str)


@given(OPERATIONS, NUMBERS, NUMBERS)
def test_integers_are_exact_and_every_number_finite(operation, a, b):
    reply = ask(operation=operation, a=a, b=b)
    document = json.loads(reply.body, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    if reply.status == 400:
        assert document["error"] in ("Division by zero", "The result is not a finite number")
        return
    result = document["result"]
    assert math.isfinite(result)
    assert (document["a"], document["b"]) == (a, b)
    if isinstance(a, int) and isinstance(b, int) and operation != "divide":
        exact = {"add": a + b, "subtract": a - b, "multiply": a * b}[operation]
        assert (type(result), result) == (int, exact)
    elif operation == "divide" and abs(result) > 1e-300:
        assert isinstance(result, float)
        assert float(Fraction(a) / Fraction(b)) == pytest.approx(result, rel=1e-12)


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.booleans() | NUMBERS | st.text(), st.lists).map(
        lambda v: json.dumps({"operation": "add", "a": v}).encode()
    )
)
def test_any_body_gets_a_json_object(body):
    reply = calculate(body)
    assert reply.status in (200, 400)
    assert type(json.loads(reply.body)) is dict
