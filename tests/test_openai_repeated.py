"""A chat that is asked again and again: made once and shared, and nobody gets what is another's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oagw_tornado.services.openai.chat import reply as chat
from oagw_tornado.services.openai.chat.reply import chat_reply
from oagw_tornado.services.openai.context import Context

TOOL = {"type": "function", "function": {"name": "first", "parameters": {"type": "object", "properties": {}}}}
PLAIN: tuple[dict[str, Any], ...] = (
    {},
    {"model": "gpt-4o", "n": 3},
    {"max_tokens": 4, "seed": 7, "logprobs": True},
    {"tools": [TOOL]},
)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("is_exact", [False, True], ids=["prototype", "openai"])
@pytest.mark.parametrize("fields", PLAIN, ids=str)
def test_a_reply_asked_for_again_is_the_first_but_for_its_id_and_time(
    fields: dict[str, Any], is_exact: bool, stream: bool
) -> None:
    message = {"role": "user", "content": f"again {fields} {is_exact} {stream}"}
    body = json.dumps({"model": "m", "stream": stream, **fields, "messages": [message]}).encode()

    def asked(number: int) -> tuple[bytes, object]:
        reply = chat_reply(body, Context(f"r{number}", 1_700_000_000 + number)._replace(is_exact=is_exact))
        sent = reply.body if reply.frames is None else b"".join(frame.data for frame in reply.frames)
        return sent, (reply.status, reply.headers, reply.pauses, reply.inference)

    first, about = asked(1)
    for number in range(2, 6):
        again, about_again = asked(number)
        assert again == first.replace(b"r1", b"r%d" % number).replace(b"1700000001", b"170000000%d" % number)
        assert about_again == about


def test_a_whole_reply_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "made once"}]}).encode()
    for number in range(3):
        chat_reply(body, Context(f"r{number}", 1))
    monkeypatch.setattr(chat, "reply_of", None)
    assert b'"chatcmpl-r9"' in chat_reply(body, Context("r9", 1)).body
