"""Catalogs of texts, and the names of languages."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from hypothesis import given, settings, strategies as st

from costrel.errors import ConfigurationError
from costrel.templating.catalogs import load_catalog, normal_tag


def compiled(texts: dict[str, str], locale: str) -> bytes:
    """Make a compiled catalog."""
    catalog = Catalog(locale)
    for text, translated in texts.items():
        catalog.add(text, translated)
    written = BytesIO()
    write_mo(written, catalog)
    return written.getvalue()


def put(folder: Path, locale: str, content: bytes, name: str = "messages.mo") -> None:
    """Write a catalog where it belongs."""
    path = folder / locale / "LC_MESSAGES" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("fr", "fr"),
        ("FR", "fr"),
        ("pt_br", "pt-BR"),
        ("pt-BR", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("sl-rozaj", "sl-rozaj"),
    ],
)
def test_a_tag_has_one_spelling(given: str, expected: str) -> None:
    """However it is written, it is one language."""
    assert expected == normal_tag(given)


@pytest.mark.parametrize(
    "given", ["", "f", "../etc", "fr/..", "fr\0", "français", "fr-", "-fr", "x" * 99, None, 1, "fr.UTF-8"]
)
def test_what_is_no_tag_is_a_mistake(given: object) -> None:
    """Nothing but a language can become part of a path."""
    with pytest.raises(ConfigurationError) as caught:
        normal_tag(given)

    assert "COS-TEMPLATE-007" == caught.value.code


@pytest.mark.security("L3")
@given(st.text(alphabet="frFR-_/.\\\0%", max_size=12))
@settings(max_examples=60)
def test_no_tag_leads_out_of_the_folder(text: str) -> None:
    """A text either is refused or is one plain segment of a path."""
    try:
        tag = normal_tag(text)
    except ConfigurationError:
        return
    assert set() == set(tag) & set("/.\\\0%")


def test_a_variant_falls_back_to_its_language(tmp_path: Path) -> None:
    """What `pt-BR` does not say, `pt` does."""
    put(tmp_path, "pt", compiled({"a": "A", "b": "B"}, "pt"))
    put(tmp_path, "pt_BR", compiled({"a": "A!"}, "pt_BR"))
    catalog = load_catalog(tmp_path, "pt-BR", "messages")

    assert ["A!", "B", "c"] == [catalog.gettext(text) for text in "abc"]


def test_a_compiled_catalog_wins_over_its_source(tmp_path: Path) -> None:
    """What was built for production is what is used."""
    put(tmp_path, "fr", compiled({"a": "compiled"}, "fr"))
    put(tmp_path, "fr", b'msgid "a"\nmsgstr "source"\n', "messages.po")

    assert "compiled" == load_catalog(tmp_path, "fr", "messages").gettext("a")


@pytest.mark.parametrize("name", ["messages.mo", "messages.po"])
def test_a_broken_catalog_is_found_at_start(tmp_path: Path, name: str) -> None:
    """The mistake names the file."""
    put(tmp_path, "fr", b'\xff\xfe msgid "', name)
    with pytest.raises(ConfigurationError, match=name) as caught:
        load_catalog(tmp_path, "fr", "messages")

    assert "COS-TEMPLATE-007" == caught.value.code


def test_a_source_needs_babel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the mistake says how to compile the file."""
    put(tmp_path, "fr", b"", "messages.po")
    find_spec = importlib.util.find_spec

    def find_no_babel(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "babel" else find_spec(name, package)

    monkeypatch.setattr("costrel.templating.catalogs.find_spec", find_no_babel)
    with pytest.raises(ConfigurationError, match="msgfmt") as caught:
        load_catalog(tmp_path, "fr", "messages")

    assert "COS-TEMPLATE-008" == caught.value.code
