"""The index of recordings by request. Bodies stay on disk until they are needed.

Only the first line of each file is read. The index keeps a key of 16 bytes, at most 96 hashes for finding similar
requests, and the file name: some 800 bytes per recording. It is built in a thread of its own, which yields to the
others.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator
from heapq import nsmallest
from typing import NamedTuple

from oagw_tornado.gateway.upstream_failure import FAILURES
from oagw_tornado.knobs.ignored_fields import NOTHING_IGNORED, IgnoredFields
from oagw_tornado.recordings.compared_request import ComparedRequest, compared_request
from oagw_tornado.recordings.format import SUFFIX, RecordedRequest, RecordingError, RecordingHead
from oagw_tornado.recordings.masked_fields import masked_fields
from oagw_tornado.recordings.recording import read_head

#: Recordings of one directory.
MOST_RECORDINGS = 100_000

#: Files that cannot be read and are named.
MOST_PROBLEMS = 100

# Heads read in one go.
_AT_A_TIME = 4

# Entries compared in one go.
_COMPARED_AT_A_TIME = 100


# The ends of a recording that are the upstream's own. A client that left, a fault of ours, the bound of the disk space
# and a recorder that was killed are none.
_UPSTREAM_ENDS = frozenset(("complete", "reset", "cut", "timeout")) | FAILURES.keys()


class IndexedRecording(NamedTuple):
    """One recording: where it is, and by what it is found."""

    directory: str
    name: str
    """The file, relative to the directory."""
    at: str
    method: str
    place: str
    """The path that was asked for, percent-decoded."""
    key: bytes
    traits: array[int]
    ended: str | None = "complete"
    """How it ended, in the words of the journal; None: nobody saw it."""

    @property
    def is_said(self) -> bool:
        """Whether the upstream, and nobody else, ended it: all that there was to say is there."""
        return self.ended in _UPSTREAM_ENDS

    @property
    def path(self) -> str:
        return os.path.join(self.directory, self.name)


class Index:
    """The recordings of one alias, in the order in which they were made."""

    def __init__(self) -> None:
        self.entries: list[IndexedRecording] = []
        self._by_key: dict[bytes, list[IndexedRecording]] = {}
        self._by_place: dict[tuple[str, str], list[IndexedRecording]] = {}
        # Whether there are bodies known only by their hash.
        self._has_hashes = False
        # What is a credential: the recorder has masked it.
        self._masked = NOTHING_IGNORED

    def add(self, entry: IndexedRecording, is_hash: bool = False, masked: IgnoredFields = NOTHING_IGNORED) -> None:
        self._has_hashes = self._has_hashes or is_hash
        self._masked = self._masked.also(masked)
        self.entries.append(entry)
        self._by_key.setdefault(entry.key, []).append(entry)
        self._by_place.setdefault((entry.method, entry.place), []).append(entry)

    def heeding(self, ignored: IgnoredFields) -> IgnoredFields:
        """What does not count of a request that is looked for: what is ignored, and what was masked."""
        return ignored.also(self._masked)

    def find(self, request: ComparedRequest, sha256: Callable[[], str]) -> list[IndexedRecording]:
        """The recordings of `request`, in order. `sha256` returns the hash of its body as sent."""
        found = self._by_key.get(request.key)
        if found is None and self._has_hashes:
            found = self._by_key.get(request.key_by_hash(sha256()))
        return found or []

    def near(self, request: ComparedRequest, most: int, rest: Callable[[], object] = int) -> list[IndexedRecording]:
        """Those that have most in common with `request`, the nearest first: of its method and path, if there are.

        `rest` is called now and then, so that others have their turn.
        """
        candidates = self._by_place.get((request.method, request.path)) or self.entries
        wanted = set(request.traits())
        distances: list[tuple[int, int]] = []
        for number, entry in enumerate(candidates):
            distances.append((len(entry.traits) - 2 * len(wanted.intersection(entry.traits)), number))
            if number % _COMPARED_AT_A_TIME == 0:
                rest()
        return [candidates[number] for _, number in nsmallest(most, distances)]


class Library(NamedTuple):
    """The recordings of one directory."""

    aliases: dict[str, Index]
    problems: list[str]
    """What is wrong with files that cannot be used, a line each."""

    def __len__(self) -> int:
        return sum(len(index.entries) for index in self.aliases.values())


def aliases_in(directory: str) -> list[str]:
    """The aliases that have recordings in `directory`, by the names of its directories. Raises OSError."""
    with os.scandir(directory) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def files_in(directory: str) -> Iterator[str]:
    """The names of all recordings in `directory` and in the directories in it, in order. Raises OSError."""
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                try:
                    inner = sorted(os.listdir(entry.path))
                except OSError:  # not for us to read
                    continue
                yield from (os.path.join(entry.name, name) for name in inner if name.endswith(SUFFIX))
            elif entry.name.endswith(SUFFIX):
                yield entry.name


def read_library(
    directory: str, ignored: IgnoredFields, alias: str | None = None, rest: Callable[[], object] = int
) -> Library:
    """What there is in `directory`. Raises OSError.

    With an `alias` it is all for that one, whatever the recordings' own; without one each is for its own. `rest` is
    called between files, so that others have their turn.
    """
    found: list[tuple[str, bool, IgnoredFields, IndexedRecording]] = []
    problems: list[str] = []
    for number, name in enumerate(files_in(directory)):
        if number >= MOST_RECORDINGS:
            problems.append(f"{directory}: more than {MOST_RECORDINGS} recordings; the others are left out")
            break
        if number % _AT_A_TIME == 0:
            rest()
        try:
            found.append(read_entry(directory, name, ignored, alias))
        except (OSError, RecordingError) as error:
            if len(problems) < MOST_PROBLEMS:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                problems.append(f"{os.path.join(directory, name)}: {reason}")
    aliases: dict[str, Index] = {}
    for owner, is_hash, masked, entry in sorted(found, key=lambda each: (each[3].at, each[3].name)):
        aliases.setdefault(owner, Index()).add(entry, is_hash, masked)
    return Library(aliases, problems)


def read_entry(
    directory: str, name: str, ignored: IgnoredFields, alias: str | None = None
) -> tuple[str, bool, IgnoredFields, IndexedRecording]:
    """One recording: whose it is, and what `Index.add` takes. Raises OSError and RecordingError."""
    with open(os.path.join(directory, name), "rb") as file:
        head = read_head(file)
    return alias or head.alias, *_entry(directory, name, head, ignored)


def compared_request_in(head: RecordingHead, ignored: IgnoredFields) -> ComparedRequest:
    """What the request of a recording asks for."""
    request = head.request
    ignored = ignored.also(_masked_in(request))
    kind = next((value for name, value in request.headers if name.lower() == "content-type"), "")
    return compared_request(request.method, request.path, request.query, request.body or b"", kind, ignored)


def _masked_in(request: RecordedRequest) -> IgnoredFields:
    kind = next((value for name, value in request.headers if name.lower() == "content-type"), "")
    return masked_fields(request.query, request.body or b"", kind)


def _entry(
    directory: str, name: str, head: RecordingHead, ignored: IgnoredFields
) -> tuple[bool, IgnoredFields, IndexedRecording]:
    request = compared_request_in(head, ignored)
    is_hash = head.request.body is None and head.request.body_bytes > 0
    key = request.key_by_hash(head.request.body_sha256) if is_hash else request.key
    entry = IndexedRecording(directory, name, head.at, request.method, request.path, key, request.traits(), head.ended)
    return is_hash, _masked_in(head.request), entry
