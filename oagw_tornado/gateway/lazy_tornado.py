"""Tornado's request and request handler without their costly constructors: attributes that most requests never use are
made on first use.

This is the one place in the gateway that touches private parts of Tornado. Its constructors parse the query, look at
the host, format a date, build headers and tie each handler into a reference cycle with its template namespace, which
only the garbage collector can free; `_execute` is a task per request; `finish` hashes each body. Together that costs
several times as much as a small reply. So the constructors are replaced, not called, and `_execute`,
`_handle_request_exception`, `send_error` and `finish` are followed here step by step.

tests/test_tornado_internals.py compares the names with those that Tornado sets, and the methods with the versions that
this file follows: when Tornado changes, it fails first.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import tornado.web
from tornado import httputil
from tornado.iostream import StreamClosedError
from tornado.util import ObjectDict

from oagw_tornado.wire.query import parse_query


class LazyRequest(httputil.HTTPServerRequest):
    """`tornado.httputil.HTTPServerRequest`. A subclass sets method, uri, version, headers, body, path and query."""

    def __getattr__(self, name: str) -> Any:
        make = REQUEST_PARTS.get(name)
        if make is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = make(self)
        setattr(self, name, value)
        return value


# Characters of the longest query whose arguments are cached with its head.
_LONGEST_KEPT = 256


def _query_arguments(request: LazyRequest) -> dict[str, list[bytes]]:
    query = request.query
    shared = getattr(request.headers, "shared", None)
    if shared is None or len(query) > _LONGEST_KEPT:
        return parse_query(query)
    known = shared.get(parse_query)
    if known is None or known[0] != query:
        known = shared[parse_query] = query, parse_query(query)
    return {name: values[:] for name, values in known[1].items()}


def _arguments(request: LazyRequest) -> dict[str, list[bytes]]:
    arguments = {name: list(values) for name, values in request.query_arguments.items()}
    for name, values in request.body_arguments.items():
        arguments.setdefault(name, []).extend(values)
    return arguments


def _form(request: LazyRequest) -> tuple[dict[str, list[bytes]], dict[str, list[httputil.HTTPFile]]]:
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[httputil.HTTPFile]] = {}
    content_type = request.headers.get("Content-Type", "")
    try:
        httputil.parse_body_arguments(content_type, request.body, arguments, files, request.headers)
    except httputil.HTTPInputError as error:
        raise tornado.web.HTTPError(400, f"Invalid body: {error}") from None
    return arguments, files


REQUEST_PARTS: dict[str, Callable[[Any], Any]] = {
    "query_arguments": _query_arguments,
    "arguments": _arguments,
    "body_arguments": lambda request: _form(request)[0],
    "files": lambda request: _form(request)[1],
    "host": lambda request: request.headers.get("Host", "127.0.0.1"),
    "host_name": lambda request: httputil.split_host_and_port(request.host.lower())[0],
    "remote_ip": lambda request: request.connection.client,
    "protocol": lambda request: request.connection.scheme,
    "server_connection": lambda request: None,
    "_start_time": lambda request: time.time(),
    "_finish_time": lambda request: None,
}


class LazyHandler(tornado.web.RequestHandler):
    """`tornado.web.RequestHandler`, whose reply goes to `send_written` when it was not flushed before."""

    request: LazyRequest

    # True once the reply is complete as far as the handler goes.
    is_finished = False
    # True once the head has been sent by `flush`.
    is_flushed = False

    # Tornado's names for these two and for the rest of its state.
    _finished = property(lambda self: self.is_finished, lambda self, value: setattr(self, "is_finished", value))
    _headers_written = property(lambda self: self.is_flushed, lambda self, value: setattr(self, "is_flushed", value))
    _auto_finish = True
    _prepared_future = None
    _status_code = 200
    _reason = "OK"
    # The Content-Length given by a handler that flushes, less what it has written.
    _body_left: int | None = None
    # Whether `prepare` is Tornado's own, which does nothing.
    _is_prepared = True
    # The names of the methods that answer requests, by the method of the request.
    _methods: Mapping[str, str] = {}
    # What the method was called with.
    _given: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._is_prepared = cls.prepare is tornado.web.RequestHandler.prepare
        cls._methods = {name: name.lower() for name in cls.SUPPORTED_METHODS}

    def __init__(self, application: tornado.web.Application, request: LazyRequest) -> None:
        self.application = application
        self.request = request

    def __getattr__(self, name: str) -> Any:
        make = HANDLER_PARTS.get(name)
        if make is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = make(self)
        setattr(self, name, value)
        return value

    # What Tornado does with a handler: `_execute`, without a task unless there is something to wait for.

    def run(self, *path_args: str) -> None:
        """Answer the request. Never raises."""
        try:
            self.initialize()
            if self._is_prepared:
                waiting = self._call_method(path_args)
            elif (waiting := self.prepare()) is not None:
                waiting = self._prepared(waiting, path_args)
            elif not self.is_finished:
                waiting = self._call_method(path_args)
            if waiting is None:
                if self._auto_finish and not self.is_finished:
                    self.finish()
                return
        except Exception as error:
            self._fail(error)
            return
        if not self.is_finished:
            self.request.connection.set_close_callback(self.client_left)  # type: ignore[union-attr]
        self._running = asyncio.ensure_future(self._wait_for(waiting))  # the loop alone would not keep it

    def _call_method(self, path_args: tuple[str, ...]) -> Awaitable[None] | None:
        method = self._methods.get(self.request.method or "")
        if method is None:
            raise tornado.web.HTTPError(405)
        self._given = path_args
        return getattr(self, method)(*path_args)  # type: ignore[no-any-return]

    async def _prepared(self, waiting: Awaitable[None], path_args: tuple[str, ...]) -> None:
        await waiting
        if not self.is_finished and (waiting_more := self._call_method(path_args)) is not None:
            await waiting_more

    async def _wait_for(self, waiting: Awaitable[None]) -> None:
        try:
            await waiting
            if self._auto_finish and not self.is_finished:
                self.finish()
        except StreamClosedError:
            self.client_left()
        except asyncio.CancelledError as error:
            # Either the handler was cancelled or something it waited for: in both cases its client gets a reply.
            self._fail(error)
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
        except Exception as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Tornado's `_handle_request_exception`. Called where `error` is being handled."""
        try:
            if isinstance(error, tornado.web.Finish):
                if not self.is_finished:
                    self.finish(*error.args)
                return
            self._log_failure()
            if not self.is_finished:
                status = error.status_code if isinstance(error, tornado.web.HTTPError) else 500
                self.send_error(status, exc_info=sys.exc_info())
        except Exception:
            self.log_exception(*sys.exc_info())
            self.cut()

    def _log_failure(self) -> None:
        try:
            self.log_exception(*sys.exc_info())
        except Exception:  # in somebody's own `log_exception`
            LazyHandler.log_exception(self, *sys.exc_info())

    # The reply.

    def clear(self) -> None:
        """Start the reply over, as Tornado's own does, but without the headers that the server adds."""
        self._headers = default_headers()
        self._write_buffer: list[bytes] = []
        self._status_code = 200
        self._reason = "OK"
        self.set_default_headers()

    def compute_etag(self) -> str | None:
        """None: Tornado's own hashes each body. Override it for replies with an entity tag."""
        return None

    def flush(self, include_footers: bool = False) -> asyncio.Future[None]:
        if not self.is_flushed:
            self.request.connection.set_close_callback(self.client_left)  # type: ignore[union-attr]
            length = self._headers.get("Content-Length")
            self._body_left = None if length is None or self.request.method == "HEAD" else int(length)
        if self._body_left is not None:
            self._body_left -= self.unsent_size
            if self._body_left < 0:
                self.cut()
                raise httputil.HTTPOutputError("Tried to write more data than Content-Length")
        return super().flush(include_footers)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        if self.is_finished:
            raise RuntimeError("finish() called twice")
        if chunk is not None:
            self.write(chunk)
        if self.is_flushed:
            return self._finish_flushed()
        status, headers = self._status_code, self._headers
        if status == 200 and self.request.method in ("GET", "HEAD") and "Etag" not in headers:
            self.set_etag_header()
            if self.check_etag_header():
                self._write_buffer = []
                self.set_status(304)
                status = 304
        body = b"".join(self._write_buffer)
        if status in (204, 304) or status < 200:
            if body:
                raise RuntimeError(f"Cannot send body with status code HTTP{status}")
            self._clear_representation_headers()
        for cookie in getattr(self, "_new_cookie", {}).values():
            self.add_header("Set-Cookie", cookie.OutputString(None))
        length = headers.get("Content-Length")
        if length is not None and int(length) != len(body):
            if self.request.method == "HEAD":  # the length of a body that only GET would get
                return self._finish_flushed()
            raise httputil.HTTPOutputError(f"wrote {len(body)} bytes of a body whose Content-Length is {length}")
        self.send_written(status, self._reason, headers, body)
        if "ui" in self.__dict__:
            self._break_cycles()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    def _finish_flushed(self) -> asyncio.Future[None]:
        if self._body_left is not None and (missing := self._body_left - self.unsent_size):
            self.cut()
            what = "less" if missing > 0 else "more"
            raise httputil.HTTPOutputError(f"Tried to write {abs(missing)} bytes {what} than Content-Length")
        self.flushed_all()
        return super().finish()

    @property
    def unsent_size(self) -> int:
        """Bytes that were written and not flushed."""
        return sum(map(len, self._write_buffer))

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """As Tornado's. Behind a head that was flushed only a cut tells the client that the reply is not whole."""
        if self.is_flushed:
            self.cut()
            return
        self.clear()
        error = kwargs.get("exc_info", (None, None))[1]
        reason = error.reason if isinstance(error, tornado.web.HTTPError) and error.reason else kwargs.get("reason")
        self.set_status(status_code, reason)
        if status_code == 405:
            self.set_header("Allow", ", ".join(self.allowed_methods()))
        try:
            if status_code != 304:
                self.write_error(status_code, **kwargs)
        except Exception:
            self._log_failure()
        if not self.is_finished:
            self.finish()

    @classmethod
    def allowed_methods(cls) -> list[str]:
        """The methods that this class has an implementation of."""
        unimplemented = tornado.web.RequestHandler._unimplemented_method
        return [name for name in cls.SUPPORTED_METHODS if getattr(cls, name.lower()) is not unimplemented]

    # Implemented by the class that knows the gateway.

    def send_written(self, status: int, reason: str, headers: httputil.HTTPHeaders, body: bytes) -> None:
        """Send what the handler has written, all of it in memory."""
        raise NotImplementedError

    def flushed_all(self) -> None:
        """The last piece of a reply that was flushed is about to leave."""

    def client_left(self) -> None:
        """The client is gone before the reply was complete."""
        raise NotImplementedError

    def cut(self) -> None:
        """End the connection: the reply on it cannot be completed."""
        raise NotImplementedError

    def _log(self) -> None:
        """Tornado's access log; there is one for all engines elsewhere."""


def default_headers() -> httputil.HTTPHeaders:
    """Tornado's, without ``Server`` and ``Date``: the wire adds the date."""
    return httputil.HTTPHeaders({"Content-Type": "text/html; charset=UTF-8"})


def _template_namespace(handler: LazyHandler) -> Any:
    application = handler.application
    names: Any = ObjectDict((name, handler._ui_method(method)) for name, method in application.ui_methods.items())
    names["_tt_modules"] = names["modules"] = tornado.web._UIModuleNamespace(handler, application.ui_modules)
    return names


def _headers(handler: LazyHandler) -> httputil.HTTPHeaders:
    # Before `set_default_headers`, which adds to them.
    handler.__dict__["_headers"] = headers = default_headers()
    handler.set_default_headers()
    return headers


HANDLER_PARTS: dict[str, Callable[[Any], Any]] = {
    "_headers": _headers,
    "_write_buffer": lambda handler: [],
    "_transforms": lambda handler: [],
    "ui": _template_namespace,
    "path_args": lambda handler: list(handler._given),
    "path_kwargs": lambda handler: {},
}
