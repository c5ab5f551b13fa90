"""``oagw-tornado recordings list|show|check|har DIR``, ``script FILE``, ``import FILE -o DIR``: inspect and check
recordings, and exchange them with other tools.

Exit code 0: done; 1: something was left out or cannot be done; 2: wrong arguments, or a file that is not a recording.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from oagw_tornado.commands.arguments import Arguments, CommandError
from oagw_tornado.recordings.format import RecordingError
from oagw_tornado.recordings.recording import Recording, bounded_lines, read_recording

OK, LEFT_OUT, BAD = 0, 1, 2

# Characters of each read that `show` prints.
_SHOWN = 100

_ACTIONS = {
    "list": "one line per recording",
    "show": "a recording read by read, with the instant of each",
    "check": "read every line of every recording, and report errors",
    "har": "print an HTTP Archive",
    "script": "print a rule with the same reply, part by part, for editing",
    "import": "convert an HTTP Archive, or a cassette of vcrpy, to recordings",
}


def run(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit code. Raises CommandError."""
    actions = "\n".join(f"{name}: {what}." for name, what in _ACTIONS.items())
    parser = Arguments("recordings", f"Inspect and check recordings, and exchange them with other tools. {actions}")
    parser.add_argument("action", choices=tuple(_ACTIONS))
    parser.add_argument("paths", nargs="+", metavar="PATH", help="directory of recordings, or single files")
    parser.add_argument("-o", "--output", metavar="PATH", help="import: the directory to write to; har: the file")
    parser.add_argument("--alias", help="import: the upstream of the recordings (default: derived from their URLs)")
    parser.add_argument("--json", action="store_true", help="list: one JSON object per line")
    given = parser.parse_args(arguments)
    if given.action == "import":
        if given.output is None:
            parser.error("import: expected -o DIR")
        from oagw_tornado.commands.recordings_import import import_files

        return import_files(given.paths, given.output, given.alias)
    names = [name for path in given.paths for name in _names(path)]
    if given.action == "check":
        return _check(names)
    if given.action == "list":
        return _each(names, _listed_as_json if given.json else _listed)
    if given.action == "show":
        return _each(names, _shown)
    if given.action == "script":
        return _script(names)
    return _har(names, given.output)


def _names(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
        return
    from oagw_tornado.replaying.index import files_in

    try:
        found = [os.path.join(path, name) for name in files_in(path)]
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}", BAD) from None
    if not found:
        raise CommandError(f"{path}: there is no recording in it", BAD)
    yield from found


def _read(name: str) -> Recording:
    """Raises OSError and RecordingError."""
    with open(name, "rb") as file:
        return read_recording(bounded_lines(file))


def _each(names: list[str], write: Any) -> int:
    code = OK
    for name in names:
        try:
            write(name, _read(name))
        except (OSError, RecordingError) as error:
            code = _complain(name, error)
    return code


def _complain(name: str, error: OSError | RecordingError) -> int:
    reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    sys.stderr.write(f"{name}: {reason}\n")
    return BAD


def _check(names: list[str]) -> int:
    code, cut = OK, 0
    for name in names:
        try:
            recording = _read(name)
        except (OSError, RecordingError) as error:
            code = _complain(name, error)
            continue
        if recording.end is None or recording.is_torn:
            cut += 1
            torn = ", the last line is not whole" if recording.is_torn else ""
            _say(f"{name}: cut off after {_counted(len(recording.reads), 'read')}{torn}; it is used up to there")
    _say(
        f"{_counted(len(names), 'recording')}, {cut} cut off, {'all' if code == OK else 'not all'} of them can be read"
    )
    return code


def _listed(name: str, recording: Recording) -> None:
    head = recording.head
    status = head.reply.status if head.reply is not None else "-"
    target = f"{head.request.path}{f'?{head.request.query}' if head.request.query else ''}"
    _say(
        f"{name}  {head.at}  {head.alias}  {head.request.method} /{target.lstrip('/')}  {status}  "
        f"{_counted(len(recording.reads), 'read')}  {recording.body_bytes} bytes  {recording.end_us / 1000:.1f} ms  "
        f"{recording.ended or 'cut off'}"
    )


def _listed_as_json(name: str, recording: Recording) -> None:
    head = recording.head
    document = {
        "file": name,
        "at": head.at,
        "alias": head.alias,
        "method": head.request.method,
        "path": head.request.path,
        "query": head.request.query,
        "status": head.reply.status if head.reply is not None else None,
        "reads": len(recording.reads),
        "bytes": recording.body_bytes,
        "ended_us": recording.end_us,
        "ended": recording.ended,
    }
    _say(json.dumps(document))


def _shown(name: str, recording: Recording) -> None:
    head = recording.head
    query = f"?{head.request.query}" if head.request.query else ""
    _say(f"{name}: {head.alias}, {head.at}")
    _say(f"> {head.request.method} /{head.request.path.lstrip('/')}{query}")
    for field in head.request.headers:
        _say(f"> {field[0]}: {field[1]}")
    if head.request.body_bytes:
        body = head.request.body
        _say(f"> {_brief(body) if body is not None else f'{head.request.body_bytes} bytes, not recorded'}")
    if head.reply is not None:
        _say(f"< {head.reply.status} {head.reply.reason}".rstrip() + f"  ({(head.first_byte_us or 0) / 1000:.3f} ms)")
        for field in head.reply.headers:
            _say(f"< {field[0]}: {field[1]}")
    for at, data in zip(recording.offsets, recording.reads, strict=True):
        _say(f"{at / 1000:12.3f} ms  {_brief(data)}")
    why = f": {recording.end.error}" if recording.end is not None and recording.end.error else ""
    _say(f"{recording.end_us / 1000:12.3f} ms  {recording.ended or 'cut off'}{why}")


def _brief(data: bytes) -> str:
    text = repr(data.decode("utf-8", "backslashreplace"))[1:-1]
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(data)} bytes)"


def _script(names: list[str]) -> int:
    import yaml

    from oagw_tornado.recordings.script import rule_of

    code = OK
    rules: list[dict[str, Any]] = []
    for name in names:
        try:
            rule, left_out = rule_of(_read(name))
        except (OSError, RecordingError) as error:
            code = _complain(name, error)
            continue
        except ValueError as error:
            sys.stderr.write(f"{name}: {error}\n")
            code = max(code, LEFT_OUT)
            continue
        rules.append(rule)
        for line in left_out:
            sys.stderr.write(f"{name}: {line}\n")
            code = max(code, LEFT_OUT)
    if rules:
        _say(yaml.safe_dump({"rules": rules}, sort_keys=False, allow_unicode=True, width=100).rstrip())
    return code


def _har(names: list[str], output: str | None) -> int:
    from oagw_tornado.recordings.har import har, har_entry

    entries: list[dict[str, Any]] = []
    code = _each(names, lambda name, recording: entries.append(har_entry(recording, name)))
    text = json.dumps(har(sorted(entries, key=lambda entry: str(entry["startedDateTime"]))), indent=1)
    if output is None:
        _say(text)
        return code
    try:
        with open(output, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
    except OSError as error:
        raise CommandError(f"cannot write {output!r}: {error.strerror or error}") from None
    return code


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _say(text: str) -> None:
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
