"""docs/limits.md is true: what it names is there and has the value it says, and no bound of the code is left out."""

from __future__ import annotations

import ast
import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from raw_http import request, talk
from tornado.httputil import HTTPHeaders

from oagw_tornado.config.options import OPTIONS
from oagw_tornado.config.usage import default_text
from oagw_tornado.gateway.cors import Cors
from oagw_tornado.gateway.pages import StatusPage
from oagw_tornado.gateway.router import _LONGEST_KNOWN, _MOST_KNOWN, PrototypeDialect
from oagw_tornado.knobs import rule_index, when
from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.model_name import knobs_in_model
from oagw_tornado.knobs.predicate import RuleError
from oagw_tornado.knobs.rules import Rules
from oagw_tornado.knobs.upstream_document import UpstreamError, parse_upstreams
from oagw_tornado.reply import prompt_cache
from oagw_tornado.services.openai.chat.document import logprob
from oagw_tornado.services.table import upstreams
from oagw_tornado.testing import SimulatorThread
from oagw_tornado.units.durations import format_duration
from oagw_tornado.units.knob_errors import KnobError
from oagw_tornado.units.sizes import format_size

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "oagw_tornado"
PAGE = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")

#: How a bound is called in the code.
BOUND = re.compile(r"_?(?:MOST|LARGEST|LONGEST|DEEPEST|MAX)(?:_[A-Z]+)*")
#: Called so, and no bound on what a client can make grow.
NOT_BOUNDS = {
    "control.reload._LONGEST": "characters of one value in a line of the log",
    "control.reload._MOST_NAMED": "upstreams that are named in a line of the log",
    "knobs.rule_index.MOST_BEGINNINGS": "rules that are looked at for an explanation alone",
    "knobs.rule_index.MOST_MISSES": "rules that are told of one request",
    "services.canned.MOST_TOKENS": "highest number that counts",
    "services.oauth.token_requests._MOST_FIELDS": "fields of a form that are read; its bytes are bounded with the body",
    "wire.head._LONGEST": "highest length that is read as a number",
    "control.gate_handlers._MOST_EVENTS": "highest number that is read",
    "state.store.MOST_TRIES": "how often a decision is begun anew",
    "process.supervisor.MOST_QUICK": "quick ends of a worker in a row before all is given up",
    "process.supervisor.LONGEST_WAIT": "seconds between two starts of a worker",
    "control.replays._MOST": "highest number that is read",
    "replaying.replays._MOST_LOGGED": "files that are named in the log",
    "control.journal_handlers._MOST": "highest number that is read",
    "evidence.verdict.LONGEST_STANDSTILL": "of a verdict",
    "evidence.credentials.MOST_SECRETS": "tokens of files that were read again, which an operator writes",
    "faults.fault._MOST": "highest number that is read",
    "gateway.cors._MAX_AGE": "seconds that a browser remembers",
}


class Row(NamedTuple):
    bound: str
    value: str
    set_by: str
    effect: str
    test: str


def rows() -> list[Row]:
    lines = [line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith(("| bound", "|---"))]
    return [Row(*(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])) for line in lines]


def constants() -> dict[str, Any]:
    """The bounds in the code, by module and name."""
    found: dict[str, Any] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
            for target in targets:
                if isinstance(target, ast.Name) and BOUND.fullmatch(target.id):
                    found[f"{module.removeprefix('oagw_tornado.')}.{target.id}"] = module
    return found


def value_of(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(import_module(f"oagw_tornado.{module}"), name)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.bound)
def test_a_row_is_true(row: Row) -> None:
    file, _, test = row.test.strip("`").partition("::")
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    assert re.search(rf"^(?:async )?def {test}\(", text, re.MULTILINE), f"no {test} in {file}"
    option = re.fullmatch(r"`--([a-z-]+)`", row.set_by)
    constant = re.fullmatch(r"`([a-z_0-9.]+\.[A-Z_]+)`", row.set_by)
    if option:
        assert row.value == default_text(OPTIONS[option[1]])
    elif constant:
        value = value_of(constant[1])
        form = format_size(value) if isinstance(value, int) else format_duration(value)
        assert row.value in (str(value), form) or (row.value, value) == ("24h", 86400.0)
    else:
        assert row.set_by.startswith("`ulimit")


def test_no_bound_is_left_out() -> None:
    named = {row.set_by.strip("`") for row in rows()}
    missing = sorted(set(constants()) - named - set(NOT_BOUNDS))
    assert not missing, f"say in docs/limits.md what happens at {', '.join(missing)}, and which test holds it"
    assert set(NOT_BOUNDS) <= set(constants())


def test_no_option_of_the_limits_is_left_out() -> None:
    named = {row.set_by.strip("`").removeprefix("--") for row in rows()}
    assert {option.name for option in OPTIONS.values() if option.group == "Limits"} <= named
    for name, option in OPTIONS.items():
        if "-memory" in name or (name.startswith("max-") and option.group != "Limits" and name not in _PACE):
            assert name in named


#: Options called max-… that bound nothing a client sends.
_PACE = {"max-concurrency", "max-num-seqs", "max-model-len"}


# What nothing else holds.


def test_paths_that_are_remembered_are_bounded() -> None:
    dialect = PrototypeDialect(upstreams(), frozenset(("secret",)), StatusPage)
    caller: Any = None
    for number in range(3000):
        path = f"/proxy/weather/{number}" + "x" * (number % 400)
        assert dialect.route("GET", path, {"Authorization": "Bearer secret"}, caller).alias == "weather"
        assert len(dialect._known) <= _MOST_KNOWN
        assert max(map(len, dialect._known), default=0) <= _LONGEST_KNOWN


