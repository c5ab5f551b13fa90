"""Certificates for ``--tls auto``: a local authority, created once per user, and the certificates it signs.

The files are in a directory that only the user can read; clients are to trust ``ca.pem``. Certificates are
replaced when they are about to expire or do not cover a requested address. The library `cryptography` (extra
``tls``) is imported only when something has to be created.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

#: Days before its expiry at which a certificate is replaced.
RENEWED_BEFORE = 30


def state_directory(environ: dict[str, str] | None = None) -> Path:
    """Where this user's programs keep such things (XDG Base Directory Specification)."""
    given = (os.environ if environ is None else environ).get("XDG_STATE_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return base / "oagw-tornado"


class Authority:
    """The certificates in one directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = folder / "ca.pem"

    def issue(self, hosts: Iterable[str], fault: str = "") -> tuple[Path, Path]:
        """Certificate and key, in files, for these names and addresses; with a `fault`, one that has it.

        Raises OSError, or ImportError if something has to be made and `cryptography` is not installed.
        """
        wanted = sorted(set(hosts))
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = fault or "server"
        certificate, key, note = (self.folder / f"{name}{end}" for end in (".pem", "-key.pem", ".json"))
        with self._locked():
            if not _is_good(self.folder / "ca.json", [], self.certificate, self.folder / "ca-key.pem"):
                self._make_authority()
            elif _is_good(note, wanted, certificate, key):
                return certificate, key
            from oagw_tornado.wire.certificate_making import make_certificate

            # A certificate made for other hosts stays valid for them.
            kept = [] if fault else [host for host in _hosts(note) if host not in wanted]
            made = make_certificate(self._read("ca.pem"), self._read("ca-key.pem"), [*wanted, *kept][:50], fault)
            _write(key, made.key)
            _write(certificate, made.certificate)
            _write(note, _note([*wanted, *kept][:50], made.ends))
        return certificate, key

    def _make_authority(self) -> None:
        from oagw_tornado.wire.certificate_making import make_authority

        for old in self.folder.glob("*.json"):
            old.unlink()  # what the last authority signed is worth nothing now
        made = make_authority()
        _write(self.folder / "ca-key.pem", made.key)
        _write(self.certificate, made.certificate)
        _write(self.folder / "ca.json", _note([], made.ends))

    def _read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone in the directory: two servers may be started at the same time."""
        with open(self.folder / "lock", "w") as lock:
            flock(lock, LOCK_EX)
            yield


def _note(hosts: list[str], ends: float) -> bytes:
    return json.dumps({"hosts": hosts, "ends": ends}).encode()


def _hosts(note: Path) -> list[str]:
    try:
        hosts = json.loads(note.read_bytes())["hosts"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [host for host in hosts if isinstance(host, str)] if isinstance(hosts, list) else []


def _is_good(note: Path, wanted: list[str], *files: Path) -> bool:
    try:
        ends = float(json.loads(note.read_bytes())["ends"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return (
        all(file.exists() for file in files)
        and set(wanted) <= set(_hosts(note))
        and ends > time.time() + RENEWED_BEFORE * 86400
    )


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, and for its owner alone."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
    os.replace(new, file)
