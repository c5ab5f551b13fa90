"""Cancel the upstream when the client leaves

Your gateway or proxy sits between the clients and the model. When a client hangs up in mid-stream, does it cancel the
upstream request, or does it keep paying for tokens that nobody reads? Only the upstream can tell, and here the upstream
is the simulator: its journal shows who left, and after how many events.
"""

import asyncio
from contextlib import asynccontextmanager

import pytest

from oagw_tornado.client import AsyncOagwClient


@asynccontextmanager
async def gateway_in_front_of(upstream_port):
    """The gateway under test: here one that passes bytes on, and closes one side when the other has gone."""

    async def serve(client_reader, client_writer):
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream_port)

        async def pass_on(source, target):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()

        directions = [
            asyncio.create_task(pass_on(client_reader, writer)),
            asyncio.create_task(pass_on(reader, client_writer)),
        ]
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        for direction in directions:
            direction.cancel()
        writer.close()
        client_writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.oagw(inter_token_latency="5ms", output_tokens=1000)
def test_gateway_cancels_its_upstream(oagw):
    async def read_three_events_and_leave():
        question = {"stream": True, "messages": [{"role": "user", "content": "a long story"}]}
        async with gateway_in_front_of(oagw.server.port) as url, AsyncOagwClient(url, oagw.token) as client:
            async with await client.execute("openai", "POST", "/v1/chat/completions", json=question) as response:
                events = response.iter_events()
                for _ in range(3):
                    await anext(events)
            # Gone. The simulator has to notice while the gateway still runs.
            return await asyncio.to_thread(oagw.assert_requested, outcome="client-left", within=2)

    (request,) = asyncio.run(read_three_events_and_leave())

    assert 3 <= request["events_sent"] < 1000
    assert request["ended"] < 4  # seconds after it began; the whole story would have taken five
