"""What is wrong with an argument, a variable or a file is named in one line, and with it what was expected."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_config import read, read_yaml

from oagw_tornado.config.config import Config, change_config, read_config
from oagw_tornado.config.options import OPTIONS
from oagw_tornado.config.settings import ConfigError


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--port", "abc"], "--port: 'abc' is not a port number from 0 to 65535"),
        (["--port=65536"], "--port: '65536' is not a port number from 0 to 65535"),
        (["--port=-1"], "--port: '-1' is not a port number from 0 to 65535"),
        (["--port=٣"], "--port: '٣' is not a port number from 0 to 65535"),
        (["--port="], "--port: '' is not a port number from 0 to 65535"),
        (["--port"], "--port: needs a value: --port PORT"),
        (["--port", "--seed=1"], "--port: needs a value: --port PORT"),
        (["abc"], "PORT: 'abc' is not a port number from 0 to 65535"),
        (["--prot=1"], "--prot: no such option (did you mean --port?)"),
        (["-p", "1"], "-p: no such option"),
        (["--no-port"], "--no-port: no such option (did you mean --port?)"),
        (["--access-log=maybe"], "--access-log: 'maybe' is not true or false"),
        (["--loop=trio"], "--loop: 'trio' is not one of auto, asyncio, uvloop"),
        (["--host="], "--host: '' is not an address or a host name"),
        (["--token="], "--token: a token is one or more visible ASCII characters"),
        (["--token=hush hush"], "--token: a token is one or more visible ASCII characters"),
        (["--max-body-size=10 MiBs"], "--max-body-size: '10 MiBs' is not a size such as 10MiB"),
        (["--max-header-size=1"], "--max-header-size: '1' is not between 1KiB and 16MiB"),
        (["--idle-timeout=50"], "--idle-timeout: '50' is not a duration with its unit"),
        (["--pacer-resolution=0"], "--pacer-resolution: '0' is neither auto nor a duration from 50us to 100ms"),
        (["--journal-size=-1"], "--journal-size: '-1' is not a whole number from 0 to 1000000"),
        (["--latency=50"], "--latency: '50' is not a duration"),
        (["8765", "8766"], "PORT: '8766': there is already a port, '8765'"),
        (["--itl=1ms", "--tokens-per-second=5"], "--tokens-per-second: cannot be combined with itl"),
        (["--fault=melt"], "--fault: "),
        (["--config=none.yaml"], "--config: cannot read 'none.yaml': No such file or directory"),
        (["--log-level=a\nb"], "--log-level: 'a\\nb' is not one of"),
    ],
)
def test_a_bad_argument_is_named_in_one_line(argv: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(argv)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("OAGW_SIM_PORT", "x", "OAGW_SIM_PORT: 'x' is not a port number"),
        ("OAGW_SIM_PROT", "1", "OAGW_SIM_PROT: no such option (did you mean OAGW_SIM_PORT?)"),
        ("OAGW_SIM_", "1", "OAGW_SIM_: no such option"),
        ("OAGW_SIM_TOKEN", "a,,b", "OAGW_SIM_TOKEN: a token is"),
        ("OAGW_SIM_CONFIG", "none.yaml", "OAGW_SIM_CONFIG: cannot read 'none.yaml'"),
    ],
)
def test_a_bad_variable_is_named_in_one_line(variable: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(environ={variable: text})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot: 1", "sim.yaml: prot: no such option (did you mean port?)"),
        ("config: x", "sim.yaml: config: no such option"),
        ("port: x", "sim.yaml: port: 'x' is not a port number"),
        ("port:", "sim.yaml: port: has no value"),
        ("port: [1]", "sim.yaml: port: expected a single value, not a list"),
        ("port: {a: 1}", "sim.yaml: port: expected a single value, not a mapping"),
        ("token: {a: 1}", "sim.yaml: token: expected a single value, not a mapping"),
        ("token: [[a]]", "sim.yaml: token: expected a single value, not a list"),
        ("port: true", "sim.yaml: port: 'true' is not a port number"),
        ("port: 1\nport: 2", "sim.yaml: port: given twice, line 2"),
        ("itl: 1ms\ntokens-per-second: 2", "sim.yaml: tokens-per-second: cannot be combined with itl"),
        ("rules: [{match: {alias: a, alias: b}}]", "sim.yaml: alias: given twice, line 1"),
        ("rules: 5", "sim.yaml: rules: expected a list of rules"),
        ("rules: {a: 1}", "sim.yaml: rules: expected a list of rules"),
        ("rules: [{fautl: reset}]", "sim.yaml: rules: "),
        ("rules: [{latency: 5}]", "sim.yaml: rules: "),
        ("rules: [7]", "sim.yaml: rules: "),
        ("[1, 2]", "sim.yaml: expected lines such as"),
        ("port", "sim.yaml: expected lines such as"),
        ("? [a]\n: 1", "sim.yaml: ?: no such option"),
        ("port: 'x", "sim.yaml: not valid YAML: found unexpected end of stream, line 1"),
        ("port: 1\n---\nport: 2", "sim.yaml: not valid YAML: "),
        ("a: *b", "sim.yaml: not valid YAML: found undefined alias"),
        ("rules: [!!python/object/apply:os.getcwd []]", "sim.yaml: not valid YAML: could not determine a constructor"),
        ("rules: " + "[" * 20_000, "sim.yaml: not valid YAML: nested too deeply"),
        ("port: \x00", "sim.yaml: not valid YAML: "),
    ],
)
def test_a_bad_file_is_named_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_named() -> None:
    def read_file(path: str) -> str:
        return b"\xff".decode()

    with pytest.raises(ConfigError, match="--config: 'x' is not UTF-8 text"):
        read_config(["--config=x"], {}, read_file)


@given(
    st.lists(st.text(), max_size=4),
    st.dictionaries(st.sampled_from([o.environment for o in OPTIONS.values()]), st.text()),
)
def test_any_arguments_and_variables_give_a_config_or_one_line(argv: list[str], environ: dict[str, str]) -> None:
    try:
        assert isinstance(read(argv, environ), Config)
    except ConfigError as error:
        assert "\n" not in str(error)


@given(st.text())
def test_any_file_gives_a_config_or_one_line(text: str) -> None:
    try:
        assert isinstance(read_yaml(text), Config)
    except ConfigError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latency": "5ms", "port": 1}, "port: cannot be changed while the server runs"),
        ({"latecny": "5ms"}, "latecny: no such option (did you mean latency?)"),
        ({"latency": 5}, "latency: '5' is not a duration"),
        ({"latency": True}, "latency: 'True' is neither a text nor a number"),
        ({"latency": ["5ms"]}, "latency: \"['5ms']\" is neither a text nor a number"),
        ({"ttft": "1s", "time-to-first-token": "2s"}, "time-to-first-token: cannot be combined with ttft"),
    ],
)
def test_a_bad_change_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        change_config(Config(), changes)
    assert str(caught.value).startswith(message)
