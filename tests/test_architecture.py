"""The picture in docs/architecture.md, held: imports point one way, and what decides knows no clock and no socket."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "oagw_tornado"


#: The folders (and the two modules of the wiring) in the order of the imports: each may import from those before it.
ORDER = (
    "units", "reply", "faults", "knobs", "config", "recordings", "evidence", "conduct", "wire", "playback", "state",
    "gateway", "replaying", "page", "services", "proxying", "control", "extensions", "wiring", "simulator",
    "process", "commands", "workers", "cli",
    "__main__", "client", "testing",
)  # fmt: skip

#: Folders that may import less than all that stands before them.
NARROWER = {
    # A service says what is said. It hears nothing of evidence, sockets and time.
    "services": {"units", "reply", "config", "gateway"},
    # The gateway is handed its upstreams, and control does not know them either.
    "control": set(ORDER[: ORDER.index("services")]),
    "process": set(),
    # A client knows nothing of the server.
    "client": {"units", "reply"},
}

#: Modules of this package that a plain start loads at most.
MOST_MODULES = 110

#: Where everything is a function of what is handed in.
PURE = ("units", "reply", "faults", "knobs", "config", "recordings", "conduct")

#: What a pure room must not know. `Random` itself is handed in; the functions of its module share one generator.
IMPURE = ("tornado", "asyncio", "time", "socket", "threading", "logging")


class Import(NamedTuple):
    module: str
    line: int
    names: frozenset[str]


def room_of(module: str) -> str:
    """The folder, or the module at the top, that `module` belongs to."""
    return module.removeprefix(PACKAGE).lstrip(".").partition(".")[0]


def may_import(room: str) -> set[str]:
    return {room, *NARROWER.get(room, ORDER[: ORDER.index(room)])}


def imports(path: Path, *, types_too: bool = False) -> Iterator[Import]:
    """What a module imports, also inside a function; what it imports for its types alone only with `types_too`."""

    def walk(node: ast.AST) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if not types_too and isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
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


def own_imports(name: str, *, types_too: bool = False) -> Iterator[tuple[str, int]]:
    for module, line, names in imports(MODULES[name], types_too=types_too):
        submodules = {f"{module}.{imported}" for imported in names} & MODULES.keys()
        yield from ((submodule, line) for submodule in submodules)
        if module in MODULES and len(submodules) < max(1, len(names)):
            yield module, line


def test_every_folder_has_its_place_in_the_order() -> None:
    assert {room_of(name) for name in MODULES} == set(ORDER)


def test_every_folder_says_what_it_decides_and_what_it_may_import() -> None:
    for room in ORDER:
        path = ROOT / PACKAGE / room / "__init__.py"
        if path.parent.is_dir():
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            assert "mport" in text, f"{path}: its docstring says what may be imported"


def test_the_picture_in_the_docs_is_this_one() -> None:
    """The table of rooms in docs/architecture.md has one row for each folder, in the same order."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/?(?:\.py)?` \|", page, re.MULTILINE)
    assert rows == [room for room in ORDER if room != "__main__"]


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name: str) -> None:
    room = room_of(name)
    allowed = may_import(room)
    wrong = [f"{MODULES[name]}:{line}: {target}" for target, line in own_imports(name)
             if room_of(target) not in allowed]  # fmt: skip
    assert not wrong, f"{room} may import {sorted(allowed)}"


def test_no_two_modules_import_each_other_even_for_their_types() -> None:
    graph = {name: {target for target, _ in own_imports(name, types_too=True)} - {name} for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("name", [name for name in MODULES if room_of(name) in PURE])
def test_what_decides_knows_no_clock_no_socket_and_no_shared_generator(name: str) -> None:
    for module, line, names in imports(MODULES[name]):
        assert module.partition(".")[0] not in IMPURE, f"{MODULES[name]}:{line}"
        assert module != "random" or names == {"Random"}, f"{MODULES[name]}:{line}"


def test_a_plain_start_loads_nothing_that_it_does_not_need() -> None:
    """What is costly to import is imported by the function that needs it first."""
    parts = ("__main__", "cli", "simulator", "wire.http1_server", "process.idle_work", "process.stderr_log")
    code = f"import sys, {', '.join(f'{PACKAGE}.{part}' for part in parts)}; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    # Data classes cost about a millisecond each: what has many of them waits for the first request.
    for costly in (
        "oagw_tornado.reply.parts",
        "oagw_tornado.reply.conversation",
        "oagw_tornado.knobs.rule",
        "oagw_tornado.knobs.match",
        "oagw_tornado.knobs.upstream_document",
        "oagw_tornado.evidence.credentials",
        "oagw_tornado.evidence.inference",
        "oagw_tornado.evidence.verdict",
        "oagw_tornado.control",
        "oagw_tornado.wire.tls",
        "oagw_tornado.faults",
        "argparse",
        "importlib.metadata",
        "yaml",
        "prometheus_client",
        "msgspec",
        "httpx",
        "pydantic",
        "jsonschema",
        "hypothesis",
    ):
        assert costly not in loaded, costly
    # Each module costs a quarter of a millisecond, whatever is in it. Who adds one to a start takes another out of it,
    # or imports it in the function that needs it and names it in `process.idle_work`.
    own = sorted(name for name in loaded if name.startswith(PACKAGE))
    assert len(own) <= MOST_MODULES, own


def test_what_is_loaded_when_idle_is_there() -> None:
    from oagw_tornado.process.idle_work import NEEDED_SOON

    for name in NEEDED_SOON:
        assert not name.startswith(PACKAGE) or name in MODULES, name


def test_the_ledger_alone_writes_what_became_of_a_reply() -> None:
    facts = "status|source|head_sent|planned|actual|planned_end|events|bytes_sent|blocked|faults|outcome|ended"
    writes = re.compile(rf"\bexchange\.({facts})\s*[-+|]?=(?!=)")
    writers = {
        str(path.relative_to(ROOT / PACKAGE))
        for path in (ROOT / PACKAGE).rglob("*.py")
        if writes.search(path.read_text())
        or re.search(r"exchange\.(planned|actual)\.(append|extend)", path.read_text())
    }
    assert writers == {"evidence/ledger.py"}
