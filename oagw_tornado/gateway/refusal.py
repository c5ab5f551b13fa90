"""The gateway's replies to requests that it does not pass on. A refusal is a reply like any other.

``error`` is a string, exactly as in the prototype. ``message`` explains it to someone who has not read the docs
(SDKs show it as the text of their exception); ``hint`` says what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.reply.errors import Errors, gateway_error
from oagw_tornado.reply.reply import JSON, Headers, Reply

#: What a client would get again, however often it asked: openai-python and openai-node read this header.
NO_RETRY: Headers = (("X-Should-Retry", "false"),)


def refusal(
    status: int, text: str, headers: Headers = NO_RETRY, *, message: str = "", hint: str = "", **more: Any
) -> Reply:
    """A refusal in the prototype's dialect: ``{"error": text, "message": …, "hint": …}``, source ``gateway``."""
    return Reply(status, JSON + headers, gateway_error(status, text, message, hint, **more), source="gateway")


def unauthorized(key_header: str = "", *, option: str = "--token") -> Reply:
    """401: there is no key at all. `key_header` is where one is taken beside ``Authorization``."""
    own = f" or {key_header}: TOKEN" if key_header else ""
    where = f"neither in Authorization nor in {key_header}" if key_header else "no 'Bearer TOKEN' in Authorization"
    return refusal(
        401,
        "Unauthorized",
        message=f"Unauthorized: the request has no token, {where}",
        hint=f"Send the header Authorization: Bearer TOKEN{own}, with a token that the server was given by {option}",
    )


def forbidden(*, option: str = "--token") -> Reply:
    """403: the key is not one of the server's."""
    return refusal(
        403,
        "Unauthorized",
        message="Unauthorized: the token is not one of the server's",
        hint=f"An SDK's API key is the token; {option} says which ones the server takes",
    )


UNAUTHORIZED = unauthorized()
FORBIDDEN = forbidden()


#: 401: the token was good once (RFC 6750, section 3.1). A client with a refresh token uses it now.
STALE = refusal(
    401,
    "Unauthorized",
    (("WWW-Authenticate", 'Bearer error="invalid_token", error_description="the access token is stale"'), *NO_RETRY),
    message="Unauthorized: the access token has expired or was revoked",
    hint="Ask the token endpoint of the upstream oauth for another one",
)


def unknown_alias(alias: str, aliases: Iterable[str] = ()) -> Reply:
    """404: no service goes by this name."""
    known = tuple(aliases)
    return refusal(
        404,
        f"Unknown alias: {alias}",
        message=f"Unknown alias: {alias[:200]}{_nearest(alias, known)}",
        hint=f"The aliases are {', '.join(known)}" if known else "",
    )


def unknown_url(path: str, aliases: Iterable[str] = ()) -> Reply:
    """404: nothing is there."""
    names = ", ".join(aliases)
    return refusal(
        404,
        f"Unknown URL: {path[:200]}",
        hint="Services are at /api/oagw/v1/proxy/ALIAS/PATH" + (f"; the aliases are {names}" if names else ""),
    )


def method_not_allowed(method: str, allowed: tuple[str, ...]) -> Reply:
    """405 with ``Allow`` (RFC 9110, section 15.5.6)."""
    names = ", ".join(allowed)
    return refusal(
        405,
        f"Method {method[:32]} is not served here; allowed: {names}",
        (("Allow", names), *NO_RETRY),
        hint=f"The allowed methods are {names}",
    )


def bad_request(text: str) -> Reply:
    return refusal(400, text)


def bad_knob(text: str) -> Reply:
    """400: a knob that is not one, or has no meaning for this reply."""
    return refusal(
        400,
        f"Bad knob {text}",
        hint="Knobs are headers X-Sim-NAME and query parameters sim-NAME; docs/knobs.md and docs/faults.md list them",
    )


def body_too_large(limit: int) -> Reply:
    return refusal(
        413,
        f"Request body too large: more than {limit} bytes",
        hint="--max-body-size sets the limit",
    )


def _nearest(name: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    matches = get_close_matches(name[:80].lower(), known, 1, 0.6)
    return f" (did you mean {matches[0]}?)" if matches else ""


def unknown_coding(coding: str, accepted: str) -> Reply:
    """415 with the codings that are understood (RFC 9110, sections 12.5.3 and 15.5.16)."""
    text = f"Content-Encoding {coding[:80]!r} cannot be decoded here; one of {accepted} can"
    return refusal(415, text, (("Accept-Encoding", accepted), *NO_RETRY), hint=f"Send it as it is, or in {accepted}")


def queue_full(knobs: Knobs, errors: Errors) -> Reply:
    """What a saturated upstream says to one request more than may wait, in the service's words."""
    message = f"The waiting queue is full: {knobs.max_num_seqs} run, {knobs.max_waiting_queue_length} wait"
    usual = errors.form.usual(knobs.queue_full_status)
    return errors.reply(usual._replace(message=message, code="queue_full", retry_after=1.0))


def state_away(reason: str) -> Reply:
    """503: what decides about this request is counted in a store that does not answer."""
    return refusal(
        503,
        f"The shared state is away: {reason[:200]}",
        (("Retry-After", "1"),),
        hint="What decides about this request is shared: a rule that counts, a limit, a gate, a token, a stored "
        "response, the next of several recordings; --state names the store, and /health says how it is",
    )
