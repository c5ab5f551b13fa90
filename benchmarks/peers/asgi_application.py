"""The same stream and the same small reply as a bare ASGI application."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

import orjson

from benchmarks.peers.payload import wanted, weather


async def application(scope: Any, receive: Any, send: Any) -> None:
    query = scope["query_string"]
    if isinstance(query, bytes):  # as the specification has it; granian gives text
        query = query.decode()
    if scope["path"] != "/stream":
        body = orjson.dumps(weather(parse_qs(query).get("city", ["Unknown"])[0]))
        fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})
        return
    count, gap, event = wanted(query)
    fields = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    for number in range(count):
        if number:
            await asyncio.sleep(gap)
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
