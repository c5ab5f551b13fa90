"""Whether a start is plain, that is, given an address to listen on and nothing else. Pure.

Most starts are. Their address is known without the table of options, so the server listens before it loads that.
Anything doubtful is left to `config.read_config`, which decides in the end.
"""

from __future__ import annotations

from oagw_tornado.config.defaults import DEFAULT_HOST, DEFAULT_PORT

TYPE_CHECKING = False  # typing itself is too slow to import here
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PREFIX = "OAGW_SIM_"


def plain_address(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[str, int] | None:
    """Host and port, if `arguments` and environment give these at most, and well; else None."""
    host, port = DEFAULT_HOST, DEFAULT_PORT
    has_argument = False
    if any(name.startswith(_PREFIX) for name in environ):
        return None
    remaining = iter(arguments)
    for argument in remaining:
        name, equals, value = argument.partition("=")
        if name not in ("--host", "--port"):
            if has_argument:  # one port is all that is an argument by itself
                return None
            name, value, has_argument = "--port", argument, True
        elif not equals:
            value = next(remaining, "")
        if name == "--port" and _is_port(value):
            port = int(value)
        elif name == "--host" and _is_name(value):
            host = value
        else:
            return None
    return host, port


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 65536


def _is_name(host: str) -> bool:
    return host[:1].isalnum() and host.isascii() and all(each.isalnum() or each in ".-:" for each in host)
