"""The endpoints that an inference server such as vLLM has besides the API: health, metrics, version, tokenizer.

Load generators and inference gateways use these before and during a run. As in vLLM, the first three need no bearer
token, because probes and scrapers send none. Without one, metrics are only for programs on this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oagw_tornado import __version__
from oagw_tornado.reply.reply import Reply, json_reply
from oagw_tornado.services.anthropic.handlers import anthropic_models
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.handlers import ApiHandler
from oagw_tornado.services.openai.models import openai_models
from oagw_tornado.services.vocabulary import Vocabulary

if TYPE_CHECKING:
    from oagw_tornado.services.upstream import Handler


class EngineHealth(ServiceHandler):
    """``health`` and ``ping``: 200 with nothing in it; 503 where ``/health`` says that all is not well."""

    takes_turns = False
    open_to = "all"

    def serve(self) -> None:
        status, _ = self.responder.health.answer("/health")
        self.respond(Reply(status, (), b""))


class Version(ServiceHandler):
    """``version``"""

    takes_turns = False
    open_to = "all"

    def serve(self) -> None:
        self.respond(json_reply({"version": __version__}))


class Metrics(ServiceHandler):
    """``metrics``, for Prometheus, by vLLM's names."""

    takes_turns = False
    open_to = "machine"

    def models(self) -> tuple[str, ...]:
        """The service's models."""
        return openai_models(self.config.models)

    async def serve(self) -> None:
        from oagw_tornado.gateway.inference_metrics import inference_metrics

        knobs = self.exchange.knobs
        most = None if knobs is None else knobs.max_num_seqs
        self.respond(await inference_metrics(self.responder, self.exchange.alias, self.models(), most))


class _TokenizerHandler(ApiHandler):
    takes_turns = False
    vocabulary: Vocabulary


class Tokenize(_TokenizerHandler):
    """``tokenize``: the tokens of a prompt, or of the messages of a chat."""

    def reply(self, context: Context, *path_args: str) -> Reply:
        from oagw_tornado.services.openai.tokenizer import tokenize_reply

        return tokenize_reply(self.request.body, self.vocabulary, context)


class Detokenize(_TokenizerHandler):
    """``detokenize``: the text of tokens."""

    def reply(self, context: Context, *path_args: str) -> Reply:
        from oagw_tornado.services.openai.tokenizer import detokenize_reply

        return detokenize_reply(self.request.body, self.vocabulary)


class AnthropicMetrics(Metrics):
    """The same of the Anthropic alias."""

    def models(self) -> tuple[str, ...]:
        return anthropic_models(self.config.models)


def probe_routes(metrics: Handler = Metrics) -> dict[str, Handler]:
    """What is there for probes and scrapers, by its paths."""
    return {"health": EngineHealth, "ping": EngineHealth, "version": Version, "metrics": metrics}


def engine_routes() -> dict[str, Handler]:
    """All routes by their paths. The tokenizer's numbers belong to the simulator whose table they go in."""
    own = {"vocabulary": Vocabulary()}
    tokenizer: dict[str, Handler] = {
        "tokenize": type("Tokenize", (Tokenize,), own),
        "detokenize": type("Detokenize", (Detokenize,), own),
    }
    return probe_routes() | tokenizer
