"""``oagw-tornado check FILE``: whether a server would start with this file, without starting one.

Exit code 0: all files are valid; 2: one is not.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from oagw_tornado.commands.arguments import Arguments, CommandError
from oagw_tornado.config.config import Config, read_config, value_in
from oagw_tornado.config.options import OPTIONS
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.extensions import ExtensionError, Extensions, gather
from oagw_tornado.process.reload import FilesRead
from oagw_tornado.wiring.assembly import checked_terms, table_of

if TYPE_CHECKING:
    from oagw_tornado.gateway.upstream_table import UpstreamTable

OK, BAD = 0, 2


def run(arguments: Sequence[str]) -> int:
    """Report for each file that it is valid, or the line and the key of the error; returns the exit code."""
    parser = Arguments("check", "Check whether a server would start with each file, without starting one.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="configuration file, as --config takes it")
    try:
        extensions = gather()
    except ExtensionError as error:
        raise CommandError(str(error)) from None
    code = OK
    for path in parser.parse_args(arguments).files:
        try:
            said = f"{path}: {_described(_read(path, extensions))}"
        except ConfigError as error:
            code = BAD
            said = _with_path(path, str(error).replace(f"--config: cannot read {path!r}", f"{path}: cannot be read"))
        sys.stderr.write(f"{said}\n")
    return code


def _read(path: str, extensions: Extensions) -> Config:
    with extensions.known_faults():
        config = read_config(["--config", path], {}, FilesRead().read)
        table = table_of(extensions, config)
        checked_terms(config, table)
        if any(each.real is not None for each in config.upstreams):
            _check_recording(table)
    return config


def _check_recording(table: UpstreamTable) -> None:
    from oagw_tornado.knobs.upstream_document import UpstreamError
    from oagw_tornado.proxying.making import prepare_recording
    from oagw_tornado.proxying.upstream import destinations

    try:
        for each in destinations(table):
            prepare_recording(each, is_check=True)
    except UpstreamError as error:
        raise ConfigError("upstreams", str(error)) from None


def _with_path(path: str, text: str) -> str:
    return text if text.startswith(path) else f"{path}: {text}"


def _described(config: Config) -> str:
    options = sum(
        value_in(config, option) != value_in(Config(), option) for option in OPTIONS.values() if not option.form_of
    )
    return f"fine: {_counted(options, 'option')} set, {_counted(len(config.rules), 'rule')}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
