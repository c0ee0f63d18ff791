"""Writing HTML that cannot forget to escape."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings, strategies as st

from costrel.pages.markup import Content, Markup, content_security_policy, document, read_asset, tag, with_code


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(tag("p", "5 < 6 & 7"), "<p>5 &lt; 6 &amp; 7</p>", id="text-is-escaped"),
        pytest.param(tag("p", Markup("<b>")), "<p><b></p>", id="markup-is-not"),
        pytest.param(tag("p", ["a", [tag("i", "b")], None]), "<p>a<i>b</i></p>", id="lists-and-nothing"),
        pytest.param(tag("p", class_='a" onclick="x'), '<p class="a&quot; onclick=&quot;x"></p>', id="class"),
        pytest.param(tag("a", href='"><script>'), '<a href="&quot;&gt;&lt;script&gt;"></a>', id="attribute"),
        pytest.param(tag("p", hidden=True, open=False), "<p hidden></p>", id="flags"),
        pytest.param(tag("p", aria_label="x", for_="y"), '<p aria-label="x" for="y"></p>', id="names-of-attributes"),
        pytest.param(tag("meta", charset="utf-8"), '<meta charset="utf-8">', id="void-element"),
    ],
)
def test_an_element_is_written(made: Markup, expected: str) -> None:
    """Everything that is not markup already is escaped."""

    assert expected == made


class Reader(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@settings(max_examples=150)
@given(st.text(), st.text())
def test_no_text_leaves_its_place(text: str, value: str) -> None:
    """Whatever the text, there is one element with one attribute, and it reads as it was."""
    reader = Reader()
    reader.feed(tag("p", text, title=value))
    reader.close()

    assert (["p"], [("title", value)], text) == (reader.tags, reader.attributes, reader.text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("say `x` here", "say <code>x</code> here", id="code"),
        pytest.param("`a` and `b`", "<code>a</code> and <code>b</code>", id="twice"),
        pytest.param("a ` b", "a ` b", id="a-lone-backtick"),
        pytest.param("`<b>`", "<code>&lt;b&gt;</code>", id="escaped"),
    ],
)
def test_backticks_are_code(text: str, expected: str) -> None:
    """Messages have names in backticks; pages show them as code."""

    assert f"<p>{expected}</p>" == tag("p", with_code(text))


@pytest.mark.security("L8")
def test_a_page_needs_nothing_from_elsewhere() -> None:
    """No address in a page leads anywhere, and its policy allows its own style and script alone."""
    style, script = "p{}", "1"
    page = document("<t>", tag("p"), style=style, script=script).decode()
    policy = content_security_policy(style=style, script=script)
    hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in (style, script)]

    assert "<title>&lt;t&gt;</title>" in page
    assert "http" not in page.replace("http-equiv", "")
    assert f"style-src {hashes[0]}; script-src {hashes[1]};" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_a_page_without_a_script_allows_none() -> None:
    """What is not there needs no permission."""
    content: Content = None

    assert b"<script" not in document("t", content, style="")
    assert "script-src" not in content_security_policy(style="")


def test_a_lone_surrogate_does_not_break_a_page() -> None:
    """Text that has no UTF-8 is shown with a mark in its place."""

    assert b"a?b" in document("t", "a\udc80b", style="")


@pytest.mark.parametrize("name", ["error_page.css", "debug_page.css", "debug_page.js"])
def test_the_assets_are_installed(name: str) -> None:
    """The files of the room can be read, and have nothing that would end their element or load something."""
    text = read_asset(name)

    assert text
    assert not {"</", "@import", "url(", "http:", "https:", "eval"} & {
        part for part in ("</", "@import", "url(", "http:", "https:", "eval") if part in text
    }
