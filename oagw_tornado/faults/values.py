"""How values of parameters are written: quoted if they contain a comma or a semicolon, or percent-encoded. ::

    status;code=400;message="too long; cut it, please"
    status;code=400;message=too%20long%3B%20cut%20it%2C%20please

Within quotes, a backslash escapes a quote or a backslash (RFC 9110, section 5.6.4). In either form a percent sign
with two hexadecimal digits is an octet of UTF-8 (RFC 3986, section 2.1): header fields have ASCII only.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
#: Characters besides letters and digits that need no quoting.
_PLAIN = " !#$&'()*+-./:<=>?@[]^_`{|}~"


def split(text: str, separator: str) -> list[str]:
    """The parts of `text` between separators that are not within quotes, without the white space around them.

    >>> split('a;b="c;d"; e', ";")
    ['a', 'b="c;d"', 'e']

    Raises ValueError for a quote that is not closed.
    """
    parts: list[str] = []
    begin, quoted, escaped = 0, False, False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == '"':
            quoted = not quoted
        elif character == "\\":
            escaped = quoted
        elif character == separator and not quoted:
            parts.append(text[begin:place].strip())
            begin = place + 1
    if quoted:
        raise ValueError(f"{text[begin : begin + 40]!r}: a quote is not closed")
    parts.append(text[begin:].strip())
    return parts


def read_text(value: str) -> str:
    """A text, without its quotes and escapes.

    >>> read_text('"say \\\\"no\\\\""'), read_text("caf%C3%A9")
    ('say "no"', 'café')

    Raises ValueError if it is empty or no text that can be sent.
    """
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _ESCAPED.sub(r"\1", value[1:-1])
    value = unquote(value)
    if not value:
        raise ValueError("expected a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{value[:40]!r} contains half a surrogate pair") from None
    return value


def write_text(value: str) -> str:
    """`value` such that `split` and `read_text` give it back, in visible ASCII."""
    text = quote(value, safe=_PLAIN)
    stripped = text.strip()
    if stripped == text:
        return text
    # White space at the ends would be taken for that around a parameter.
    lead = len(text) - len(text.lstrip())
    tail = len(text) - len(text.rstrip()) if stripped else 0
    return "%20" * lead + stripped + "%20" * tail
