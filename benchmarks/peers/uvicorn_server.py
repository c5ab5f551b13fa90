"""A bare ASGI application on uvicorn (httptools, uvloop). ``python -m benchmarks.peers.uvicorn_server PORT``"""

from __future__ import annotations

import sys

import uvicorn

from benchmarks.peers.asgi_application import application

uvicorn.run(
    application,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    access_log=False,
    log_level="error",
    lifespan="off",
    backlog=4096,
    loop="uvloop",
    http="httptools",
)
