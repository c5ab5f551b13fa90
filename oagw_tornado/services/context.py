"""What a dialect gets besides the request itself. In a file of its own, because a start loads this but no dialect."""

from __future__ import annotations

from typing import NamedTuple


class Context(NamedTuple):
    """The id and time of this request, and how the service is set up."""

    request_id: str
    created: int
    is_exact: bool = False
    """The real service's shape (``--openai-profile openai``), not the prototype's."""
    output_tokens: int | None = None
    tokens_per_event: int = 1
    reasoning_field: str = "reasoning_content"
    """Where a chat completion says what the model thought: ``reasoning_content``, ``reasoning`` or ``both``."""
    is_scripted: bool = False
    """What is said comes from a rule."""
    filler: bool = False
    """The canned model says a text of single tokens, as many as are asked for."""
    max_model_len: int | None = None
    """Tokens of the longest prompt with its reply; None: no limit."""
    is_strict: bool = False
    """The request is held to all that the real service asks of it."""
