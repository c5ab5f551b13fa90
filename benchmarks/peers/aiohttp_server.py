"""aiohttp on uvloop, write + sleep. ``python -m benchmarks.peers.aiohttp_server PORT [CERTIFICATE KEY]``"""

from __future__ import annotations

import asyncio
import ssl
import sys

import orjson
import uvloop
from aiohttp import web

from benchmarks.peers.payload import wanted, weather


async def answer(request: web.Request) -> web.Response:
    body = orjson.dumps(weather(request.query.get("city", "Unknown")))
    return web.Response(body=body, content_type="application/json")


async def stream(request: web.Request) -> web.StreamResponse:
    count, gap, event = wanted(request.query_string)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for number in range(count):
        if number:
            await asyncio.sleep(gap)
        await response.write(event)
    return response


tls = None
if len(sys.argv) > 2:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*sys.argv[2:4])
application = web.Application()
application.add_routes([web.get("/weather", answer), web.get("/health", answer), web.get("/stream", stream)])
web.run_app(
    application,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    ssl_context=tls,
    print=None,
    access_log=None,
    backlog=4096,
    loop=uvloop.new_event_loop(),
)
