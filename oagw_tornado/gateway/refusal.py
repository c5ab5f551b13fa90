"""What the gateway says when it does not pass a request on. A refusal is a reply like any other."""

from __future__ import annotations

from typing import Any

from oagw_tornado.gateway.handler import ExchangeHandler
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.reply.errors import retry_headers
from oagw_tornado.reply.reply import Headers, Reply, json_reply

#: What a client would get again, however often it asked: openai-python and openai-node read this header.
NO_RETRY: Headers = (("X-Should-Retry", "false"),)


def refusal(status: int, text: str, headers: Headers = NO_RETRY) -> Reply:
    """A refusal in the prototype's dialect: ``{"error": text}``, source ``gateway``."""
    reply = json_reply({"error": text}, status, headers)
    reply.source = "gateway"
    return reply


UNAUTHORIZED = refusal(401, "Unauthorized")
FORBIDDEN = refusal(403, "Unauthorized")


def unknown_alias(alias: str) -> Reply:
    return refusal(404, f"Unknown alias: {alias}")


def unknown_url(path: str) -> Reply:
    return refusal(404, f"Unknown URL: {path[:200]}")


def method_not_allowed(method: str, allowed: tuple[str, ...]) -> Reply:
    """405 with ``Allow`` (RFC 9110, section 15.5.6)."""
    names = ", ".join(allowed)
    return refusal(405, f"Method {method[:32]} is not served here; allowed: {names}", (("Allow", names), *NO_RETRY))


def bad_request(text: str) -> Reply:
    return refusal(400, text)


def body_too_large(limit: int) -> Reply:
    return refusal(413, f"Request body too large: more than {limit} bytes")


def unknown_coding(coding: str, accepted: str) -> Reply:
    """415 with the codings that are understood (RFC 9110, sections 12.5.3 and 15.5.16)."""
    text = f"Content-Encoding {coding[:80]!r} cannot be decoded here; one of {accepted} can"
    return refusal(415, text, (("Accept-Encoding", accepted), *NO_RETRY))


def queue_full(knobs: Knobs) -> Reply:
    """What a saturated upstream says to one request more than may wait."""
    status = knobs.queue_full_status
    message = f"The waiting queue is full: {knobs.max_num_seqs} run, {knobs.max_waiting_queue_length} wait"
    kind, code = ("rate_limit_error", "queue_full") if status == 429 else ("server_error", "queue_full")
    error = {"message": message, "type": kind, "param": None, "code": code}
    return json_reply({"error": error}, status, retry_headers(1.0))


class RefusalHandler(ExchangeHandler):
    """Replies with the refusal that is its argument, whatever the method."""

    def run(self, *path_args: Any) -> None:
        self.respond(path_args[0])
