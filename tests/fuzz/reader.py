"""The reader under bytes that nobody thought of: what must hold of any input, and a loop that makes inputs.

    scripts/fuzz [--inputs 100000] [--seed 0]

With atheris installed the inputs are led by the coverage of the code; else they are mutations of the corpus, drawn
from the seed. The corpus is every malformed request that the tests know. What is found is written down, in full.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import cast

sys.path.insert(0, str(Path(__file__).parent.parent))

if find_spec("atheris") is None:
    from test_cuts import INPUTS, LIMITS, bytewise, read

    from oagw_tornado.wire.head import Refused, parse_head
else:
    import atheris

    # What reads, and no more: to instrument all that pytest and hypothesis brought along takes minutes.
    with atheris.instrument_imports(include=["oagw_tornado.wire"]):
        from test_cuts import INPUTS, LIMITS, bytewise, read

        from oagw_tornado.wire.head import Refused, parse_head

CORPUS = [data for data in INPUTS if len(data) <= 2000]
STATUSES = {400, 431, 501, 505}


def check(data: bytes, random: Random) -> None:
    """Raise AssertionError if `data` is read in two ways, refused in no known one, or read otherwise by llhttp."""
    whole = read([data])
    requests, refused = whole
    assert refused is None or refused[0] in STATUSES, refused
    assert refused is None or len(refused[1]) < 300, refused
    if len(data) > 1:
        cut = random.randrange(1, len(data))
        assert read([data[:cut], data[cut:]]) == whole, cut
    if len(data) < 400:
        assert read(bytewise(data)) == whole
    assert sum(len(cast(bytes, request[5])) for request in requests) <= len(data)
    if LLHTTP:
        check_with_llhttp(data)


LLHTTP = find_spec("httptools") is not None


class Heard:
    """What llhttp says of a head."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.is_complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_complete:
            self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.is_complete = True


def check_with_llhttp(data: bytes) -> None:
    """What we take for a head is one for llhttp, with the same target and fields: nobody else reads it otherwise."""
    import httptools

    data = data.lstrip(b"\r\n")
    end = data.find(b"\n\r\n") + 3
    if end < 3 or 0 <= data.find(b"\n\n") < end:
        return
    try:
        head = parse_head(data[:end], LIMITS)
    except Refused:
        return
    if head.method not in ("GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
        return  # llhttp has a list of methods
    heard = Heard()
    parser = httptools.HttpRequestParser(heard)
    try:
        parser.feed_data(data[:end])
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserInvalidURLError:
        return  # it looks into the target, which is the router's business here
    except httptools.HttpParserError as error:
        # It has no number for lengths beyond a machine word, nor versions beyond those it knows, and does not take a
        # tab behind the coding for space (RFC 9110, section 5.6.3).
        known = ("Content-Length overflow", "Invalid HTTP version", "invalid `Transfer-Encoding`")
        assert any(text in str(error) for text in known), (error, data[:end])
        assert known[2] not in str(error) or b"chunked\t" in data[:end].lower(), (error, data[:end])
        return
    assert heard.is_complete, data[:end]
    assert heard.url.decode("latin-1") == head.target, data[:end]
    ours = [tuple(part.strip() for part in line.split(b":", 1)) for line in head.headers.lines]
    assert ours == [(name, value.strip()) for name, value in heard.fields], data[:end]


PARTS = [b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"\t", b",", b";x=y", b"\r\n\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n"]
PARTS += [b"ffff\r\n", b"POST", b"HTTP/1.1", b"HTTP/2.0", b"GET / HTTP/1.1\r\n", b"Host: x\r\n", b"X: y\r\n" * 10]
PARTS += [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"]


def mutated(random: Random) -> bytes:
    """One input: pieces of the corpus, cut, joined, and changed in a few places."""
    data = bytearray(random.choice(CORPUS))
    for _ in range(random.choice((0, 1, 1, 2, 3, 5))):
        at = random.randrange(len(data) + 1)
        match random.randrange(6):
            case 0:
                data[at:at] = random.choice(PARTS)
            case 1:
                data[at : at + random.randrange(1, 9)] = b""
            case 2:
                data[at : at + 1] = bytes([random.randrange(256)])
            case 3:
                data[at:] = random.choice(CORPUS)
            case 4:
                data[at:at] = data[at : at + random.randrange(1, 40)]
            case _:
                del data[at:]
        if not data:
            break
    return bytes(data[:3000])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if find_spec("atheris") is not None:
        return with_atheris(given.inputs, given.seed)
    random, found, begun = Random(given.seed), 0, time.monotonic()
    for number in range(given.inputs):
        data = mutated(random)
        try:
            check(data, random)
        except Exception as error:
            found += 1
            print(f"input {number}: {data!r}\n  {type(error).__name__}: {error}", flush=True)
    print(f"{given.inputs} inputs, seed {given.seed}: {found} findings in {time.monotonic() - begun:.0f} s")
    return int(found > 0)


def with_atheris(inputs: int, seed: int) -> int:
    import tempfile

    def one(data: bytes) -> None:
        check(data, Random(len(data)))

    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(CORPUS):
            (Path(folder) / str(number)).write_bytes(data)
        atheris.Setup([sys.argv[0], folder, f"-runs={inputs}", f"-seed={seed}", "-max_len=3000"], one)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
