"""Query strings (application/x-www-form-urlencoded, WHATWG URL, section 5.1) as tornado's handlers get them."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

#: As many as tornado itself takes; the rest of a longer query is not looked at.
MOST_ARGUMENTS = 1000


def parse_query(query: str) -> dict[str, list[bytes]]:
    """Names, as text, to their values, as bytes, in order.

    >>> parse_query("city=New+York&city=Oslo&x=%C3%A9&flag")
    {'city': [b'New York', b'Oslo'], 'x': [b'\\xc3\\xa9'], 'flag': [b'']}
    """
    arguments: dict[str, list[bytes]] = {}
    if not query:
        return arguments
    encoded = "%" in query or "+" in query
    for pair in query.split("&", MOST_ARGUMENTS)[:MOST_ARGUMENTS]:
        name, _, text = pair.partition("=")
        if not pair:
            continue
        if encoded:
            key = unquote_to_bytes(name.replace("+", " ").encode("latin-1", "replace")).decode("latin-1")
            value = unquote_to_bytes(text.replace("+", " ").encode("latin-1", "replace"))
        else:
            key, value = name, text.encode("latin-1", "replace")
        values = arguments.get(key)
        if values is None:
            arguments[key] = [value]
        else:
            values.append(value)
    return arguments
