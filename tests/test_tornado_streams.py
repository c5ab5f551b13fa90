"""What the stock engine knows of Tornado's private parts still holds: these tests fail first when Tornado changes.

Then compare the methods named here with `wire/request_stream.py` and `wire/stock.py`, mend those, and add the digest.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import tornado
from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.iostream import BaseIOStream, IOStream

#: Digests of their source; two where versions that are allowed differ.
FOLLOWED: dict[Callable[..., Any], str | tuple[str, ...]] = {
    BaseIOStream.read_until_regex: "454f53d195f2",
    BaseIOStream._handle_events: "b9464803bd15",
    BaseIOStream._add_io_state: "a8ead1f9e5f6",
    BaseIOStream.close: "9d541e5f1f6b",
    BaseIOStream.write: "359435fb31c5",
    BaseIOStream.read_until_close: "54a6eac94363",
    BaseIOStream._read_to_buffer: "3db9deb7ce2c",
    BaseIOStream._try_inline_read: "03c73e8fd749",
    IOStream.read_from_fd: "2d579a9c4fa3",
    IOStream.set_nodelay: "50093f99aff6",
    HTTP1Connection._read_message: "0a95352530c3",
    HTTP1Connection._read_body: ("1528c84d5034", "c0e09660f3c0"),
    HTTP1Connection.finish: "06764160f2a9",
    HTTP1Connection.set_close_callback: "9800d744437a",
    HTTP1ServerConnection._server_request_loop: "878caf064d85",
    HTTPServer.handle_stream: "164864e68f57",
}


@pytest.mark.parametrize("function", FOLLOWED, ids=lambda function: function.__qualname__)
def test_tornados_methods_are_those_that_were_followed(function: Callable[..., Any]) -> None:
    digest = hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
    assert digest.startswith(FOLLOWED[function]), f"{function.__qualname__} changed in Tornado {tornado.version}"
