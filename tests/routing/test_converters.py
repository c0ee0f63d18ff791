"""The built-in converters, both ways and at their limits."""

from __future__ import annotations

import datetime
import math
import time
import uuid
from typing import Annotated

import pytest
from hypothesis import given, settings, strategies as st

from costrel.routing.conversion import Converter
from costrel.routing.converters import (
    BUILTIN_CONVERTERS,
    AnyConverter,
    DateConverter,
    FloatConverter,
    IntConverter,
    PathConverter,
    RegexConverter,
    StrConverter,
    UUIDConverter,
    converter_for_annotation,
)

ID = uuid.UUID("12345678-1234-5678-1234-56789abcdef0")

# converter, text, value: read both ways
BOTH_WAYS = [
    pytest.param(StrConverter(), "a b", "a b", id="str-takes-any-text"),
    pytest.param(StrConverter(minlength=2), "ab", "ab", id="str-of-the-least-length"),
    pytest.param(StrConverter(maxlength=2), "ab", "ab", id="str-of-the-greatest-length"),
    pytest.param(StrConverter(length=2), "ab", "ab", id="str-of-the-exact-length"),
    pytest.param(IntConverter(), "0", 0, id="int-zero"),
    pytest.param(IntConverter(), "9" * 18, 10**18 - 1, id="int-of-eighteen-digits"),
    pytest.param(IntConverter(signed=True), "-5", -5, id="int-signed"),
    pytest.param(IntConverter(signed=True), "-" + "9" * 18, 1 - 10**18, id="int-signed-of-eighteen-digits"),
    pytest.param(IntConverter(min=1, max=9), "9", 9, id="int-at-its-max"),
    pytest.param(IntConverter(min=1, max=9), "1", 1, id="int-at-its-min"),
    pytest.param(IntConverter(4), "0042", 42, id="int-with-fixed-digits"),
    pytest.param(IntConverter(fixed_digits=3, signed=True), "-007", -7, id="int-signed-with-fixed-digits"),
    pytest.param(FloatConverter(), "1.5", 1.5, id="float-with-a-fraction"),
    pytest.param(FloatConverter(signed=True), "-0.25", -0.25, id="float-signed"),
    pytest.param(FloatConverter(), "1e+22", 1e22, id="float-with-an-exponent"),
    pytest.param(FloatConverter(min=0.5, max=2), "2.0", 2.0, id="float-at-its-max"),
    pytest.param(UUIDConverter(), str(ID), ID, id="uuid-canonical"),
    pytest.param(DateConverter(), "2024-02-29", datetime.date(2024, 2, 29), id="date-leap-day"),
    pytest.param(PathConverter(), "a//b/", "a//b/", id="path-keeps-all-slashes-inside"),
    pytest.param(PathConverter(leading_slash=True), "/a", "/a", id="path-that-may-begin-with-a-slash"),
    pytest.param(AnyConverter("en", "de"), "de", "de", id="any-of-its-words"),
    pytest.param(RegexConverter("[a-z]{3}"), "abc", "abc", id="regex-that-matches-the-whole"),
]

