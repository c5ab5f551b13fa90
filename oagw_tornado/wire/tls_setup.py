"""From the options to the TLS terms of each address. Imported only if one uses TLS."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from socket import gethostname

from oagw_tornado.config.config import Config
from oagw_tornado.config.listeners import CERTIFICATE_FAULTS, Listener
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.wire.certificates import Authority, state_directory
from oagw_tornado.wire.tls import TlsError, TlsFiles, TlsTerms

#: Names of this machine that every certificate of our own is for.
LOCAL = ("localhost", "127.0.0.1", "::1")


def terms_of_tls(config: Config, listeners: Iterable[Listener]) -> tuple[dict[Listener, TlsTerms], Path | None]:
    """The terms of each address, and the certificate of the authority that clients are to trust if it is our own.

    Raises ConfigError.
    """
    addresses = list(listeners)
    authority = Authority(state_directory()) if config.tls == "auto" else None
    hosts = [*LOCAL, *_names((gethostname(), *config.control_hosts, *(each.host for each in addresses)))]
    terms: dict[Listener, TlsTerms] = {}
    try:
        for listener in addresses:
            terms[listener] = TlsTerms(_files(config, listener, authority, hosts))
    except TlsError as error:
        raise ConfigError(error.option, str(error)) from None
    return terms, None if authority is None else authority.certificate


def _files(config: Config, listener: Listener, authority: Authority | None, hosts: list[str]) -> TlsFiles:
    if authority is None:
        assert config.tls_cert is not None
        return TlsFiles(config.tls_cert, config.tls_key, config.tls_client_ca)
    fault = listener.tls_fault
    wanted = fault.kind if fault is not None and fault.kind in CERTIFICATE_FAULTS else ""
    try:
        certificate, key = authority.issue(hosts, wanted)
    except ImportError:
        raise ConfigError("--tls", "auto needs 'cryptography' (pip install 'oagw-tornado[tls]')") from None
    except OSError as error:
        where = error.filename or authority.folder
        raise ConfigError("--tls", f"auto: cannot use {where}: {error.strerror or error}") from None
    return TlsFiles(str(certificate), str(key), config.tls_client_ca)


def _names(hosts: Iterable[str]) -> Iterator[str]:
    """Those that a certificate can be for: no wildcard address, no name outside ASCII."""
    for host in hosts:
        if host not in ("0.0.0.0", "::") and re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", host):
            yield host.lower()
