"""The page's files stand alone: no foreign code, no network, nothing that takes a text for markup."""

from __future__ import annotations

import re

import pytest

from oagw_tornado.page.assets import INDEX, assets, text

SCRIPTS = [name for name in assets() if name.endswith(".js")]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_text_is_never_taken_for_markup_or_code(name: str) -> None:
    found = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc|DOMParser", text(name)
    )
    assert not found


@pytest.mark.parametrize("name", sorted(assets()))
def test_nothing_comes_from_elsewhere(name: str) -> None:
    links = re.findall(r"https?://[^\s\"'`]+", text(name))
    assert [link for link in links if not link.startswith("http://www.w3.org/2000/svg")] == []


def test_plots_import_nothing_as_a_report_holds_them_too() -> None:
    assert not re.search(r"^\s*import\b|\bimport\(", text("plot.js"), re.MULTILINE)
    assert "@import" not in text("plot.css")


def test_each_file_has_a_tag_of_its_own_and_a_type() -> None:
    tags = [asset.etag for asset in assets().values()]
    assert len(set(tags)) == len(tags)
    assert assets()[INDEX].media_type == "text/html; charset=utf-8"
    assert assets()["plot.js"].media_type.startswith("text/javascript")
