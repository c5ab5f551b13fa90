"""Stock Tornado: HTTPServer, write + flush + sleep. ``python -m benchmarks.peers.stock_tornado PORT``"""

from __future__ import annotations

import asyncio
import logging
import sys

import orjson
import tornado.httpserver
import tornado.netutil
import tornado.web

from benchmarks.peers.payload import wanted, weather


class Weather(tornado.web.RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(orjson.dumps(weather(self.get_query_argument("city", "Unknown"))))


class Stream(tornado.web.RequestHandler):
    async def get(self) -> None:
        count, gap, event = wanted(self.request.query)
        self.set_header("Content-Type", "text/event-stream")
        for number in range(count):
            if number:
                await asyncio.sleep(gap)
            self.write(event)
            await self.flush()


async def main() -> None:
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    server = tornado.httpserver.HTTPServer(
        tornado.web.Application([(r"/weather", Weather), (r"/health", Weather), (r"/stream", Stream)])
    )
    server.add_sockets(tornado.netutil.bind_sockets(int(sys.argv[1]), "127.0.0.1", backlog=4096))
    await asyncio.Event().wait()


asyncio.run(main())
