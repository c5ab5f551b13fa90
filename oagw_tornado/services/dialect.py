"""A dialect of a language model API: how a request becomes a conversation, and how parts become a reply. Nothing else.

Each dialect is one folder with these two directions. An author decides what is said: a rule's script, or the
canned model if no rule replies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.errors import ErrorForm, Errors
from oagw_tornado.reply.inference import Inference
from oagw_tornado.reply.parts import (
    Error,
    Parts,
    Script,
    ToolCall,
    Usage,
    error_in_place_of_all,
    finish_reason,
    usage_of,
    waits,
)
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import LARGEST_WRITE, Stream
from oagw_tornado.services import canned
from oagw_tornado.services.canned import Unanswerable
from oagw_tornado.services.context import Context
from oagw_tornado.units.knob_errors import InapplicableKnob


class TooManyTokens(NamedTuple):
    """A prompt that does not fit into the context of the model with what is asked for."""

    prompt: int
    asked: int | None
    """Tokens of the reply; None: as many as there is room for."""
    most: int

    @property
    def message(self) -> str:
        """What OpenAI's API, and vLLM with it, says."""
        said = f"This model's maximum context length is {self.most} tokens. However, "
        if self.asked is None:
            return f"{said}your messages resulted in {self.prompt} tokens. Please reduce the length of the messages."
        return (
            f"{said}you requested {self.prompt + self.asked} tokens ({self.prompt} in the messages, {self.asked} in "
            "the completion). Please reduce the length of the messages or completion."
        )


def in_context(
    conversation: Conversation,
    context: Context,
    refuse: Callable[[TooManyTokens], Exception],
    prompt: int | None = None,
) -> Conversation:
    """`conversation`, its reply kept within the model's context. Raises what `refuse` makes of one that is too long.

    `prompt` is the tokens of its longest prompt, if it has several.
    """
    most = context.max_model_len
    if most is None:
        return conversation
    if prompt is None:
        prompt = conversation.prompt_tokens
    limit = conversation.limit
    if prompt + (1 if limit is None else limit) > most:
        raise refuse(TooManyTokens(prompt, limit, most))
    return conversation if limit is not None else replace(conversation, limit=most - prompt)


class Asked(NamedTuple):
    """What a request asks a dialect for."""

    body: bytes
    context: Context
    script: Script | None = None
    """What a rule says; None: whatever the canned model says."""
    conversation: Conversation | None = None
    """The body as it was read before, if it was."""
    told: tuple[Usage, ...] = ()
    """What is known of the usage before anybody has said anything."""


def accept(conversation: Conversation, body: bytes) -> None:
    """The check of a dialect that asks nothing more of a request than that it can be read."""


class ModelDialect(NamedTuple):
    """What the folder of a dialect offers. What it refuses it raises, as its own kind of InvalidRequest."""

    read: Callable[[bytes, Context], Conversation]
    """The conversation in the body of a request. Raises what refuses it."""
    write: Callable[[Conversation, Parts, Context], Reply]
    """Parts as the reply: chunks of a stream, or one document, as the conversation asks for."""
    errors: ErrorForm
    """How the service words its errors."""
    unanswerable: Callable[[Unanswerable], Exception]
    """The refusal of a schema that nothing fits."""
    too_long: Callable[[], Exception]
    """The refusal of a reply that is too long to be sent whole."""
    check: Callable[[Conversation, bytes], None] = accept
    """Looks at a request that was read as strictly as the real service does, if that is wanted. Raises what refuses
    it."""


def reply_to(dialect: ModelDialect, asked: Asked) -> Reply:
    """The reply to a request. Raises what the dialect refuses it with."""
    body, context, script, conversation, told = asked
    if conversation is None:
        conversation = dialect.read(body, context)
    if context.is_strict:
        dialect.check(conversation, body)
    parts = canned_parts(dialect, conversation, context) if script is None else scripted(script, conversation)
    return reply_of(dialect, conversation, context, (*told, *parts))


def reply_of(dialect: ModelDialect, conversation: Conversation, context: Context, parts: Parts) -> Reply:
    """`parts` as the reply to `conversation`. Raises the dialect's own refusals."""
    error = error_in_place_of_all(parts, conversation.stream)
    if error is not None:
        reply = failed(error, dialect.errors, context)
    else:
        if not conversation.stream and _size(conversation, parts) > canned.MOST_BUFFERED:
            raise dialect.too_long()
        if conversation.stream:
            check_event_size(parts, context)
        reply = dialect.write(conversation, parts, context)
        reply.inference = inference_of(conversation, [parts] * conversation.choices, context, reply)
    if reply.frames is None:
        reply.pauses = waits(parts)
    return reply


def inference_of(conversation: Conversation, said: list[Parts], context: Context, reply: Reply) -> Inference:
    """What `reply` says in tokens: the parts of each of its choices."""
    used = [usage_of(parts, conversation.prompt_tokens) for parts in said]
    stream, contents = reply.frames, 0
    if stream is not None:
        contents = sum(part.tokens.events(context.tokens_per_event) for parts in said for part in parts)
    return Inference(
        conversation.model,
        used[0].input or 0,
        sum(each.output or 0 for each in used),
        finish_reason(said[0]).reason,
        len(stream.opening) if isinstance(stream, Stream) else 0,
        contents,
    )


def scripted(script: Script, conversation: Conversation) -> Parts:
    """The parts of a script; a tool that takes free text is called so."""
    custom = {tool.name for tool in conversation.tools if tool.schema is None}
    if not custom:
        return script.parts
    return [
        replace(part, is_custom=True) if isinstance(part, ToolCall) and part.name in custom else part
        for part in script.parts
    ]


def check_event_size(parts: Parts, context: Context) -> None:
    """Raise InapplicableKnob if so many tokens of a text that is said again and again are too large an event."""
    if context.tokens_per_event > 1 and any(
        part.tokens.event_size(context.tokens_per_event) > LARGEST_WRITE for part in parts
    ):
        raise InapplicableKnob("tokens-per-event", f"so many tokens of this text are more than {LARGEST_WRITE} bytes")


def failed(error: Error, form: ErrorForm, context: Context) -> Reply:
    """The HTTP reply that tells of `error`."""
    return Errors(form, context.request_id, context.created).reply(error.problem(form))


def _size(conversation: Conversation, parts: Parts) -> int:
    """The bytes of a reply that is sent whole, about."""
    extra = conversation.bytes_per_token
    return sum(part.tokens.size + part.tokens.count * extra for part in parts) * conversation.choices


def canned_parts(dialect: ModelDialect, conversation: Conversation, context: Context) -> Parts:
    """What the canned model says."""
    try:
        return canned.answer(conversation, context.output_tokens, is_exact=context.is_exact, filler=context.filler)
    except Unanswerable as error:
        raise dialect.unanswerable(error) from None
