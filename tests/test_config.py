"""The configuration is a pure function of arguments, environment and file text: no process, no real file here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from oagw_tornado.config.config import Config, change_config, config_as_json, read_config, value_in
from oagw_tornado.config.listeners import Listener, TlsFault
from oagw_tornado.config.options import OPTIONS
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.config.usage import default_text, help_text, switch_text
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.units.latency import Fixed


def read(
    argv: Sequence[str] = (), environ: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None
) -> Config:
    def read_file(path: str) -> str:
        if path not in (files or {}):
            raise FileNotFoundError(2, "No such file or directory")
        return (files or {})[path]

    return read_config(argv, environ or {}, read_file)


def read_yaml(text: str, argv: Sequence[str] = ()) -> Config:
    return read(["--config", "sim.yaml", *argv], files={"sim.yaml": text})


#: A value of each option that is not its default: as a text, and as `Config` has it.
SAMPLES: dict[str, tuple[str, Any]] = {
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("9000", 9000),
    "token": ("abc", ("abc",)),
    "admin-token": ("secret", "secret"),
    "openai-profile": ("openai", "openai"),
    "strict": ("yes", True),
    "strict-requests": ("yes", True),
    "reasoning-field": ("both", "both"),
    "prompt-cache": ("yes", True),
    "model-name-knobs": ("no", False),
    "record": ("recordings", "recordings"),
    "record-max": ("5MiB", 5 * 2**20),
    "max-body-size": ("1MiB", 2**20),
    "max-header-size": ("8KiB", 8192),
    "max-header-lines": ("50", 50),
    "header-timeout": ("2s", 2.0),
    "journal-memory": ("1MiB", 2**20),
    "journal-body-size": ("1KiB", 1024),
    "unmasked": ("X-Team", ("X-Team",)),
    "body-timeout": ("3s", 3.0),
    "max-buffered": ("8MiB", 8 * 2**20),
    "idle-timeout": ("1m", 60.0),
    "gate-timeout": ("1500ms", 1.5),
    "drain-timeout": ("0", 0.0),
    "listen": ("https://localhost:1", (Listener("localhost", 1, is_secure=True),)),
    "control-listen": ("unix:/run/x.sock", (Listener(path="/run/x.sock"),)),
    "proxy-protocol": ("yes", True),
    "tls": ("auto", "auto"),
    "tls-cert": ("c.pem", "c.pem"),
    "tls-key": ("k.pem", "k.pem"),
    "tls-client-ca": ("ca.pem", "ca.pem"),
    "tls-fault": ("reset-in-handshake", TlsFault("reset-in-handshake")),
    "watch": ("yes", True),
    "oauth-client": ("me:secret", (("me", "secret"),)),
    "token-lifetime": ("5s", ...),
    "mount": ("openai=/", (("openai", ""),)),
    "cors": ("HTTP://Localhost:80", ("http://localhost",)),
    "token-in-query": ("yes", True),
    "control-host": ("Oagw.test.", ("oagw.test",)),
    "journal-size": ("5", 5),
    "no-control": ("yes", True),
    "http-server": ("tornado", "tornado"),
    "loop": ("asyncio", "asyncio"),
    "pacer-resolution": ("1ms", 0.001),
    "realtime": ("yes", True),
    "workers": ("2", 2),
    "state": ("redis://127.0.0.1:6379/1", ...),
    "log-level": ("debug", "debug"),
    "access-log": ("no", False),
    "latency": ("5ms", Fixed(0.005)),
    "header-delay": ("5ms", Fixed(0.005)),
    "time-to-first-token": ("5ms", Fixed(0.005)),
    "ttft": ("5ms", Fixed(0.005)),
    "inter-token-latency": ("5ms", Fixed(0.005)),
    "itl": ("5ms", Fixed(0.005)),
    "tokens-per-second": ("200", Fixed(0.005)),
    "event-interval": ("5ms", Fixed(0.005)),
    "output-tokens": ("7", 7),
    "tokens-per-event": ("2", 2),
    "events-per-write": ("3", 3),
    "seed": ("11", 11),
    "time-factor-under-load": ("2.5", 2.5),
    "max-concurrency": ("12", 12),
    "models": ("llama", ("llama",)),
    "filler": ("on", True),
    "max-model-len": ("4096", 4096),
    "max-num-seqs": ("4", 4),
    "max-waiting-queue-length": ("16", 16),
    "queue-full-status": ("503", 503),
    "fault": ("reset;at-event=3", ...),
    "rate-limit": ("60/min;burst=10", ...),
    "outage": ("every 60s for 5s", ...),
    "gate": ("g1", "g1"),
    "line-ending": ("crlf", "crlf"),
    "opening": ("with-first-token", "with-first-token"),
    "keep-alive": ("15s", ...),
    "replay-speed": ("10", 10.0),
    "replay": ("recordings", "recordings"),
    "replay-ignore": ("user,metadata.id", ("user", "metadata.id")),
    "replay-per": ("header:X-Session", "header:X-Session"),
    "on-miss": ("pass", "pass"),
}


def test_every_option_has_a_sample() -> None:
    assert set(SAMPLES) == set(OPTIONS)


def test_nothing_given_is_the_default() -> None:
    assert read() == Config()
    assert read(environ={"PATH": "/bin", "OAGW_BASE_URL": "http://x"}) == Config()


@pytest.mark.parametrize("name", SAMPLES)
def test_each_option_by_each_of_its_ways_in(name: str) -> None:
    option = OPTIONS[name]
    text, expected = SAMPLES[name]
    by_option = read([f"--{name}={text}"])
    if expected is ...:
        expected = option.parse(text)
    assert value_in(by_option, option) == expected != value_in(Config(), option)
    assert read(environ={option.environment: text}) == by_option
    assert read_yaml(f"{name}: {text}") == by_option
    if not option.is_flag:
        assert read([f"--{name}", text]) == by_option
    elif expected:
        assert read([f"--{name}"]) == by_option


def test_option_over_environment_over_file_over_default() -> None:
    environ = {"OAGW_SIM_PORT": "2", "OAGW_SIM_HEADER_DELAY": "2s", "OAGW_SIM_CONFIG": "sim.yaml"}
    files = {"sim.yaml": "port: 1\nheader-delay: 1s\nlatency: 1s"}
    config = read(["--port", "3"], environ, files)
    assert (config.port, config.knobs.header_delay, config.knobs.latency) == (3, Fixed(2.0), Fixed(1.0))
    assert config.knobs.inter_token_latency == Knobs().inter_token_latency


def test_one_form_of_a_knob_over_another_form_of_it_from_below() -> None:
    assert read_yaml("tokens-per-second: 5", ["--itl=1ms"]).knobs.inter_token_latency == Fixed(0.001)
    assert read_yaml("itl: 1ms", ["--tokens-per-second=5"]).knobs.inter_token_latency == Fixed(0.2)


def test_the_prototypes_form_is_a_port_alone() -> None:
    assert read(["9000"]).port == 9000
    assert read(["--latency", "1ms", "9000", "--seed=1"]).port == 9000


def test_flags_are_turned_on_and_off() -> None:
    assert read(["--access-log"]).access_log is True
    assert read(["--no-access-log"]).access_log is False
    assert read(["--access-log=off"]).access_log is False
    assert read().access_log is None
    assert read(["--no-control"]).no_control is True


def test_tokens_are_repeated_in_each_ways_own_manner() -> None:
    assert read(["--token", "a", "--token=b"]).tokens == ("a", "b")
    assert read(environ={"OAGW_SIM_TOKEN": "a, b"}).tokens == ("a", "b")
    assert read_yaml("token: [a, '0123', 0123]").tokens == ("a", "0123", "0123")
    assert read_yaml("token: a", ["--token=b"]).tokens == ("b",), "a higher way replaces, it does not add"


def test_yaml_values_are_read_as_they_are_written() -> None:
    assert read_yaml("token: 0123").tokens == ("0123",)
    assert read_yaml("access-log: off").access_log is False
    assert read_yaml("latency: 0").knobs.latency == Fixed(0.0)
    assert read_yaml("tokens-per-second: 20").knobs.inter_token_latency == Fixed(0.05)
    assert read_yaml("\ufeffport: 1").port == 1


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_changes_nothing(text: str) -> None:
    assert read_yaml(text) == Config()


def test_a_trace_may_be_a_file_beside_the_configuration() -> None:
    files = {"etc/sim.yaml": "latency: trace(@t.txt)", "etc/t.txt": "0ms\n50ms\n"}
    config = read(["--config=etc/sim.yaml"], files=files)
    assert config == read(["--latency=trace(0ms,50ms)"])
    with pytest.raises(ConfigError, match=r"sim.yaml: cannot read the trace 'gone'"):
        read_yaml("latency: trace(@gone)")
    with pytest.raises(ConfigError, match="--latency: "):
        read(["--latency=trace(@t.txt)"], files=files)


def test_rules_keep_their_types() -> None:
    config = read_yaml("rules:\n- match: {alias: openai}\n  when: {first: 2}\n  fault: status;code=429\n")
    assert config.rules == ({"match": {"alias": "openai"}, "when": {"first": 2}, "fault": "status;code=429"},)


def test_shows_itself_as_json_with_the_options_names() -> None:
    shown = config_as_json(read(["--inter-token-latency=uniform(20ms,80ms)", "--max-body-size=2MiB", "--seed=4"]))
    assert shown["inter-token-latency"] == "uniform(20ms,80ms)"
    assert shown["max-body-size"] == "2MiB"
    assert shown["seed"] == 4
    assert shown["port"] == 8765
    assert shown["gate"] is None
    assert "ttft" not in shown, "a knob is shown once"


def test_credentials_are_masked() -> None:
    shown = config_as_json(Config(tokens=("a", "b"), admin_token="c"))
    assert shown["token"] == ["***", "***"]
    assert shown["admin-token"] == "***"


@pytest.mark.parametrize("name", [name for name in SAMPLES if OPTIONS[name].is_live])
def test_what_is_shown_can_be_given_back(name: str) -> None:
    """PATCH /_sim/config with what GET said changes nothing, whatever was set."""
    config = read([f"--{name}={SAMPLES[name][0]}"])
    shown = {key: value for key, value in config_as_json(config).items() if OPTIONS[key].is_live}
    assert change_config(Config(), shown) == config
    assert change_config(config, dict.fromkeys(shown)) == Config()


def test_changes_are_made_together_or_not_at_all() -> None:
    config = Config()
    changed = change_config(config, {"latency": "5ms", "tokens-per-second": 20, "gate-timeout": "1s"})
    assert changed == replace(config, gate_timeout=1.0, knobs=replace(config.knobs, latency=Fixed(0.005)))
    assert config == Config()


def test_the_defaults_in_the_help_are_the_defaults() -> None:
    for option in OPTIONS.values():
        if text := default_text(option):
            given = text.split(", ") if option.is_repeatable else [text]
            assert read([f"--{option.name}={each}" for each in given]) == Config(), option.name


@pytest.mark.parametrize("width", [60, 80, 110])
def test_the_help_names_every_option_and_fits(width: int) -> None:
    text = help_text(width)
    for option in OPTIONS.values():
        assert f"  {switch_text(option)}" in text
    assert all(len(line) <= width for line in text.splitlines())
    assert text == help_text(width), "no order by chance"


def test_a_seeded_shuffle_of_the_arguments_changes_nothing() -> None:
    argv = [f"--{name}={text}" for name, (text, _) in SAMPLES.items() if not OPTIONS[name].form_of]
    expected = read(argv)
    for seed in range(20):
        Random(seed).shuffle(argv)
        assert read(argv) == expected
