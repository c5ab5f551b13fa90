"""From the description of a real upstream, the environment and the options to what passes requests on to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from oagw_tornado.config.config import Config
from oagw_tornado.knobs.predicate import RuleError
from oagw_tornado.knobs.real_upstream import RealUpstream, resolve_environment
from oagw_tornado.knobs.upstream_document import UpstreamDocument, UpstreamError
from oagw_tornado.proxying.destination import Destination
from oagw_tornado.proxying.recorder import Recorder, RecordingSpace
from oagw_tornado.proxying.upstream import PassedUpstream


def real_upstreams(
    config: Config, environ: Mapping[str, str], known: Mapping[str, Any]
) -> Callable[[UpstreamDocument, Any], PassedUpstream]:
    """What makes an upstream of the description of a real one and the service that it speaks as. One of `known`, by its
    alias, goes on with its connections if it would be made in the same way.

    What that gives raises UpstreamError: for a variable that is not there, a file that cannot be read, a library that
    is not installed.
    """
    recorders = [each.destination.recorder for each in known.values() if isinstance(each, PassedUpstream)]
    spaces = {recorder.directory: recorder.space for recorder in recorders if recorder is not None}

    def made(described: UpstreamDocument, service: Any) -> PassedUpstream:
        alias = described.alias
        assert described.real is not None
        try:
            real = resolve_environment(described.real, environ)
        except RuleError as error:
            raise UpstreamError(f"{alias}.{error}") from None
        directory = _directory(described, real, config)
        secrets = (*config.tokens, config.admin_token or "", *real.secrets)
        made_of = (real, service, _stamp(real.tls_ca), directory, secrets)
        before = known.get(alias)
        if isinstance(before, PassedUpstream) and before.made_of == made_of:
            return before
        try:
            pool = _new_pool(real)
        except RuleError as error:
            raise UpstreamError(f"{alias}.{error}") from None
        recorder = None
        if directory is not None:
            space = spaces.setdefault(directory, RecordingSpace(directory, config.record_max))
            recorder = Recorder(directory, alias, space, secrets)
        key_header = "" if service is None else service.key_header
        return PassedUpstream(Destination(alias, real, pool, key_header, recorder), service, made_of)

    return made


def _directory(described: UpstreamDocument, real: RealUpstream, config: Config) -> str | None:
    """Where what is said is recorded; None: it is not."""
    if real.record or config.record:
        return real.record or config.record
    terms = described.replay
    on_miss = (terms.on_miss if terms is not None else None) or config.on_miss
    # All that gets here has no recording yet.
    return ((terms.directory if terms is not None else None) or config.replay) if on_miss == "record" else None


def _stamp(path: str | None) -> tuple[int, int] | None:
    """What changes with the file that is there."""
    try:
        status = os.stat(path) if path is not None else None
    except OSError:  # who reads it says so
        return None
    return None if status is None else (status.st_mtime_ns, status.st_size)


def _new_pool(real: RealUpstream) -> Any:
    try:
        from oagw_tornado.proxying.pool import Pool
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] not in ("aiohttp", "yarl"):
            raise
        raise RuleError("url: needs aiohttp (pip install 'oagw-tornado[proxy]')") from None
    return Pool(real)


def prepare_recording(destination: Destination, *, is_check: bool = False) -> None:
    """Have a place for the recordings of what is said there, or see whether there can be one. Raises UpstreamError."""
    recorder = destination.recorder
    if recorder is None:
        return
    try:
        if is_check:
            recorder.check()
        else:
            recorder.prepare()
    except OSError as error:
        raise UpstreamError(f"{destination.alias}.record: {error.filename!r}: {error.strerror}") from None
