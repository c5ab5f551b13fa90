"""The page in a real Chromium where two processes share a state: it shows both, and says so."""

from __future__ import annotations

import pytest
from browser import BROWSER, needs_browser
from raw_http import CHAT, chat, request, talk
from redis_server import RedisServer

from oagw_tornado.testing import SimulatorThread
from oagw_tornado.testing.server import SimulatorServer

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = needs_browser

#: Milliseconds that the page may take, on a machine that has much else to do.
PATIENCE = 30_000


def test_requests_of_both_are_listed_in_order_and_opened() -> None:
    if SimulatorServer.default_options.get("tls"):
        pytest.skip("Chromium does not know the authority of this run")
    playwright.expect.set_options(timeout=PATIENCE)
    with RedisServer() as redis, SimulatorThread(state=redis.url) as one, SimulatorThread(state=redis.url) as other:
        for server, id in ((other, "far-1"), (one, "near"), (other, "far-2")):
            talk(server.port, request(CHAT, chat(), headers={"X-Request-Id": id}))
        with playwright.sync_playwright() as started:
            browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            complaints: list[str] = []
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"{one.base_url}/_sim/#requests")
            playwright.expect(page.get_by_text("2 processes")).to_be_visible()
            rows = page.locator("oagw-requests .rows [data-n]")
            playwright.expect(rows).to_have_count(3)
            for place, id in enumerate(("far-2", "near", "far-1")):
                rows.nth(place).click()
                playwright.expect(page.locator("oagw-request")).to_contain_text(id)
            browser.close()
            assert complaints == []
