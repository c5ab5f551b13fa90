"""What the gateway's `lazy_tornado` knows of Tornado's private parts still holds: these tests fail first when Tornado
changes. Then compare the methods named here with `lazy_tornado`, mend that, and add the new digest."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import textwrap
from collections.abc import Callable
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import tornado
import tornado.web
from tornado import httputil
from wire import PROXY, Client, get, serving

from oagw_tornado.gateway.handler import ExchangeHandler
from oagw_tornado.gateway.lazy_tornado import HANDLER_PARTS, REQUEST_PARTS, LazyHandler
from oagw_tornado.gateway.request import ServerRequest
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.upstream import Upstream

ROOT = Path(__file__).parent.parent

#: The suite runs with 6.6.1. What is followed here is the same in 6.6, with which `scripts/test-oldest` runs it. The
#: bound of the dependency lies right above them.
TESTED = ("6.6", "6.6.1")

#: What is replaced or followed step by step, by the digest of its source in the tested versions.
FOLLOWED: dict[Callable[..., Any], str] = {
    tornado.web.RequestHandler.__init__: "167c83fa981e",
    tornado.web.RequestHandler.clear: "499127e7b6e0",
    tornado.web.RequestHandler._execute: "9b08100bb022",
    tornado.web.RequestHandler._handle_request_exception: "7de18d7a5018",
    tornado.web.RequestHandler.send_error: "0afe9d7d591a",
    tornado.web.RequestHandler.finish: "17106b3ecf89",
    tornado.web.RequestHandler.flush: "3ae7fe815121",
    tornado.web.RequestHandler._break_cycles: "d2b48979c2e7",
    httputil.HTTPServerRequest.__init__: "189551b6385e",
    httputil.HTTPServerRequest._parse_body: "8067f3c9eeb6",
}


@pytest.mark.parametrize("function", FOLLOWED, ids=lambda function: function.__qualname__)
def test_tornados_methods_are_those_that_were_followed(function: Callable[..., Any]) -> None:
    digest = hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
    assert digest.startswith(FOLLOWED[function]), f"{function.__qualname__} changed in Tornado {tornado.version}"


def test_the_bound_of_the_dependency_is_a_tested_version() -> None:
    (bounds,) = [line for line in requires("oagw-tornado") or [] if re.match(r"tornado\b", line)]
    oldest, newest = TESTED[0], TESTED[-1]
    major, minor = newest.split(".")[:2]
    assert set(bounds.removeprefix("tornado").split(",")) == {f">={oldest}", f"<{major}.{int(minor) + 1}"}


def set_by(function: Any) -> set[str]:
    """The attributes of self that a function sets."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    }


def test_nothing_is_missing_of_what_tornados_constructors_set() -> None:
    theirs = set_by(tornado.web.RequestHandler.__init__) | set_by(tornado.web.RequestHandler.clear)
    assert len(theirs) > 10
    ours = set_by(LazyHandler.__init__) | HANDLER_PARTS.keys() | vars(LazyHandler).keys()
    assert theirs - ours == set()

    theirs = set_by(httputil.HTTPServerRequest.__init__)
    assert len(theirs) > 10
    assert theirs - set_by(ServerRequest.__init__) - REQUEST_PARTS.keys() == set()


class Parts(ServiceHandler):
    def serve(self, *path_args: str) -> None:
        handler = {name: getattr(self, name) is not None for name in HANDLER_PARTS}
        request = {name: hasattr(self.request, name) for name in REQUEST_PARTS}
        self.write({**handler, **request})


def test_every_part_is_made_when_it_is_asked_for(wire: str) -> None:
    with serving(wire, upstreams={"parts": Upstream(otherwise=Parts)}) as server, Client(server.port) as client:
        reply = client.send(get(f"{PROXY}/parts/all")).reply()
    assert reply.json == dict.fromkeys([*HANDLER_PARTS, *REQUEST_PARTS], True)


def private_names(*classes: type) -> set[str]:
    """Every name with one leading underscore that these classes define or set."""
    names: set[str] = set()
    for cls in classes:
        names |= {name for name in vars(cls) if name.startswith("_") and not name.startswith("__")}
        for function in vars(cls).values():
            if inspect.isfunction(function):
                names |= {name for name in set_by(function) if name.startswith("_")}
    return names


def test_tornados_private_parts_are_touched_in_one_place() -> None:
    private = private_names(tornado.web.RequestHandler, httputil.HTTPServerRequest) | {"_UIModuleNamespace"}
    assert {"_finished", "_headers_written", "_write_buffer", "_start_time"} <= private
    for room in ("gateway", "services", "control"):
        for path in (ROOT / "oagw_tornado" / room).rglob("*.py"):
            if path.name == "lazy_tornado.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and node.attr in private:
                    assert node.attr in own_names(path), f"{path}:{node.lineno}: {node.attr} is Tornado's own"


def own_names(path: Path) -> set[str]:
    """The names that the classes of a file, handlers apart, set on themselves: `_log` of theirs is not Tornado's."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not any("Handler" in ast.unparse(base) for base in node.bases):
            own |= {
                child.attr
                for child in ast.walk(node)
                if isinstance(child, ast.Attribute) and isinstance(child.ctx, ast.Store)
            }
            own |= {child.name for child in ast.walk(node) if isinstance(child, ast.FunctionDef)}
    return own


def test_the_exchange_handler_is_a_tornado_handler() -> None:
    assert issubclass(ExchangeHandler, tornado.web.RequestHandler)
    assert issubclass(ServerRequest, httputil.HTTPServerRequest)
