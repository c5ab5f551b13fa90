"""A client of the gateway: a call names an upstream by its alias, and the reply says who made it.

    with OagwClient("http://127.0.0.1:8765", "test-integration-token") as client:
        with client.execute("openai", "POST", "/v1/chat/completions", json={...}) as response:
            for event in response.iter_events():
                ...

`AsyncOagwClient` is the same with ``await``. Both are built on httpx, which the extra ``client`` installs.
Imports `units` and `reply`, nothing of the server.
"""

try:
    import httpx as _httpx  # noqa: F401
except ImportError as error:
    raise ImportError("oagw_tornado.client needs httpx (pip install httpx), from the extra 'client'") from error

from oagw_tornado.client.asynchronous import AsyncOagwClient, AsyncResponse
from oagw_tornado.client.blocking import OagwClient, Response
from oagw_tornado.client.errors import OagwConnectionError, OagwError, OagwResponseError, OagwTimeoutError
from oagw_tornado.client.exchange import ErrorSource
from oagw_tornado.reply.sse import Event

__all__ = [
    "OagwClient",
    "AsyncOagwClient",
    "Response",
    "AsyncResponse",
    "ErrorSource",
    "Event",
    "OagwError",
    "OagwConnectionError",
    "OagwTimeoutError",
    "OagwResponseError",
]
