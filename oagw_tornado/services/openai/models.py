"""The models that there are."""

from __future__ import annotations

from oagw_tornado.reply.reply import Reply, json_reply
from oagw_tornado.services.openai.errors import InvalidRequest

MODELS = ("gpt-4", "gpt-3.5-turbo")


def _model(id: str) -> dict[str, object]:
    return {"id": id, "object": "model", "created": 1_687_882_411, "owned_by": "openai"}


MODEL_LIST = json_reply({"object": "list", "data": [_model(id) for id in MODELS]}).body


def model_reply(id: str) -> Reply:
    """One of the models. Raises InvalidRequest."""
    if id not in MODELS:
        raise InvalidRequest(f"The model '{id}' does not exist", param="model", code="model_not_found", status=404)
    return json_reply(_model(id))
