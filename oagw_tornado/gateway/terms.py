"""The terms on which a request is answered: the knobs in effect, request over rule over server, or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from random import Random, SystemRandom
from time import monotonic, time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from oagw_tornado.config.config import Config
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.gateway.bearer import Credentials
from oagw_tornado.gateway.error_names import unknown_error
from oagw_tornado.gateway.refusal import bad_knob, refusal
from oagw_tornado.gateway.request import ServerRequest
from oagw_tornado.gateway.router import Route, refused
from oagw_tornado.gateway.service_states import ServiceStates
from oagw_tornado.gateway.upstream_table import UpstreamTable
from oagw_tornado.knobs.outage import Outage
from oagw_tornado.knobs.rate_limit import estimated_tokens
from oagw_tornado.knobs.seed import request_seed
from oagw_tornado.knobs.vocabulary import MODEL_MARK, VOCABULARY, Knobs, read_knobs, split_query
from oagw_tornado.reply.errors import Errors, retry_headers
from oagw_tornado.reply.reply import Reply
from oagw_tornado.units.knob_errors import KnobError

if TYPE_CHECKING:
    from oagw_tornado.gateway.replays import Replays
    from oagw_tornado.knobs.facts import Facts
    from oagw_tornado.knobs.rule import Rule
    from oagw_tornado.knobs.rules import Applied, Rules
    from oagw_tornado.playback.gates import Gates
    from oagw_tornado.reply.conversation import Conversation
    from oagw_tornado.state.store import Store

# Characters of the knobs of a request up to which they are known again.
_LONGEST_KEPT = 512

# A page of the gateway's own gets only the rules that name it.
_OF_PAGES = Knobs(source="gateway")


class Terms:
    """The rules and limits of one simulator, which override the knobs of its configuration.

    Raises ConfigError for a rule of the configuration that looks at an upstream which is none of `upstreams`, and for a
    fault that asks for an error by a name which none of them knows.
    """

    def __init__(self, config: Config, upstreams: UpstreamTable) -> None:
        self.upstreams = self._upstreams = upstreams
        # None: no query has named a knob yet.
        self._queries: Callable[[str], tuple[str, dict[str, str]]] | None = None
        self.configure(config)
        upstreams.changed.append(self._look_again)
        self.check(config.knobs)
        # None: there has been no rule yet, and what reads and matches them is not loaded.
        self._rules = self._read_rules(config) if config.rules else None
        #: The gates of this simulator, if there are some.
        self.gates: Gates | None = None
        # None: nothing has been counted yet.
        self._store: Store | None = None
        #: What outages go by (monotonic): when this server started, or the state that it shares.
        self.started = monotonic()
        self._dice = SystemRandom()
        # What the services remember; the simulator hands in those that they share with the responder.
        self.states = ServiceStates()
        # Recordings that answer in the place of upstreams, if there are any.
        self.replays: Replays | None = None
        # Tells others who share the state of a recording, by its alias and its file.
        self.tell_recorded: Callable[[str, str], None] | None = None

    @property
    def store(self) -> Store:
        """What is counted to decide about requests."""
        if self._store is None:
            from oagw_tornado.state.memory import MemoryStore

            self._store = MemoryStore(self.gates, entries=self.states.local)
        return self._store

    def share(self, store: Store) -> None:
        """Decide by what is counted in `store` from now on."""
        self._store, self.gates = store, store.gates
        self.states.share(store)

    @property
    def rules(self) -> Rules:
        """The rules of this simulator, as they are now."""
        if self._rules is None:
            self._rules = self._read_rules(self._config)
        return self._rules

    def configure(self, config: Config) -> None:
        """Have `config` hold for all requests to come."""
        self._config = config
        self.knobs = config.knobs
        self._look_again()

    def _look_again(self) -> None:
        """Upstreams may have come and gone, and the server's knobs may be others."""
        upstreams = self._upstreams
        self._credentials = Credentials({alias: upstream.key_header for alias, upstream in upstreams.items()})
        # The knobs of the upstreams that have some of their own.
        described = upstreams.described.items()
        self._bases = {alias: each.over(self.knobs) for alias, each in described if each.knobs or each.real}
        # Load tests repeat requests: then all share what ten thousand would otherwise each hold.
        self._asked: Callable[..., Knobs] | None = None

    def _base(self, alias: str) -> Knobs:
        """The knobs that hold where nobody asks for others; of no alias: those of a page."""
        return self._bases.get(alias, self.knobs) if alias else _OF_PAGES

    def _asked_once(self, alias: str, *given: tuple[str, str]) -> Knobs:
        """The knobs of a request that asks for these. Raises KnobError."""
        return _over(self._base(alias), read_knobs(dict(given)))

    def _split(self, query: str) -> tuple[str, dict[str, str]]:
        """As `split_query`, which it remembers."""
        if len(query) > _LONGEST_KEPT:
            return split_query(query)
        if self._queries is None:
            from oagw_tornado.units.caches import CachedFunction

            self._queries = CachedFunction(split_query, 128)
        return self._queries(query)

    def _asked_again(self) -> Callable[..., Knobs]:
        """As `_asked_once`, which it remembers."""
        if self._asked is None:
            from oagw_tornado.units.caches import CachedFunction

            self._asked = CachedFunction(self._asked_once, 128)
        return self._asked

    def explain(
        self, alias: str, path: str, method: str, headers: Mapping[str, str], body: bytes, query: str = ""
    ) -> Applied:
        """The rule that would apply to a request that is only described; nothing is counted."""

        from oagw_tornado.knobs.facts import Facts

        def converse() -> Conversation | None:
            upstream = self._upstreams.get(alias)
            if upstream is None:
                return None
            return upstream.route(path)[0].read_conversation(body, self._config, self.states)

        return self.rules.explain(Facts(alias, path, method, headers, body, query, converse))

    def check(self, knobs: Knobs) -> None:
        """Raises ConfigError if the server's fault asks for an error by a name which no upstream knows."""
        reason = unknown_error(knobs, tuple(self._upstreams), self._upstreams)
        if reason:
            raise ConfigError("fault", reason)

    def _read_rules(self, config: Config) -> Rules:
        from oagw_tornado.knobs.predicate import RuleError
        from oagw_tornado.knobs.rules import Rules

        try:
            return Rules(config.rules, self._upstreams, config.rule_places, self._check_rule)
        except RuleError as error:
            place, _, reason = str(error).rpartition(": rules: ")
            raise ConfigError(f"{place}: rules" if place else "rules", reason) from None

    def _check_rule(self, rule: Rule) -> None:
        from oagw_tornado.knobs.predicate import RuleError

        aliases = rule.aliases or tuple(self._upstreams)
        reason = unknown_error(rule.over(Knobs()), aliases, self._upstreams)
        if reason:
            raise RuleError(f"fault: {reason}")

    def apply(self, request: ServerRequest, route: Route) -> Route:
        """Set the knobs of a request that is whole, or send it to a refusal."""
        if not (route.alias or route.handler.heeds_rules):
            return route
        exchange = request.exchange
        given = request.head.knobs
        if "sim-" in request.query:
            request.query, in_query = self._split(request.query)
            request.uri = f"{request.path}?{request.query}" if request.query else request.path
            # A header is the nearer one to say it; a gateway on the way may have kept the query.
            given = in_query | given
        if MODEL_MARK in request.body and self._config.model_name_knobs and route.alias:
            from oagw_tornado.knobs.model_name import knobs_in_body

            try:
                given = knobs_in_body(request.body) | given
            except KnobError as error:
                return refused(bad_knob(str(error)))
        knobs = self._base(route.alias)
        answers = False
        rule: Rule | None = None
        has_rules = self._rules is not None and self._rules.list
        try:
            if has_rules:
                own = read_knobs(given)
                rule, exchange.nearest = self._rule_for(request, route, own)
                if rule is not None:
                    exchange.rule = rule.name
                    knobs = rule.over(knobs)
                    answers = rule.answers
                if own:
                    knobs = _over(knobs, own)
            elif given:
                is_short = sum(map(len, given.values())) <= _LONGEST_KEPT
                knobs = (self._asked_again() if is_short else self._asked_once)(route.alias, *given.items())
        except KnobError as error:
            return refused(bad_knob(str(error)))
        if knobs is _OF_PAGES:
            return route
        replays = self.replays
        if self._config.strict and not answers and route.alias and not (replays and replays.covers(route.alias)):
            from oagw_tornado.gateway.scripted import no_rule

            return refused(no_rule(exchange.nearest))
        exchange.knobs = knobs
        if knobs.gate is not None:
            self.store.pass_gate()
            exchange.gate = knobs.gate
        if knobs.draws and knobs.seed is not None:
            exchange.seed = request_seed(
                knobs.seed, route.alias, exchange.method, exchange.path, request.query, request.body
            )
        reply = None
        if knobs.outage is not None and route.alias:
            reply = self._away(request, route.alias, knobs, knobs.outage)
        if knobs.rate_limit is not None and route.alias and reply is None:
            reply = self._over_limit(request, route.alias, knobs)
        if reply is None:
            if knobs.reply is None:
                if replays is None:
                    return route
                routed = replays.route(request, route, self._given(route.alias, given, rule))
                if routed is not route or not self._config.strict or answers or not route.alias:
                    return routed
                from oagw_tornado.gateway.scripted import no_rule

                exchange.knobs = None
                return refused(no_rule(exchange.nearest))
            from oagw_tornado.gateway.scripted import scripted

            return scripted(route, request, knobs.reply)
        exchange.knobs = None
        return refused(reply)

    def _given(self, alias: str, own: Collection[str], rule: Rule | None) -> frozenset[str]:
        """The fields of the knobs that the request, a rule, or the upstream's own description sets."""
        described = self._upstreams.described.get(alias)
        names = (*(rule.knobs if rule is not None else ()), *(described.knobs if described is not None else ()), *own)
        return frozenset(VOCABULARY[name].field for name in names)

    def deciding(self, request: ServerRequest, route: Route) -> Iterator[None]:
        """Find the rule for a request in steps, before it is asked on what terms it is answered: a long body and many
        rules are too much for one turn of the loop. What is wrong with the request is told when it is asked."""
        if not (self._rules and self._rules.list and (route.alias or route.handler.heeds_rules)):
            return
        query, in_query = self._split(request.query)
        try:
            own = read_knobs(in_query | request.head.knobs)
        except KnobError:
            return
        facts, die = self._looked_at(request, route, own, query)
        request.applied = yield from self.store.choosing(self.rules, facts, die, self._by_count(own))

    def _rule_for(self, request: ServerRequest, route: Route, own: Mapping[str, Any]) -> Applied:
        if request.applied is not None:
            return request.applied
        from oagw_tornado.knobs.rules import finished

        facts, die = self._looked_at(request, route, own, request.query)
        return finished(self.store.choosing(self.rules, facts, die, self._by_count(own)))

    def _by_count(self, own: Mapping[str, Any]) -> bool:
        """Whether what a die shows depends on how often it was thrown."""
        return own.get("seed") is None and self.knobs.seed is not None

    def _looked_at(
        self, request: ServerRequest, route: Route, own: Mapping[str, Any], query: str
    ) -> tuple[Facts, Callable[[Rule], Random]]:
        """What rules look at of a request, and their dice."""
        from oagw_tornado.knobs.facts import Facts

        alias = route.alias
        path = route.path or unquote(request.exchange.path).removeprefix("/")
        config = self._config
        body, handler, states = request.body, route.handler, self.states
        # It does not refer to the request that has it: that would be a cycle, freed only by the collector.
        request.read_conversation = lambda: handler.read_conversation(body, config, states)
        facts = Facts(alias, path, request.method or "", request.headers, request.body, query, request.converse)

        def die(rule: Rule) -> Random:
            seed = own.get("seed")
            if seed is not None:  # this request's seed decides for this request, whatever came before it
                return Random(f"{rule.name}\0{self._seed(seed, request, alias)}")
            if self.knobs.seed is not None:  # the server's seed decides the sequence of throws
                return Random(f"{rule.name}\0{self.knobs.seed}\0{rule.fitted}")
            return self._dice

        return facts, die

    def _seed(self, seed: int, request: ServerRequest, alias: str) -> int:
        exchange = request.exchange
        return request_seed(seed, alias, exchange.method, exchange.path, request.query, request.body)

    def _away(self, request: ServerRequest, alias: str, knobs: Knobs, outage: Outage) -> Reply | None:
        """The answer in place of an unavailable upstream's; None while it is available."""
        seconds = outage.remaining(monotonic() - self.started, alias, self.knobs.seed)
        if not seconds:
            return None
        if knobs.source == "upstream":
            form = self._upstreams[alias].errors
            problem = form.usual(outage.status)._replace(retry_after=seconds)
            return Errors(form, request.exchange.id, time()).reply(problem)
        hint = "The knob outage sets it; Retry-After-Ms says when it is back"
        return refusal(outage.status, f"Upstream unavailable: {alias}", retry_headers(seconds), hint=hint)

    def _over_limit(self, request: ServerRequest, alias: str, knobs: Knobs) -> Reply | None:
        limit = knobs.rate_limit
        assert limit is not None
        tokens = estimated_tokens(request.body) if limit.tokens is not None else 0
        credential = self._credentials.given(alias, request.headers) or ""
        verdict = self.store.take(alias, credential, limit, tokens)
        form = self._upstreams[alias].errors
        now = time()
        request.exchange.limit_headers = form.budget_headers(verdict.budgets, now)
        if verdict.allowed:
            return None
        if knobs.source == "upstream":
            problem = form.limited(verdict.limited, str(limit))._replace(retry_after=verdict.retry_after)
            return Errors(form, request.exchange.id, now).reply(problem)
        return refusal(
            429,
            f"Rate limit reached: {verdict.limited} per {alias} and token, {limit}",
            retry_headers(verdict.retry_after),
            hint="The knob rate-limit sets it; Retry-After-Ms says when the same request can pass",
        )


def _over(knobs: Knobs, own: dict[str, Any]) -> Knobs:
    """`knobs` with those that a request has asked for itself."""
    return replace(knobs, **own, own_fault="fault" in own)
