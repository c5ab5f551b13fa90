"""A simulator for tests, wherever it runs: its options, its addresses, its control object."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import urlsplit

from oagw_tornado.config.defaults import DEFAULT_TOKEN
from oagw_tornado.testing.control import Control


class SimulatorError(RuntimeError):
    """The server did not start, or died. The text has its stderr."""


class Addresses(NamedTuple):
    """Where a server listens, as its ready line says it."""

    scheme: str = "http"
    port: int = 0
    control: str = ""
    """That of control alone, if it has one."""

    @classmethod
    def read(cls, line: str) -> Addresses:
        """From ``listening on URL, …; control on URL, …``; the first of each counts."""
        public, _, control = line.partition("; control on ")
        first = public.removeprefix("listening on ").partition(", ")[0]
        parts = urlsplit(first) if first.startswith("http") else None
        return cls(
            "http" if parts is None else parts.scheme,
            0 if parts is None else parts.port or 0,
            control.strip().partition(", ")[0],
        )


class SimulatorServer(ABC):
    """A simulator that runs from ``with`` (or ``async with``, or `start`) to the end of the block (or `stop`).

    `options` are those of the command line, with ``_`` for ``-``: ``time_to_first_token="200ms"``, ``no_control=True``,
    ``config="sim.yaml"``. `rules` are as the file has them. The environment is ignored. Without a
    `port`, any free one is used.
    """

    #: Options of every server made from now on that is not given its own: a suite's choice of engine, say.
    default_options: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | Iterable[str] = DEFAULT_TOKEN,
        admin_token: str | None = None,
        rules: Sequence[Mapping[str, Any]] = (),
        start_timeout: float = 10.0,
        **options: Any,
    ) -> None:
        tokens = [token] if isinstance(token, str) else list(token)
        #: The bearer token that the gateway accepts, the first of several.
        self.token = tokens[0]
        #: The port it listens on, once it has started.
        self.port = port
        self.host = host
        self.start_timeout = start_timeout
        self._addresses = Addresses()
        self._admin_token = admin_token
        if rules and "config" in options:
            raise ValueError("rules and config: with a file, put the rules into it")
        self._rules = list(rules)
        self._options = {"host": host, "token": tokens, "admin_token": admin_token, **self.default_options, **options}
        self._asked_port = port

    @property
    def base_url(self) -> str:
        """The gateway's own address, without a path."""
        return f"{self._addresses.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def openai_base_url(self) -> str:
        """What an OpenAI SDK takes as its base URL; its API key is `token`."""
        return f"{self.base_url}/api/oagw/v1/proxy/openai/v1"

    @property
    def control(self) -> Control:
        """Rules, gates, journal and timing of this server."""
        control = self._addresses.control
        if control.startswith("unix:"):
            return Control("localhost", 0, self._admin_token, path=control[5:])
        if control:
            parts = urlsplit(control)
            return Control(parts.hostname or "", parts.port or 0, self._admin_token, is_secure=parts.scheme == "https")
        return Control(self.host, self.port, self._admin_token, is_secure=self._addresses.scheme == "https")

    @property
    def ca_file(self) -> str | None:
        """The PEM file that a TLS client should trust: with ``tls="auto"`` the local authority, else ``tls_cert``."""
        if self._options.get("tls") == "auto":
            from oagw_tornado.wire.certificates import state_directory

            return str(state_directory() / "ca.pem")
        return self._options.get("tls_cert")

    @abstractmethod
    def start(self) -> Self:
        """Start, and return once the server answers. Raises SimulatorError."""

    @abstractmethod
    def stop(self) -> None:
        """End the server at once. Does nothing if it is not running."""

    @property
    @abstractmethod
    def is_running(self) -> bool:
        """Whether it has been started and has neither been stopped nor died."""

    @abstractmethod
    def take_errors(self) -> str:
        """Uncaught exceptions that the server has logged since the last call; empty if none."""

    def _arguments(self) -> list[str]:
        """The options as the command line has them."""
        arguments = [f"--port={self._asked_port}"]
        for name, value in self._options.items():
            option = name.replace("_", "-")
            for each in value if isinstance(value, (list, tuple)) else [value]:
                if isinstance(each, bool):
                    arguments.append(f"--{option}={'yes' if each else 'no'}")
                elif each is not None:
                    arguments.append(f"--{option}={each}")
        return arguments

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        starting = asyncio.ensure_future(asyncio.to_thread(self.start))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread continues whatever happens here, and what it has started must not be left running.
            await asyncio.wait([starting])
            await asyncio.to_thread(self.stop)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)
