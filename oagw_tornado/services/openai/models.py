"""The list of models."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from oagw_tornado.config.defaults import DEFAULT_MODELS
from oagw_tornado.reply.reply import Reply, json_reply
from oagw_tornado.services.openai.errors import InvalidRequest

#: What the names of the other service's models begin with.
ANTHROPIC = "claude"


@lru_cache(64)
def openai_models(configured: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the configured models that are this service's; its usual ones, if none is."""
    return tuple(name for name in configured if not name.startswith(ANTHROPIC)) or DEFAULT_MODELS


def _model(id: str, max_model_len: int | None) -> dict[str, Any]:
    model: dict[str, Any] = {"id": id, "object": "model", "created": 1_687_882_411, "owned_by": "openai"}
    if max_model_len is not None:
        model["max_model_len"] = max_model_len  # as vLLM has it
    return model


def model_list(models: tuple[str, ...], max_model_len: int | None) -> Reply:
    """All of the models."""
    return json_reply({"object": "list", "data": [_model(id, max_model_len) for id in models]})


def model_reply(id: str, models: tuple[str, ...] = DEFAULT_MODELS, max_model_len: int | None = None) -> Reply:
    """One of the models. Raises InvalidRequest."""
    if id not in models:
        raise InvalidRequest(f"The model '{id}' does not exist", param="model", code="model_not_found", status=404)
    return json_reply(_model(id, max_model_len))
