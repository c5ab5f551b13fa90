"""How the text of an option becomes its value, for options whose values have no file of their own.

Each parser raises ValueError, which says what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from oagw_tornado.units.durations import format_duration, parse_duration


def parse_token(text: str) -> str:
    # The text is not repeated: it may be a credential with a stray space.
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a token is one or more visible ASCII characters")
    return text


def parse_name(text: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z\[\]-]{1,100}", text):
        raise ValueError(f"{text[:80]!r} is not the name of a header or a parameter")
    return text


def parse_model(text: str) -> str:
    if not text or not text.isprintable() or " " in text or len(text) > 256:
        raise ValueError(f"{text[:80]!r} is not the name of a model: 1 to 256 visible characters")
    return text


def parse_fields(text: str) -> tuple[str, ...]:
    """Fields of a request that do not count when it is compared, such as ``user,metadata.id``. Raises ValueError."""
    from oagw_tornado.knobs.ignored_fields import parse_ignored

    return parse_ignored(text)


def parse_per(text: str) -> str:
    """What tells one session from another, as ``per`` of a rule has it. Raises ValueError."""
    from oagw_tornado.knobs.predicate import RuleError
    from oagw_tornado.knobs.when import parse_session

    try:
        parse_session(text, "replay-per")
    except RuleError as error:
        raise ValueError(str(error).removeprefix("replay-per: ")) from None
    return text


def parse_host(text: str) -> str:
    if not text or not text.isprintable() or " " in text:
        raise ValueError(f"{text[:80]!r} is not an address or a host name")
    return text.removeprefix("[").removesuffix("]")


def parse_control_host(text: str) -> str:
    name = text.strip().lower().removesuffix(".")
    if not re.fullmatch(r"[a-z0-9._-]{1,253}", name):
        raise ValueError(f"{text[:80]!r} is not a host name, without scheme and port")
    return name


def parse_path(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError(f"{text[:80]!r} is not the path of a file")
    return text


def listed(values: tuple[object, ...]) -> list[str]:
    return [str(value) for value in values]


def parse_client(text: str) -> tuple[str, str]:
    client, _, secret = text.partition(":")
    # The text is not repeated: it holds a secret.
    if not client or not secret or not text.isprintable():
        raise ValueError("expected a client and its secret, as in ID:SECRET")
    return client, secret


def shown_clients(clients: tuple[tuple[str, str], ...]) -> list[str]:
    """As `parse_client` reads them, secrets and all."""
    return [f"{client}:{secret}" for client, secret in clients]


def parse_mount(text: str) -> tuple[str, str]:
    """Alias and prefix of ``openai=/v1``; the prefix has no slash at its end, so that of the root is empty."""
    alias, equals, prefix = (part.strip() for part in text.partition("="))
    if not (alias and equals) or not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)*/?", prefix) or not prefix:
        raise ValueError(f"{text[:80]!r} is not an alias and a path, such as openai=/ or openai=/v2")
    prefix = prefix.rstrip("/")
    for own in ("/_sim", "/metrics", "/health", "/healthz", "/readyz", "/api/oagw/v1"):
        if f"{prefix}/".startswith(f"{own}/"):
            raise ValueError(f"{text[:80]!r}: {own} is reserved for the server")
    return alias, prefix


def shown_mounts(mounts: tuple[tuple[str, str], ...]) -> list[str]:
    return [f"{alias}={prefix or '/'}" for alias, prefix in mounts]


def parse_origin(text: str) -> str:
    """An origin as a browser writes it (WHATWG HTML, section 7.1.1): scheme, host, and any port but the default."""
    origin = text.strip().lower()
    if origin in ("*", "null"):
        return origin
    match = re.fullmatch(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", origin)
    if match is None:
        raise ValueError(f"{text[:80]!r} is not an origin such as http://localhost:3000 (no path, no slash), nor *")
    scheme, host, port = match.groups()
    is_default = port is None or int(port) == {"http": 80, "https": 443}.get(scheme)
    return f"{scheme}://{host}" if is_default else f"{scheme}://{host}:{int(port)}"


def whole(expected: str, lowest: int, highest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and lowest <= int(digits) <= highest):
            raise ValueError(f"{text[:80]!r} is not {expected}")
        return int(digits)

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        word = text.strip().lower()
        if word not in words:
            raise ValueError(f"{text[:80]!r} is not one of {', '.join(words)}")
        return word

    return parse


def parse_engine(text: str) -> str:
    """``auto``, ``fast`` or ``tornado``. Raises ValueError."""
    word = one_of("auto", "fast", "tornado", "httptools")(text)
    return "fast" if word == "httptools" else word


def parse_workers(text: str) -> int:
    """A number of processes, 0 for ``auto``."""
    from oagw_tornado.config import state_address  # a plain start does without

    return state_address.parse_workers(text)


def parse_state(text: str) -> Any:
    """The address of a state that is shared."""
    from oagw_tornado.config import state_address

    return state_address.parse_state(text)


def within(parse: Callable[[str], Any], show: Callable[[Any], str], lowest: Any, highest: Any) -> Callable[[str], Any]:
    def parse_within(text: str) -> Any:
        value = parse(text)
        if not lowest <= value <= highest:
            raise ValueError(f"{text[:80]!r} is not between {show(lowest)} and {show(highest)}")
        return value

    return parse_within


# A microsecond less than is said: 50us, read, is a little less than 50e-6.
resolution = within(parse_duration, format_duration, 49e-6, 0.1)


def parse_resolution(text: str) -> float | None:
    """The width of a slot in seconds; None for ``auto``. Raises ValueError."""
    if text.strip().lower() == "auto":
        return None
    try:
        return resolution(text)  # type: ignore[no-any-return]
    except ValueError:
        raise ValueError(f"{text[:80]!r} is neither auto nor a duration from 50us to 100ms") from None


def show_resolution(seconds: float | None) -> str:
    """As `parse_resolution` reads it."""
    return "auto" if seconds is None else format_duration(seconds)


def masked(credentials: str | tuple[str, ...] | None) -> Any:
    if credentials is None:
        return None
    return "***" if isinstance(credentials, str) else ["***" for _ in credentials]
