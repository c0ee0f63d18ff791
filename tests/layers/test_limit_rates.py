"""Rates as text: what can be read, its one spelling, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.errors import ConfigurationError
from costrel.layers.limit_rates import MAX_COUNT, MAX_RATES, Rate, parse_rates

UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("10/minute", [Rate(10, 60, "10/minute")], id="one"),
        pytest.param("1/second", [Rate(1, 1, "1/second")], id="least"),
        pytest.param("10 / minutes", [Rate(10, 60, "10/minute")], id="spaces-and-plural"),
        pytest.param("5/2 minutes", [Rate(5, 120, "5/2 minutes")], id="several-units"),
        pytest.param("5/2minute", [Rate(5, 120, "5/2 minutes")], id="several-units-together"),
        pytest.param("5/1 minute", [Rate(5, 60, "5/minute")], id="one-unit-said"),
        pytest.param("10 per hour", [Rate(10, 3600, "10/hour")], id="in-words"),
        pytest.param("3/week", [Rate(3, 604_800, "3/week")], id="week"),
        pytest.param(
            "100/hour; 10/minute", [Rate(10, 60, "10/minute"), Rate(100, 3600, "100/hour")], id="shortest-first"
        ),
    ],
)
def test_rates_are_read(text: str, expected: list[Rate]) -> None:
    """In the order of their periods, each with one spelling."""

    assert expected == list(parse_rates(text))


@settings(max_examples=30)
@given(st.integers(1, MAX_COUNT), st.integers(1, 50), st.sampled_from(sorted(UNITS)))
def test_the_spelling_of_a_rate_is_read_as_the_same_rate(count: int, multiple: int, unit: str) -> None:
    """Reading what was written changes nothing."""
    (rate,) = parse_rates(f"{count} per {multiple} {unit}s")

    assert (count, multiple * UNITS[unit]) == (rate.count, rate.period_seconds)
    assert (rate,) == parse_rates(str(rate))


@pytest.mark.security("C30")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("abc", id="word"),
        pytest.param("NaN/minute", id="no-number"),
        pytest.param("0/minute", id="nothing"),
        pytest.param("-1/minute", id="negative"),
        pytest.param("1.5/minute", id="fraction"),
        pytest.param("\u0661/minute", id="digit-of-another-script"),
        pytest.param("10", id="no-period"),
        pytest.param("10/0 minutes", id="no-time"),
        pytest.param("10/fortnight", id="unknown-unit"),
        pytest.param("10/minute per hour", id="two-periods"),
        pytest.param("10/minute;", id="ends-with-a-separator"),
        pytest.param("10/minute, 20/hour", id="other-separator"),
        pytest.param(f"{MAX_COUNT + 1}/minute", id="number-too-large"),
        pytest.param("1/53 weeks", id="period-too-long"),
        pytest.param("9" * 400 + "/minute", id="hundreds-of-digits"),
        pytest.param("10/minute; 20/60 seconds", id="the-same-period"),
        pytest.param("10/minute; 10/hour", id="useless"),
        pytest.param(";".join(f"{n}/{n} minutes" for n in range(1, MAX_RATES + 2)), id="too-many"),
        pytest.param(10, id="number"),
        pytest.param(None, id="none"),
    ],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    """A limit that cannot be read is never no limit."""
    with pytest.raises(ConfigurationError) as caught:
        parse_rates(text)

    assert "COS-LAYERS-001" == caught.value.code


def test_the_mistake_says_which_of_several() -> None:
    """The rate that cannot be read is named."""
    with pytest.raises(ConfigurationError, match="`5/moment` is no rate"):
        parse_rates("10/minute; 5/moment")
