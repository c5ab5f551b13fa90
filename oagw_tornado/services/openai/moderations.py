"""Moderations: a text is flagged for each category whose name it contains, such as ``violence``, and for no other."""

from __future__ import annotations

from typing import Any

import orjson

from oagw_tornado.reply.reply import Reply, in_pieces, json_reply
from oagw_tornado.services.openai.bodies import read
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.requests import ModerationRequest

DEFAULT_MODEL = "omni-moderation-latest"

#: Inputs up to which a reply is made in one go; a larger one is made as the client reads.
AT_ONCE = 32

CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


def moderation_reply(body: bytes, context: Context) -> Reply:
    """The reply to the body of a request. Raises InvalidRequest."""
    request = read(body, ModerationRequest)
    texts = _texts(request.input)
    said = {"id": f"modr-{context.request_id}", "model": request.model or DEFAULT_MODEL}
    if len(texts) <= AT_ONCE:
        return json_reply({**said, "results": [moderate(text) for text in texts]})
    return Reply(pieces=in_pieces(orjson.dumps(said)[:-1] + b',"results":[', map(moderate, texts), b"]}"))


def moderate(text: str) -> dict[str, Any]:
    """The verdict on one input."""
    # Letters beyond ASCII are in no name of a category, and take fifty times as long to be made small ones.
    written = text.encode("utf-8", "surrogatepass").lower()
    categories = {category: category.encode() in written for category in CATEGORIES}
    return {
        "flagged": any(categories.values()),
        "categories": categories,
        "category_scores": {category: 0.95 if flagged else 0.0001 for category, flagged in categories.items()},
        "category_applied_input_types": {category: ["text"] for category in CATEGORIES},
    }


def _texts(given: str | list[Any]) -> list[str]:
    """The inputs: one text, several, or the parts (texts and images) of a single one."""
    if isinstance(given, str):
        return [given]
    if given and all(isinstance(each, str) for each in given):
        return given
    if given and all(isinstance(each, dict) for each in given):
        return [" ".join(str(part.get("text", "")) for part in given)]
    raise InvalidRequest(
        "Invalid type for 'input': expected a string, an array of strings, or an array of objects.",
        param="input",
        code="invalid_type",
    )
