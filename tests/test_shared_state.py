"""Two simulators in one process share nothing but caches of pure functions, each listed here with its reason.

A cache may be shared if it has a bound and one caller cannot empty it for the others: docs/decisions/0005-caches.md.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from oagw_tornado.services.openai.chat.reply import conversation_in
from oagw_tornado.units.caches import CachedFunction

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "oagw_tornado"

#: By module and name: what is kept at module level, and why two simulators may share it.
SHARED = {
    "control.routes._patterns": "made once, of a constant table",
    "page.assets.assets": "the files of the page, which do not change",
    "page.report._script": "made once, of these files",
    "page.report._style": "made once, of these files",
    "page.report.policy": "made once, of these files",
    "gateway.content_coding.codings": "made once: what is installed",
    "gateway.content_coding._errors": "made once: what is installed",
    "services.openai.models.openai_models": "the list of models, by the few that are configured",
    # These keep only what was asked for twice: bodies and headers that never come again push nothing out.
    "services.anthropic.dialect._check_once": "that a request is as its service wants it",
    "services.openai.chat.reply._prepare_once": "what is said to a request that was read",
    "services.openai.chat.reply._read_once": "a request as it is read",
    "wire.head_lines.status_and_fields": "status lines and header lines as bytes",
    "services.typed._DECODERS": "one decoder for each type of request, of which there are a dozen",
    "wire.connection.date_line": "the second that it is, in words",
}

MUTABLE = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
MAKERS = {"dict", "list", "set", "deque", "defaultdict", "OrderedDict", "Counter", "WeakKeyDictionary"}
CACHES = {"cache", "lru_cache", "cached_property", "HeadLines", "CachedFunction"}


def called(node: ast.expr) -> str:
    """The name of what is called or applied, in ``lru_cache(128)(function)`` too."""
    while isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def is_mutable(node: ast.expr) -> bool:
    return isinstance(node, MUTABLE) or (isinstance(node, ast.Call) and called(node) in MAKERS | CACHES)


def is_written(tree: ast.Module, name: str) -> bool:
    """Whether a function of the module changes the contents of what is called `name` there."""
    changing = {"append", "add", "update", "setdefault", "pop", "clear", "extend", "discard", "remove", "popleft"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
            if ast.unparse(node.value) == name:
                return True
        elif isinstance(node, ast.Attribute) and node.attr in changing and ast.unparse(node.value) == name:
            return True
    return False


def kept(path: Path) -> Iterator[str]:
    """The names of caches and of changing containers at module or class level, and of functions that change globals."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if any(called(decorator) in CACHES - {"cached_property"} for decorator in node.decorator_list):
                yield node.name
            if any(isinstance(inner, ast.Global) for inner in node.body):
                yield node.name
    for node in [*tree.body, *(inner for cls in tree.body if isinstance(cls, ast.ClassDef) for inner in cls.body)]:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            continue
        for target in targets:
            name = ast.unparse(target)
            if is_mutable(node.value) and (called(node.value) in CACHES or is_written(tree, name)):
                yield name


def test_what_is_kept_at_module_level_is_listed_with_its_reason() -> None:
    found = {
        ".".join([*path.relative_to(PACKAGE).with_suffix("").parts, name])
        for path in PACKAGE.rglob("*.py")
        for name in kept(path)
    }
    assert found == SHARED.keys()


def test_what_is_asked_for_once_pushes_out_nothing_that_is_asked_for_again() -> None:
    made: list[int] = []

    def square(number: int) -> int:
        made.append(number)
        return number * number

    remembered = CachedFunction(square, 4)
    assert [remembered(7) for _ in range(3)] == [49, 49, 49]
    assert made == [7, 7]
    for number in range(100, 200):
        assert remembered(number) == number * number
    made.clear()
    assert remembered(7) == 49
    assert made == []


def test_of_what_is_asked_for_again_the_least_asked_for_goes() -> None:
    made: list[int] = []

    def square(number: int) -> int:
        made.append(number)
        return number * number

    remembered = CachedFunction(square, 2)
    for number in (1, 1, 2, 2, 1, 3, 3):
        remembered(number)
    made.clear()
    for number in (1, 3, 2):
        remembered(number)
    assert made == [2]


def test_a_request_that_many_send_is_known_whatever_others_send() -> None:
    body = b'{"messages": [{"role": "user", "content": "hi"}]}'
    known = [conversation_in(body, False) for _ in range(3)][-1]
    for number in range(1000):
        conversation_in(body.replace(b"hi", str(number).encode()), False)
    assert conversation_in(body, False) is known
