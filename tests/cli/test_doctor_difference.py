"""One difference: what is shown of it, and which nobody wants to hear of."""

from __future__ import annotations

import pytest

from costrel.cli.doctor_difference import MAX_SHOWN, Difference, Ignored, cut, mask_query, shown_value


@pytest.mark.parametrize(
    ("patterns", "name", "expected"),
    [
        pytest.param([], "vary", False, id="nothing"),
        pytest.param(["Vary"], "vary", True, id="without-regard-to-case"),
        pytest.param(["x-*"], "x-frame-options", True, id="a-star"),
        pytest.param(["x-*"], "max-x-age", False, id="from-the-beginning"),
        pytest.param(["$.items[*].id"], "$.items[12].id", True, id="brackets-are-brackets"),
        pytest.param(["$.items[*].id"], "$.items.id", False, id="and-must-be-there"),
        pytest.param(["*rendered in*"], "<p> rendered in 3 ms\nand more", True, id="over-lines"),
        pytest.param(["a", "b"], "b", True, id="one-of-several"),
    ],
)
def test_a_pattern_covers_names(patterns: list[str], name: str, expected: bool) -> None:
    """Only the star stands for something else."""

    assert expected == Ignored(patterns).covers("other", name)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param("/a?token=x&page=2", "/a?token=***&page=2", id="a-token"),
        pytest.param("/a?api_key=&b=1", "/a?api_key=&b=1", id="an-empty-one"),
        pytest.param(
            "/login?next=/a&state=qwe#access_token=x", "/login?next=/a&state=***#access_token=***", id="oauth"
        ),
        pytest.param("/a=b", "/a=b", id="no-query"),
    ],
)
def test_secrets_in_a_query_are_not_shown(target: str, expected: str) -> None:
    """The rest of it is."""

    assert expected == mask_query(target)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("password", '"x"', "***", id="by-its-name"),
        pytest.param("url", "postgres://a:b@c/d", "postgres://a:***@c/d", id="by-what-it-is"),
        pytest.param("name", "a\x1b[31m", "a\\x1b[31m", id="what-would-move-the-cursor"),
        pytest.param("token", "", "", id="nothing"),
    ],
)
def test_a_value_is_shown_without_what_is_secret(name: str, text: str, expected: str) -> None:
    """And without control characters."""

    assert expected == shown_value(name, text)


@pytest.mark.parametrize("length", [MAX_SHOWN - 1, MAX_SHOWN, MAX_SHOWN + 1])
def test_a_long_value_is_cut(length: int) -> None:
    """The last character says so."""
    shown = cut("a" * length)

    assert min(length, MAX_SHOWN) == len(shown)
    assert (length > MAX_SHOWN) == shown.endswith("…")


def test_a_difference_leaves_out_what_is_empty() -> None:
    """In JSON, but for what says which kind it is."""
    difference = Difference("header", "vary", "lost", old="cookie")

    assert {"kind": "header", "name": "vary", "sign": "lost", "old": "cookie"} == difference.to_dict()
