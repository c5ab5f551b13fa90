"""docs/howto quotes the tests as they are."""

from __future__ import annotations

import pages
import pytest

AS_WRITTEN = "out of date: run python tests/howto/pages.py"


@pytest.mark.parametrize("name", pages.ORDER)
def test_page_quotes_its_test(name):
    assert pages.page(name).read_text(encoding="utf-8") == pages.rendered(name), AS_WRITTEN


def test_index_names_every_page():
    assert pages.INDEX.read_text(encoding="utf-8") == pages.rendered_index(), AS_WRITTEN
    assert {path.name for path in pages.HERE.glob("test_howto_*.py")} == {
        pages.source(each).name for each in pages.ORDER
    }
    assert {path.name for path in pages.PAGES.glob("*.md")} == {
        pages.INDEX.name,
        *(pages.page(each).name for each in pages.ORDER),
    }
