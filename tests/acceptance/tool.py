"""A tool that is run against a server, and what it finds there: the server's URLs, a folder, its own environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oagw_tornado.testing import SimulatorProcess


class Failed(Exception):
    """The tool did not do what its docs say. The text says what was seen."""


class Skipped(Exception):
    """The tool can not be run here. The text says why."""


@dataclass(frozen=True)
class Tool:
    """One tool. `check` runs it and says what was seen; it raises Failed or Skipped."""

    requirements: tuple[str, ...]
    """Of its environment, pinned: ``guidellm==0.8.1``. The first is the tool itself, whose version is shown."""
    check: Callable[[Run], str]
    options: Mapping[str, Any]
    """Of the server, as `SimulatorProcess` takes them."""


@dataclass(frozen=True)
class Run:
    """One run of a tool: `python` is that of its environment, `folder` its working directory, empty at first."""

    python: Path
    folder: Path
    server: SimulatorProcess

    @property
    def alias_url(self) -> str:
        """The alias ``openai``: for tools that put ``/v1`` behind their base URL by themselves."""
        return f"{self.server.base_url}/api/oagw/v1/proxy/openai"

    @property
    def openai_url(self) -> str:
        """The base URL as OpenAI's own clients take it."""
        return f"{self.alias_url}/v1"

    def program(self, name: str) -> str:
        """The path of a program of the environment."""
        return str(self.python.parent / name)

    def start(self, *command: str | Path, **environ: str) -> subprocess.Popen[str]:
        """Start a program; its output goes into ``output.txt`` in the folder."""
        with open(self.folder / "output.txt", "w") as output:
            return subprocess.Popen(
                list(map(str, command)),
                cwd=self.folder,
                env=environment() | environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def output(self) -> str:
        """What a program has written that `start` started."""
        return (self.folder / "output.txt").read_text(errors="replace")

    def run(self, *command: str | Path, timeout: float = 300, **environ: str) -> str:
        """Run a program to its end; gives its output. Raises Failed if that is no good one, or late."""
        process = self.start(*command, **environ)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            end(process)
            raise Failed(f"{Path(command[0]).name} did not end in {timeout:g} s: {last_lines(self.output())}") from None
        if code:
            raise Failed(f"{Path(command[0]).name} ended with {code}: {last_lines(self.output())}")
        return self.output()


def environment() -> dict[str, str]:
    """The variables of this process, without what would lead a tool to another environment or server."""
    led_astray = ("PYTHON", "VIRTUAL_ENV", "OPENAI_", "ANTHROPIC_", "OAGW_")
    return {name: value for name, value in os.environ.items() if not name.startswith(led_astray)}


def end(process: subprocess.Popen[str]) -> None:
    """End a program that was started, and wait until it has."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
        return
    process.kill()
    process.wait()


def last_lines(text: str, lines: int = 15) -> str:
    return "\n    ".join(["", *text.rstrip().splitlines()[-lines:]])


def expect(condition: object, seen: object) -> None:
    """Raise Failed, which says what was `seen`, unless `condition` holds."""
    if not condition:
        raise Failed(str(seen)[:2000])
