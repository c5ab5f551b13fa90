"""docs/testing.md and docs/conduct.md, run: each block of code that bears a file name is written there and executed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^```\w+ (?P<name>\S+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = "".join((ROOT / "docs" / name).read_text() for name in ("testing.md", "conduct.md"))
FILES = {match["name"]: match["code"] for match in FENCE.finditer(PAGES)}


def run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        timeout=120,
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def folder(tmp_path):
    for name, code in FILES.items():
        (tmp_path / name).write_text(code)
    return tmp_path


def test_every_file_is_tested():
    assert set(FILES) == {
        "test_chat.py",
        "test_arrived.py",
        "test_client.py",
        "test_gateway.py",
        "pytest.ini",
        "test_weather.py",
        "script.py",
        "async_script.py",
        "simulator.mjs",
        "simulator.rs",
    }


@pytest.mark.parametrize("server", ["process", "thread"])
def test_pytest(folder, server, monkeypatch):
    ini = folder / "pytest.ini"
    ini.write_text(re.sub(r"(?m)^oagw_server = .*", f"oagw_server = {server}", ini.read_text()))
    files = ("test_chat.py", "test_arrived.py", "test_client.py", "test_gateway.py")
    # Once with all plugins that are installed, as found by pytest; these take longer to load than the tests.
    alone = ("-p", "oagw_tornado.testing.plugin") if server == "thread" else ()
    if alone:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    assert "5 passed" in run(folder, sys.executable, "-m", "pytest", *alone, *files)


def test_unittest(folder):
    assert "Ran 1 test" in run(folder, sys.executable, "-m", "unittest", "test_weather")


def test_script(folder):
    lines = run(folder, sys.executable, "script.py").splitlines()
    assert lines == ["1 First event", "2 Second event", "2 events left the server"]


def test_async_script(folder):
    lines = run(folder, sys.executable, "async_script.py").splitlines()
    assert lines[-1] == "4 Final event"
    assert len(lines) == 5  # one of the four events has two lines


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_node(folder):
    assert run(folder, "node", "simulator.mjs") == "200 data: [DONE]\n"


@pytest.mark.skipif(not shutil.which("rustc"), reason="rustc is not installed")
def test_rust(folder):
    run(folder, "rustc", "--edition", "2021", "simulator.rs")
    assert run(folder, "./simulator") == "HTTP/1.1 200 OK\n"
