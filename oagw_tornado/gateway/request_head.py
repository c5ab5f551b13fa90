"""What the gateway reads from the head of a request, independent of configuration and client: pure, and read once.

The fields of a cached head have a place for what was read from them (`WireHeaders.shared`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tornado.httputil import HTTPHeaders, RequestStartLine

from oagw_tornado.gateway.target import address_fault, split_absolute
from oagw_tornado.knobs.vocabulary import knobs_in_headers
from oagw_tornado.reply.reply import Headers
from oagw_tornado.wire.headers import WireHeaders

# An X-Request-Id that is echoed: visible ASCII, of a length that a log line can bear.
_REQUEST_ID = re.compile(r"[!-~]{1,200}")
# https://www.w3.org/TR/trace-context/#traceparent-header; later versions may append fields.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]{1,100})?")
# Stands for a length of more digits than any limit of a body has.
_OVER_ALL_LIMITS = 10**18


class RequestHead(NamedTuple):
    """One head, read."""

    target: str
    """Path and query as received, without the authority of an absolute form."""
    path: str
    """Still percent-encoded."""
    query: str
    id: str | None
    """The client's own id for the request, if it may be echoed."""
    echoed: Headers
    """What every reply to it repeats."""
    fault: str
    """What is wrong with whom it is addressed to; empty: nothing."""
    length: int
    """Bytes of the body, as far as it says."""
    coding: str
    """Of the body; empty: it is as it is."""
    knobs: dict[str, str]
    """Those in its header fields, by name. Nobody may change them."""


def request_head(start_line: RequestStartLine, headers: HTTPHeaders) -> RequestHead:
    """What the head of `start_line` and `headers` says."""
    shared = headers.shared if type(headers) is WireHeaders else None
    if shared is None:
        return read_request_head(start_line, headers)
    known: RequestHead | None = shared.get(RequestHead)
    if known is None:
        known = shared[RequestHead] = read_request_head(start_line, headers)
    return known


def read_request_head(start_line: RequestStartLine, headers: HTTPHeaders) -> RequestHead:
    """As `request_head`, which remembers it."""
    _, target, version = start_line
    authority = None
    if not target.startswith("/"):
        authority, target = split_absolute(target)
    path, _, query = target.partition("?")
    given = headers.get("X-Request-Id")
    trace = headers.get("Traceparent")
    coding = headers.get("Content-Encoding")
    return RequestHead(
        target,
        path,
        query,
        given if given is not None and _REQUEST_ID.fullmatch(given) else None,
        (("Traceparent", trace),) if trace is not None and _TRACEPARENT.fullmatch(trace) else (),
        address_fault(headers, version, authority),
        _length(headers.get("Content-Length")),
        _coding(coding) if coding is not None else "",
        headers.starting_with(b"x-sim-") if type(headers) is WireHeaders else knobs_in_headers(headers),
    )


def _coding(given: str) -> str:
    from oagw_tornado.gateway.content_coding import coding_of

    return coding_of(given)


def _length(given: str | None) -> int:
    """The length of a body; what is no number is the reader's business."""
    if given is None or not (given.isascii() and given.isdigit()):
        return 0
    digits = given.lstrip("0")
    return _OVER_ALL_LIMITS if len(digits) > 18 else int(digits or "0")
