"""The part that all buffered completions answering the same request have in common: everything but the id and the time.

Both are at the beginning of the document. So the rest is written once, and each reply puts its own beginning in front.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

from oagw_tornado.reply.inference import Inference
from oagw_tornado.reply.parts import Parts, ToolCall
from oagw_tornado.reply.reply import Reply
from oagw_tornado.services.context import Context
from oagw_tornado.units.latency import Latency

#: Bytes of the longest document that is kept.
LARGEST_KEPT = 16 * 1024


class SharedDocument(NamedTuple):
    """A completion without its beginning."""

    rest: bytes
    inference: Inference | None
    pauses: tuple[Latency, ...]

    def reply(self, context: Context) -> Reply:
        """The completion with the id and the time of `context`."""
        body = _beginning(context) + self.rest
        return Reply(body=body, inference=self.inference, pauses=self.pauses)


def shared_document(parts: Parts, reply: Reply, context: Context) -> SharedDocument | None:
    """What of `reply` others can share; None: nothing. The ids of tool calls are made of the completion's own."""
    if reply.status != 200 or len(reply.body) > LARGEST_KEPT or any(isinstance(part, ToolCall) for part in parts):
        return None
    begun = _beginning(context)
    if not reply.body.startswith(begun):
        return None
    return SharedDocument(reply.body[len(begun) :], reply.inference, reply.pauses)


def _beginning(context: Context) -> bytes:
    return b'{"id":%b,"object":"chat.completion","created":%d,' % (
        orjson.dumps(f"chatcmpl-{context.request_id}"),
        context.created,
    )
