"""Histories, tools and settings of Anthropic's messages are held to what the real service asks, in its words.

Above each case stands where these words are known from.
"""

from __future__ import annotations

import json

import pytest

from oagw_tornado.services.anthropic import fields
from oagw_tornado.services.anthropic.dialect import count_reply, message_reply
from oagw_tornado.services.anthropic.errors import InvalidRequest
from oagw_tornado.services.context import Context

STRICT = Context("r1", 0, is_exact=True, is_strict=True)
LENIENT = STRICT._replace(is_strict=False)

USER = {"role": "user", "content": "hello"}
SCHEMA = {"type": "object", "properties": {}}
OPEN = "For 'object' type, 'additionalProperties' must be explicitly set to false"
GUIDE = "Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"


def user(*blocks):
    return {"role": "user", "content": [*blocks]}


def assistant(*blocks):
    return {"role": "assistant", "content": [*blocks]}


def text(text="x", **more):
    return {"type": "text", "text": text, **more}


def use(id="a", **more):
    return {"type": "tool_use", "id": id, "name": "look", "input": {}, **more}


def result(id="a", **more):
    return {"type": "tool_result", "tool_use_id": id, "content": "found", **more}


def tool(name="look", **more):
    return {"name": name, "input_schema": SCHEMA, **more}


def request(*messages, **more):
    return {"model": "claude", "max_tokens": 2000, "messages": [*messages], **more}


def refusal(body, context=STRICT):
    """The message of the refusal of `body`; None: there is none."""
    try:
        message_reply(json.dumps(body).encode(), context)
    except InvalidRequest as error:
        assert error.status == 400
        return error.message
    return None


