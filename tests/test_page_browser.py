"""The page in a real Chromium: what somebody sees and does there, and what strangers' texts cannot do to it."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser import BROWSER, needs_browser
from raw_http import CHAT, TOKEN, chat, dial, request, talk
from wire import EVENTS

from oagw_tornado.testing import SimulatorThread
from oagw_tornado.testing.server import SimulatorServer

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = needs_browser

#: Milliseconds that the page may take, on a machine that has much else to do.
PATIENCE = 30_000
JOURNAL = 6000


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorThread]:
    if SimulatorServer.default_options.get("http_server") == "tornado":
        pytest.skip("the page is the same on both engines; tests/test_live.py has its feed on both")
    if SimulatorServer.default_options.get("tls"):
        pytest.skip("Chromium does not know the authority of this run")
    with SimulatorThread(journal_size=JOURNAL, gate_timeout="120s", unmasked=["X-Team"]) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture
def page(server: SimulatorThread, browser: Any) -> Iterator[Any]:
    """The page, open; whatever it complains of fails the test."""
    server.control.reset()
    with opened(browser, f"{server.base_url}/") as found:
        yield found


class opened:
    def __init__(self, browser: Any, url: str, **context: Any) -> None:
        self._browser, self._url, self._context_options = browser, url, context
        self.complaints: list[str] = []

    def __enter__(self) -> Any:
        self._context = self._browser.new_context(viewport={"width": 1200, "height": 800}, **self._context_options)
        self._context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = self._context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._console)
        page.goto(self._url)
        return page

    def _console(self, message: Any) -> None:
        # What the browser itself says of a 4xx (a check was refused, a token is wanted), and of a server that is gone.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    def __exit__(self, kind: Any, *rest: Any) -> None:
        self._context.close()
        if kind is None:
            assert self.complaints == []


def go(page: Any, view: str) -> None:
    page.get_by_role("link", name=view, exact=True).click()


def wait(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE / 1000
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def run(curl: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", curl], capture_output=True, text=True, timeout=30)


def test_a_stream_is_seen_event_by_event_and_a_gate_released_by_its_button(server: SimulatorThread, page: Any) -> None:
    assert page.url.endswith("/_sim/")
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(request(f"{EVENTS}?count=4", headers={"X-Sim-Gate": "door", "X-Request-Id": "held"}))
        go(page, "Controls")
        gate = page.locator('[data-gate="door"]')
        playwright.expect(gate).to_contain_text("1 waiting")
        playwright.expect(gate).to_contain_text("held")
        gate.get_by_role("button", name="Release 1").click()
        playwright.expect(gate).to_contain_text("after 1 events")
        playwright.expect(page.locator(".done code")).to_contain_text("/_sim/gates/door/release?events=1")
        # What was done is shown as the curl that does the same.
        assert run(page.locator(".done code").inner_text()).returncode == 0
        playwright.expect(gate).to_contain_text("after 2 events")
        go(page, "Streams")
        lane = page.locator('.lane[data-id="held"]')
        playwright.expect(lane).to_contain_text("at gate door")
        for events in (3, 4):
            server.control.release("door", 1)
            playwright.expect(lane).to_contain_text(f"{events} events")
        painted = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
        assert wait(lambda: lane.locator("canvas").evaluate(painted))
        server.control.release("door")
        playwright.expect(lane).to_contain_text("complete")


def test_a_rule_is_checked_added_seen_to_apply_moved_and_edited(server: SimulatorThread, page: Any) -> None:
    go(page, "Controls")
    page.get_by_role("button", name="Add a rule…").click()
    editor = page.get_by_role("dialog")
    editor.locator("textarea").fill('{"name": "late", "match": {"alias": "weather"}, "fault": "statsu"}')
    playwright.expect(editor).to_contain_text("'statsu' is not one of the faults")
    playwright.expect(editor.get_by_role("button", name="Add", exact=True)).to_be_disabled()
    editor.locator("textarea").fill('{"name": "late", "match": {"alias": "weather"}, "fault": "status;code=418"}')
    playwright.expect(editor).to_contain_text("Valid rule")
    editor.get_by_role("button", name="Add", exact=True).click()
    playwright.expect(page.locator('[data-rule="late"]')).to_contain_text("fitted 0, applied 0")
    assert talk(server.port, request("/api/oagw/v1/proxy/weather/current")).status == 418
    playwright.expect(page.locator('[data-rule="late"]')).to_contain_text("fitted 1, applied 1")
    server.control.add_rule(name="other", match={"alias": "github"})
    page.get_by_role("button", name="Move other up").click()
    wait(lambda: [rule["name"] for rule in server.control.rules()] == ["other", "late"])
    page.locator('[data-rule="late"]').get_by_role("button", name="Edit…").click()
    editor.locator("textarea").fill('{"match": {"alias": "weather"}, "fault": "status;code=503"}')
    editor.get_by_role("button", name="Save").click()
    playwright.expect(page.locator('[data-rule="late"]')).to_contain_text("code=503")
    assert talk(server.port, request("/api/oagw/v1/proxy/weather/current")).status == 503
    page.get_by_role("button", name="Remove late").click()
    wait(lambda: [rule["name"] for rule in server.control.rules()] == ["other"])


def test_a_knob_is_checked_while_one_types_and_a_fault_is_built(server: SimulatorThread, page: Any) -> None:
    go(page, "Controls")
    knob = page.locator('[data-knob="latency"]')
    knob.get_by_role("textbox").fill("lognormal(50ms")
    playwright.expect(knob.locator("output")).not_to_be_empty()
    assert server.control.call("GET", "/_sim/config")["latency"] == "0"
    knob.get_by_role("textbox").fill("uniform(1ms,3ms)")
    playwright.expect(knob.locator("output")).to_be_empty()
    knob.get_by_role("button", name="Set").click()
    wait(lambda: server.control.call("GET", "/_sim/config")["latency"] == "uniform(1ms,3ms)")
    faults = page.get_by_role("region", name="Faults")
    faults.get_by_label("Fault", exact=True).select_option("status")
    faults.get_by_label("code").fill("429")
    faults.get_by_label("message").fill("too much; try again, später")
    faults.get_by_role("button", name="Set for all requests").click()
    wait(lambda: server.control.call("GET", "/_sim/config")["fault"])
    reply = talk(server.port, request(CHAT, chat()))
    assert reply.status == 429
    assert json.loads(reply.body)["error"]["message"] == "too much; try again, später"
    page.get_by_role("button", name="Reset all").click()
    page.get_by_role("button", name="Reset all, really?").click()
    wait(lambda: server.control.call("GET", "/_sim/config")["latency"] == "0")
    playwright.expect(faults).to_contain_text("No fault is set")


def test_a_filter_and_a_copy_as_curl_that_works(server: SimulatorThread, page: Any) -> None:
    body = {"model": 'it\'s "quoted" $HOME `x` \\n', "messages": [{"role": "user", "content": "grüß\n😀"}]}
    server.control.add_rule(match={"alias": "openai", "method": "GET"})
    talk(server.port, request(f"{CHAT}?a=b'c", body, {"X-Team": "o'brien"}))
    talk(server.port, request("/api/oagw/v1/proxy/weather/current"))
    go(page, "Requests")
    rows = page.locator(".rows .row")
    playwright.expect(rows).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("alias:openai status:2xx")
    playwright.expect(rows).to_have_count(1)
    rows.first.click()
    detail = page.get_by_role("region", name="One request")
    playwright.expect(detail).to_contain_text("Nearest rules")
    playwright.expect(detail).to_contain_text("o'brien")
    detail.get_by_role("button", name="Copy as curl").click()
    playwright.expect(detail.get_by_role("button", name="copied")).to_be_visible()
    curl = page.evaluate("navigator.clipboard.readText()")
    assert '"object":"chat.completion"' in run(curl).stdout
    again, first = (server.control.request(each["id"]) for each in server.control.requests(alias="openai"))
    for key in ("method", "target", "body"):
        assert again[key] == first[key]
    assert again["headers"]["X-Team"] == "o'brien"
    assert TOKEN in curl, "everybody knows this one"
    detail.get_by_role("button", name="as pytest").click()
    test = wait(lambda: "def test_" in (text := page.evaluate("navigator.clipboard.readText()")) and text)
    compile(test, "test", "exec")
    detail.get_by_role("button", name="Make a rule…").click()
    playwright.expect(page.get_by_role("dialog")).to_contain_text("Valid rule")


EVIL = "<img src=x onerror=document.title='pwned'><script>document.title='pwned'</script>"


def test_strangers_texts_stay_texts_and_credentials_masked(server: SimulatorThread, page: Any) -> None:
    headers = {
        "X-Team": EVIL,
        "X-Secret": "sk-abcdefgh12345678",
        "X-Sim-Gate": "door",
        "X-Request-Id": EVIL.replace(" ", "/"),
    }
    stream = {"model": EVIL, "stream": True, "messages": [{"role": "user", "content": EVIL}]}
    path = "/api/oagw/v1/proxy/openai/v1/chat/completions?q=" + EVIL.replace(" ", "+")
    server.control.add_rule(name="near", match={"alias": "openai", "last-message": EVIL + "!"})
    talk(server.port, request("/" + EVIL.replace(" ", "/"), headers={"X-Team": EVIL}))
    with dial(server.port) as client:
        client.sendall(request(path, stream, headers))
        for view in ("Overview", "Streams", "Controls", "Requests"):
            go(page, view)
            playwright.expect(page.locator("main")).to_contain_text("openai")
        playwright.expect(page.locator(".rows .row")).to_have_count(2)
        page.locator(".rows .row").first.click()
        detail = page.get_by_role("region", name="One request")
        playwright.expect(detail).to_contain_text("<script>document.title='pwned'</script>")
        playwright.expect(detail).to_contain_text("Nearest rules")
        assert "sk-abcdefgh12345678" not in page.content()
        assert page.locator("img, main script").count() == 0
        assert "pwned" not in page.title()


def test_a_long_journal_is_listed_in_a_few_rows_of_the_document(server: SimulatorThread, page: Any) -> None:
    many = b"".join(
        f"GET /api/oagw/v1/proxy/weather/current?n={number} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {TOKEN}\r\n\r\n".encode()
        for number in range(5200)
    )
    with dial(server.port, 60) as client:
        client.sendall(many + request("/api/oagw/v1/proxy/weather/current?last"))
        while client.recv(1 << 20):
            pass
    go(page, "Requests")
    page.reload()
    playwright.expect(page.locator("oagw-requests .bar output").last).to_contain_text("the latest 5,000")
    assert page.locator(".rows .row").count() < 80
    page.locator(".scroller").evaluate("each => { each.scrollTop = each.scrollHeight }")
    playwright.expect(page.locator(".rows .row").last).to_have_attribute("aria-rowindex", "5001")


PLOTS = """async evil => {
  const plot = await import("/_sim/assets/plot.js");
  const thousand = Array.from({ length: 1000 }, (_, number) => number + 1);
  const points = plot.quantilePoints(thousand);
  const gaps = [[1, 2], [2, null], [3, 40]];
  const lane = { planned: [0, 1], actual: [0, 1.1], ended: 1.2 };
  const isRising = ([p, value], number) => !number || (p >= points[number - 1][0] && value >= points[number - 1][1]);
  const drawn = [
    plot.percentiles({ title: evil, series: [{ name: evil, points }] }),
    plot.percentiles({ title: "none", log: true, series: [{ name: "none", points: [] }] }),
    plot.timeSeries({ title: "gaps", log: true, from: 0, to: 9, series: [{ name: "a", area: true, points: gaps }] }),
    plot.lanes({ title: "lanes", lanes: [{ ...lane, label: evil, outcome: evil }] }),
  ];
  document.querySelector("main").append(...drawn);
  return {
    points: [points[0], points.find(([p]) => p >= 50), points.at(-1)],
    rising: points.every(isRising),
    positions: plot.tickPositions([0, 0.1, 5, 9.99, 11], 0, 10, 100),
    short: [0, 0.00123, 1.5, 999, 12345, 2e6, null].map(plot.short),
    ticks: plot.ticks(0, 7, 4),
    bad: drawn.map(each => each.outerHTML).join("").match(/NaN|undefined|Infinity/),
    images: document.querySelectorAll("main img").length,
  };
}"""


def test_plots_draw_the_values_that_they_are_given(page: Any) -> None:
    found = page.evaluate(PLOTS, EVIL)
    first, half, last = found["points"]
    assert (first, last) == ([0, 1], [100, 1000])
    assert abs(half[1] - 10 * half[0]) <= 1
    assert found["rising"]
    assert found["positions"] == [0, 1, 50, 100]
    assert found["short"] == ["0", "0.0012", "1.5", "999", "12.3k", "2M", "–"]
    assert found["ticks"] == [0, 2, 4, 6]
    assert (found["bad"], found["images"]) == (None, 0)


def test_how_the_client_behaved_is_judged_when_asked(server: SimulatorThread, page: Any) -> None:
    for _ in range(2):
        talk(server.port, request(CHAT, chat(), {"X-Sim-Fault": "status;code=429;retry-after=1h"}))
    card = page.get_by_role("region", name="Client conduct")
    card.get_by_role("button", name="Judge now").click()
    playwright.expect(card).to_contain_text("requests judged")
    assert (
        card.locator(".word").inner_text() == server.control.call("GET", "/_sim/conduct", query={"final": 1})["conduct"]
    )


def test_keys_themes_and_a_phone(server: SimulatorThread, browser: Any, page: Any) -> None:
    page.keyboard.press("3")
    playwright.expect(page.locator("oagw-requests")).to_be_visible()
    page.keyboard.press("?")
    playwright.expect(page.get_by_role("dialog")).to_contain_text("pause")
    page.keyboard.press("Escape")
    playwright.expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("p")
    playwright.expect(page.locator(".state")).to_have_text("paused")
    page.keyboard.press("p")
    playwright.expect(page.locator(".state")).to_have_text("live")
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light
    page.keyboard.press("t")
    assert page.evaluate(colour) == light, "chosen by hand"
    page.set_viewport_size({"width": 360, "height": 640})
    for view in ("1", "2", "3", "4"):
        page.keyboard.press(view)
        wait(lambda: page.evaluate("document.documentElement.scrollWidth") <= 360)


def test_a_token_is_asked_for_once(server: SimulatorThread, browser: Any) -> None:
    with (
        SimulatorThread(admin_token="let-me-in") as guarded,
        opened(browser, f"{guarded.base_url}/") as page,
    ):
        dialog = page.get_by_role("dialog", name="Admin token")
        dialog.get_by_label("Admin token").last.fill("wrong")
        dialog.get_by_role("button", name="Open").click()
        playwright.expect(dialog).to_contain_text("not the server's token")
        dialog.get_by_label("Admin token").last.fill("let-me-in")
        dialog.get_by_role("button", name="Open").click()
        playwright.expect(page.locator(".state")).to_have_text("live")
        page.reload()
        playwright.expect(page.locator(".state")).to_have_text("live")
        assert "let-me-in" not in page.content()


def test_it_says_that_the_server_is_gone_and_comes_back(server: SimulatorThread, browser: Any) -> None:
    first = SimulatorThread().start()
    with opened(browser, f"{first.base_url}/_sim/") as page:
        playwright.expect(page.locator(".state")).to_have_text("live")
        port = first.port
        first.stop()
        playwright.expect(page.locator(".state")).to_contain_text("retrying")
        with SimulatorThread(port=port):
            playwright.expect(page.locator(".state")).to_have_text("live")
        page.close()
