"""Header sections: ordered, case-insensitive, several lines of a name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.headers import FieldSection, Headers, RequestHeaders

RAW = [(b"accept", b"text/html"), (b"host", b"example.org"), (b"accept", b"*/*")]


@pytest.fixture(params=[RequestHeaders, Headers])
def section(request: pytest.FixtureRequest) -> FieldSection:
    """Give the same lines in both kinds of section."""
    kind: type[FieldSection] = request.param
    return kind.from_raw(list(RAW))


@pytest.mark.parametrize("name", ["Accept", "accept", "ACCEPT"])
def test_names_are_found_in_any_case(section: FieldSection, name: str) -> None:
    """Field names have no case (RFC 9110 §5.1)."""
    actual = (section[name], section.get(name), section.getlist(name), name in section)

    assert actual == ("text/html", "text/html", ["text/html", "*/*"], True)


def test_a_missing_name_is_a_key_error_or_the_default(section: FieldSection) -> None:
    """Missing fields are as missing keys of any mapping."""
    with pytest.raises(KeyError, match="X-None"):
        section["X-None"]

    actual = (section.get("X-None"), section.get("X-None", "d"), section.getlist("X-None"), "X-None" in section)
    assert actual == (None, "d", [], False)


@pytest.mark.parametrize("name", [b"accept", 1, None])
def test_only_text_is_in_a_section(section: FieldSection, name: object) -> None:
    """A key of another type is not there, and asking is no error."""
    assert name not in section


def test_bytes_are_looked_up_by_bytes(section: FieldSection) -> None:
    """The raw look takes lower-case bytes and converts nothing."""
    actual = (section.get_raw(b"accept"), section.get_raw(b"Accept"))

    assert actual == (b"text/html", None)


def test_iterating_gives_each_name_once_in_order(section: FieldSection) -> None:
    """Names come in the order of their first lines."""
    actual = (list(section), len(section), list(section.keys()), list(section.values()))

    assert actual == (["accept", "host"], 2, ["accept", "host"], ["text/html", "example.org"])


def test_items_give_first_values_or_all_lines(section: FieldSection) -> None:
    """`multi=True` keeps every line."""
    lines = [("accept", "text/html"), ("host", "example.org"), ("accept", "*/*")]
    every = section.items(multi=True)

    assert lines[:2] == list(section.items())
    assert lines == list(every)
    assert (len(every), ("accept", "*/*") in every, ("accept", "x") in every) == (3, True, False)


def test_raw_lines_are_taken_over_without_a_copy() -> None:
    """A request's section costs one object."""
    pairs = list(RAW)

    assert RequestHeaders.from_raw(pairs).raw is pairs


@pytest.mark.security("A25")
def test_values_are_read_as_latin_1() -> None:
    """Any byte of a value is one character."""
    headers = RequestHeaders.from_raw([(b"x", b"\xff\xfe")])

    assert headers["x"] == "\xff\xfe"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("Accept", "text/html, */*", id="list-field"),
        pytest.param("Cookie", "a=1; b=2", id="cookies"),
        pytest.param("Host", "example.org", id="one-line"),
        pytest.param("X-None", None, id="missing"),
    ],
)
def test_lines_of_a_list_field_are_joined_when_asked(name: str, expected: str | None) -> None:
    """List fields may be joined by commas (RFC 9110 §5.3), cookies by semicolons."""
    headers = RequestHeaders.from_raw([*RAW, (b"cookie", b"a=1"), (b"cookie", b"b=2")])

    assert expected == headers.get_combined(name)


def test_set_cookie_lines_are_never_joined() -> None:
    """A comma inside Expires would split the cookie elsewhere."""
    with pytest.raises(ValueError) as caught:
        Headers([("Set-Cookie", "a=1")]).get_combined("set-cookie")

    assert str(caught.value) == "Set-Cookie lines cannot be joined, because their values contain commas; use `getlist`"


