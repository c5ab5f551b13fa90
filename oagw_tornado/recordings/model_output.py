"""A model's output, collected piece by piece from any dialect, and written as the parts of a script."""

from __future__ import annotations

from typing import Any

from oagw_tornado.units.durations import format_duration

# What a part is called, and where its pieces stand in it.
_TEXTS = ("text", "refusal")


class _Part:
    """One part under way: its pieces with the instants at which they came, in microseconds."""

    def __init__(self, kind: str, key: Any) -> None:
        self.kind = kind
        self.key = key
        self.pieces: list[str] = []
        self.offsets: list[int] = []
        self.more: dict[str, Any] = {}


class ModelOutput:
    """All parts, in the order in which they began."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._usage: dict[str, int] = {}
        self._finish: dict[str, str] | None = None
        self._error: dict[str, Any] | None = None
        #: What no part can say, a line each.
        self.left_out: list[str] = []

    def begin(self, kind: str, key: Any = None, at: int = 0, **more: Any) -> _Part:
        """The part of this kind and key, begun if it is not the one under way; `more` is said of it once."""
        part = next((each for each in reversed(self._parts) if each.kind == kind and each.key == key), None)
        if part is None or (key is None and part is not self._parts[-1]):
            part = _Part(kind, key)
            part.more["at"] = at
            self._parts.append(part)
        part.more |= {name: value for name, value in more.items() if value is not None}
        return part

    def add(self, kind: str, text: Any, at: int, key: Any = None, **more: Any) -> None:
        """A piece of a part; an empty one says nothing."""
        if isinstance(text, str) and text:
            part = self.begin(kind, key, at, **more)
            part.pieces.append(text)
            part.offsets.append(at)

    def count(self, **figures: Any) -> None:
        """What was told of the tokens used."""
        self._usage |= {name: each for name, each in figures.items() if type(each) is int and each >= 0}

    def finish(self, reason: Any, stop: Any = None) -> None:
        """Why it ended."""
        if isinstance(reason, str) and reason:
            self._finish = {"reason": reason} | ({"stop-sequence": stop} if isinstance(stop, str) else {})

    def add_error(self, error: dict[str, Any]) -> None:
        """What went wrong."""
        self._error = error

    def leave_out(self, line: str) -> None:
        """Something that no part can say; said once."""
        if line not in self.left_out:
            self.left_out.append(line)

    def parts(self, end_us: int) -> list[dict[str, Any]]:
        """The parts as a rule's `reply` has them."""
        documents: list[dict[str, Any]] = []
        before = 0
        for part in self._parts:
            first = part.offsets[0] if part.offsets else part.more["at"]
            document = _document(part)
            document["after"] = format_duration(max(0, first - before) / 1_000_000)
            if len(part.offsets) > 2 or (len(part.offsets) == 2 and part.offsets[1] > part.offsets[0]):
                document["gap"] = _trace(part.offsets)
            documents.append(document)
            before = max(before, part.offsets[-1] if part.offsets else first)
        if self._error is not None:
            documents.append({"error": self._error, "after": format_duration(max(0, end_us - before) / 1_000_000)})
        if self._usage:
            documents.append({"usage": self._usage})
        if self._finish is not None:
            documents.append({"finish": self._finish})
        return documents or [{"text": ""}]


def _document(part: _Part) -> dict[str, Any]:
    said: Any = part.pieces if len(part.pieces) > 1 else "".join(part.pieces)
    more = part.more
    if part.kind in _TEXTS:
        return {part.kind: said}
    if part.kind == "reasoning":
        reasoning: dict[str, Any] = {"text": said}
        if "redacted" in more:
            reasoning = {"redacted": more["redacted"]}
        if "signature" in more:
            reasoning["signature"] = more["signature"]
        return {"reasoning": reasoning}
    call = {"name": more.get("name") or "unknown", "arguments": said}
    return {"tool": call | ({"id": more["id"]} if more.get("id") else {})}


def _trace(offsets: list[int]) -> str:
    """The instants of pieces as a latency: ``trace(0ms,48ms,51.5ms)``."""
    first = offsets[0]
    times = [format_duration((at - first) / 1_000_000) for at in offsets]
    return f"trace({','.join(times)})"
