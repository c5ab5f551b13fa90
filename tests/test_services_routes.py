"""Which path leads to which handler, and what the simple services say there."""

from __future__ import annotations

import json

import pytest

from oagw_tornado.services import github, weather
from oagw_tornado.services.table import upstreams


@pytest.mark.parametrize(
    ("alias", "path", "handler", "arguments"),
    [
        ("openai", "v1/chat/completions", "ChatCompletions", ()),
        ("openai", "v1/models", "Models", ()),
        ("openai", "v1/models/a/b", "Model", ("a/b",)),
        ("openai", "v1/models/", "UnknownUrl", ("v1/models/",)),
        ("openai", "v1/chat/completions/", "UnknownUrl", ("v1/chat/completions/",)),
        ("openai", "", "UnknownUrl", ("",)),
        ("github", "users/octocat", "Octocat", ()),
        ("github", "users/OCTOCAT", "NotFound", ("users/OCTOCAT",)),
        ("github", "users/octocat\n", "NotFound", ("users/octocat\n",)),
        ("github", "repos/rust-lang/rust", "Repository", ("rust-lang", "rust")),
        ("github", "repos/a", "NotFound", ("repos/a",)),
        ("github", "repos/a/b/c", "NotFound", ("repos/a/b/c",)),
        ("weather", "current", "Current", ()),
        ("weather", "v1/concurrently/x", "Current", ()),
        ("weather", "a/currents\nb", "Current", ()),
        ("weather", "forecast", "NotFound", ("forecast",)),
        ("calculator", "anything/at all", "Calculate", ("anything/at all",)),
        ("calculator", "", "Calculate", ("",)),
        ("stream-test", "events", "Events", ()),
        ("stream-test", "some/events/here", "Events", ()),
        ("stream-test", "bytes", "Bytes", ()),
        ("stream-test", "event", "NotFound", ("event",)),
        ("anthropic", "v1/messages", "Messages", ()),
        ("anthropic", "v1/complete", "UnknownUrl", ("v1/complete",)),
    ],
)
def test_routes(alias, path, handler, arguments):
    found, given = upstreams()[alias].route(path)
    assert (found.__name__, given) == (handler, arguments)


def test_the_aliases_come_in_the_order_that_clients_expect():
    assert list(upstreams())[:5] == ["openai", "github", "weather", "calculator", "stream-test"]


def test_each_simulator_has_a_table_of_its_own():
    assert upstreams() is not upstreams()


def test_a_repository_is_what_its_path_says():
    assert json.loads(github.repository("rust-lang", "rust").body) == {
        "name": "rust-lang/rust",
        "full_name": "rust-lang/rust",
        "description": "A mock repository for testing",
        "private": False,
        "html_url": "https://github.com/rust-lang/rust",
    }


def test_the_weather_is_the_same_everywhere():
    assert json.loads(weather.current("Zürich").body) == {
        "location": "Zürich",
        "temperature": 72,
        "unit": "fahrenheit",
        "condition": "sunny",
        "humidity": 45,
        "wind_speed": 8,
    }
