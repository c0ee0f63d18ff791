"""One segment of a pattern."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings, strategies as st

from costrel.routing.pattern_parser import parse_pattern
from costrel.routing.segments import Segment


def segment(text: str) -> Segment:
    """Return the segment of a pattern that has one."""
    (only,) = parse_pattern(f"/{text}").segments
    return only


@pytest.mark.capability("X03")
@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        pytest.param("{a}-{b}.{ext}", "x-y.z", ("x", "y", "z"), id="three-parameters"),
        pytest.param("{a}.{b}", "x.y.z", ("x", "y.z"), id="the-last-takes-the-rest"),
        pytest.param("{a}-{b}", "--x", ("-", "x"), id="a-parameter-takes-at-least-one-character"),
        pytest.param("v{a}", "v1", ("1",), id="literal-first"),
        pytest.param("{a}.json", "a.json.json", ("a.json",), id="literal-last"),
        pytest.param("v{a:int}.{b:int}", "v1.2", (1, 2), id="with-converters"),
        pytest.param("{a}..{b}", "x...y", ("x", ".y"), id="a-longer-literal"),
        pytest.param("{a}", "x", ("x",), id="one-parameter"),
        pytest.param("x", "x", (), id="no-parameter"),
    ],
)
def test_a_segment_is_split_at_its_literals(pattern: str, text: str, expected: tuple[object, ...]) -> None:
    """Each parameter takes the shortest text, the last one the rest."""

    assert expected == segment(pattern).parse(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param("{a}-{b}", "xy", id="no-literal"),
        pytest.param("{a}-{b}", "-x", id="the-first-would-be-empty"),
        pytest.param("{a}-{b}", "x-", id="the-last-would-be-empty"),
        pytest.param("v{a}", "w1", id="another-literal-first"),
        pytest.param("v{a}", "v", id="only-the-literal"),
        pytest.param("{a}.json", "a.xml", id="another-literal-last"),
        pytest.param("{a}.json", ".json", id="only-the-last-literal"),
        pytest.param("{a}-{b:int}", "x-y-5", id="the-split-is-not-tried-again"),
        pytest.param("x", "xy", id="more-than-the-literal"),
    ],
)
def test_other_text_does_not_match(pattern: str, text: str) -> None:
    """No parameter is empty, and the literals are all there."""
    with pytest.raises(ValueError):
        segment(pattern).parse(text)


@pytest.mark.parametrize(
    ("pattern", "values", "expected"),
    [
        pytest.param("{a}", {"a": "a b"}, "a%20b", id="a-space"),
        pytest.param("{a}", {"a": "é"}, "%C3%A9", id="a-letter-outside-of-ascii"),
        pytest.param("{a}", {"a": "50%"}, "50%25", id="a-percent-sign-once"),
        pytest.param("{a}", {"a": "a?b#c"}, "a%3Fb%23c", id="signs-that-end-a-path"),
        pytest.param("{a:path}", {"a": "a b/c"}, "a%20b/c", id="a-path-keeps-its-slashes"),
        pytest.param("{a}-{b}", {"a": "x", "b": "y-z"}, "x-y-z", id="two-parameters"),
        pytest.param("é", {}, "%C3%A9", id="a-literal"),
    ],
)
def test_values_are_written_percent_encoded(pattern: str, values: dict[str, object], expected: str) -> None:
    """Everything that has a meaning in a URL is encoded, once."""

    assert expected == segment(pattern).format(values)


@pytest.mark.parametrize(
    ("pattern", "values", "message"),
    [
        pytest.param(
            "{a}", {"a": "x/y"}, "`a` cannot be 'x/y': `/` needs the `path` converter", id="a-slash-in-one-segment"
        ),
        pytest.param("{a}", {"a": ""}, "`a` cannot be '': the text is empty", id="nothing"),
        pytest.param("{a}", {"a": ".."}, "`a` cannot be '..': clients resolve a segment `.` or `..`", id="two-dots"),
        pytest.param(
            "{a:path}",
            {"a": "x/./y"},
            "`a` cannot be 'x/./y': clients resolve a segment `.` or `..`",
            id="a-dot-in-a-path",
        ),
        pytest.param("{a:int}", {"a": "x"}, "`a` cannot be 'x': not an integer", id="a-value-of-the-wrong-kind"),
        pytest.param(
            "{a}-{b}",
            {"a": "x-y", "b": "z"},
            "`a` and `b` cannot be 'x-y' and 'z': `x-y-z` would be split into other values",
            id="an-ambiguous-split",
        ),
    ],
)
def test_what_would_be_read_differently_is_not_written(pattern: str, values: dict[str, object], message: str) -> None:
    """A URL that leads elsewhere is an error where it is built."""
    with pytest.raises(ValueError) as caught:
        segment(pattern).format(values)

    assert message == str(caught.value)


def test_a_missing_value_is_named() -> None:
    """The error of a missing value is a `KeyError` with the name."""
    with pytest.raises(KeyError, match="'a'"):
        segment("{a}").format({})


def test_more_specific_segments_have_smaller_keys() -> None:
    """Literal, then mixed with more literal text first, then by the converter, then what spans segments."""
    texts = [
        "x", "{a}.json", "{a:int}-{b}", "{a}-{b}", "{a:any(x)}", "{a:uuid}", "{a:date}", "{a:int}", "{a:float}",
        "{a:regex(x)}", "{a:str(length=2)}", "{a}", "{a:path}",
    ]  # fmt: skip
    shuffled = texts[::-1]

    assert texts == sorted(shuffled, key=lambda text: segment(text).key)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param("x", "x", True, id="equal-literals"),
        pytest.param("x", "y", False, id="other-literals"),
        pytest.param("x", "{a}", True, id="literal-and-parameter"),
        pytest.param("x", "{a:int}", False, id="literal-that-is-no-int"),
        pytest.param("{a:int(max=1)}", "{b:int(min=2)}", False, id="converters-apart"),
        pytest.param("{a}.json", "{b}.xml", False, id="other-ends"),
        pytest.param("{a}.json", "{b}n", True, id="an-end-within-the-other"),
        pytest.param("v{a}", "w{a}", False, id="other-beginnings"),
        pytest.param("v{a}", "v1{a}", True, id="a-beginning-within-the-other"),
        pytest.param("{a}-{b}", "{a}.{b}", True, id="other-separators"),
        pytest.param("{a}-{b}", "{c}", True, id="mixed-and-single"),
    ],
)
def test_segments_overlap_when_some_text_may_be_both(left: str, right: str, expected: bool) -> None:
    """Overlap is denied only when it is certain."""

    assert expected == segment(left).may_overlap(segment(right))
    assert expected == segment(right).may_overlap(segment(left))


def test_the_shape_has_no_names() -> None:
    """Segments that read the same texts have the same shape."""

    assert segment("{a:int}-{b}").shape == segment("{c:int}-{d}").shape
    assert segment("{a:int}").shape != segment("{a}").shape
    assert segment("{a}").literal is None
    assert "x" == segment("x").literal


@pytest.mark.capability("C003")
@settings(max_examples=200)
@given(st.text(min_size=1, max_size=6), st.text("-.ab", min_size=1, max_size=6))
def test_what_is_written_is_read_back(first: str, second: str) -> None:
    """Either a value is refused, or the decoded text gives it back."""
    from urllib.parse import unquote

    mixed = segment("{a}-{b}")
    try:
        encoded = mixed.format({"a": first, "b": second})
    except ValueError:
        return

    assert (first, second) == mixed.parse(unquote(encoded))


@pytest.mark.security("B18")
def test_hostile_text_is_split_in_linear_time() -> None:
    """Thousands of separators cost no more than one pass."""
    mixed = segment("{a}-{b}-{c:int}")
    started = time.process_time()
    for text in ("-a" * 8000, "-" * 16000, "a" * 16000):
        with pytest.raises(ValueError):
            mixed.parse(text)

    assert time.process_time() - started < 1
