"""Our reader of requests beside two that others wrote, llhttp (of Node.js; in httptools) and h11, over the same bytes.

What we take for a request is one for both, with the same method, target, header fields, body, and the same last byte:
nobody in front of the server can be led to see another request there. We are free to refuse more than they do.

    python tests/fuzz/other_readers.py [INPUTS] [SEED]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import h11
import httptools

sys.path.insert(0, str(Path(__file__).parent.parent))

from oagw_tornado.wire.head import Head, Limits, Refused
from oagw_tornado.wire.reader import RequestReader

LIMITS = Limits(max_header_size=4096, max_header_lines=20)
# llhttp has a list of methods, and knows no HTTP/1.2.
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "QUERY"}


class Message(NamedTuple):
    """One request as somebody read it."""

    method: bytes
    target: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes
    is_whole: bool


NOTHING = Message(b"", b"", [], b"", False)


def ours(data: bytes) -> list[tuple[Message, Head, bytes]]:
    """What our reader takes before it refuses or waits: each request, and the bytes that it was made of."""
    reader = RequestReader(LIMITS)
    reader.feed(data)
    found: list[tuple[Message, Head, bytes]] = []
    try:
        while True:
            begin = len(data) - reader.waiting
            head = reader.head()
            if head is None:
                return found
            body = b""
            while not reader.is_read and reader.waiting:
                waiting = reader.waiting
                body += reader.body()
                if reader.waiting == waiting:
                    break
            fields = [line.partition(b":") for line in head.headers.lines]
            message = Message(
                head.method.encode(),
                head.target.encode("latin-1"),
                [(name.lower(), value.strip()) for name, _, value in fields],
                body,
                reader.is_read,
            )
            found.append((message, head, data[begin : len(data) - reader.waiting].lstrip(b"\r\n")))
            if not reader.is_read:
                return found
    except Refused:
        return found


class _Heard:
    def __init__(self) -> None:
        self.target = self.body = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.head_ended = self.is_whole = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.head_ended:  # else it is a trailer's
            self.fields.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.head_ended = True

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_whole = True


def llhttp(data: bytes) -> Message:
    """The one request that `data` is for llhttp. Raises if it is none."""
    heard = _Heard()
    parser = httptools.HttpRequestParser(heard)
    parser.feed_data(data)
    return Message(parser.get_method(), heard.target, heard.fields, heard.body, heard.is_whole)


def of_h11(data: bytes) -> Message:
    """The one request that `data` is for h11. Raises if it is none."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=2**17)
    connection.receive_data(data)
    request = connection.next_event()
    if request is h11.NEED_DATA:
        return NOTHING
    assert isinstance(request, h11.Request), request
    body, is_whole = b"", False
    while not is_whole:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            body += event.data
        elif event is h11.NEED_DATA:
            break
        else:
            is_whole = isinstance(event, h11.EndOfMessage)
    assert not is_whole or connection.trailing_data[0] == b"", "it ended before"
    return Message(request.method, request.target, request.headers.raw_items(), body, is_whole)


def check(data: bytes) -> int:
    """Raise AssertionError if another reader sees other requests in `data` than ours; how many ours saw."""
    found = ours(data)
    for message, head, part in found:
        fields = dict(message.fields)
        if head.length >= 10**18 or not message.target.isascii():
            continue  # bodies without end, and bytes of UTF-8 in a target: neither takes them
        is_known = head.method in METHODS and part[part.find(b"\r\n") - 3 :].startswith((b"1.0", b"1.1"))
        # A protocol that is offered: llhttp leaves the rest to it, which we decline.
        if is_known and b"upgrade" not in fields:
            _compare(message, llhttp, part)
        # Host is looked at later; and h11 takes no more than 20 digits of a length, zeros or not.
        if len(fields.get(b"content-length", b"")) <= 20 and sum(name == b"host" for name, _ in message.fields) == 1:
            _compare(message, of_h11, part)
    return len(found)


def _compare(message: Message, read: Callable[[bytes], Message], part: bytes) -> None:
    try:
        theirs = read(part)
        shorter = read(part[:-1]) if message.is_whole else None
    except Exception as error:
        raise AssertionError(f"{getattr(read, '__name__', read)} refuses what we take: {error!r}: {part!r}") from error
    assert _plain(theirs) == _plain(message), f"{getattr(read, '__name__', read)}: {part!r}"
    assert shorter is None or not shorter.is_whole, f"for {getattr(read, '__name__', read)} it ends earlier: {part!r}"


def _plain(message: Message) -> Message:
    """With names in lower case, and the value that h11 lowers."""
    fields = [(name.lower(), value) for name, value in message.fields]
    fields = [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in fields]
    return message._replace(fields=fields)


