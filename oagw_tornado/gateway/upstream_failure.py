"""Why an upstream did not reply, and what the client gets instead."""

from __future__ import annotations

from typing import NamedTuple

from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.reply.reply import Reply


class Failure(NamedTuple):
    """Why there is no reply. `name` is how a recording ends with it."""

    name: str
    status: int
    code: str
    text: str
    hint: str

    def reply(self, alias: str) -> Reply:
        """What the gateway answers in the place of the upstream."""
        text = f"Upstream {alias} {self.text}"
        return refusal(self.status, text, (), hint=self.hint.format(alias=alias), code=self.code)


REFUSED = Failure(
    "refused", 502, "connection_refused", "refuses the connection", "Does it run, and is the port of its url right?"
)
UNREACHABLE = Failure("unreachable", 502, "unreachable", "cannot be reached", "Is there a way to the host of its url?")
UNRESOLVED = Failure("dns", 502, "name_not_resolved", "has a host that no address is known of", "Look at its url")
TLS = Failure(
    "tls",
    502,
    "tls_failed",
    "cannot be trusted or speaks no TLS",
    "upstreams: {alias}: tls-ca: FILE names the authority of a certificate that the system does not know",
)
CONNECT_TIMEOUT = Failure(
    "connect-timeout", 504, "connect_timeout", "did not take the connection in time", "connect-timeout says how long"
)
RESPONSE_TIMEOUT = Failure(
    "response-timeout", 504, "response_timeout", "did not answer in time", "response-timeout says how long it may take"
)
RESET = Failure("reset", 502, "connection_reset", "closed the connection before it answered", "Its log may say why")
NO_HTTP = Failure("bad-reply", 502, "bad_reply", "answered what is no HTTP reply", "Is that an HTTP server at its url?")

#: By their names.
FAILURES = {
    each.name: each
    for each in (REFUSED, UNREACHABLE, UNRESOLVED, TLS, CONNECT_TIMEOUT, RESPONSE_TIMEOUT, RESET, NO_HTTP)
}
