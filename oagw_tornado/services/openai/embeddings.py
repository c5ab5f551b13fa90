"""Embeddings: a unit vector for each text, always the same one, and unrelated to that of any other text."""

from __future__ import annotations

import base64
import math
import sys
from array import array
from collections.abc import Sequence
from hashlib import shake_128
from typing import Any

import orjson

from oagw_tornado.reply.reply import Reply, in_pieces, json_reply
from oagw_tornado.reply.words import count_words
from oagw_tornado.services.openai.bodies import read
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.requests import EmbeddingRequest, UncheckedEmbeddingRequest

DEFAULT_MODEL = "text-embedding-3-small"
DIMENSIONS = {"text-embedding-3-large": 3072}
DEFAULT_DIMENSIONS = 1536
MOST_INPUTS = 2048

#: Inputs up to which a reply is made in one go; a larger one is made as the client reads.
AT_ONCE = 4

#: Numbers in one reply.
MOST_NUMBERS = MOST_INPUTS * DEFAULT_DIMENSIONS


def embedding_reply(body: bytes) -> Reply:
    """The reply to the body of a request. Raises InvalidRequest."""
    request: EmbeddingRequest | UncheckedEmbeddingRequest
    try:
        request = read(body, EmbeddingRequest)
    except InvalidRequest:
        # Errors in the inputs have their own wording.
        request = read(body, UncheckedEmbeddingRequest)
    model = request.model or DEFAULT_MODEL
    native = DIMENSIONS.get(model, DEFAULT_DIMENSIONS)
    dimensions = native if request.dimensions is None else request.dimensions
    if dimensions > native:
        raise InvalidRequest(
            f"Invalid value for 'dimensions' = {dimensions}. Must be less than or equal to {native}.",
            param="dimensions",
        )
    if request.encoding_format not in (None, "float", "base64"):
        raise InvalidRequest(
            f"Invalid value: '{request.encoding_format}'. Supported values are: 'float' and 'base64'.",
            param="encoding_format",
            code="invalid_value",
        )
    inputs = _inputs(request)
    if len(inputs) * dimensions > MOST_NUMBERS:
        raise InvalidRequest(f"Invalid 'input': more than {MOST_NUMBERS} numbers in one reply.", param="input")
    tokens = sum(count_words(each) if isinstance(each, str) else len(each) for each in inputs)
    data = (
        {"object": "embedding", "index": index, "embedding": _encoded(embed(each, dimensions), request)}
        for index, each in enumerate(inputs)
    )
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    if len(inputs) <= AT_ONCE:
        return json_reply({"object": "list", "data": list(data), "model": model, "usage": usage})
    rest = orjson.dumps({"model": model, "usage": usage})
    return Reply(pieces=in_pieces(b'{"object":"list","data":[', data, b"]," + rest[1:]))


def embed(text: str | Sequence[int], dimensions: int) -> list[float]:
    """The unit vector of a text or of its tokens. Fewer dimensions are the first ones, scaled up to length 1."""
    content = text if isinstance(text, str) else _written(text)
    numbers = array("h", shake_128(content.encode()).digest(2 * dimensions))
    if sys.byteorder == "big":
        numbers.byteswap()
    scale = 1 / (math.hypot(*numbers) or 1.0)
    vector = [number * scale for number in numbers]
    if dimensions == 1:
        vector[0] = math.copysign(1.0, vector[0])
    return vector


def _written(tokens: Sequence[int]) -> str:
    try:
        return orjson.dumps(tokens)[1:-1].decode()
    except TypeError:  # an integer beyond 64 bits
        return ",".join(map(str, tokens))


def _encoded(vector: list[float], request: EmbeddingRequest | UncheckedEmbeddingRequest) -> Any:
    if request.encoding_format != "base64":
        return vector
    floats = array("f", vector)
    if sys.byteorder == "big":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode()


def _inputs(request: EmbeddingRequest | UncheckedEmbeddingRequest) -> list[str | list[int]]:
    """The inputs: one or several, each a text or its tokens."""
    given = request.input
    inputs: list[Any] = [given] if isinstance(given, str) else given
    if set(map(type, inputs)) == {int}:
        inputs = [inputs]
    if not inputs or len(inputs) > MOST_INPUTS:
        raise InvalidRequest(f"Invalid 'input': expected 1 to {MOST_INPUTS} inputs.", param="input")
    if not all(inputs):
        raise InvalidRequest("Invalid 'input': an input cannot be empty.", param="input")
    if isinstance(request, UncheckedEmbeddingRequest) or int in set(map(type, inputs)):
        raise InvalidRequest(
            "Invalid type for 'input': expected a string, an array of strings, or arrays of tokens.",
            param="input",
            code="invalid_type",
        )
    return inputs