TARGETS = [b"/", b"/a?b=c", b"*", b"http://x/a", b"/\xc3\xa4", b"/%00", b"/a#b", b'/"<>', b"x:1", b"//", b"/a\x7f", b""]
LINES = [
    b"A: b", b"A:", b"A:  b\t", b"A: \xff", b"A:\tb", b"A: b\x00", b"A : b", b" A: b", b"A: b\x0b", b"A", b": b",
    b"Host: y", b"Connection: close", b"Connection: keep-alive", b"Connection: Upgrade", b"Upgrade: h2c",
    b"Expect: 100-continue", b"Cookie: a=b; c", b"TE: trailers", b"Trailer: A", b"A_b.c!#$%&'*+-^`|~: d",
    b"Proxy-Connection: keep-alive", b"Keep-Alive: timeout=5", b"A: b\rC: d", b"A: b\nC: d", b"(A): b",
]  # fmt: skip
LENGTHS = [
    b"3", b"0", b"03", b"+3", b"3 ", b" 3", b"3,3", b"3, 3", b"-0", b"0x3", b"3_0", b"9" * 20, b"0" * 30 + b"3",
    b"",
]  # fmt: skip
CODINGS = [
    b"chunked", b"Chunked", b"chunked ", b",chunked", b"chunked,", b"gzip, chunked", b"identity", b"chunked;q",
    b"",
]  # fmt: skip
EXTENSIONS = [
    b"", b"", b"", b"", b";a", b";a=b", b";a=b;c=d", b';a="b;c"', b";", b";;", b"; a", b" ;a", b"\t;a",
    b";a =b", b";a= b", b";=b", b";a=", b';a="b', b';a="\\""', b";a=\xff", b";\xff", b" ", b";a ", b"\x00",
    b";a\x00", b";a\rb", b";a\nb", b';a="\t"', b";a=b c", b";a=(", b";chunk-signature=0f" * 5, b';a="b"c',
    b';a="b" ;c', b';a="\xff"', b";a==b",
]  # fmt: skip
SIZES = [
    b"3", b"3", b"03", b"3" * 1, b"0" * 17 + b"3", b"0" * 25 + b"3", b"+3", b"-3", b"0x3", b" 3", b"",
    b"F" * 16, b"1" + b"0" * 16,
]  # fmt: skip
ENDS = [b"\r\n"] * 30 + [b"\n", b"\r", b"\r\r\n", b"\n\r\n"]


def request(random: Random) -> bytes:
    """A request, or nearly one."""
    pick = random.choice
    method = pick([b"GET", b"POST", b"POST", b"PUT", b"HEAD", b"QUERY", b"FOO", b"get", b"P@T"])
    version = pick([b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1"])
    lines = [pick(LINES) for _ in range(random.randrange(3))]
    lines.insert(0, b"Host: x")
    body = b""
    kind = random.randrange(4)
    if kind == 1:
        lines.append(b"Content-Length: " + pick([b"3", *LENGTHS]))
        body = b"abc"
    elif kind > 1:
        lines.append(b"Transfer-Encoding: " + pick([b"chunked"] * 9 + CODINGS))
        for _ in range(random.randrange(3)):
            size = pick(SIZES[:4]) if random.randrange(3) else pick(SIZES)
            extension = pick(EXTENSIONS) if random.randrange(2) else b""
            body += size + extension + pick(ENDS) + b"abc" + pick(ENDS)
        body += pick([b"0", b"0", b"00", b"0;a=b", b"-0"]) + pick(ENDS)
        body += b"".join(pick(LINES) + pick(ENDS) for _ in range(random.randrange(2))) + pick(ENDS)
    random.shuffle(lines)
    ends = ENDS if random.randrange(2) else ENDS[:1]
    return (
        method + b" " + pick(TARGETS) + b" " + version + pick(ends)
        + b"".join(line + pick(ends) for line in lines) + pick(ends) + body
    )  # fmt: skip


def stream(random: Random) -> bytes:
    """One to three of them, some with a byte that was changed."""
    data = b"".join(request(random) for _ in range(random.choice((1, 1, 2, 3))))
    if random.randrange(4) == 0:
        at = random.randrange(len(data))
        data = (
            data[:at]
            + random.choice((b"", b" ", b"\t", b"\r", b"\n", b"\x00", b":", b",", b";", b"0", b"\xff"))
            + data[at + 1 :]
        )
    return data


if __name__ == "__main__":
    amount = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    random = Random(seed)
    taken, failures = 0, 0
    for _ in range(amount):
        try:
            taken += check(stream(random))
        except AssertionError as error:
            failures += 1
            if failures <= 20:
                print(str(error)[:400])
    print(f"{amount} inputs, {taken} requests taken, {failures} differences")
