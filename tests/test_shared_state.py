"""Two simulators in one process share nothing but caches of pure functions, each listed here with its reason.

A cache may be shared if it has a bound and one caller cannot empty it for the others: docs/decisions/0005-caches.md.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "oagw_tornado"

#: By module and name: what is kept at module level, and why two simulators may share it.
SHARED = {
    "control.routes._patterns": "made once, of a constant table",
    "gateway.content_coding.codings": "made once: what is installed",
    "gateway.content_coding._errors": "made once: what is installed",
    "services.openai.models.openai_models": "the list of models, by the few that are configured",
    # One client's bodies evict another's: that costs the other what a first request costs, and changes no answer.
    "services.anthropic.dialect._check_once": "pure function of a request's body, at most 128 that were found good",
    "services.openai.chat.reply._prepare_once": "what is said to a request that was read",
    "services.openai.chat.reply._read_once": "a request as it is read",
    "services.typed._DECODERS": "one decoder for each type of request, of which there are a dozen",
    "wire.connection.date_line": "the second that it is, in words",
}

MUTABLE = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
MAKERS = {"dict", "list", "set", "deque", "defaultdict", "OrderedDict", "Counter", "WeakKeyDictionary"}
CACHES = {"cache", "lru_cache", "cached_property"}


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
