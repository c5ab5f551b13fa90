"""The models that there are."""

from __future__ import annotations

from oagw_tornado.reply import json_reply

MODELS = ("gpt-4", "gpt-3.5-turbo")


def _model(id: str) -> dict[str, object]:
    return {"id": id, "object": "model", "created": 1_687_882_411, "owned_by": "openai"}


MODEL_LIST = json_reply({"object": "list", "data": [_model(id) for id in MODELS]}).body
