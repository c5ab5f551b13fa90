"""The answer of a TLS listener to a client that speaks plain HTTP."""

from __future__ import annotations

_BODY = b'{"error":"This port speaks TLS: the URL begins with https://"}'

PLAIN_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nX-OAGW-Error-Source: gateway\r\nContent-Type: application/json\r\n"
    b"X-Should-Retry: false\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)