def test_a_request_section_cannot_be_changed() -> None:
    """What the client sent stays what it sent."""
    for method in ("__setitem__", "__delitem__", "add", "extend", "update", "clear", "vary"):
        assert not hasattr(RequestHeaders, method)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param({"A": "1", "B": "2"}, id="mapping"),
        pytest.param([("A", "1"), (b"B", b"2")], id="pairs"),
        pytest.param(RequestHeaders([("A", "1"), ("B", "2")]), id="another-section"),
    ],
)
def test_a_section_is_made_of_anything_with_pairs(lines: dict[str, str]) -> None:
    """Mappings, pairs and sections are all taken."""
    assert Headers(lines).raw == [(b"a", b"1"), (b"b", b"2")]


def test_a_section_made_of_a_section_keeps_all_lines_and_shares_none() -> None:
    """Copying loses no line of a name."""
    source = Headers([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    copies = (Headers(source), source.copy())
    source.add("X", "1")

    for copy in copies:
        assert copy.getlist("Set-Cookie") == ["a=1", "b=2"]
        assert "X" not in copy


@pytest.mark.security("A48")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("x a", "1", id="space-in-the-name"),
        pytest.param("x", "v\r\nX: 1", id="newline-in-the-value"),
        pytest.param("x", "\x00\x01\x7f", id="controls-in-the-value"),
    ],
)
def test_every_way_of_setting_checks(name: str, value: str) -> None:
    """A bad line is refused where it is set, and nothing of it stays."""
    headers = Headers({"Good": "1"})
    for attempt in (
        lambda: headers.__setitem__(name, value),
        lambda: headers.add(name, value),
        lambda: headers.extend([("Also-Good", "1"), (name, value)]),
        lambda: headers.update({name: value}),
        lambda: headers.setdefault(name, value),
        lambda: Headers({name: value}),
    ):
        with pytest.raises(ValueError):
            attempt()

    assert headers.raw == [(b"good", b"1")]


def test_setting_replaces_every_line_in_the_place_of_the_first() -> None:
    """After `[...] =` there is one line of the name."""
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3")])
    assert headers["A"] == "1"

    headers["a"] = "4"

    assert headers.raw == [(b"a", b"4"), (b"b", b"2")]
    assert headers["A"] == "4"


def test_setting_a_new_name_puts_it_last() -> None:
    """The order is the order of setting."""
    headers = Headers({"A": "1"})
    headers["B"] = "2"

    assert headers.raw == [(b"a", b"1"), (b"b", b"2")]
    assert headers["b"] == "2"


def test_adding_and_extending_keep_the_lines_there_are() -> None:
    """`add` and `extend` put lines beside others, and lookups see them."""
    headers = Headers()
    assert "A" not in headers

    headers.add("A", "1")
    assert "A" in headers
    headers.extend({"a": "2", "B": "3"})

    assert headers.getlist("A") == ["1", "2"]
    assert headers["B"] == "3"


def test_deleting_takes_every_line_of_a_name() -> None:
    """After `del` the name is gone, and deleting again is a `KeyError`."""
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3")])
    del headers["A"]

    assert headers.raw == [(b"b", b"2")]
    assert "a" not in headers
    with pytest.raises(KeyError, match="A"):
        del headers["A"]


def test_the_rest_of_a_mutable_mapping_works() -> None:
    """`setdefault`, `pop`, `update` and `clear` are as for a dict."""
    headers = Headers({"A": "1"})

    assert (headers.setdefault("a", "9"), headers.setdefault("B", "2")) == ("1", "2")
    assert (headers.pop("A"), headers.pop("A", "none")) == ("1", "none")
    headers.update(B="3", C="4")
    assert headers.raw == [(b"b", b"3"), (b"c", b"4")]
    headers.clear()
    assert (len(headers), "B" in headers) == (0, False)


