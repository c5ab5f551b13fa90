"""``oagw-tornado recordings import FILE… -o DIR``: an HTTP Archive or a cassette of vcrpy as recordings.

Headers are kept and credentials masked as by the recorder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from oagw_tornado.commands.arguments import CommandError
from oagw_tornado.knobs.upstream_document import NAME
from oagw_tornado.proxying.kept import kept_query, kept_reply, kept_request
from oagw_tornado.proxying.masking import MaskedReads, Masking
from oagw_tornado.proxying.shown import credentials_shown, kept_body
from oagw_tornado.recordings.cassette import import_cassette
from oagw_tornado.recordings.foreign import Imported
from oagw_tornado.recordings.format import (
    SUFFIX,
    Read,
    RecordedReply,
    RecordingHead,
    encode_end,
    encode_head,
    encode_read,
)
from oagw_tornado.recordings.har import import_har
from oagw_tornado.recordings.recording import Recording
from oagw_tornado.recordings.request_key import request_key
from oagw_tornado.units.documents import DocumentError, is_too_deep, read_json

OK, LEFT_OUT, BAD = 0, 1, 2

#: Bytes of one file.
LARGEST_IMPORT = 256 * 2**20


def import_files(paths: Sequence[str], directory: str, alias: str | None) -> int:
    """Write the recordings in these files to `directory`; returns the exit code. Raises CommandError."""
    if alias is not None and not NAME.fullmatch(alias):
        raise CommandError(f"--alias: {alias[:80]!r}: expected a name of 1 to 64 letters, digits and . _ ~ -", BAD)
    code, written = OK, 0
    for path in paths:
        imported = _imported(path, alias)
        for line in imported.left_out:
            sys.stderr.write(f"{path}: {line}\n")
            code = LEFT_OUT
        for recording in imported.recordings:
            written += 1
            try:
                _write(recording, directory, written)
            except OSError as error:
                raise CommandError(f"cannot write to {directory!r}: {error.strerror or error}") from None
    sys.stdout.write(f"{written} recordings in {directory}\n")
    return code


def _imported(path: str, alias: str | None) -> Imported:
    try:
        with open(path, "rb") as file:
            text = file.read(LARGEST_IMPORT + 1)
    except OSError as error:
        raise CommandError(f"cannot read {path!r}: {error.strerror or error}", BAD) from None
    if len(text) > LARGEST_IMPORT:
        raise CommandError(f"{path}: larger than {LARGEST_IMPORT} bytes", BAD)
    try:
        document = _document(text)
        is_archive = isinstance(document, dict) and "log" in document
        return import_har(document, alias) if is_archive else import_cassette(document, alias)
    except RecursionError:
        raise CommandError(f"{path}: nested too deeply", BAD) from None
    except ValueError as error:
        raise CommandError(f"{path}: {error}", BAD) from None


def _document(text: bytes) -> Any:
    text = text.removeprefix(b"\xef\xbb\xbf")
    if text.lstrip()[:1] == b"{":
        try:
            return read_json(text, is_bounded=False)
        except DocumentError as error:
            raise ValueError(f"not valid JSON: {error}") from None
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(text, loader)  # a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ValueError(f"not valid YAML: {getattr(error, 'problem', error)}{where}") from None
    if is_too_deep(document):
        raise ValueError("nested too deeply")
    return document


def _write(recording: Recording, directory: str, number: int) -> None:
    masking, head = _without_credentials(recording.head)
    folder = os.path.join(directory, head.alias)
    for path in (directory, folder):
        os.makedirs(path, 0o700, exist_ok=True)
    request = head.request
    key = request_key(request.method, request.path, request.query, request.body or b"")
    at = "".join(letter for letter in head.at if letter not in "-:")
    name = f"{at}-{''.join(filter(str.isalnum, request.method))}-{key[:8]}-{number}{SUFFIX}"
    descriptor = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(encode_head(head))
        reads = MaskedReads(masking)
        for at_us, data in zip(recording.offsets, recording.reads, strict=True):
            file.writelines(map(encode_read, reads.feed(Read(at_us, data))))
        file.writelines(map(encode_read, reads.finish()))
        if recording.end is not None:
            file.write(encode_end(recording.end))


def _without_credentials(head: RecordingHead) -> tuple[Masking, RecordingHead]:
    """What masks the credentials that its client has shown, and the head without them."""
    request, reply = head.request, head.reply
    kind = next((value for name, value in request.headers if name.lower() == "content-type"), "")
    masking = Masking(credentials_shown(request.headers, request.query, request.body or b"", kind))
    alias = head.alias if NAME.fullmatch(head.alias) else "imported"
    return masking, head._replace(
        alias=alias,
        request=request._replace(
            path=masking.text(request.path),
            query=kept_query(request.query, masking),
            headers=kept_request(request.headers, masking),
            body=None if request.body is None else kept_body(request.body, kind, masking),
        ),
        reply=None if reply is None else RecordedReply(reply.status, reply.reason, kept_reply(reply.headers, masking)),
    )