NO_MATCH = [
    pytest.param(StrConverter(minlength=2), "a", id="str-too-short"),
    pytest.param(StrConverter(maxlength=2), "abc", id="str-too-long"),
    pytest.param(IntConverter(), "", id="int-of-nothing"),
    pytest.param(IntConverter(), "x", id="int-of-a-letter"),
    pytest.param(IntConverter(), "-1", id="int-unsigned-with-a-sign"),
    pytest.param(IntConverter(), "+1", id="int-with-a-plus"),
    pytest.param(IntConverter(), "1_0", id="int-with-an-underscore"),
    pytest.param(IntConverter(), " 1", id="int-with-a-space"),
    pytest.param(IntConverter(), "1\n", id="int-with-a-newline"),
    pytest.param(IntConverter(), "٣", id="int-of-arabic-digits"),
    pytest.param(IntConverter(), "²", id="int-of-a-superscript"),
    pytest.param(IntConverter(), "1" * 19, id="int-of-nineteen-digits"),
    pytest.param(IntConverter(signed=True), "-", id="int-of-a-sign-alone"),
    pytest.param(IntConverter(signed=True), "--1", id="int-of-two-signs"),
    pytest.param(IntConverter(4), "042", id="int-with-too-few-fixed-digits"),
    pytest.param(IntConverter(min=1), "0", id="int-below-its-min"),
    pytest.param(IntConverter(max=9), "10", id="int-above-its-max"),
    pytest.param(FloatConverter(signed=True), "nan", id="float-nan"),
    pytest.param(FloatConverter(signed=True), "inf", id="float-inf"),
    pytest.param(FloatConverter(signed=True), "-inf", id="float-minus-inf"),
    pytest.param(FloatConverter(), "1e400", id="float-that-overflows"),
    pytest.param(FloatConverter(), "1e9999", id="float-with-four-digits-of-exponent"),
    pytest.param(FloatConverter(), "-1", id="float-unsigned-with-a-sign"),
    pytest.param(FloatConverter(), "1.", id="float-without-a-fraction-after-the-point"),
    pytest.param(FloatConverter(), ".5", id="float-without-a-digit-before-the-point"),
    pytest.param(FloatConverter(), "1_0.0", id="float-with-an-underscore"),
    pytest.param(FloatConverter(), "1" * 65, id="float-of-sixty-five-characters"),
    pytest.param(FloatConverter(max=1), "1.5", id="float-above-its-max"),
    pytest.param(UUIDConverter(), ID.hex, id="uuid-without-hyphens"),
    pytest.param(UUIDConverter(), f"{{{ID}}}", id="uuid-in-braces"),
    pytest.param(UUIDConverter(), f"urn:uuid:{ID}", id="uuid-as-a-urn"),
    pytest.param(UUIDConverter(), str(ID).replace("1", "١"), id="uuid-with-arabic-digits"),
    pytest.param(UUIDConverter(), f"{ID}\n", id="uuid-with-a-newline"),
    pytest.param(DateConverter(), "20240229", id="date-without-hyphens"),
    pytest.param(DateConverter(), "2024-W09-4", id="date-of-a-week"),
    pytest.param(DateConverter(), "2023-02-29", id="date-that-does-not-exist"),
    pytest.param(DateConverter(), "٢٠٢٤-02-29", id="date-with-arabic-digits"),
    pytest.param(PathConverter(), "", id="path-empty"),
    pytest.param(PathConverter(), "/etc/passwd", id="path-that-begins-with-a-slash"),
    pytest.param(PathConverter(leading_slash=True), "", id="path-empty-where-a-slash-is-allowed"),
    pytest.param(AnyConverter("en"), "EN", id="any-in-another-case"),
    pytest.param(RegexConverter("[a-z]{3}"), "abcd", id="regex-that-matches-only-the-beginning"),
    pytest.param(RegexConverter("[a-z]+"), "abc\n", id="regex-before-a-newline"),
    pytest.param(RegexConverter(r"\d+"), "٣", id="regex-digits-are-ascii"),
]


@pytest.mark.capability("C002")
@pytest.mark.capability("C003")
@pytest.mark.parametrize(("converter", "text", "value"), BOTH_WAYS)
def test_text_becomes_a_value_and_text_again(converter: Converter, text: str, value: object) -> None:
    """A converter reads what it writes."""

    assert value == converter.parse(text)
    assert type(value) is type(converter.parse(text))
    assert text == converter.format(value)


@pytest.mark.capability("C002")
@pytest.mark.security("B18")
@pytest.mark.parametrize(("converter", "text"), NO_MATCH)
def test_other_text_does_not_match(converter: Converter, text: str) -> None:
    """Text that is not the converter's is no match, both ways."""
    with pytest.raises(ValueError):
        converter.parse(text)
    with pytest.raises(ValueError):
        converter.format(text)


