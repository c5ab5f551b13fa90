"""A configuration that is reloaded while the server runs, or checked without one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from reloaded_server import Reloaded, reloaded

from oagw_tornado.config.config import Config, read_config
from oagw_tornado.config.options import OPTIONS
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.control.reload import changes_between, with_changes
from oagw_tornado.testing import SimulatorProcess

RULES = "rules:\n  - {name: one, latency: 1ms}\n"


def config_of(text: str) -> Config:
    return read_config(["--config=x.yaml"], {}, lambda path: text)


def test_what_has_changed_is_said() -> None:
    before, after = config_of("latency: 1ms\nitl: 5ms"), config_of(f"latency: 2ms\nseed: 7\n{RULES}")
    changes = changes_between(before, after)
    assert changes.text == "latency 1ms -> 2ms, inter-token-latency 5ms -> 50ms, seed none -> 7, rules 0 -> 1"
    assert with_changes(before, changes, after).knobs == after.knobs
    assert changes_between(after, after).text == "nothing has changed"
    long = changes_between(before, config_of(f"latency: trace({','.join(['10ms'] * 200)})"))
    assert "…" in long.text
    assert len(long.text) < 200


@pytest.mark.parametrize("text", ["port: 1", "latency: 2ms\nhttp-server: tornado", "host: 127.0.0.2"])
def test_what_cannot_change_changes_nothing(text: str) -> None:
    with pytest.raises(ConfigError, match="restart it"):
        changes_between(Config(), config_of(text))


def test_the_docs_name_what_needs_a_restart() -> None:
    page = (Path(__file__).parent.parent / "docs" / "reload.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| `host`")]
    assert set(re.findall(r"`([a-z-]+)`", row)) == {option.name for option in OPTIONS.values() if option.is_fixed}
    table = " ".join(line for line in page.splitlines() if line.startswith("|"))
    missing = [
        option.name
        for option in OPTIONS.values()
        if not (option.is_live or option.is_fixed or option.group in ("Limits", "Recordings"))
        and f"`{option.name}`" not in table
    ]
    assert not missing


def test_a_signal_reads_the_file_again(tmp_path: Path) -> None:
    with reloaded(tmp_path, "latency: 1ms\n") as server:
        control = server.server.control
        control.configure(inter_token_latency="7ms")
        control.add_rule(name="by-hand")
        server.write("latency: 2ms\n")
        assert server.signal() == "latency 1ms -> 2ms"
        assert server.latency == "2ms"
        assert control.call("GET", "/_sim/config")["inter-token-latency"] == "7ms", "what was set by hand stays"
        assert [rule["name"] for rule in control.rules()] == ["by-hand"]
        server.write(f"latency: 2ms\n{RULES}")
        assert server.signal() == "rules 0 -> 1"
        assert [rule["name"] for rule in control.rules()] == ["one"]
        assert server.signal() == "nothing has changed"
        control.configure(latency="9ms")
        control.reset()
        assert server.latency == "2ms"
        assert [rule["name"] for rule in control.rules()] == ["one"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("latency: 3ms\nitl: soon\n", "sim.yaml: itl: 'soon'"),
        ("latency: 3ms\nlatncy: 3ms\n", "latncy: no such option (did you mean latency?), line 2"),
        ("latency: 3ms\nrules:\n  - {fault: rest}\n", "line 3"),
        ("latency: 3ms\nrules:\n  - {match: {alias: nobody}}\n", "line 3"),
        ("latency: 3ms\nworkers: 2\nrealtime: yes\n", "workers, realtime: cannot be changed while"),
        ("latency: 3ms\n  x: [\n", "not valid YAML"),
        (None, "cannot read"),
    ],
)
def test_a_bad_file_changes_nothing(shared: Reloaded, text: str | None, reason: str) -> None:
    if text is None:
        shared.file.unlink()
    else:
        shared.write(text)
    said = shared.signal()
    assert reason in said
    assert said.endswith("; nothing changed")
    assert shared.latency == "1ms"
    assert shared.server.control.rules() == []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reloaded]:
    with reloaded(tmp_path_factory.mktemp("reload"), "latency: 1ms\n") as server:
        yield server


def test_a_file_is_watched(tmp_path: Path) -> None:
    (tmp_path / "times.txt").write_text("1ms 2ms")
    with reloaded(tmp_path, "latency: 1ms\nheader-delay: trace(@times.txt)\n", watch=True) as server:
        server.write("latency: 2ms\nheader-delay: trace(@times.txt)\n")
        assert server.next_line() == "latency 1ms -> 2ms"
        server.write("latency: soon\n")
        assert "latency: 'soon'" in server.next_line()
        server.write("latency: 2ms\nheader-delay: trace(@times.txt)\n")
        assert server.next_line() == "nothing has changed"
        (tmp_path / "times.txt").write_text("1ms 3ms")
        assert server.next_line().startswith("header-delay trace(")
        assert server.latency == "2ms"


@pytest.fixture
def hang_ups_end_children() -> Iterator[None]:
    """What this process ignores, as it does below nohup, its children would ignore too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hang_ups_end_children")
def test_without_a_file_a_hang_up_ends_the_program() -> None:
    with SimulatorProcess() as server:
        os.kill(server.pid, signal.SIGHUP)
        assert server._process is not None
        assert server._process.wait(10) == -signal.SIGHUP
        server.stop()


# oagw-tornado check FILE


def check(*paths: object) -> tuple[int, str]:
    command = [sys.executable, "-m", "oagw_tornado", "check", *map(str, paths)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert ran.stdout == ""
    return ran.returncode, ran.stderr


def test_files_are_checked(tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text(f"latency: 5ms\nport: 1\n{RULES}")
    texts = {
        "value.yaml": ("port: 1\nlatency: soon\n", "a day (24h), line 2"),
        "key.yaml": ("port: 1\n\nlatncy: 1ms\n", "latncy: no such option (did you mean latency?), line 3"),
        "rule.yaml": ("rules:\n  - {latency: 1ms}\n  - {when: {first: x}}\n", "line 3: rule-2: when.first"),
        "alias.yaml": ("rules:\n  - match: {alias: openay}\n", "line 2: rule-1: match.alias"),
        "mount.yaml": ("mount: openay=/\n", "mount: no upstream 'openay'"),
        "listen.yaml": ("listen: https://localhost:1\n", "--listen: https needs --tls-cert"),
        "yaml.yaml": ("a: [\n", "line"),
        "twice.yaml": ("port: 1\nport: 2\n", "line 2"),
    }
    for name, (text, _) in texts.items():
        (tmp_path / name).write_text(text)
    code, said = check(good, *(tmp_path / name for name in texts), tmp_path / "nowhere.yaml")
    lines = said.splitlines()
    assert code == 2
    assert lines[0] == f"{good}: fine: 2 options set, 1 rule"
    for line, (name, (_, reason)) in zip(lines[1:-1], texts.items(), strict=True):
        assert line.startswith(str(tmp_path / name))
        assert reason in line
    assert lines[-1].startswith(f"{tmp_path / 'nowhere.yaml'}: cannot be read")
    assert check(good) == (0, f"{good}: fine: 2 options set, 1 rule\n")


@pytest.mark.parametrize("arguments", [(), ("--what", "x.yaml")])
def test_check_needs_a_file(arguments: tuple[str, ...]) -> None:
    code, said = check(*arguments)
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("oagw-tornado check: ")