@pytest.mark.parametrize(
    ("before", "names", "expected"),
    [
        pytest.param([], ["Cookie"], "Cookie", id="first-name"),
        pytest.param(["Accept"], ["Cookie"], "Accept, Cookie", id="beside-another"),
        pytest.param(["accept , Cookie"], ["ACCEPT", "cookie"], "accept, Cookie", id="no-duplicates"),
        pytest.param(["A", "B"], ["C"], "A, B, C", id="several-lines-become-one"),
        pytest.param(["*"], ["Cookie"], "*", id="a-star-stays"),
        pytest.param(["A"], ["*"], "*", id="a-star-outweighs"),
        pytest.param([], [], None, id="nothing-said"),
    ],
)
def test_vary_grows_without_duplicates(before: list[str], names: list[str], expected: str | None) -> None:
    """Vary names each field once, and `*` stands for all (RFC 9110 §12.5.5)."""
    headers = Headers([("Vary", value) for value in before])
    headers.vary(*names)

    assert ([] if expected is None else [expected]) == headers.getlist("Vary")


@pytest.mark.parametrize("name", ["", "a b", "a,b", "a\r\nb", "ü"])
def test_nothing_varies_by_what_is_no_name(name: str) -> None:
    """A bad name is refused, and Vary stays as it was."""
    headers = Headers({"Vary": "A"})
    with pytest.raises(ValueError) as caught:
        headers.vary("B", name)

    assert f"{name!r} is not a field name, so nothing can vary by it" == str(caught.value)
    assert headers["Vary"] == "A"


def test_the_wire_form_has_a_line_each() -> None:
    """Every line ends with CRLF, and the empty line is not part of it."""
    headers = Headers([("Content-Type", "text/html"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])

    assert headers.to_wire() == b"content-type: text/html\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n"
    assert Headers().to_wire() == b""


def test_secrets_are_masked_in_the_repr() -> None:
    """A section that is logged shows no credentials."""
    names = ["Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization", "X-Api-Key"]
    headers = RequestHeaders([*((name, "secret") for name in names), ("Host", "a")])

    shown = ", ".join(f"('{name.lower()}', '***')" for name in names)
    assert f"RequestHeaders([{shown}, ('host', 'a')])" == repr(headers)


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        pytest.param(Headers([("b", "2"), ("A", "1"), ("a", "3")]), True, id="order-of-names-does-not-matter"),
        pytest.param(Headers([("a", "3"), ("a", "1"), ("b", "2")]), False, id="order-of-lines-of-a-name-does"),
        pytest.param(RequestHeaders([("a", "1"), ("a", "3"), ("b", "2")]), True, id="the-other-kind-of-section"),
        pytest.param({"A": "1", "B": "2"}, False, id="a-dict-with-fewer-lines"),
        pytest.param({"A b": "1"}, False, id="a-dict-that-cannot-be-a-section"),
        pytest.param({"a": 1}, False, id="a-dict-of-other-things"),
        pytest.param("a", False, id="not-a-mapping"),
    ],
)
def test_sections_are_equal_when_they_say_the_same(other: object, equal: bool) -> None:
    """Equality is by names, their values and the order of those."""
    assert equal is (Headers([("a", "1"), ("a", "3"), ("b", "2")]) == other)


def test_a_section_equals_a_dict_in_any_case() -> None:
    """A dict of the same lines is equal."""
    assert Headers({"Content-Type": "a"}) == {"CONTENT-TYPE": "a"}


NAMES = st.sampled_from(["A", "a", "B", "c-D", "Content-Type", "content-TYPE"])
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=5)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), NAMES, VALUES)
@settings(max_examples=200)
def test_a_section_behaves_as_a_list_of_pairs(pairs: list[tuple[str, str]], name: str, value: str) -> None:
    """Reading, setting and deleting agree with a naive list."""
    headers = Headers(pairs)
    wanted = [kept for key, kept in pairs if key.lower() == name.lower()]
    others = [(key.lower(), kept) for key, kept in pairs if key.lower() != name.lower()]

    assert wanted == headers.getlist(name)
    assert (wanted[0] if wanted else None) == headers.get(name)
    headers[name] = value
    assert [value] == headers.getlist(name)
    assert others == [line for line in headers.items(multi=True) if line[0] != name.lower()]
    del headers[name]
    assert others == list(headers.items(multi=True))
    assert len({key for key, _ in others}) == len(headers)