@pytest.mark.parametrize(
    ("converter", "value", "text"),
    [
        pytest.param(IntConverter(), "007", "7", id="int-from-text"),
        pytest.param(FloatConverter(), 2, "2.0", id="float-from-an-int"),
        pytest.param(FloatConverter(), "2", "2.0", id="float-from-text"),
        pytest.param(FloatConverter(), -0.0, "0.0", id="float-minus-zero-without-a-sign"),
        pytest.param(UUIDConverter(), str(ID).upper(), str(ID), id="uuid-from-upper-case-text"),
        pytest.param(DateConverter(), "2024-02-29", "2024-02-29", id="date-from-text"),
        pytest.param(StrConverter(), 7, "7", id="str-from-an-int"),
    ],
)
def test_values_of_other_types_are_written_where_it_is_clear(converter: Converter, value: object, text: str) -> None:
    """Building a URL takes text for everything, as templates have nothing else."""

    assert text == converter.format(value)


@pytest.mark.parametrize(
    ("converter", "value"),
    [
        pytest.param(IntConverter(), True, id="int-from-a-bool"),
        pytest.param(IntConverter(), 1.0, id="int-from-a-float"),
        pytest.param(IntConverter(), -1, id="int-negative"),
        pytest.param(IntConverter(), 10**18, id="int-of-nineteen-digits"),
        pytest.param(FloatConverter(), True, id="float-from-a-bool"),
        pytest.param(FloatConverter(), None, id="float-from-nothing"),
        pytest.param(FloatConverter(), math.nan, id="float-nan"),
        pytest.param(FloatConverter(), math.inf, id="float-inf"),
        pytest.param(UUIDConverter(), 7, id="uuid-from-an-int"),
        pytest.param(DateConverter(), datetime.datetime(2024, 2, 29, 1), id="date-with-a-time"),
        pytest.param(DateConverter(), 7, id="date-from-an-int"),
    ],
)
def test_values_without_text_are_refused(converter: Converter, value: object) -> None:
    """What would not be read back is not written."""
    with pytest.raises(ValueError):
        converter.format(value)


