"""The README does what it says: its commands are run against a server, and what they print is what it shows.

``python tests/test_readme.py`` writes what they print now, and the table of options, into the README.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from oagw_tornado.config.options import Option
from oagw_tornado.config.usage import default_text, options_by_group, switch_text
from oagw_tornado.testing import SimulatorProcess

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BASE_URL = "http://127.0.0.1:8765"

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"(?<=<!-- options -->\n).*?(?=<!-- /options -->)", re.DOTALL)

#: What differs from run to run, and what stands for it in a comparison.
CHANGING = [
    (re.compile(r"chatcmpl-\w+"), "chatcmpl-ID"),
    (re.compile(r'"created":\d+'), '"created":SECONDS'),
    (re.compile(r"(?m)^(X-Request-Id|Date): .*?\r?$"), r"\1: …"),
    (re.compile(r'"((?:p\d+|max|earliest)(?:_ms)?)":-?[\d.e-]+'), r'"\1":MS'),
    (re.compile(r"curl: \(\d+\) .*"), "curl: …"),
    (re.compile(r"\r"), ""),
]


def blocks(language: str) -> list[str]:
    return [match[2] for match in BLOCK.finditer(README.read_text(encoding="utf-8")) if match[1] == language]


def unchanging(text: str) -> str:
    for pattern, replacement in CHANGING:
        text = pattern.sub(replacement, text)
    return text


def commands() -> Iterator[tuple[str, str]]:
    """The commands of all console blocks with what they print."""
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def execute(command: str, base_url: str) -> str:
    """What a command prints, with the assignments of all blocks before it."""
    assignments = [other for other, _ in commands() if re.match(r"[A-Z]+=", other)]
    script = "\n".join([*assignments, f"{{ {command}\n}} 2>&1"]).replace(BASE_URL, base_url)
    result = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    text = result.stdout.replace(base_url, BASE_URL)
    return text if text.endswith("\n") or not text else f"{text}\n"


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as simulator:
        yield simulator


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def options_table() -> str:
    def row(option: Option) -> str:
        default = default_text(option)
        return f"| `{cell(switch_text(option))}` | {cell(option.help)} | {f'`{default}`' if default else ''} |\n"

    return "| option | meaning | default |\n|---|---|---|\n" + "".join(map(row, options_by_group()))


def test_the_table_of_options_is_that_of_the_code() -> None:
    match = TABLE.search(README.read_text(encoding="utf-8"))
    assert match
    assert match[0] == options_table(), "python tests/test_readme.py writes it"


def test_there_are_commands_to_check() -> None:
    curls = [command for command, output in commands() if command.startswith("curl") and output]
    assert len(curls) >= 5
    assert any('"stream": true' in command for command in curls)


def test_the_commands_print_what_is_shown() -> None:
    """All in order, on a server of their own: some show what those before them left behind."""
    with SimulatorProcess() as server:
        for command, output in commands():
            assert unchanging(execute(command, server.base_url)) == unchanging(output), command


def scripts() -> Iterator[tuple[str, str]]:
    """The Python programs that are followed by what they print."""
    found = list(BLOCK.finditer(README.read_text(encoding="utf-8")))
    for block, following in pairwise(found):
        if (block[1], following[1]) == ("python", "text"):
            yield block[2], following[2]


@pytest.mark.parametrize(("script", "output"), list(scripts()), ids=["openai", "client"])
def test_a_program_prints_what_is_shown(script: str, output: str, server: SimulatorProcess) -> None:
    result = subprocess.run(
        [sys.executable, "-c", script.replace(BASE_URL, server.base_url)], capture_output=True, text=True, timeout=60
    )
    assert (result.stdout, result.stderr) == (output, "")


def test_the_pytest_example_passes(tmp_path: Path) -> None:
    (example,) = [block for block in blocks("python") if "def test_" in block]
    (tmp_path / "test_example.py").write_text(example)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path],
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert "1 passed" in result.stdout, result.stdout + result.stderr


def test_the_configuration_file_is_one(tmp_path: Path) -> None:
    from oagw_tornado.config.config import read_config

    (example,) = blocks("yaml")
    config = read_config(["--config", "sim.yaml"], {}, lambda path: example)
    assert config.knobs.seed == 7
    assert len(config.rules) == 1


def test_a_service_is_a_class() -> None:
    from urllib.request import Request, urlopen

    (example,) = [block for block in blocks("python") if "class Echo" in block]
    namespace: dict[str, Any] = {}
    exec(example, namespace)
    with namespace["server"] as server:
        url = f"{server.base_url}/api/oagw/v1/proxy/echo/some/path"
        request = Request(url, b"hi", {"Authorization": f"Bearer {server.token}"})
        with urlopen(request) as reply:
            assert reply.read() == b'{"path":"some/path","body":"hi"}'
            assert reply.headers["X-OAGW-Error-Source"] == "upstream"


PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        assert "://" in target or (page.parent / target).exists(), target


def test_every_page_is_in_the_table_of_contents() -> None:
    contents = ROOT / "docs" / "README.md"
    listed = {contents.parent / target for target in re.findall(r"\]\(([^)#]+)", contents.read_text(encoding="utf-8"))}
    assert set(contents.parent.glob("*.md")) - {contents} <= listed


def rewrite(text: str) -> str:
    with SimulatorProcess() as server:
        for command, output in list(commands()):
            shown = execute(command, server.base_url).replace("\r", "")
            if unchanging(shown) != unchanging(output):
                text = text.replace(f"$ {command}\n{output}", f"$ {command}\n{shown}")
    return TABLE.sub(lambda _: options_table(), text)


if __name__ == "__main__":
    README.write_text(rewrite(README.read_text(encoding="utf-8")), encoding="utf-8")
