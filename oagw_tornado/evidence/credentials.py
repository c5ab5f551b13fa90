"""What may be shown of a request: values whose names are known to carry no credential are shown, all others are masked.

A denylist would never be complete: each provider, proxy and tenant has its own name for its key. So the lists here
say what is *shown* of headers and queries. A body is shown as received, because tests compare it, except for the values
of fields that name a credential. The tokens of this simulator, and anything in the form of a well-known key
(``sk-…``, ``ghp_…``, a JWT), are masked everywhere.

Masking happens when somebody looks, on the bytes as received, in time linear in their number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

from oagw_tornado.knobs.vocabulary import VOCABULARY

MASK = "***"

#: Headers shown whole, lower-case. What carries an address is shown as one: see `_ADDRESSES`.
HEADERS = frozenset(
    """
    accept accept-charset accept-encoding accept-language accept-ranges access-control-request-headers
    access-control-request-method age allow anthropic-beta anthropic-dangerous-direct-browser-access anthropic-version
    b3 baggage-size cache-control connection content-disposition content-encoding content-language content-length
    content-range content-type correlation-id date dnt early-data expect forwarded from http2-settings-size host
    idempotency-key if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive last-event-id
    max-forwards openai-beta openai-version pragma prefer priority purpose range request-id retry-after
    save-data sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user
    sec-gpc sec-websocket-extensions sec-websocket-version te traceparent trailer transfer-encoding upgrade
    upgrade-insecure-requests user-agent via viewport-width warning x-amzn-trace-id x-attempt x-b3-flags
    x-b3-parentspanid x-b3-sampled x-b3-spanid x-b3-traceid x-client-request-id x-cloud-trace-context x-correlation-id
    x-envoy-attempt-count x-envoy-expected-rq-timeout-ms x-envoy-retry-on x-forwarded-for x-forwarded-host
    x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-server x-github-api-version x-goog-api-client
    x-http-method-override x-real-ip x-request-id x-request-start x-requested-with x-retry-count x-trace-id
    """.split()  # noqa: SIM905  # a page of quotes and commas is not easier to read
)
_HEADER_PREFIXES = ("x-stainless-",)

#: Headers that carry a target, a URL or an authority, which may carry a credential.
_ADDRESSES = frozenset(
    """
    content-location destination host origin referer x-forwarded-host x-forwarded-uri x-original-uri x-original-url
    x-rewrite-url
    """.split()  # noqa: SIM905
)

#: Parameters of a query or a form shown whole: lower-case, with ``-`` for ``_``.
PARAMETERS = frozenset(
    """
    a after alias alt api-version b before category chunked city count country cursor-size days debug depth desc
    deployment-id event event-id events expand fields filter format from grant-type header-size height id ids include
    interval items lang language last-event-id lat level limit lines locale lon lng max max-tokens metadata method min
    model n name offset operation order outcome page page-size path per-page pretty purpose q query reason region
    repeat resource response-format retry rule search seed segment since size sort source start end status stream
    subject tag tags temperature test text time timeout timezone to topic top-k top-p total type tz unit units until v
    verbose version wait width x y year z
    """.split()  # noqa: SIM905
)

#: Parameters that may follow a knob after a semicolon: ``sim-fault=reset;at-event=2``.
_KNOB_PARAMETERS = frozenset(
    """
    after at-event at-fraction burst bytes code count delay end error every first for form gap interval max message
    param probability rate requests retry-after size text times tokens type wait
    """.split()  # noqa: SIM905
)

#: Values that cannot be credentials, whatever the name.
_PLAIN = frozenset(("", "0", "1", "true", "false", "yes", "no", "on", "off", "none", "null", MASK))

#: Fields of a body that name a credential: their names, without separators, end like this.
_SECRET_FIELDS = re.compile(
    r"(?:(?:api|secret|access|private|subscription|signing|encryption|master|shared|auth|license|account|app)keys?"
    r"|(?:access|refresh|id|auth|session|bearer|api|security|csrf|xsrf|personalaccess|client|user|device|registration"
    r"|private|deploy|bot)tokens?|token|passwords?|passwd|pwd|passphrase|secrets?|(?:client|app|shared|consumer)secret"
    r"|authorization|credentials?|(?:set)?cookies?|connectionstring|otp|clientassertion|assertion|samlresponse)\Z"
)

#: The forms of well-known keys, each with the text it begins with: a text without that need not be searched.
_KEYS = tuple(
    (start, re.compile(re.escape(start) + rest))
    for starts, rest in (
        (("sk-", "sk_", "pk_", "rk_", "gsk_", "hf_", "npm_", "glpat-", "github_pat_"), r"[A-Za-z0-9_-]{16,}"),
        (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"[A-Za-z0-9]{20,}"),
        (("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-"), r"[A-Za-z0-9-]{10,}"),
        (("AIza", "ya29."), r"[A-Za-z0-9_-]{20,}"),
        (("AKIA", "ASIA"), r"[A-Z0-9]{16}"),
        # Without a dot it is no JWT, but it is consumed as a whole: otherwise one could begin at each of its letters.
        (("eyJ",), r"[A-Za-z0-9_-]{8,}+(\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)?)?"),
    )
    for start in starts
)
_SCHEMES = ("bearer", "basic", "digest", "negotiate")
_SCHEME = re.compile(rf"\b({'|'.join(_SCHEMES)})(?: |%20|\+)[A-Za-z0-9._~+/%=-]{{8,}}", re.IGNORECASE)

#: ``name:password@`` and a bare ``name@`` before a host.
_USERINFO = re.compile(r"(//)[^/?#\s]*@")
_SEPARATORS = re.compile(r"([?&;#])")
_NESTED = re.compile(r"[?&;#][^?&;#=]*=|//[^/]*@")

#: Parts of a target that are examined one by one; the rest of a longer one is masked.
MOST_PIECES = 1000

# Strings are read in order, each with the value that follows if it is a name: no position is examined twice.
_STRING = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)(?:"|\\?\Z)'
_JSON_STRING = re.compile(rf"{_STRING}(\s*:\s*)?(?(2)(?:{_STRING}|(-?[0-9][0-9.eE+-]*))?)", re.DOTALL)
_PART_NAME = re.compile(r';\s*name="?([^";\r\n]*)', re.IGNORECASE)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
#: Parts of all names that `_SECRET_FIELDS` knows, and what may stand for a letter of one.
_STEMS = tuple(
    b"key token pass pwd secret authorization credential cookie connectionstring otp assertion samlresponse".split()
)
_SEPARATING = bytes(set(range(128)) - set(b"abcdefghijklmnopqrstuvwxyz0123456789"))

#: Secrets that are masked, the latest.
MOST_SECRETS = 1000

#: A secret that is shorter than this stands in too many words to be looked for in a text.
_SHORTEST_SECRET = 8


class Disclosure:
    """What one simulator shows of its requests.

    `unmasked` are further names of headers and parameters that are shown whole; `secrets` are masked wherever they
    are.
    """

    def __init__(self, unmasked: Iterable[str] = (), secrets: Iterable[str] = ()) -> None:
        self._given: dict[str, None] = {}
        self.configure(unmasked, secrets)

    def configure(self, unmasked: Iterable[str], secrets: Iterable[str]) -> None:
        """Show and mask these from now on; earlier secrets go on being masked, as requests that are kept hold them."""
        names = [name.strip().lower() for name in unmasked]
        self._headers = HEADERS | set(names)
        self._parameters = PARAMETERS | {name.replace("_", "-") for name in names}
        self._fields = {_bare(name) for name in names}
        # Longest first: one may be the beginning of another.
        for text in secrets:
            if len(text) >= _SHORTEST_SECRET:
                self._given.pop(text, None)
                self._given[text] = None
        for oldest in list(self._given)[:-MOST_SECRETS]:
            del self._given[oldest]
        given = sorted(self._given, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, given))) if given else None

    def text(self, text: str) -> str:
        """Any text, without what is a credential by its form."""
        if self._secrets is not None:
            text = self._secrets.sub(MASK, text)
        for start, pattern in _KEYS:
            if start in text:
                text = pattern.sub(_unless_a_word, text)
        lower = text.lower()
        if any(scheme in lower for scheme in _SCHEMES):
            text = _SCHEME.sub(rf"\1 {MASK}", text)
        return text

    def header(self, name: str, value: str) -> str:
        """The value of one header, as far as it is shown."""
        key = name.lower()
        if key in _ADDRESSES:
            return self.target(value)
        if key in self._headers or key.startswith(_HEADER_PREFIXES) or _is_knob(key, "x-sim-"):
            return self.text(value)
        return MASK

    def target(self, target: str) -> str:
        """A request's target in any of its forms (RFC 9112, section 3.2), or a URL."""
        if "@" in target:
            target = _without_userinfo(target)
        path, *rest = _SEPARATORS.split(target, MOST_PIECES)
        if len(rest) == 2 * MOST_PIECES and _SEPARATORS.search(rest[-1]):
            rest[-1] = MASK
        shown = [self.text(path)]
        in_query = knob = False
        for separator, part in zip(rest[::2], rest[1::2], strict=True):
            in_query = in_query or separator in "?#"
            shown += (separator, self._parameter(part, in_query, after_knob=knob and separator == ";"))
            if separator != ";":
                knob = _is_knob(_plain_name(part.partition("=")[0]), "sim-")
        return "".join(shown)

    def form(self, form: str) -> str:
        """A body of ``application/x-www-form-urlencoded``."""
        return self.target(f"?{form}")[1:]

    def body(self, body: bytes, content_type: str = "") -> str:
        """A request's body, or the beginning of one, as text."""
        text = body.decode("utf-8", "replace")
        kind = content_type.lower()
        if kind.startswith("application/x-www-form-urlencoded"):
            return self.form(text)
        if kind.startswith("multipart/"):
            text = "\r\n--".join(map(self._part, text.split("\r\n--")))
        elif _may_name_a_secret(body):
            text = _JSON_STRING.sub(self._json_string, text)
        return self.text(text)

    def _parameter(self, part: str, in_query: bool, after_knob: bool) -> str:
        encoded, equals, value = part.partition("=")
        if not equals and not in_query:
            return self.text(part)  # a segment of a path with a semicolon in it
        name = _plain_name(encoded)
        known = name in self._parameters or _is_knob(name, "sim-") or (after_knob and name in _KNOB_PARAMETERS)
        if not equals:
            return part if known or name in _PLAIN else MASK
        decoded = unquote_plus(value)
        if known and not (_NESTED.search(decoded) and not _is_knob(name, "sim-")):
            return f"{encoded}={self.text(value) if self.text(decoded) == decoded else MASK}"
        label = encoded if len(encoded) <= 100 and self.text(encoded) == encoded else MASK
        return f"{label}={value if decoded.strip().lower() in _PLAIN and not known else MASK}"

    def _field(self, name: str, value: str) -> str:
        bare = _bare(name)
        return MASK if _SECRET_FIELDS.search(bare) and bare not in self._fields else value

    def _part(self, part: str) -> str:
        head, blank, value = part.partition("\r\n\r\n")
        name = _PART_NAME.search(head[:2000])
        return head + blank + (self._field(name[1], value) if name else value)

    def _json_string(self, match: re.Match[str]) -> str:
        name, colon, text, number = match.groups()
        value = text or number
        if not colon or not value:
            return match[0]
        if "\\" in name:
            name = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), name)
        return match[0] if self._field(name, value) is value else f'"{match[1]}"{colon}"{MASK}"'


def _may_name_a_secret(body: bytes) -> bool:
    """Whether some field of `body` may be one of those that `_SECRET_FIELDS` knows: most bodies have none."""
    if b"\\u" in body:
        return True
    letters = body.lower().translate(None, _SEPARATING)
    return any(stem in letters for stem in _STEMS)


def _unless_a_word(match: re.Match[str]) -> str:
    """Keys contain digits and start at a word boundary: ``task-list-of-the-whole-week`` is not a key."""
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    key = match[0]
    if before.isalnum() or not any(map(str.isdigit, key)):
        return key
    return key if match.re.groups and match[1] is None else MASK


def _without_userinfo(target: str) -> str:
    if "//" not in target:
        # The authority-form of CONNECT, unless it is a path: user:password@host:443
        user, at, host = target.rpartition("@")
        return f"{MASK}@{host}" if at and not target.startswith("/") and "/" not in user else target
    return _USERINFO.sub(rf"\1{MASK}@", target)


def _plain_name(encoded: str) -> str:
    """The name of a parameter as the lists have it: decoded once, in lower case, ``-`` for ``_``, no ``[]``."""
    return unquote_plus(encoded).lower().replace("_", "-").removesuffix("[]")


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_knob(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and name[len(prefix) :] in VOCABULARY
