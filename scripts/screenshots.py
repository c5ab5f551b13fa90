"""Pictures of the live page: a server with some traffic, a Chromium, each view in light and in dark."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from random import Random
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from playwright.sync_api import Page, sync_playwright

from oagw_tornado.testing import SimulatorProcess

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SECONDS = 75
RULES = [
    {"name": "throttled", "match": {"alias": "openai", "model": "gpt-4o-mini"}, "when": {"every": 6},
     "fault": "status;code=429;retry-after=1s"},
    {"name": "slow-start", "match": {"alias": "anthropic"}, "time-to-first-token": "lognormal(400ms,0.4)"},
    {"name": "flaky", "match": {"alias": "openai", "path": "v1/chat/*", "stream": True}, "when": {"every": 7},
     "fault": "reset;at-event=18"},
    {"name": "held", "match": {"header": {"x-held": "*"}}, "gate": "door"},
]  # fmt: skip
QUESTIONS = (
    "Why does the sky look blue in the day and red at dusk, and what would it look like on Mars?",
    "Summarise the meeting notes in five short lines and name who does what until when.",
    "hi",
)


def ask(server: SimulatorProcess, random: Random, held: bool = False) -> None:
    """One request of the mixture; a stream is read to its end, or half of it."""
    kind = random.random()
    proxy = f"{server.base_url}/api/oagw/v1/proxy"
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    if held:
        headers["X-Held"] = "yes"
    body: dict[str, object] = {"messages": [{"role": "user", "content": random.choice(QUESTIONS)}], "stream": True}
    if kind < 0.6 or held:
        url = f"{proxy}/openai/v1/chat/completions"
        body |= {"model": random.choice(["gpt-4", "gpt-4o-mini"])}
        headers |= {"X-Sim-Output-Tokens": str(random.randint(20, 120))}
    elif kind < 0.85:
        url = f"{proxy}/anthropic/v1/messages"
        body |= {"model": "claude-sonnet-4-5", "max_tokens": 100}
        headers |= {"anthropic-version": "2023-06-01", "X-Sim-Output-Tokens": str(random.randint(20, 100))}
    else:
        with urlopen(Request(f"{proxy}/weather/current?city=Oslo", headers=headers), timeout=30) as reply:
            reply.read()
        return
    with (
        suppress(HTTPError, HTTPException, OSError),
        urlopen(Request(url, json.dumps(body).encode(), headers), timeout=60) as reply,
    ):
        if random.random() < 0.12:
            reply.read(900)
        else:
            reply.read()


def traffic(server: SimulatorProcess, number: int, until: float) -> None:
    random = Random(number)
    while time.monotonic() < until:
        ask(server, random)
        time.sleep(random.random() * 0.4)


def shoot(page: Page, folder: Path, name: str, view: str, *, theme: str) -> None:
    page.evaluate("name => { location.hash = name }", view)
    page.wait_for_timeout(2500)
    if name == "requests":
        row = page.locator('.rows .row[data-kind="bad"]').first
        if row.count():
            row.click()
        page.wait_for_timeout(700)
    page.mouse.move(2, 300)
    page.screenshot(path=folder / f"page-{name}-{theme}.png")


def keep_apart(pid: int) -> None:
    """Have the server on a processor of its own, where there are several: a browser takes all it gets."""
    if hasattr(os, "sched_setaffinity") and len(processors := os.sched_getaffinity(0)) > 1:
        own = max(processors)
        os.sched_setaffinity(pid, {own})
        os.sched_setaffinity(0, processors - {own})


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    options = {"inter_token_latency": "normal(45ms,12ms)", "seed": "7", "gate_timeout": "10m"}
    with SimulatorProcess(rules=RULES, **options) as server:
        keep_apart(server.pid)
        until = time.monotonic() + SECONDS
        clients = [threading.Thread(target=traffic, args=(server, number, until), daemon=True) for number in range(14)]
        clients += [
            threading.Thread(target=ask, args=(server, Random(number), True), daemon=True) for number in range(3)
        ]
        for client in clients[:-3]:
            client.start()
        # What the first requests waited for (modules, the browser's start) is no part of the picture.
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
            time.sleep(3)
            server.control.reset()
            for client in clients[-3:]:
                client.start()
            time.sleep(30)
            for theme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": 1280, "height": 820}, color_scheme="dark" if theme == "dark" else "light"
                )
                page = context.new_page()
                page.goto(f"{server.base_url}/_sim/")
                page.wait_for_timeout(1500)
                for name in ("overview", "streams", "requests", "controls"):
                    shoot(page, folder, name, name, theme=theme)
                context.close()
            phone = browser.new_page(viewport={"width": 390, "height": 780})
            phone.goto(f"{server.base_url}/_sim/#streams")
            phone.wait_for_timeout(1500)
            phone.screenshot(path=folder / "page-phone-light.png")
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
