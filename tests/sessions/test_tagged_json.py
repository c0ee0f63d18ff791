from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st
from markupsafe import Markup

from costrel.errors import ProgrammerError
from costrel.sessions.tagged_json import TaggedJSON

SOME_UUID = UUID("12345678-1234-5678-1234-567812345678")
LEAP_DAY = datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)

WRITTEN = [
    pytest.param({}, "{}", id="an-empty-session"),
    pytest.param({"b": 1, "a": [None, True, 1.5]}, '{"a":[null,true,1.5],"b":1}', id="what-json-has-sorted-by-key"),
    pytest.param({"n": "Zoë"}, r'{"n":"Zo\u00eb"}', id="text-beyond-ascii-is-escaped"),
    pytest.param({"t": (1, ("a",))}, '{"t":{" t":[1,{" t":["a"]}]}}', id="a-tuple-in-a-tuple"),
    pytest.param({"b": b"\x00\xff"}, '{"b":{" b":"AP8="}}', id="bytes-in-base64"),
    pytest.param({"m": Markup("<b>&")}, '{"m":{" m":"<b>&"}}', id="markup-as-its-text"),
    pytest.param({"u": SOME_UUID}, '{"u":{" u":"12345678123456781234567812345678"}}', id="a-uuid-in-hexadecimal"),
    pytest.param({"d": LEAP_DAY}, '{"d":{" d":"Thu, 29 Feb 2024 12:34:56 GMT"}}', id="a-time-as-http-date"),
    pytest.param({"x": {" t": [1]}}, '{"x":{" di":{" t__":[1]}}}', id="a-dict-that-looks-like-a-tuple"),
    pytest.param({" di": {"a": 1}}, '{" di":{" di__":{"a":1}}}', id="a-session-that-looks-like-a-tag"),
    pytest.param({"x": {" t": 1, "y": 2}}, '{"x":{" t":1,"y":2}}', id="two-members-are-no-tag"),
]


@pytest.mark.capability("C082")
@pytest.mark.parametrize(("value", "text"), WRITTEN)
def test_values_are_written_as_flask_writes_them_and_read_back(value, text):
    """Each text is the one that Flask 3.1 makes of the value, and it stands for that value."""
    found = TaggedJSON().loads(text)

    assert text == TaggedJSON().dumps(value)
    assert value == found
    assert [type(item) for _, item in sorted(value.items())] == [type(item) for _, item in sorted(found.items())]


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(LEAP_DAY.replace(tzinfo=None), id="without-zone-it-is-in-utc"),
        pytest.param(LEAP_DAY.astimezone(timezone(timedelta(hours=5))), id="another-zone"),
        pytest.param(LEAP_DAY.replace(microsecond=999_999), id="parts-of-a-second-are-dropped"),
    ],
)
def test_every_time_comes_back_in_utc(moment):
    """A time keeps its moment to the second, and loses its zone."""
    text = TaggedJSON().dumps({"d": moment})

    assert {"d": LEAP_DAY} == TaggedJSON().loads(text)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param({"price": Decimal(1)}, "`session['price']` is of type `Decimal`", id="a-decimal"),
        pytest.param({"a": [{"b": ({1, 2},)}]}, "`session['a'][0]['b'][0]` is of type `set`", id="a-set-deep-inside"),
        pytest.param(
            {"a": {"ok": 1, "list": [1, "x", None]}, "b": b"", "z": complex(1)},
            "`session['z']` is of type `complex`",
            id="behind-what-can-be-kept",
        ),
        pytest.param({"a": {(1, 2): 3}}, "`the key of session['a'][(1, 2)]` is of type `tuple`", id="a-key"),
    ],
)
def test_a_value_that_cannot_be_kept_is_named_with_its_place(value, message):
    """The message says which value it is, by the expression that leads to it."""
    with pytest.raises(ProgrammerError) as caught:
        TaggedJSON().dumps(value)

    assert "COS-SESSION-005" == caught.value.code
    assert message in str(caught.value)


def test_keys_that_cannot_be_sorted_are_reported_for_the_whole_session():
    """Text and numbers among the keys of one dict have no order, as Flask finds out too."""
    with pytest.raises(ProgrammerError, match="not supported between instances") as caught:
        TaggedJSON().dumps({"a": {1: "x", "b": "y"}})

    assert "COS-SESSION-005" == caught.value.code


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="cut-off"),
        pytest.param('{"u":{" u":"no"}}', id="no-uuid"),
        pytest.param('{"b":{" b":"\\u00e9"}}', id="no-base64"),
        pytest.param('{"t":{" t":1}}', id="a-tuple-of-a-number"),
        pytest.param('{"x":{" di":{}}}', id="a-tagged-dict-without-member"),
    ],
)
def test_a_tag_that_does_not_fit_is_an_error(text):
    """What only looks like tagged JSON is refused, with an error that the signer knows."""
    with pytest.raises((ValueError, TypeError)):
        TaggedJSON().loads(text)


def test_a_date_that_is_none_is_read_as_nothing():
    """Flask reads an unreadable date as `None`, and so do we."""

    assert {"d": None} == TaggedJSON().loads('{"d":{" d":"yesterday"}}')


keys = st.text(max_size=5) | st.sampled_from([" t", " d", " di", " u", " b", " m", " t__", " di__"])
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=10)
    | st.binary(max_size=10)
    | st.uuids()
    | st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))
    | st.text(max_size=5).map(Markup)
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=200)
@given(st.dictionaries(keys, values, max_size=4))
def test_whatever_can_be_kept_comes_back_equal(value):
    """Writing and reading is the identity, also for dicts that look like tags."""

    assert value == TaggedJSON().loads(TaggedJSON().dumps(value))
