"""A file that a rule replies with: read once, relative to the configuration file, and part of the rule from then on."""

from __future__ import annotations

import os
from collections.abc import Callable
from mimetypes import guess_type
from typing import Any

from oagw_tornado.config.settings import ConfigError
from oagw_tornado.reply.answer import LONGEST_BODY
from oagw_tornado.units.documents import quoted

_TYPES = {".sse": "text/event-stream; charset=utf-8", ".ndjson": "application/x-ndjson", ".md": "text/markdown"}


def with_file(rule: Any, path: str, place: str, read_file: Callable[[str], str]) -> Any:
    """`rule`, the text of the file that it names in the place of its name. Raises ConfigError.

    The file is in the directory of the configuration file `path`, or below it.
    """
    reply = rule.get("reply") if isinstance(rule, dict) else None
    if not isinstance(reply, dict) or "file" not in reply:
        return rule
    name = reply["file"]
    where = f"{place}: reply.file"
    if not isinstance(name, str) or not name or "\0" in name:
        raise ConfigError(where, f"expected the name of a file, not {quoted(name)}")
    if os.path.isabs(name) or os.path.normpath(name).split(os.sep)[0] == os.pardir:
        raise ConfigError(where, f"{name[:80]!r} is not in the directory of {os.path.basename(path)!r}")
    try:
        text = read_file(os.path.join(os.path.dirname(path), name))
    except OSError as error:
        raise ConfigError(where, f"cannot read {name[:80]!r}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(where, f"{name[:80]!r} is not UTF-8 text; other bytes go into base64") from None
    if len(text) > LONGEST_BODY:
        raise ConfigError(where, f"{name[:80]!r}: expected at most {LONGEST_BODY} characters, not {len(text)}")
    given = {key: value for key, value in reply.items() if key != "file"}
    headers = given.get("headers") or {}
    if isinstance(headers, dict) and not any(str(key).lower() == "content-type" for key in headers):
        given["headers"] = {**headers, "Content-Type": _type_of(name)}
    return {**rule, "reply": {"status": 200, **given, "text": text}}


def _type_of(name: str) -> str:
    kind = _TYPES.get(os.path.splitext(name)[1]) or guess_type(name)[0] or "text/plain"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") and "charset" not in kind else kind
