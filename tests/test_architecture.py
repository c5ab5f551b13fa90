"""The picture in docs/architecture.md, held: imports point one way, and what decides knows no clock and no socket."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "oagw_tornado"


class Room(NamedTuple):
    """Some modules (a package stands for all that is in it) and the rooms whose modules they may import."""

    modules: str
    may_import: str


ROOMS = {
    "values": Room(
        "durations sizes errors schedule reply exchange latency rate_limit query sse keep_alive "
        "knob_errors knobs faults plan rules",
        "",
    ),
    "config": Room("options settings config config_file usage", "values"),
    "evidence": Room("timing journal metrics access_log ledger", "values"),
    "wire": Room(
        "connection wire_headers request_reader http1 http1_server stock pacer gates playback steady", "values evidence"
    ),
    "reply": Room("request responder handler", "values config evidence wire"),
    "gateway": Room("gateway terms", "values config evidence wire reply"),
    "services": Room("services", "values config reply"),
    "control": Room("control", "values config evidence wire reply gateway"),
    "simulator": Room("simulator", "values config evidence wire reply gateway services control"),
    "program": Room("cli __main__ stderr_log idle_work", "values config simulator"),
    "client": Room("client", "values"),
    "testing": Room("testing", "values config wire simulator program client"),
}  # fmt: skip

#: Where everything is a function of what is handed in.
PURE = ("values", "config")

#: What a pure room must not know. `Random` itself is handed in; the functions of its module share one generator.
IMPURE = ("tornado", "asyncio", "time", "socket", "threading", "logging")


class Import(NamedTuple):
    module: str
    line: int
    names: frozenset[str]


def room_of(module: str) -> str:
    name = module.removeprefix(PACKAGE).lstrip(".").partition(".")[0]
    return next((room for room, (modules, _) in ROOMS.items() if name in modules.split()), "no room")


def imports(path: Path) -> Iterator[Import]:
    """What a module imports, also inside a function; what it imports for its types alone does not count."""

    def walk(node: ast.AST) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, child.lineno, frozenset()) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}:{child.lineno}: imports are written out"
                yield Import(child.module or "", child.lineno, frozenset(alias.name for alias in child.names))
            else:
                yield from walk(child)

    return walk(ast.parse(path.read_text(encoding="utf-8")))


def modules() -> dict[str, Path]:
    paths = sorted((ROOT / PACKAGE).rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


MODULES = {name: path for name, path in modules().items() if name != PACKAGE}


def own_imports(name: str) -> Iterator[tuple[str, int]]:
    for module, line, names in imports(MODULES[name]):
        if module == PACKAGE:
            yield from ((f"{PACKAGE}.{imported}", line) for imported in names if f"{PACKAGE}.{imported}" in MODULES)
        elif module.startswith(f"{PACKAGE}."):
            yield module, line


def test_every_module_is_in_a_room_and_every_room_has_modules() -> None:
    seen = {name.split(".")[1] for name in MODULES}
    listed = [module for room in ROOMS.values() for module in room.modules.split()]
    assert sorted(seen) == sorted(listed)


def test_the_rooms_have_an_order() -> None:
    known: set[str] = set()
    for name, room in ROOMS.items():
        assert set(room.may_import.split()) <= known, name
        known.add(name)


def test_the_picture_in_the_docs_is_this_one() -> None:
    """One row for each room, with the name of each of its modules."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = {cells[1].strip(): cells[2] for cells in (line.split("|") for line in page.splitlines()) if len(cells) == 6}
    for name, room in ROOMS.items():
        assert set(re.findall(r"`(\w+)`", rows[name])) == set(room.modules.split()), name


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name: str) -> None:
    room = room_of(name)
    assert room in ROOMS, f"{name} is in no room: add it to ROOMS and to docs/architecture.md"
    allowed = {room, *ROOMS[room].may_import.split()}
    wrong = [f"{MODULES[name]}:{line}: {target} ({room_of(target)})" for target, line in own_imports(name)
             if room_of(target) not in allowed]  # fmt: skip
    assert not wrong, f"{room} may import {sorted(allowed)}"


@pytest.mark.parametrize("name", [name for name in MODULES if room_of(name) in PURE])
def test_what_decides_knows_no_clock_no_socket_and_no_shared_generator(name: str) -> None:
    for module, line, names in imports(MODULES[name]):
        assert module.partition(".")[0] not in IMPURE, f"{MODULES[name]}:{line}"
        assert module != "random" or names == {"Random"}, f"{MODULES[name]}:{line}"


def test_a_plain_start_loads_nothing_that_it_does_not_need() -> None:
    """What is costly to import is imported by the function that needs it first."""
    code = f"import sys, {PACKAGE}.cli, {PACKAGE}.simulator, tornado.web; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    for costly in ("yaml", "prometheus_client", "msgspec", "httpx", "pydantic", "jsonschema", "hypothesis"):
        assert costly not in loaded, costly
