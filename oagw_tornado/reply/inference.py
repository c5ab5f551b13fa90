"""The tokens of a request to a model and of its reply, for each reply whose tokens are counted."""

from __future__ import annotations

from typing import NamedTuple


class Inference(NamedTuple):
    """What a model was asked for and is to say: of a reply that tokens are counted of."""

    model: str
    prompt_tokens: int
    output_tokens: int
    """Of all choices, if nothing cuts the reply off."""
    finish: str
    """``stop``, ``length``, … in OpenAI's words."""
    opening: int = 0
    """Events of a stream before its first token."""
    contents: int = 0
    """Events that say these tokens; 0: the reply is sent whole."""
