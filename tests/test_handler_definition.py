"""What cannot work in this gateway is refused when the class of a handler is defined."""

from __future__ import annotations

from typing import Any

import pytest
import tornado.web
import tornado.websocket
from plain_handlers import Plain

from oagw_tornado.services.handler import ServiceHandler


def define(**members: Any) -> type:
    return type("Mine", (ServiceHandler,), {"serve": Plain.serve, **members})


def given_up(self: Any) -> None:
    self.detach()


def tensors(self: Any, tensor: Any) -> None:
    tensor.detach()


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"__init__": lambda self: None}, "Mine.__init__ is not supported: override initialize"),
        ({"data_received": lambda self, chunk: None}, "Mine.data_received is not supported"),
        ({"_execute": lambda self: None}, "Mine._execute is not supported"),
        ({"initialize": lambda self, database: None}, "Mine.initialize is called without arguments.*'database'"),
        ({"serve": given_up}, "Mine.serve: self.detach() is not supported"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_defined(members: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=says.replace("(", r"\(").replace(")", r"\)")):
        define(**members)


@pytest.mark.parametrize("base", [tornado.websocket.WebSocketHandler, tornado.web.StaticFileHandler])
def test_tornados_other_handlers_are_refused(base: type) -> None:
    with pytest.raises(TypeError, match=f"{base.__name__} of tornado is not supported"):
        type("Mine", (ServiceHandler, base), {})


def test_what_only_looks_like_it_is_not_refused() -> None:
    assert issubclass(define(helper=tensors, initialize=lambda self, database=None, **rest: None), ServiceHandler)
