"""Import strings: what they mean, and that nothing in them is ever run."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from costrel.cli.import_string import ImportString, parse_import_string
from costrel.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("shop", ImportString("shop", "shop"), id="a-module"),
        pytest.param("shop.web", ImportString("shop.web", "shop.web"), id="a-module-in-a-package"),
        pytest.param("shop:app", ImportString("shop:app", "shop", attribute="app"), id="an-attribute"),
        pytest.param("shop:site.app", ImportString("shop:site.app", "shop", attribute="site.app"), id="a-dotted-name"),
        pytest.param("shop.py", ImportString("shop.py", file=Path("shop.py")), id="a-file"),
        pytest.param("a/b.py:app", ImportString("a/b.py:app", file=Path("a/b.py"), attribute="app"), id="a-path"),
        pytest.param("web/", ImportString("web/", file=Path("web")), id="a-folder"),
        pytest.param(".", ImportString(".", file=Path()), id="the-working-directory"),
        pytest.param(
            "C:/web/shop.py:app",
            ImportString("C:/web/shop.py:app", file=Path("C:/web/shop.py"), attribute="app"),
            id="a-drive-is-no-module",
        ),
        pytest.param(
            "shop:make()", ImportString("shop:make()", "shop", attribute="make", is_call=True), id="a-call-of-nothing"
        ),
        pytest.param(
            "shop:make('dev', 1, debug=True, hosts=['a:1'])",
            ImportString(
                "shop:make('dev', 1, debug=True, hosts=['a:1'])",
                "shop",
                attribute="make",
                is_call=True,
                arguments=("dev", 1),
                keywords=(("debug", True), ("hosts", ["a:1"])),
            ),
            id="a-call-with-literals",
        ),
    ],
)
def test_each_form_is_understood(text: str, expected: ImportString) -> None:
    """Modules, files, attributes and calls with literals, in every combination."""

    assert expected == parse_import_string(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(":app", id="no-module"),
        pytest.param("shop:", id="nothing-after-the-colon"),
        pytest.param("shop:apps[0]", id="a-subscript"),
        pytest.param("shop:1 + 1", id="an-expression"),
        pytest.param("shop:make(config)", id="a-call-with-a-name"),
        pytest.param("shop:make(open('x'))", id="a-call-in-a-call"),
        pytest.param("shop:make()()", id="a-call-of-a-call"),
        pytest.param("shop:make(**{})", id="unpacked-keywords"),
        pytest.param("shop:lambda: 0", id="a-function"),
        pytest.param("shop web", id="two-words"),
        pytest.param("shop..web", id="an-empty-part"),
        pytest.param("a" * 1001, id="longer-than-any-name"),
        pytest.param("shop:" + "(" * 400, id="deeply-nested"),
    ],
)
def test_everything_else_is_a_mistake_with_a_code(text: str) -> None:
    """The text is parsed and never evaluated, so what is not a name or a literal has no meaning."""
    with pytest.raises(ConfigurationError) as caught:
        parse_import_string(text)

    assert "COS-CLI-001" == caught.value.code


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    """Whatever is typed is either understood or refused with the code."""
    with suppress(ConfigurationError):
        assert text == parse_import_string(text).text
