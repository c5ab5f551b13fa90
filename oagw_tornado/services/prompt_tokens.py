"""The tokens of a prompt that are not text: images, files and tool definitions. Estimates, as for text."""

from __future__ import annotations

from typing import Any

from oagw_tornado.reply.tokens import JSON_TOKEN
from oagw_tornado.services.canned import json_text

#: What OpenAI counts for an image in low detail, and for one of 1024 × 1024 in high detail.
IMAGE, LOW_DETAIL_IMAGE = 765, 85
# Bytes of a file's data for each token.
_FILE_TOKEN = 4


def tool_tokens(name: str, description: str | None, schema: Any) -> int:
    """The tokens of a tool's definition: its name, the words of its description, its schema as JSON."""
    text = "" if schema is None else json_text(schema)
    return 1 + len((description or "").split()) - (-len(text) // JSON_TOKEN)


def image_tokens(detail: str | None = None) -> int:
    """The tokens of an image in this detail."""
    return LOW_DETAIL_IMAGE if detail == "low" else IMAGE


def file_tokens(data: object) -> int:
    """The tokens of a file or a sound whose base64 `data` came with the request; none of one that is only named."""
    size = len(data) * 3 // 4 if isinstance(data, str) else 0
    return -(-size // _FILE_TOKEN)