@pytest.mark.parametrize(("size", "granted"), [(4096, True), (4097, False)])
def test_a_long_list_of_headers_is_not_granted(size: int, granted: bool) -> None:
    asked = HTTPHeaders(
        {
            "Origin": "http://x",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x" * size,
        }
    )
    reply = Cors(("http://x",)).preflight(asked)
    assert reply is not None
    assert ("Access-Control-Allow-Headers" in dict(reply.headers)) == granted


def test_prompts_of_one_request_are_bounded() -> None:
    with SimulatorThread() as oagw:
        path = "/api/oagw/v1/proxy/openai/v1/completions"
        for count, status in ((512, 200), (513, 400)):
            body = {"model": "gpt-4", "prompt": ["a"] * count, "max_tokens": 1}
            assert talk(oagw.port, request(path, body), patience=30).status == status


def test_places_of_rules_are_bounded() -> None:
    (rule,) = Rules([{"match": {"alias": "weather"}}]).list
    index = rule_index.RuleIndex([rule])
    for number in range(3000):
        path = f"{number}" + "x" * (number % 700)
        for _ in range(2):
            index.place(Facts("weather", path, "GET", {}, b""))
        assert len(index._places) <= rule_index._MOST_PLACES
        assert max((len(path) for _, path in index._places), default=0) <= rule_index._LONGEST_PATH


def test_sessions_of_a_rule_are_bounded() -> None:
    counts = when.Counts()
    for number in range(when.MOST_SESSIONS + 10):
        counts.take(str(number))
    assert len(counts._sessions) == when.MOST_SESSIONS
    assert (counts.next("0"), counts.next(str(when.MOST_SESSIONS))) == (1, 2)


def test_beginnings_of_prompts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_cache, "MOST_KEPT", 5)
    cache = prompt_cache.PromptCache()
    for number in range(9):
        cache.keep(b"%d" % number, 0.0)
    assert [cache.has(b"%d" % number, 0.0) for number in range(9)] == [False] * 4 + [True] * 5
    assert prompt_cache.beginnings(b"", "a " * 140_000)[-1][0] == prompt_cache.LONGEST


@pytest.mark.parametrize(
    ("reply", "hint"),
    [
        ([{"text": "x"}] * 2001, "at most 2000 parts"),
        ({"text": ["x"] * 10_001}, "at most 10000 pieces"),
        ({"text": "x" * (2**20 + 1)}, "1048576"),
        ({"status": 200, "text": "x" * (4 * 2**20 + 1)}, "4194304"),
        ({"status": 200, "events": ["x"] * 2001}, "at most 2000 events"),
        ({"status": 200, "headers": {f"x-{number}": "y" for number in range(101)}}, "at most 100 headers"),
    ],
)
def test_replies_of_rules_are_bounded(reply: Any, hint: str) -> None:
    with pytest.raises(RuleError, match=hint):
        Rules([{"reply": reply}])


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ({"match": {"method": ["GET"] * 1001}}, "match.method: expected at most 1000 texts"),
        ({"match": {"turn": [1] * 101}}, "match.turn: expected at most 100 ranges"),
        (
            {"match": {"query": {f"a{number}": "x" * 900 for number in range(40)}}},
            "match: expected at most 32768 bytes",
        ),
        ({"match": {"path": "*" + "a?" * 20 + "*"}}, "match.path: expected at most 32 characters between two"),
    ],
)
def test_what_one_rule_looks_at_is_bounded(rule: Any, hint: str) -> None:
    with pytest.raises(RuleError, match=re.escape(hint)):
        Rules([rule])


@pytest.mark.parametrize(
    ("count", "text", "is_read"), [(20_000, "", True), (20_001, "", False), (9, "a, " * 30_000, True)]
)
def test_values_that_rules_look_at_are_bounded(count: int, text: str, is_read: bool) -> None:
    body = json.dumps({"model": text, "x": [0] * count}).encode()
    assert (Facts("", "", "POST", {}, body).document is not None) == is_read


def test_bytes_of_a_long_token_are_not_told() -> None:
    assert logprob("x" * 1000, 0)["bytes"] == [120] * 1000
    assert logprob("x" * 1001, 2)["bytes"] is logprob("x" * 1001, 2)["top_logprobs"][0]["bytes"] is None


def test_values_of_knobs_are_bounded() -> None:
    with SimulatorThread() as oagw:
        trace = f"trace({'1ms,' * 8191}1ms)"
        path = "/api/oagw/v1/proxy/weather/current"
        assert talk(oagw.port, request(path, headers={"X-Sim-Itl": trace[:-16] + "1ms)"})).status == 200
        for reply in (
            talk(oagw.port, request(path, headers={"X-Sim-Itl": trace})),
            talk(oagw.port, request("/_sim/config", {"itl": trace}, method="PATCH")),
            talk(oagw.port, request("/_sim/rules", {"itl": trace})),
            talk(oagw.port, request("/_sim/rules", [{"itl": trace}], method="PUT")),
        ):
            assert reply.status == 400, reply
            assert b"itl: expected at most 32768 characters" in reply.body


def test_knobs_in_a_long_name_are_refused() -> None:
    assert knobs_in_model("x" * 2000) == {}
    with pytest.raises(KnobError, match="at most 1000 characters"):
        knobs_in_model("x" * 1000 + ".sim.ttft-1s")


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ({f"a{number}": {} for number in range(251)}, "at most 250 upstreams"),
        ({"a": {"token": ["x"] * 101}}, "at most 100 tokens"),
    ],
)
def test_upstreams_of_a_file_are_bounded(document: Any, hint: str) -> None:
    with pytest.raises(UpstreamError, match=hint):
        parse_upstreams(document)
