"""The configuration file: YAML, with options by their names and a list of rules.

Options are read as they are written, not as YAML understands them: ``token: 0123`` is the text 0123, and
``access-log: off`` goes to the parser that reads ``--access-log=off``. Rules keep YAML's types.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from oagw_tornado.config.options import OPTIONS
from oagw_tornado.config.reply_file import with_file
from oagw_tornado.config.settings import ConfigError, FilePlace, Setting
from oagw_tornado.units.documents import DEEPEST, TOO_DEEP, quoted
from oagw_tornado.units.latency import expand_traces
from oagw_tornado.units.nearest import nearest

if TYPE_CHECKING:
    from oagw_tornado.knobs.upstream_document import UpstreamDocument

#: What a file holds beside options.
_SECTIONS = ("upstreams", "rules")

#: Characters of one file.
LARGEST_FILE = 8 * 2**20

#: Values that a file stands for once its aliases are written out.
MOST_VALUES = 200_000


class ConfigFile(NamedTuple):
    """What a file says."""

    settings: list[Setting]
    rules: tuple[Any, ...] = ()
    rule_places: tuple[str, ...] = ()
    """Where each of the rules stands."""
    upstreams: tuple[UpstreamDocument, ...] = ()


def parse_config_file(text: str, path: str, read_file: Callable[[str], str]) -> ConfigFile:
    """What the file `path` says, whose text is `text`.

    A latency may name a file of offsets, ``trace(@file)``, and a rule one that it replies with, both relative to this
    one; `read_file` reads them. Raises ConfigError.
    """

    def read_trace(name: str) -> str:
        try:
            return read_file(os.path.join(os.path.dirname(path), name))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(path, f"cannot read the trace {name!r}: {error}") from None

    entries, rules, described = _read(text, path)
    settings = [setting for key, node in entries.items() for setting in _settings(key, node, path, read_trace)]
    upstreams = _upstreams(described, path)
    if rules is None:
        return ConfigFile(settings, upstreams=upstreams)
    documents, lines = rules
    expanded = _checked(documents, lines, path, read_trace, read_file)
    return ConfigFile(settings, expanded, tuple(f"{path}: rules: {line}" for line in lines), upstreams)


def _read(text: str, path: str) -> tuple[dict[str, yaml.Node], tuple[Any, list[str]] | None, Any]:
    """The options of the file as they are written, its rules with the line on which each begins, its upstreams."""
    if len(text) > LARGEST_FILE:
        raise ConfigError(path, f"expected at most {LARGEST_FILE} characters, not {len(text)}")
    try:
        loader = yaml.SafeLoader(text)
        document = loader.get_single_node()
        if document is None or _is_null(document):
            return {}, None, None
        _refuse_bombs(document, path)
        _refuse_duplicates(document, path)
        entries = _entries(document, path)
        node = entries.pop("upstreams", None)
        described = None if node is None else loader.construct_document(node)
        node = entries.pop("rules", None)
        if node is None:
            return entries, None, described
        lines = [f"line {item.start_mark.line + 1}" for item in node.value] if _is_list(node) else []
        return entries, (loader.construct_document(node), lines), described
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ConfigError(
            path, f"not valid YAML: {error.problem}" + (f", line {mark.line + 1}" if mark else "")
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError(path, f"not valid YAML: {error}") from None
    except RecursionError:
        raise ConfigError(path, f"not valid YAML: {TOO_DEEP}") from None
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        if isinstance(error, ConfigError):
            raise
        # PyYAML lets through what its constructors stumble over: 2024-13-45, !!bool maybe, !!int "".
        raise ConfigError(path, f"not valid YAML: a value that is not of its type ({str(error)[:80]})") from None


def _upstreams(described: Any, path: str) -> tuple[UpstreamDocument, ...]:
    if described is None:
        return ()
    from oagw_tornado.knobs.upstream_document import UpstreamError, parse_upstreams

    try:
        return parse_upstreams(described)
    except UpstreamError as error:
        raise ConfigError(f"{path}: upstreams", str(error)) from None


def _checked(
    rules: Any,
    lines: list[str],
    path: str,
    read_trace: Callable[[str], str],
    read_file: Callable[[str], str],
) -> tuple[Any, ...]:
    from oagw_tornado.knobs.predicate import RuleError
    from oagw_tornado.knobs.rules import Rules

    if not isinstance(rules, list):
        raise ConfigError(f"{path}: rules", f"expected a list of rules, not {quoted(rules)}")
    expanded = tuple(_with_traces(rule, read_trace) for rule in rules)
    expanded = tuple(
        with_file(rule, path, f"{path}: rules: {line}", read_file) for rule, line in zip(expanded, lines, strict=True)
    )
    try:
        Rules(expanded, places=lines)
    except RuleError as error:
        raise ConfigError(f"{path}: rules", str(error)) from None
    return expanded


def _entries(document: yaml.Node, path: str) -> dict[str, yaml.Node]:
    if not isinstance(document, yaml.MappingNode):
        raise ConfigError(path, "expected lines such as 'port: 8765': options with their values")
    entries: dict[str, yaml.Node] = {}
    for key, node in document.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        if name not in OPTIONS and name not in _SECTIONS:
            hint = nearest(name, (*OPTIONS, *_SECTIONS))
            raise ConfigError(f"{path}: {name[:80]}", f"no such option{hint}, line {key.start_mark.line + 1}")
        entries[name] = node
    return entries


def _settings(key: str, node: yaml.Node, path: str, read_trace: Callable[[str], str]) -> Iterator[Setting]:
    option = OPTIONS[key]
    source = FilePlace(f"{path}: {key}", node.start_mark.line + 1)
    is_list = isinstance(node, yaml.SequenceNode)
    for item in node.value if is_list and option.is_repeatable else [node]:
        if not isinstance(item, yaml.ScalarNode):
            written = "a list" if is_list else "a mapping"
            raise ConfigError(source, f"expected a single value, not {written}")
        if _is_null(item):
            raise ConfigError(source, f"has no value; leave {key} out for its default")
        yield Setting(source, option, expand_traces(item.value, read_trace))


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _is_list(node: yaml.Node) -> bool:
    return isinstance(node, yaml.SequenceNode)


def _refuse_bombs(document: yaml.Node, path: str) -> None:
    """A node may stand in many places by its alias, so that a few lines can mean more values than there is memory for,
    or nest without end. Both are refused before anything is made of them. Every node is looked at once."""
    # By node: the number of values it stands for, and their depth; None while its contents are being examined.
    known: dict[int, tuple[int, int] | None] = {}
    nodes = [document]
    while nodes:
        node = nodes[-1]
        inside = _inside(node)
        if id(node) not in known:
            known[id(node)] = None
            for item in inside:
                if known.get(id(item), ()) is None:
                    raise ConfigError(path, f"not valid YAML: an alias inside its own anchor, {_line(item)}")
            nodes.extend(item for item in inside if id(item) not in known)
            continue
        nodes.pop()
        if known[id(node)] is not None:
            continue
        measures = [measure for item in inside if (measure := known[id(item)]) is not None]
        values = 1 + sum(count for count, _ in measures)
        depth = bool(inside) + max((depth for _, depth in measures), default=0)
        if depth > DEEPEST:
            raise ConfigError(path, f"not valid YAML: {TOO_DEEP}, {_line(node)}")
        if values > MOST_VALUES:
            raise ConfigError(path, f"expected at most {MOST_VALUES} values, its aliases written out, {_line(node)}")
        known[id(node)] = (values, depth)


def _inside(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [item for pair in node.value for item in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


def _refuse_duplicates(document: yaml.Node, path: str) -> None:
    """YAML leaves it to the reader what a key given twice means; here it is a mistake."""
    seen: set[int] = set()
    nodes = [document]
    while nodes:
        node = nodes.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys:
                        raise ConfigError(f"{path}: {key.value[:80]}", f"given twice, line {key.start_mark.line + 1}")
                    keys.add(key.value)
                nodes.append(value)
        elif isinstance(node, yaml.SequenceNode):
            nodes.extend(node.value)


def _with_traces(value: Any, read_trace: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return expand_traces(value, read_trace)
    if isinstance(value, dict):
        return {key: _with_traces(item, read_trace) for key, item in value.items()}
    return value
