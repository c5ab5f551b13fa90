"""What a request asks of a dialect, as known to its handler."""

from __future__ import annotations

from oagw_tornado.reply.parts import Script, Usage
from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import Asked
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.prompt_cache import usage_from_cache


def asked_of(handler: ServiceHandler, context: Context) -> Asked:
    """What the request of `handler` asks for. Under a prompt cache it is read here, for what it has in common with
    earlier ones."""
    knobs = handler.exchange.knobs
    script = knobs.reply if knobs is not None and isinstance(knobs.reply, Script) else None
    request = handler.request
    told: tuple[Usage, ...] = ()
    if handler.config.prompt_cache:
        request.conversation = request.conversation or handler.read_conversation(
            request.body, handler.config, handler.responder.states
        )
        if request.conversation is not None:
            use = handler.responder.states.entries.prompts()
            told = (usage_from_cache(use, request.conversation, request.headers),)
    # Whether it fits into the model's context is seen when it is read for its reply.
    known = request.conversation if context.max_model_len is None else None
    return Asked(request.body, context, script, known, told)
