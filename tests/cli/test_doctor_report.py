"""What the doctor prints: what many answers have in common, each request, and a sentence at the end."""

from __future__ import annotations

import pytest

from costrel.cli.doctor_compare import Answer
from costrel.cli.doctor_difference import Difference
from costrel.cli.doctor_report import MAX_SHOWN_DIFFERENCES, Comparison, Diagnosis, report_json, report_text
from costrel.cli.doctor_requests import ReplayPlan, ReplayRequest, Skipped

LOST = Difference("header", "x-frame-options", "lost", old="deny")
COOKIE = Difference("cookie", "session", "changed", old="HttpOnly")
VALUE = Difference("body", "$.items[2].price", "changed", "12 (number)", '"12" (string)')
LONG = Difference("header", "content-security-policy", "changed", "default-src 'self' " * 4, "img-src data:")
TEXT = Difference("body", "", "changed", lines=("- Hello", "+ Hallo"), more=3)
FINE = Answer(200)


def plain(text: str, *_: str) -> str:
    """Paint nothing."""
    return text


def diagnose(*found: tuple[Difference, ...], plan: ReplayPlan | None = None, note: str = "") -> Diagnosis:
    """Make a diagnosis of one request for each tuple of differences."""
    comparisons = [
        Comparison(ReplayRequest("GET", f"/{index}?token=secret"), FINE, FINE, differences)
        for index, differences in enumerate(found)
    ]
    return Diagnosis("old:app", "new:app", plan or ReplayPlan(()), tuple(comparisons), note)


def test_a_difference_of_many_answers_is_told_once() -> None:
    """The whole report, as it is printed."""
    expected = """\
In all 3 requests
  - header x-frame-options: deny

GET /0?token=***
  ~ cookie session: lost HttpOnly
  ~ body $.items[2].price: 12 (number) → "12" (string)

GET /2?token=***
  ~ header content-security-policy
      old  default-src 'self' default-src 'self' default-src 'self' default-src
           'self'
      new  img-src data:
  ~ body
      - Hello
      + Hallo
      and 3 more lines

7 differences in 3 of 3 requests."""

    assert expected == report_text(diagnose((LOST, COOKIE, VALUE), (LOST,), (LOST, LONG, TEXT)), plain)


def test_a_difference_of_few_answers_stands_at_each() -> None:
    """Two are not many."""
    shown = report_text(diagnose((LOST,), (LOST,), ()), plain)

    assert 2 == shown.count("  - header x-frame-options: deny")
    assert shown.endswith("2 differences in 2 of 3 requests.")


@pytest.mark.parametrize(
    ("diagnosis", "expected"),
    [
        pytest.param(diagnose((), ()), "No difference in 2 requests.", id="the-same"),
        pytest.param(diagnose(), "Nothing was sent.", id="nothing"),
        pytest.param(diagnose((LOST,)), "1 difference in 1 of 1 request.", id="one"),
    ],
)
def test_the_last_line_says_how_it_went(diagnosis: Diagnosis, expected: str) -> None:
    """Whoever reads nothing else reads that."""

    assert expected == report_text(diagnosis, plain).splitlines()[-1]


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_so_many_differences_of_a_request_are_shown(extra: int) -> None:
    """The rest is counted."""
    count = MAX_SHOWN_DIFFERENCES + extra
    found = tuple(Difference("body", f"$.key{number}", "lost", old="1") for number in range(count))
    shown = report_text(diagnose(found), plain)

    assert min(count, MAX_SHOWN_DIFFERENCES) == shown.count("- body $.key")
    assert (extra > 0) == ("  and 1 more; --format json has them all" in shown)


def test_what_was_not_sent_is_listed() -> None:
    """With the reason, what the limit left out, and what could not be read."""
    skipped = (Skipped("POST", "/orders?token=x", "it may change something"), Skipped("PUT", "/a", "no bodies", 312))
    shown = report_text(diagnose((), plan=ReplayPlan((), skipped, 7, 1), note="A note."), plain)
    expected = """\
Not sent
  POST /orders?token=***: it may change something
  PUT /a: no bodies (312 times)
7 requests left out: --limit says how many are sent.
1 line of the access log could not be read.

A note.

No difference in 1 request."""

    assert expected == shown


def test_what_neither_could_answer_is_no_silent_success() -> None:
    """There was nothing to compare."""
    failed = Answer(500, failure="ValueError: no database (shop.py:3)")
    comparison = Comparison(ReplayRequest("GET", "/"), failed, failed, ())
    shown = report_text(Diagnosis("a", "b", ReplayPlan(()), (comparison,)), plain)

    assert shown.startswith(
        "Answered by neither application\n  GET /\n      500 Internal Server Error: ValueError: no database (shop.py:3)"
    )


def test_a_secret_that_has_changed_is_not_shown() -> None:
    """That it has is."""
    shown = report_text(diagnose((Difference("body", "$.token", "changed", "***", "***"),)), plain)

    assert "  ~ body $.token: changed; secrets are not shown\n" in shown


def test_the_report_fits_a_terminal() -> None:
    """Whatever is in it, in 80 columns."""
    found = (
        Difference("body", "$." + "a" * 300, "lost", old="b" * 300),
        Difference("header", "location", "changed", "/" + "c" * 300, "/" + "d" * 300),
        Difference("body", "", "changed", lines=("- " + "e" * 300,)),
    )
    skipped = (Skipped("POST", "/" + "f" * 300, "it may change something", 7),)
    comparison = Comparison(
        ReplayRequest("GET", "/" + "g" * 300, count=12), FINE, Answer(500, failure="h" * 300), found
    )
    diagnosis = Diagnosis("a", "b", ReplayPlan((), skipped), (comparison,), "i " * 100)

    assert max(map(len, report_text(diagnosis, plain).splitlines())) <= 80


def test_marks_have_a_colour() -> None:
    """Red is lost, green is gained, yellow is changed."""

    def paint(text: str, *styles: str) -> str:
        return f"<{styles[0]}>{text}</>"

    gained = Difference("header", "vary", "gained", new="cookie")
    shown = report_text(diagnose((LOST, gained, TEXT)), paint)

    assert "<red>-</> header x-frame-options" in shown
    assert "<green>+</> header vary" in shown
    assert "<yellow>~</> body" in shown
    assert "<red>- Hello</>" in shown


def test_the_json_has_everything() -> None:
    """Each request, with its differences or without."""
    found = report_json(diagnose((VALUE,), (), plan=ReplayPlan((), (Skipped("POST", "/a?key=1", "why"),), 2, 3)))
    results = found["results"]

    assert (2, 1, 1) == tuple(found[name] for name in ("request_count", "different_count", "difference_count"))
    assert [{"method": "POST", "path": "/a?key=***", "count": 1, "why": "why"}] == found["skipped"]
    assert (2, 3) == (found["left_out_count"], found["broken_line_count"])
    assert isinstance(results, list)
    assert ["/0?token=***", "/1?token=***"] == [result["path"] for result in results]
    assert [[VALUE.to_dict()], []] == [result["differences"] for result in results]