@pytest.mark.parametrize(
    ("converter", "message"),
    [
        pytest.param(
            lambda: StrConverter(minlength=0),
            "lengths are 1 or more, and `maxlength` is not below `minlength`",
            id="str-of-no-length",
        ),
        pytest.param(
            lambda: StrConverter(3, 2),
            "lengths are 1 or more, and `maxlength` is not below `minlength`",
            id="str-with-limits-the-wrong-way-round",
        ),
        pytest.param(lambda: IntConverter(19), "`fixed_digits` is 0 to 18", id="int-with-too-many-fixed-digits"),
        pytest.param(
            lambda: IntConverter(2, max=100),
            "`min` and `max` are between 0 and 99, and `max` is not below `min`",
            id="int-with-a-max-that-does-not-fit",
        ),
        pytest.param(lambda: FloatConverter(2, 1), "`max` is below `min`", id="float-with-limits-the-wrong-way-round"),
        pytest.param(
            lambda: AnyConverter(),
            "at least one word is needed, and a word is not empty and has no `/`",
            id="any-of-no-words",
        ),
        pytest.param(
            lambda: AnyConverter("a/b"),
            "at least one word is needed, and a word is not empty and has no `/`",
            id="any-of-a-word-with-a-slash",
        ),
    ],
)
def test_impossible_arguments_are_refused(converter: type[Converter], message: str) -> None:
    """A converter that could match nothing is a mistake at build."""
    with pytest.raises(ValueError) as caught:
        converter()

    assert message == str(caught.value)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param(IntConverter(max=5), IntConverter(min=6), False, id="int-ranges-apart"),
        pytest.param(IntConverter(max=5), IntConverter(min=5), True, id="int-ranges-that-touch"),
        pytest.param(IntConverter(2), IntConverter(3), False, id="int-other-number-of-digits"),
        pytest.param(IntConverter(), FloatConverter(), True, id="int-and-float"),
        pytest.param(StrConverter(length=2), StrConverter(length=3), False, id="str-lengths-apart"),
        pytest.param(StrConverter(maxlength=3), StrConverter(minlength=3), True, id="str-lengths-that-touch"),
        pytest.param(StrConverter(minlength=3), StrConverter(maxlength=2), False, id="str-lengths-apart-without-limit"),
        pytest.param(StrConverter(), IntConverter(), True, id="str-and-int"),
        pytest.param(AnyConverter("a", "b"), AnyConverter("c"), False, id="any-words-apart"),
        pytest.param(AnyConverter("a", "b"), AnyConverter("b"), True, id="any-words-shared"),
        pytest.param(AnyConverter("a"), IntConverter(), False, id="any-word-is-no-int"),
        pytest.param(AnyConverter("a", "1"), IntConverter(), True, id="any-word-is-an-int"),
        pytest.param(RegexConverter("[a-z]+"), RegexConverter("[0-9]+"), False, id="regex-languages-apart"),
        pytest.param(RegexConverter("[a-z]+"), RegexConverter("[a-f0-9]{2}"), True, id="regex-languages-shared"),
        pytest.param(RegexConverter("[a-z]+"), StrConverter(), True, id="regex-and-str"),
    ],
)
def test_overlap_is_denied_only_when_it_is_certain(left: Converter, right: Converter, expected: bool) -> None:
    """Two converters are apart when no text is accepted by both."""

    assert expected == (left.overlaps(right) and right.overlaps(left))


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        pytest.param(int, "int", id="int"),
        pytest.param(float, "float", id="float"),
        pytest.param(uuid.UUID, "uuid", id="uuid"),
        pytest.param(datetime.date, "date", id="date"),
        pytest.param(str, None, id="str-is-the-default-anyway"),
        pytest.param(bool, None, id="bool-is-not-int"),
        pytest.param(datetime.datetime, None, id="datetime-is-not-date"),
        pytest.param(int | None, None, id="union"),
        pytest.param(Annotated[int, []], None, id="unhashable"),
    ],
)
def test_an_annotation_implies_a_converter(annotation: object, name: str | None) -> None:
    """Exactly four types imply a converter."""

    assert name == converter_for_annotation(annotation)


def test_the_built_in_names() -> None:
    """The names that every application starts with; the table cannot be changed."""

    assert ["any", "date", "float", "int", "path", "regex", "str", "string", "uuid"] == sorted(BUILTIN_CONVERTERS)
    with pytest.raises(TypeError):
        BUILTIN_CONVERTERS["x"] = StrConverter


@pytest.mark.capability("C003")
@settings(max_examples=100)
@given(st.integers(1 - 10**18, 10**18 - 1), st.floats(allow_nan=False, allow_infinity=False), st.uuids(), st.dates())
def test_every_value_survives_the_round_trip(
    integer: int, number: float, identifier: uuid.UUID, day: datetime.date
) -> None:
    """Reading what was written gives an equal value."""
    signed_int, signed_float = IntConverter(signed=True), FloatConverter(signed=True)

    assert integer == signed_int.parse(signed_int.format(integer))
    assert number == signed_float.parse(signed_float.format(number))
    assert identifier == UUIDConverter().parse(UUIDConverter().format(identifier))
    assert day == DateConverter().parse(DateConverter().format(day))


@pytest.mark.security("B18")
def test_hostile_text_is_refused_in_no_time() -> None:
    """8 KiB of what a converter nearly accepts takes no longer than reading it."""
    converters: list[Converter] = [
        IntConverter(signed=True),
        FloatConverter(signed=True),
        UUIDConverter(),
        DateConverter(),
        RegexConverter("[a-z0-9]+(?:-[a-z0-9]+)*"),
        RegexConverter("[a-z][a-z0-9-]*[a-z0-9]"),
    ]
    started = time.process_time()
    for text in ("9" * 8192, "a" * 8192, "a-" * 4096, "1e" + "9" * 8190, "-" * 8192):
        for converter in converters:
            with pytest.raises(ValueError):
                converter.parse(f"{text}!")

    assert time.process_time() - started < 1