def unanswered(number, ids):
    return (
        f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after: {ids}. Each "
        "`tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def unexpected(place, id="a"):
    return (
        f"{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a "
        "corresponding `tool_use` block in the previous message."
    )


MARK = {"type": "ephemeral"}

REFUSED = {
    # https://github.com/anthropics/claude-code/issues/3512, https://github.com/anthropics/claude-code/issues/7929
    "use without a result": (request(USER, assistant(use("a"), use("b")), USER), unanswered(1, "a, b")),
    "one of two results": (request(USER, assistant(use("a"), use("b")), user(result("b"))), unanswered(1, "a")),
    "use at the end": (request(USER, assistant(use())), unanswered(1, "a")),
    # https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use: the results come first
    "text before the result": (request(USER, assistant(use()), user(text(), result())), unanswered(1, "a")),
    # https://github.com/anthropics/claude-code/issues/13460, https://github.com/anthropics/claude-code/issues/18947
    "result without a use": (request(user(result())), unexpected("messages.0.content.0")),
    "result of another use": (
        request(USER, assistant(use("b")), user(result("b"), result("a"))),
        unexpected("messages.2.content.1"),
    ),
    "result a turn too late": (
        request(USER, assistant(use()), user(result()), assistant(text()), user(result())),
        unexpected("messages.4.content.0"),
    ),
    # https://github.com/anthropics/claude-code/issues/64383
    "result of a tool that was not asked to serve": (
        request(USER, assistant({"type": "advisor_tool_result", "tool_use_id": "srvtoolu_1", "content": []}), USER),
        "messages.1.content.0: unexpected `tool_use_id` found in `advisor_tool_result` blocks: srvtoolu_1. Each "
        "`advisor_tool_result` block must have a corresponding `server_tool_use` block before it.",
    ),
    # https://github.com/vectorize-io/hindsight/pull/4250
    "two results of one use": (
        request(USER, assistant(use()), user(result(), result())),
        "messages.2.content.1: each tool_use must have a single result. Found multiple `tool_result` blocks with id: a",
    ),
    # https://github.com/trycua/cua/issues/524
    "two uses of one id": (
        request(USER, assistant(use(), use()), user(result())),
        "messages.1.content.1: `tool_use` ids must be unique",
    ),
    "an id used again later": (
        request(USER, assistant(use()), user(result()), assistant(use()), user(result())),
        "messages.3.content.0: `tool_use` ids must be unique",
    ),
    # https://github.com/anthropics/claude-code/issues/59812, https://github.com/miurla/morphic/issues/83
    "empty text": (request(user(text(""))), "messages: text content blocks must be non-empty"),
    "empty text of the assistant's": (
        request(USER, assistant(text("")), USER),
        "messages: text content blocks must be non-empty",
    ),
    "empty text in a result": (
        request(USER, assistant(use()), user(result(content=[text("")]))),
        "messages: text content blocks must be non-empty",
    ),
    "empty text of the system's": (request(USER, system=[text("")]), "system: text content blocks must be non-empty"),
    # https://github.com/anthropics/claude-code/issues/23440
    "blank text": (request(user(text(" \n"))), "messages: text content blocks must contain non-whitespace text"),
    # https://github.com/langchain-ai/langchain/issues/35081, https://github.com/anthropics/claude-code/issues/6774
    "empty content": (
        request({"role": "user", "content": ""}),
        "messages.0: all messages must have non-empty content except for the optional final assistant message",
    ),
    "no blocks": (
        request(USER, assistant(), USER),
        "messages.1: all messages must have non-empty content except for the optional final assistant message",
    ),
    # https://github.com/anthropics/claude-code/issues/62379
    "mark on an empty text": (
        request(user(text(), text("", cache_control=MARK))),
        "messages.0.content.1.text: cache_control cannot be set for empty text blocks",
    ),
    # https://github.com/langchain-ai/langchain/issues/35071
    "blank at the end": (
        request(USER, {"role": "assistant", "content": "I say "}),
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    # https://github.com/lobehub/lobehub/issues/1601
    "assistant first": (
        request({"role": "assistant", "content": "x"}, USER),
        'messages: first message must use the "user" role',
    ),
    # https://github.com/continuedev/continue/pull/6937
    "five marks": (
        request(
            user(*(text(cache_control=MARK) for _ in range(3))),
            system=[text(cache_control=MARK)],
            tools=[tool(cache_control=MARK)],
        ),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    # https://github.com/themaximalist/llm.js/issues/30
    "small budget": (
        request(USER, thinking={"type": "enabled", "budget_tokens": 1023}),
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    # https://github.com/liuw1535/antigravity2api-nodejs/issues/149
    "budget of all there is": (
        request(USER, thinking={"type": "enabled", "budget_tokens": 2000}),
        f"`max_tokens` must be greater than `thinking.budget_tokens`. {GUIDE}#max-tokens-and-context-window-size",
    ),
    "no budget": (request(USER, thinking={"type": "enabled"}), "thinking.enabled.budget_tokens: Field required"),
    # https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#feature-compatibility
    "temperature of thought": (
        request(USER, thinking={"type": "enabled", "budget_tokens": 1024}, temperature=0.5),
        "`temperature` may only be set to 1 when thinking is enabled. "
        f"{GUIDE}#important-considerations-when-using-extended-thinking",
    ),
    # https://github.com/can1357/oh-my-pi/issues/341
    "thought that is forced to call": (
        request(USER, tools=[tool()], tool_choice={"type": "any"}, thinking={"type": "enabled", "budget_tokens": 1024}),
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    "choice of no tools": (
        request(USER, tool_choice={"type": "any"}),
        "tool_choice may only be specified while providing tools.",
    ),
    # https://github.com/anthropics/anthropic-sdk-python: the types of blocks
    "block of another API": (
        request(user({"type": "image_url", "image_url": {"url": "data:,"}})),
        "messages.0.content.0: Input tag 'image_url' found using 'type' does not match any of the expected tags: "
        + ", ".join(f"'{kind}'" for kind in sorted(fields.BLOCKS)),
    ),
    "block of another API in a result": (
        request(USER, assistant(use()), user(result(content=[{"type": "input_text", "text": "x"}]))),
        "messages.2.content.0.tool_result.content.0: Input tag 'input_text' found using 'type' does not match any of "
        "the expected tags: 'browser_state', 'document', 'image', 'search_result', 'text', 'tool_reference'",
    ),
    # https://github.com/vercel/ai/pull/5024
    "tool of another API": (
        request(USER, tools=[{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]),
        "tools.0: Input tag 'function' found using 'type' does not match any of the expected tags: 'custom', "
        "'mcp_toolset', 'tool_search_tool_bm25', 'tool_search_tool_regex'",
    ),
    # https://github.com/home-assistant/core/issues/147760, https://github.com/netclaw-dev/netclaw/issues/1133
    "name of a tool": (
        request(USER, tools=[tool("a.b")]),
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    # https://github.com/anthropics/claude-code/issues/96152
    "long name of a tool": (
        request(USER, tools=[tool(), tool("n" * 129)]),
        "tools.1.custom.name: String should have at most 128 characters",
    ),
    # https://github.com/tailcallhq/forgecode/issues/892, https://github.com/danny-avila/LibreChat/issues/13162
    "two tools of one name": (request(USER, tools=[tool(), tool()]), "tools: Tool names must be unique."),
    "tool without a schema": (request(USER, tools=[{"name": "look"}]), "tools.0.custom.input_schema: Field required"),
    "schema without a type": (
        request(USER, tools=[tool(input_schema={"properties": {}})]),
        "tools.0.custom.input_schema.type: Field required",
    ),
    # https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs
    "open strict schema": (request(USER, tools=[tool(strict=True)]), f"tools.0.custom: {OPEN}"),
    "open format": (
        request(USER, output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
        f"output_config.format.schema: {OPEN}",
    ),
    # https://github.com/amrit110/oli/issues/7, https://github.com/Aider-AI/aider/issues/4404
    "unknown field": (
        request(USER, response_format={"type": "json_object"}),
        "response_format: Extra inputs are not permitted",
    ),
    "unknown field of a message": (request({**USER, "name": "me"}), "messages.0.name: Extra inputs are not permitted"),
    # https://github.com/langchain-ai/langchain/issues/31208, https://github.com/anthropics/claude-code/issues/4378
    "unknown field of a block": (
        request(USER, assistant(text(), use(index=1)), user(result())),
        "messages.1.content.1.tool_use.index: Extra inputs are not permitted",
    ),
    # https://github.com/anthropics/claude-code/issues/31033, of another field
    "unknown field of a tool": (
        request(USER, tools=[tool(parameters={})]),
        "tools.0.custom.parameters: Extra inputs are not permitted",
    ),
    "unknown field of a choice": (
        request(USER, tools=[tool()], tool_choice={"type": "auto", "name": "look"}),
        "tool_choice.auto.name: Extra inputs are not permitted",
    ),
    "unknown field of thought": (
        request(USER, thinking={"type": "disabled", "budget_tokens": 1024}),
        "thinking.disabled.budget_tokens: Extra inputs are not permitted",
    ),
    "unknown field of a mark": (
        request(user(text(cache_control={"type": "ephemeral", "scope": "global"}))),
        "messages.0.content.0.text.cache_control.ephemeral.scope: Extra inputs are not permitted",
    ),
    # https://github.com/andreasjansson/greger.el/issues/60
    "input that is no object": (
        request(USER, assistant(use(input="")), user(result())),
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    "use without an id": (
        request(USER, assistant({"type": "tool_use", "name": "look", "input": {}}), USER),
        "messages.1.content.0.tool_use.id: Field required",
    ),
    "result without an id": (
        request(USER, assistant(use()), user({"type": "tool_result", "content": "x"})),
        "messages.2.content.0.tool_result.tool_use_id: Field required",
    ),
    "id that is none": (
        request(USER, assistant(use("a b")), user(result("a b"))),
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    "empty id of a result": (
        request(USER, assistant(use()), user(result(""))),
        "messages.2.content.0.tool_result.tool_use_id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    "image of no kind that it sees": (
        request(user({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "aa"}})),
        "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' "
        "or 'image/webp'",
    ),
    "image from nowhere": (
        request(user({"type": "image", "source": {"type": "s3", "bucket": "b"}})),
        "messages.0.content.0.image.source: Input tag 's3' found using 'type' does not match any of the expected tags: "
        "'base64', 'file', 'url'",
    ),
    "nothing to answer": (request(), "messages: at least one message is required"),
    "no tokens": (request(USER, max_tokens=0), "max_tokens: Input should be greater than or equal to 1"),
    "hot": (request(USER, temperature=2), "temperature: Input should be less than or equal to 1"),
    "wrong type": (request(USER, max_tokens="many"), "max_tokens: Input should be a valid integer"),
    "text without a text": (request(user({"type": "text"})), "messages.0.content.0.text.text: Field required"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_service_refuses(name):
    body, expected = REFUSED[name]
    assert refusal(body) == expected


@pytest.mark.parametrize("name", ["use without a result", "empty text", "unknown field", "five marks"])
def test_the_tokens_of_it_are_not_counted_either(name):
    body, expected = REFUSED[name]
    body = {field: value for field, value in body.items() if field != "max_tokens"}
    with pytest.raises(InvalidRequest) as refused:
        count_reply(json.dumps(body).encode())
    assert refused.value.message == expected


@pytest.mark.parametrize("name", ["use without a result", "empty text", "unknown field", "small budget"])
def test_it_can_be_taken_all_the_same(name):
    body, _ = REFUSED[name]
    assert refusal(body, LENIENT) is None


def test_what_is_long_is_checked_too():
    body = request(user(text("x" * 5000)), assistant(use()), USER)
    assert refusal(body) == unanswered(1, "a")
    body, expected = REFUSED["empty text"]
    assert [refusal(body) for _ in range(2)] == [expected] * 2


def test_what_only_a_message_asks_for_is_not_counted():
    with pytest.raises(InvalidRequest, match=r"^max_tokens: Extra inputs are not permitted$"):
        count_reply(json.dumps(request(USER)).encode())
