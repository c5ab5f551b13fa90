"""What a recording keeps of headers and queries: allowlists, so that nothing unforeseen is kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote_plus

from oagw_tornado.proxying.masking import Masking
from oagw_tornado.recordings.format import Fields
from oagw_tornado.recordings.masked_fields import MASK

#: Headers of requests that are kept.
REQUEST_HEADERS = frozenset(
    """
    accept accept-charset accept-encoding accept-language anthropic-beta anthropic-version cache-control
    content-encoding content-language content-type if-match if-modified-since if-none-match if-range
    if-unmodified-since last-event-id openai-beta openai-version range user-agent x-github-api-version
    """.split()  # noqa: SIM905  # a page of quotes and commas is not easier to read
)

#: Headers of replies that are kept.
REPLY_HEADERS = frozenset(
    """
    accept-ranges age allow anthropic-organization-id cache-control content-disposition content-encoding
    content-language content-length content-range content-type date deprecation etag expires last-modified link location
    openai-model openai-processing-ms openai-version ratelimit ratelimit-limit ratelimit-policy ratelimit-remaining
    ratelimit-reset request-id retry-after retry-after-ms server sunset vary warning x-accel-buffering x-ratelimit-limit
    x-request-id x-should-retry
    """.split()  # noqa: SIM905
)
_REPLY_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")

#: Parameters of queries whose values are credentials, by the ends of their names without separators.
_CREDENTIALS = (
    "key", "token", "secret", "password", "passwd", "pwd", "signature", "sig", "credential", "auth", "authorization",
    "session", "assertion",
)  # fmt: skip

#: Signs that a name is not one, whatever it ends with.
_HARMLESS = ("maxtoken", "pagetoken", "nextpagetoken", "sortkey", "idempotencykey")


def kept_request(lines: Iterable[tuple[str, str]], masking: Masking) -> Fields:
    """The header lines of a request that are written down."""
    return tuple((name, masking.text(value)) for name, value in lines if name.lower() in REQUEST_HEADERS)


def kept_reply(lines: Iterable[tuple[str, str]], masking: Masking) -> Fields:
    """The header lines of a reply that are written down."""
    return tuple((name, _reply_value(name.lower(), value, masking)) for name, value in lines if _is_kept(name.lower()))


def kept_query(query: str, masking: Masking) -> str:
    """A query, the values of parameters that are credentials by their names masked."""
    return masking.text("&".join(map(_parameter, query.split("&"))))


def credentials_in(query: str) -> list[str]:
    """The values of those parameters, as they were sent and decoded."""
    pairs = (each.partition("=") for each in query.split("&"))
    values = [value for name, _, value in pairs if value and is_credential(name)]
    return [*values, *map(unquote_plus, values)]


def _is_kept(name: str) -> bool:
    return name in REPLY_HEADERS or name.startswith(_REPLY_PREFIXES)


def _reply_value(name: str, value: str, masking: Masking) -> str:
    if name in ("location", "link"):
        before, mark, query = value.partition("?")
        value = f"{before}{mark}{kept_query(query, masking)}"
    return masking.text(value)


def _parameter(part: str) -> str:
    name, equals, value = part.partition("=")
    return f"{name}={MASK}" if equals and value and is_credential(name) else part


def is_credential(encoded: str) -> bool:
    """Whether a parameter or header of this name holds one."""
    name = "".join(filter(str.isalnum, unquote_plus(encoded).lower()))
    return name.endswith(_CREDENTIALS) and not name.endswith(_HARMLESS)
