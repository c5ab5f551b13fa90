"""``oagw-tornado rules check FILE…``, ``convert FILE``, ``schema``: check files of rules, convert aimock fixtures to
rules, or print the JSON Schema of the file for editors."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from oagw_tornado.commands.arguments import Arguments, CommandError

#: Something could not be converted.
LEFT_OUT = 1


def run(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit code. Raises CommandError."""
    parser = Arguments("rules", (__doc__ or "").replace("``", ""))
    parser.add_argument("action", choices=("check", "convert", "schema"))
    parser.add_argument("files", nargs="*", metavar="FILE")
    given = parser.parse_args(arguments)
    files: list[str] = given.files
    if given.action == "schema":
        if files:
            parser.error("schema: takes no file")
    elif not files or (given.action == "convert" and len(files) > 1):
        parser.error(f"{given.action}: expected {'a FILE' if given.action == 'convert' else 'FILE…'}")
    if given.action == "check":
        from oagw_tornado.commands.check import run as check

        return check(files)
    if given.action == "convert":
        return _convert(files[0])
    from oagw_tornado.config.file_schema import file_schema

    _say(json.dumps(file_schema(), indent=2))
    return 0


def _convert(file: str) -> int:
    from oagw_tornado.config.aimock import convert_fixtures
    from oagw_tornado.units.documents import DocumentError, read_json

    try:
        with open(file, "rb") as opened:
            document = read_json(opened.read(), is_bounded=False)
        converted = convert_fixtures(document)
    except OSError as error:
        raise CommandError(f"cannot read {file!r}: {error.strerror or error}") from None
    except (DocumentError, ValueError) as error:
        raise CommandError(f"{file}: {error}") from None
    import yaml

    _say(yaml.safe_dump({"rules": converted.rules}, sort_keys=False, allow_unicode=True, width=100).rstrip())
    for line in converted.left_out:
        print(f"{file}: {line}", file=sys.stderr)  # noqa: T201
    return LEFT_OUT if converted.left_out else 0


def _say(text: str) -> None:
    try:
        print(text, flush=True)  # noqa: T201
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
