"""Which alias leads to which service, and which path to which handler: all routes there are, on one screen."""

from __future__ import annotations

from oagw_tornado.services import calculator, github, github_errors, stream_test, weather
from oagw_tornado.services.anthropic import errors as anthropic_errors
from oagw_tornado.services.anthropic import handlers as anthropic
from oagw_tornado.services.oauth import handlers as oauth
from oagw_tornado.services.openai import errors as openai_errors
from oagw_tornado.services.openai import handlers as openai
from oagw_tornado.services.openai.engine import AnthropicMetrics, engine_routes, probe_routes
from oagw_tornado.services.openai.responses import handlers as responses
from oagw_tornado.services.upstream import Upstream


def upstreams() -> dict[str, Upstream]:
    """A table of its own for each simulator, in the order in which the status names the aliases."""
    return {
        "openai": Upstream(
            exact={
                "v1/chat/completions": openai.ChatCompletions,
                "v1/completions": openai.Completions,
                "v1/responses": openai.Responses,
                "v1/embeddings": openai.Embeddings,
                "v1/moderations": openai.Moderations,
                "v1/models": openai.Models,
                **engine_routes(),
            },
            patterns=(
                (r"\Av1/models/(.+)\Z", openai.Model),
                (r"\Av1/responses/([^/]+)\Z", responses.StoredResponseHandler),
                (r"\Av1/responses/([^/]+)/input_items\Z", responses.InputItemsHandler),
            ),
            otherwise=openai.UnknownUrl,
            errors=openai_errors.ERRORS,
        ),
        "github": Upstream(
            exact={"users/octocat": github.Octocat},
            patterns=((r"\Arepos/([^/]+)/([^/]+)\Z", github.Repository),),
            otherwise=github.NotFound,
            errors=github_errors.ERRORS,
        ),
        "weather": Upstream(
            patterns=(("current", weather.Current),),
            otherwise=weather.NotFound,
        ),
        "calculator": Upstream(otherwise=calculator.Calculate),
        "stream-test": Upstream(
            exact={"bytes": stream_test.Bytes},
            patterns=(("events", stream_test.Events),),
            otherwise=stream_test.NotFound,
        ),
        "anthropic": Upstream(
            exact={
                "v1/messages": anthropic.Messages,
                "v1/messages/count_tokens": anthropic.CountTokens,
                "v1/models": anthropic.Models,
                **probe_routes(AnthropicMetrics),
            },
            patterns=((r"\Av1/models/(.+)\Z", anthropic.Model),),
            otherwise=anthropic.UnknownUrl,
            key_header="X-Api-Key",
            errors=anthropic_errors.ERRORS,
        ),
        "oauth": Upstream(
            exact={
                "token": oauth.Token,
                "revoke": oauth.Revoke,
                ".well-known/openid-configuration": oauth.Configuration,
                ".well-known/oauth-authorization-server": oauth.Configuration,
                ".well-known/jwks.json": oauth.Keys,
            },
            otherwise=oauth.NotFound,
        ),
    }
