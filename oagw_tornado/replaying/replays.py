"""The replays of one simulator: for which upstreams, from which directories, and how they went."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from oagw_tornado.config.settings import ConfigError
from oagw_tornado.evidence.replayed import Replayed
from oagw_tornado.gateway.router import Route
from oagw_tornado.knobs.ignored_fields import IgnoredFields
from oagw_tornado.recordings.compared_request import ComparedRequest, compared_request
from oagw_tornado.recordings.difference import Difference, difference
from oagw_tornado.recordings.format import RecordingError
from oagw_tornado.recordings.recording import read_head
from oagw_tornado.replaying.index import Index, IndexedRecording, Library, compared_request_in, read_entry, read_library
from oagw_tornado.replaying.loading import Loader, give_turn
from oagw_tornado.replaying.order import Order
from oagw_tornado.replaying.sources import Source, never_asked, real_aliases, sources_of

if TYPE_CHECKING:
    from oagw_tornado.config.config import Config
    from oagw_tornado.evidence.exchange import Exchange
    from oagw_tornado.gateway.handler import ExchangeHandler
    from oagw_tornado.gateway.request import ServerRequest
    from oagw_tornado.knobs.facts import Facts

log = logging.getLogger(__name__)

#: Replays and misses that are remembered, the latest.
MOST_REMEMBERED = 1000

#: Events of these replays, taken together: each takes 16 bytes.
MOST_EVENTS = 2_000_000

#: Recordings that are compared with a request which none of them answers, those that have most in common with it.
MOST_COMPARED = 20

# Files that are named in the log.
_MOST_LOGGED = 10


class Hit(NamedTuple):
    """The recording that answers a request."""

    entry: IndexedRecording
    number: int
    of: int
    given: frozenset[str]
    """The knobs that the request or a rule has set, by their fields."""


class Miss(NamedTuple):
    """A request that no recording answers."""

    alias: str
    request: ComparedRequest
    there: Index
    """What is recorded of that upstream."""
    ignored: IgnoredFields


class Nearest(NamedTuple):
    """The recording that comes nearest to a request, and where it differs."""

    name: str
    first: Difference
    differences: int


class Replays:
    """The replays of one simulator. `handlers` are those of a hit and of a miss."""

    def __init__(
        self,
        handlers: tuple[type[ExchangeHandler], type[ExchangeHandler]],
        shown: Callable[[str], str],
        appeared: Callable[[Collection[str]], None],
        order: Order,
    ) -> None:
        """`shown` gives a text without what is a credential in it; `appeared` is told the aliases that are replayed.
        `order` is of the simulator, which resets it."""
        self._hit, self._miss = handlers
        self._shown = shown
        self._appeared = appeared
        # Real upstreams, and those of them that nobody has got ready to be asked; None: there was no start yet.
        self._real: frozenset[str] = frozenset()
        self._unasked: frozenset[str] | None = None
        self._sources: dict[str, Source] = {}
        self._default: Source | None = None
        self._libraries: dict[tuple[str, str | None, IgnoredFields], Library] = {}
        self._reading: asyncio.Task[None] | None = None
        self._adding: set[asyncio.Task[None]] = set()
        self._upstreams: dict[str, tuple[Source, Index]] = {}
        self.order = order
        self.loader = Loader()
        self.reset()

    def reset(self) -> None:
        """Forget what was replayed."""
        self.hits = self.misses = 0
        self.latest: deque[Exchange] = deque(maxlen=MOST_REMEMBERED)
        self._remembered = 0  # events of these
        #: What no recording answered: when (Unix time), and how it is shown.
        self.missed: deque[tuple[float, dict[str, Any]]] = deque(maxlen=MOST_REMEMBERED)

    # What there is to replay.

    def configure(self, config: Config, again: bool = False, unasked: Collection[str] | None = None) -> None:
        """Replay what `config` says from now on; directories that are not known are read, or all of them `again`.

        `unasked` are the real upstreams that nobody has got ready to be asked, if that is not as before. Until all is
        read, what was there before holds; `ready` waits for it. Raises ConfigError.
        """
        sources, default = sources_of(config)
        if unasked is not None:
            self._unasked = frozenset(unasked)
        elif self._unasked is None:
            self._unasked = never_asked(config)
        for alias in self._unasked & real_aliases(config):
            source = sources.get(alias, default)
            if source is None or source.on_miss != "fail":
                raise ConfigError(
                    "on-miss", f"{alias} is real, and is not ready to be asked: reload a file that says so"
                )
        self._real = real_aliases(config)
        places = {source.place for source in (*sources.values(), *([default] if default else ()))}
        self._sources, self._default = sources, default
        wanted = places if again else places - self._libraries.keys()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if wanted:
            self._reading = asyncio.ensure_future(self._read(wanted, places))
        else:
            self._put()

    async def ready(self) -> None:
        """Wait until the directories have been read. Raises ConfigError for one that cannot be."""
        while (reading := self._reading) is not None:
            await asyncio.wait([reading])
            if self._reading is reading:
                self._reading = None
            if not reading.cancelled():
                reading.result()

    async def _read(self, wanted: Collection[tuple[str, str | None, IgnoredFields]], places: Collection[Any]) -> None:
        loop = asyncio.get_running_loop()
        libraries = {place: library for place, library in self._libraries.items() if place in places}
        for directory, alias, ignored in wanted:
            try:
                library = await loop.run_in_executor(None, read_library, directory, ignored, alias, give_turn)
            except OSError as error:
                reason = f"cannot read {directory!r}: {error.strerror or error}"
                if (directory, alias, ignored) not in libraries:
                    raise ConfigError("replay", reason) from None
                log.warning("%s; what was read before answers still", reason)
                continue
            if (directory, alias, ignored) in self._libraries:
                log.info("read again: %d recordings in %s", len(library), directory)
            libraries[directory, alias, ignored] = library
            for problem in library.problems[:_MOST_LOGGED]:
                log.warning("a recording cannot be replayed: %s", problem)
            if len(library.problems) > _MOST_LOGGED:
                log.warning("and %d recordings more", len(library.problems) - _MOST_LOGGED)
        self._libraries = libraries
        self._put()

    def _put(self) -> None:
        upstreams: dict[str, tuple[Source, Index]] = {}
        if self._default is not None:
            aliases = self._libraries[self._default.place].aliases
            upstreams = {alias: (self._default, Index()) for alias in self._real}
            upstreams |= {alias: (self._default, index) for alias, index in aliases.items()}
        for alias, source in self._sources.items():
            library = self._libraries[source.place]
            upstreams[alias] = source, library.aliases.get(alias, Index())
        self._upstreams = upstreams
        self.loader.clear()
        self._appeared(upstreams)

    @property
    def aliases(self) -> dict[str, int]:
        """The upstreams that are replayed, and how many recordings there are of each."""
        return {alias: len(index.entries) for alias, (_, index) in self._upstreams.items()}

    @property
    def problems(self) -> list[str]:
        """What is wrong with files that cannot be used."""
        return [problem for library in self._libraries.values() for problem in library.problems]

    def covers(self, alias: str) -> bool:
        """Whether recordings may answer for this upstream."""
        return alias in self._upstreams

    def recorded(self, alias: str, path: str) -> None:
        """A recording was made in the file `path`: what it answers from now on need not be asked again."""
        found = self._upstreams.get(alias)
        if found is None or found[0].on_miss != "record":
            return
        directory = found[0].directory
        if os.path.commonpath([directory, os.path.abspath(path)]) == directory:
            adding = asyncio.ensure_future(self._add(*found, os.path.relpath(path, directory)))
            self._adding.add(adding)
            adding.add_done_callback(self._adding.discard)

    async def _add(self, source: Source, index: Index, name: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            entry = await loop.run_in_executor(None, read_entry, source.directory, name, source.ignored, source.alias)
        except (OSError, RecordingError) as error:
            log.warning("a recording cannot be replayed: %s: %s", name, error)
            return
        index.add(entry[3], entry[1], entry[2])

    # Which recording answers a request.

    def route(self, request: ServerRequest, route: Route, given: frozenset[str]) -> Route:
        """`route`, or the way to a recording; `given` are the knobs of a rule and of the request, by their fields."""
        found = self._upstreams.get(route.alias)
        if found is None:
            return route
        source, index = found
        kind = request.headers.get("Content-Type") or ""
        ignored = index.heeding(source.ignored)
        wanted = compared_request(request.method or "", route.path, request.query, request.body, kind, ignored)
        entries = index.find(wanted, lambda: sha256(request.body).hexdigest())
        if source.on_miss == "record":
            # What was broken off here is asked again, and recorded whole.
            entries = [entry for entry in entries if entry.is_said]
        if entries:
            session = "" if source.session is None else source.session(_facts(request, route))
            number = self.order.take(route.alias, entries[0].key, session, len(entries))
            hit = Hit(entries[number], number + 1, len(entries), given)
            return route._replace(handler=self._hit, arguments=(self, hit))
        self.misses += 1
        if source.on_miss == "fail":
            miss = Miss(route.alias, wanted, index, ignored)
            return route._replace(handler=self._miss, arguments=(self, miss))
        return route

    # What became of it.

    def replayed(self, exchange: Exchange, replayed: Replayed) -> None:
        """A recording is about to be replayed."""
        exchange.replay = replayed
        self.hits += 1
        latest = self.latest
        if len(latest) == MOST_REMEMBERED:
            self._forget_oldest()
        latest.append(exchange)
        self._remembered += _events_of(exchange)
        while self._remembered > MOST_EVENTS and len(latest) > 1:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        self._remembered -= _events_of(self.latest.popleft())

    def missed_by(self, exchange: Exchange, miss: Miss, nearest: Nearest | None) -> None:
        """No recording answers this exchange."""
        view: dict[str, Any] = {"id": exchange.id, "alias": miss.alias, "method": exchange.method}
        if nearest is not None:
            view["nearest"] = nearest_as_json(nearest, self._shown)
        self.missed.append((exchange.wall, view))

    async def nearest(self, miss: Miss) -> Nearest | None:
        """The recording that comes nearest to a request which none answers; looked for off the loop."""
        return await asyncio.get_running_loop().run_in_executor(None, find_nearest, miss)


def nearest_as_json(nearest: Nearest, shown: Callable[[str], str]) -> dict[str, Any]:
    """The nearest recording, the first place where it differs, and how many there are."""
    place = {name: shown(each) if isinstance(each, str) else each for name, each in nearest.first.as_json().items()}
    return {"recording": nearest.name, "difference": place, "differences": nearest.differences}


def find_nearest(miss: Miss) -> Nearest | None:
    """The recording that differs in the fewest places, of those that have most in common with the request."""
    found: Nearest | None = None
    for entry in miss.there.near(miss.request, MOST_COMPARED, give_turn):
        try:
            with open(entry.path, "rb") as file:
                head = read_head(file)
        except (OSError, RecordingError):
            continue
        first, differences = difference(compared_request_in(head, miss.ignored), miss.request)
        if first is not None:
            other = Nearest(entry.name, first, differences)
            found = other if found is None else min(found, other, key=_distance)
        give_turn()
    return found


def _distance(nearest: Nearest) -> tuple[int, int]:
    return nearest.differences, -nearest.first.in_common


def _events_of(exchange: Exchange) -> int:
    return len(exchange.replay.offsets or ()) if exchange.replay is not None else 0


def _facts(request: ServerRequest, route: Route) -> Facts:
    from oagw_tornado.knobs.facts import Facts

    return Facts(route.alias, route.path, request.method or "", request.headers, request.body, request.query)
