"""Which alias leads to which service, and which path to which handler: all routes on one screen.

A service is imported with its first request, or when the server is idle: see `LoadedUpstream`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oagw_tornado.services.loaded_upstream import LoadedUpstream

if TYPE_CHECKING:
    from oagw_tornado.services.upstream import Upstream


def upstreams() -> dict[str, LoadedUpstream]:
    """A table of its own for each simulator, in the order in which the status names the aliases."""
    return {
        "openai": LoadedUpstream(_openai),
        "github": LoadedUpstream(_github),
        "weather": LoadedUpstream(_weather),
        "calculator": LoadedUpstream(_calculator),
        "stream-test": LoadedUpstream(_stream_test),
        "anthropic": LoadedUpstream(_anthropic, key_header="X-Api-Key"),
        "oauth": LoadedUpstream(_oauth),
    }


def blank_upstream() -> LoadedUpstream:
    """An upstream that only rules answer for."""
    return LoadedUpstream(_blank)


def _openai() -> Upstream:
    from oagw_tornado.services.openai import errors, handlers
    from oagw_tornado.services.openai.engine import engine_routes
    from oagw_tornado.services.openai.responses import handlers as responses
    from oagw_tornado.services.upstream import Upstream

    return Upstream(
        exact={
            "v1/chat/completions": handlers.ChatCompletions,
            "v1/completions": handlers.Completions,
            "v1/responses": handlers.Responses,
            "v1/embeddings": handlers.Embeddings,
            "v1/moderations": handlers.Moderations,
            "v1/models": handlers.Models,
            **engine_routes(),
        },
        patterns=(
            (r"\Av1/models/(.+)\Z", handlers.Model),
            (r"\Av1/responses/([^/]+)\Z", responses.StoredResponseHandler),
            (r"\Av1/responses/([^/]+)/input_items\Z", responses.InputItemsHandler),
        ),
        otherwise=handlers.UnknownUrl,
        errors=errors.ERRORS,
    )


def _github() -> Upstream:
    from oagw_tornado.services import github, github_errors
    from oagw_tornado.services.upstream import Upstream

    return Upstream(
        exact={"users/octocat": github.Octocat},
        patterns=((r"\Arepos/([^/]+)/([^/]+)\Z", github.Repository),),
        otherwise=github.NotFound,
        errors=github_errors.ERRORS,
    )


def _weather() -> Upstream:
    from oagw_tornado.services import weather
    from oagw_tornado.services.upstream import Upstream

    return Upstream(patterns=(("current", weather.Current),), otherwise=weather.NotFound)


def _calculator() -> Upstream:
    from oagw_tornado.services.calculator import Calculate
    from oagw_tornado.services.upstream import Upstream

    return Upstream(otherwise=Calculate)


def _stream_test() -> Upstream:
    from oagw_tornado.services import stream_test
    from oagw_tornado.services.upstream import Upstream

    return Upstream(
        exact={"bytes": stream_test.Bytes},
        patterns=(("events", stream_test.Events),),
        otherwise=stream_test.NotFound,
    )


def _anthropic() -> Upstream:
    from oagw_tornado.services.anthropic import errors, handlers
    from oagw_tornado.services.openai.engine import AnthropicMetrics, probe_routes
    from oagw_tornado.services.upstream import Upstream

    return Upstream(
        exact={
            "v1/messages": handlers.Messages,
            "v1/messages/count_tokens": handlers.CountTokens,
            "v1/models": handlers.Models,
            **probe_routes(AnthropicMetrics),
        },
        patterns=((r"\Av1/models/(.+)\Z", handlers.Model),),
        otherwise=handlers.UnknownUrl,
        key_header="X-Api-Key",
        errors=errors.ERRORS,
    )


def _oauth() -> Upstream:
    from oagw_tornado.services.oauth import handlers
    from oagw_tornado.services.upstream import Upstream

    return Upstream(
        exact={
            "token": handlers.Token,
            "revoke": handlers.Revoke,
            ".well-known/openid-configuration": handlers.Configuration,
            ".well-known/oauth-authorization-server": handlers.Configuration,
            ".well-known/jwks.json": handlers.Keys,
        },
        otherwise=handlers.NotFound,
    )


def _blank() -> Upstream:
    from oagw_tornado.services.nothing_scripted import blank_upstream

    return blank_upstream()
