"""The configuration file: YAML, with options by their names and a list of rules.

Options are read as they are written, not as YAML understands them: ``token: 0123`` is the text 0123, and
``access-log: off`` goes to the parser that reads ``--access-log=off``. Rules keep YAML's types.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from oagw_tornado.config.options import OPTIONS
from oagw_tornado.config.settings import ConfigError, Setting, nearest
from oagw_tornado.units.latency import expand_traces


def parse_config_file(text: str, path: str, read_file: Callable[[str], str]) -> tuple[list[Setting], tuple[Any, ...]]:
    """The settings and the rules in the file `path`, whose text is `text`.

    A latency may name a file of offsets, ``trace(@file)``, relative to this one; `read_file` reads it.
    Raises ConfigError.
    """

    def read_trace(name: str) -> str:
        try:
            return read_file(os.path.join(os.path.dirname(path), name))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(path, f"cannot read the trace {name!r}: {error}") from None

    try:
        loader = yaml.SafeLoader(text)
        document = loader.get_single_node()
        if document is None or _is_null(document):
            return [], ()
        _refuse_duplicates(document, path)
        entries = _entries(document, path)
        rules = loader.construct_document(entries.pop("rules")) if "rules" in entries else []
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ConfigError(
            path, f"not valid YAML: {error.problem}" + (f", line {mark.line + 1}" if mark else "")
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError(path, f"not valid YAML: {error}") from None
    except RecursionError:
        raise ConfigError(path, "not valid YAML: nested too deeply") from None
    settings = [setting for key, node in entries.items() for setting in _settings(key, node, path, read_trace)]
    return settings, _checked(rules, path, read_trace)


def _checked(rules: Any, path: str, read_trace: Callable[[str], str]) -> tuple[Any, ...]:
    from oagw_tornado.knobs.rules import RuleError, Rules

    if not isinstance(rules, list):
        raise ConfigError(f"{path}: rules", f"expected a list of rules, not {str(rules)[:80]!r}")
    expanded = tuple(_with_traces(rule, read_trace) for rule in rules)
    try:
        Rules(expanded)
    except RuleError as error:
        raise ConfigError(f"{path}: rules", str(error)) from None
    return expanded


def _entries(document: yaml.Node, path: str) -> dict[str, yaml.Node]:
    if not isinstance(document, yaml.MappingNode):
        raise ConfigError(path, "expected lines such as 'port: 8765': options with their values")
    entries: dict[str, yaml.Node] = {}
    for key, node in document.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        if name not in OPTIONS and name != "rules":
            raise ConfigError(f"{path}: {name[:80]}", "no such option" + nearest(name, (*OPTIONS, "rules")))
        entries[name] = node
    return entries


def _settings(key: str, node: yaml.Node, path: str, read_trace: Callable[[str], str]) -> Iterator[Setting]:
    option = OPTIONS[key]
    source = f"{path}: {key}"
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
