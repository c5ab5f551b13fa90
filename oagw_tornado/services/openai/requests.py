"""The requests of the OpenAI API, as far as a reply depends on them. Other fields are accepted too."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from oagw_tornado.services.prompt_tokens import file_tokens, image_tokens

Positive = Annotated[int, Meta(ge=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
StopSequences = str | Annotated[list[str], Meta(max_length=4)]


class Part(Struct):
    """One part of a message: a text, an image, a sound. Only a text says something."""

    type: str = "text"
    text: str | None = None
    image_url: Any = None
    detail: str | None = None
    file: Any = None
    file_data: str | None = None
    input_audio: Any = None
    refusal: str | None = None

    @property
    def image_size(self) -> int | None:
        """The characters of an image as it came, its address or its data; None: it is no image."""
        if self.type not in ("image_url", "input_image"):
            return None
        given = self.image_url.get("url") if isinstance(self.image_url, dict) else self.image_url
        return len(given) if isinstance(given, str) else 0

    @property
    def identity(self) -> str:
        """What it shows or holds, as it came: another part has another one."""
        return repr((self.type, self.image_url, self.detail, self.file, self.file_data, self.input_audio))

    @property
    def tokens(self) -> int:
        """The tokens of an image, a file or a sound; those of a text are counted with all texts."""
        if self.image_size is not None:
            named = self.image_url.get("detail") if isinstance(self.image_url, dict) else self.detail
            return image_tokens(named if isinstance(named, str) else None)
        if self.type in ("file", "input_file"):
            return file_tokens(self.file.get("file_data") if isinstance(self.file, dict) else self.file_data)
        if self.type == "input_audio":
            return file_tokens(self.input_audio.get("data") if isinstance(self.input_audio, dict) else None)
        return 0


def media_of(content: str | list[Part] | None) -> tuple[Part, ...]:
    """The parts of a content that are no texts and have tokens."""
    return tuple(part for part in content if part.tokens) if isinstance(content, list) else ()


def part_tokens(content: str | list[Part] | None) -> int:
    """The tokens of all parts of a content that are no texts."""
    return sum(part.tokens for part in content) if isinstance(content, list) else 0


def text_of(content: str | list[Part] | None) -> str:
    """The text of a content that is a text, parts or nothing."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text for part in content if part.text is not None)


class StreamOptions(Struct):
    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None


class SamplingExtras(Struct, kw_only=True):
    """What inference servers take beside the API's own fields: those of vLLM, which load generators send."""

    stream_options: StreamOptions | None = None
    ignore_eos: bool | None = None
    min_tokens: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    prompt_logprobs: Annotated[int, Meta(ge=-1, le=20)] | None = None

    @property
    def includes_usage(self) -> bool:
        """Whether a stream ends with its usage."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def continues_usage(self) -> bool:
        """Whether each chunk of a stream tells the usage so far."""
        return self.includes_usage and bool(self.stream_options and self.stream_options.continuous_usage_stats)


def image_sizes(content: str | list[Part] | None) -> tuple[int, ...]:
    """The sizes of the images in a content."""
    if not isinstance(content, list):
        return ()
    return tuple(size for part in content if (size := part.image_size) is not None)


def sequences(stop: str | list[str] | None) -> list[str]:
    """The stop sequences, whether one or several are given."""
    return [stop] if isinstance(stop, str) else stop or []


class EmbeddingRequest(Struct):
    """https://platform.openai.com/docs/api-reference/embeddings/create"""

    input: str | list[str | int | list[int]]
    model: str | None = None
    dimensions: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    encoding_format: str | None = None


class UncheckedEmbeddingRequest(Struct):
    """The same with inputs of any kind."""

    input: str | list[Any]
    model: str | None = None
    dimensions: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    encoding_format: str | None = None


class ModerationRequest(Struct):
    """https://platform.openai.com/docs/api-reference/moderations/create"""

    input: str | list[Any]
    model: str | None = None
