"""What `costrel doctor` prints: for people within 80 columns, and as JSON.

A difference that many answers have alike is told once, above the requests; most of what a new application does
otherwise it does everywhere. Lost is ``-``, gained ``+``, changed ``~``, in colour on a terminal.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from costrel.cli.doctor_compare import Answer
from costrel.cli.doctor_difference import MASK, Difference, Sign, cut, mask_query
from costrel.cli.doctor_requests import ReplayPlan, ReplayRequest

__all__ = ["Comparison", "Diagnosis", "report_json", "report_text"]

WIDTH = 80
MIN_COMMON_COUNT = 3
MAX_SHOWN_DIFFERENCES = 20
MAX_SHOWN_SKIPPED = 10
_MARKS: dict[Sign, tuple[str, str]] = {"lost": ("-", "red"), "gained": ("+", "green"), "changed": ("~", "yellow")}

Paint = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One request, and what differs between its answers."""

    request: ReplayRequest
    old: Answer
    new: Answer
    differences: tuple[Difference, ...]

    @property
    def fails_in_both(self) -> bool:
        """Whether neither application could answer, so that there was little to compare."""
        return all(answer.status_code >= 500 or not answer.status_code for answer in (self.old, self.new))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was found.

    Args:
        old: the import string of the old application.
        new: that of the new one.
        plan: what was sent and what was not.
        comparisons: one for each request.
        note: something to know about the replay, or empty.
    """

    old: str
    new: str
    plan: ReplayPlan
    comparisons: tuple[Comparison, ...]
    note: str = ""

    @property
    def different(self) -> list[Comparison]:
        """The requests that were answered differently."""
        return [comparison for comparison in self.comparisons if comparison.differences]

    @property
    def difference_count(self) -> int:
        """All differences of all requests."""
        return sum(len(comparison.differences) for comparison in self.comparisons)


def report_json(diagnosis: Diagnosis) -> dict[str, object]:
    """Return everything that was found, for ``--format json``."""
    plan = diagnosis.plan
    return {
        "old": diagnosis.old,
        "new": diagnosis.new,
        "request_count": len(diagnosis.comparisons),
        "different_count": len(diagnosis.different),
        "difference_count": diagnosis.difference_count,
        "results": [
            {
                "method": comparison.request.method,
                "path": mask_query(comparison.request.target),
                "count": comparison.request.count,
                "old_status_code": comparison.old.status_code,
                "new_status_code": comparison.new.status_code,
                "old_failure": comparison.old.failure,
                "new_failure": comparison.new.failure,
                "differences": [difference.to_dict() for difference in comparison.differences],
            }
            for comparison in diagnosis.comparisons
        ],
        "skipped": [
            {"method": skipped.method, "path": mask_query(skipped.target), "count": skipped.count, "why": skipped.why}
            for skipped in plan.skipped
        ],
        "left_out_count": plan.left_out_count,
        "broken_line_count": plan.broken_count,
        "note": diagnosis.note,
    }


def report_text(diagnosis: Diagnosis, paint: Paint) -> str:
    """Return the report for people.

    Args:
        diagnosis: what was found.
        paint: colours a text, as `costrel.cli.terminal.Paint` does.
    """
    blocks = [
        "\n".join(block)
        for block in (
            *_difference_blocks(diagnosis.different, len(diagnosis.comparisons), paint),
            list(_failing_lines(diagnosis.comparisons, paint)),
            list(_unsent_lines(diagnosis.plan, paint)),
            list(_wrapped(diagnosis.note, "")) if diagnosis.note else [],
            [_summary(diagnosis, paint)],
        )
        if block
    ]
    return "\n\n".join(blocks)


def _difference_blocks(different: Sequence[Comparison], request_count: int, paint: Paint) -> Iterator[list[str]]:
    """Yield what many requests have in common, then each request with what is its own."""
    counts = Counter(
        difference
        for comparison in different
        for difference in set(comparison.differences)
        if difference.kind in ("header", "cookie")
    )
    common = {difference: count for difference, count in counts.items() if count >= MIN_COMMON_COUNT}
    by_count: dict[int, list[Difference]] = {}
    for difference, count in sorted(common.items(), key=lambda item: -item[1]):
        by_count.setdefault(count, []).append(difference)
    for count, differences in by_count.items():
        where = f"In all {count} requests" if count == request_count else f"In {count} of {request_count} requests"
        yield [paint(where, "bold"), *(line for one in differences for line in _difference_lines(one, paint))]
    for comparison in different:
        own = [difference for difference in comparison.differences if difference not in common]
        if own:
            yield list(_request_lines(comparison.request, own, paint))


def _request_lines(request: ReplayRequest, own: Sequence[Difference], paint: Paint) -> Iterator[str]:
    times = f"  ({request.count:,} times)" if request.count > 1 else ""
    shown = paint(_shown_request(request.method, request.target, len(times)), "bold")
    yield shown + paint(times, "dim") if times else shown
    for difference in own[:MAX_SHOWN_DIFFERENCES]:
        yield from _difference_lines(difference, paint)
    if len(own) > MAX_SHOWN_DIFFERENCES:
        yield f"  and {len(own) - MAX_SHOWN_DIFFERENCES} more; --format json has them all"


def _difference_lines(difference: Difference, paint: Paint) -> Iterator[str]:
    """Yield the lines of one difference: on one line when they fit, else the old above the new."""
    mark, colour = _MARKS[difference.sign]
    head = f"{difference.kind} {difference.name}".strip()
    old, new = difference.old, difference.new
    if old == new == MASK:
        told = "changed; secrets are not shown"
    elif difference.sign == "changed" and old and new:
        told = f"{old} → {new}"
    elif difference.sign == "changed":
        told = f"lost {old}" if old else f"gained {new}"
    else:
        told = old or new
    if difference.lines or (not old and not new):
        told = ""
    painted = f"  {paint(mark, colour, 'bold')} "
    line = f"{head}: {told}" if told else head
    if len(line) <= WIDTH - 4:
        yield painted + line
    else:
        yield painted + (head if len(head) <= WIDTH - 4 else f"{head[: WIDTH - 5]}…")
        labels = [("old", old), ("new", new)] if old and new else [("", told)]
        for label, text in labels:
            first = f"      {label}  " if label else "      "
            yield from _wrapped(text, first)
    for text in difference.lines:
        yield f"      {paint(text if len(text) <= WIDTH - 6 else f'{text[: WIDTH - 7]}…', _line_colour(text))}"
    if difference.more:
        yield f"      and {difference.more:,} more line{'' if difference.more == 1 else 's'}"


def _line_colour(text: str) -> str:
    return "red" if text.startswith("-") else "green"


def _failing_lines(comparisons: Sequence[Comparison], paint: Paint) -> Iterator[str]:
    """Yield the requests that neither application could answer."""
    failing = [comparison for comparison in comparisons if comparison.fails_in_both]
    if not failing:
        return
    yield paint("Answered by neither application", "bold")
    for comparison in failing[:MAX_SHOWN_SKIPPED]:
        yield f"  {_shown_request(comparison.request.method, comparison.request.target, 2)}"
        yield from _wrapped(f"{comparison.old.shown_status}", "      ")
    if len(failing) > MAX_SHOWN_SKIPPED:
        yield f"  and {len(failing) - MAX_SHOWN_SKIPPED:,} more"


def _unsent_lines(plan: ReplayPlan, paint: Paint) -> Iterator[str]:
    """Yield what was not sent, and why."""
    if plan.skipped:
        yield paint("Not sent", "bold")
    for skipped in plan.skipped[:MAX_SHOWN_SKIPPED]:
        why = f": {skipped.why}" + (f" ({skipped.count:,} times)" if skipped.count > 1 else "")
        yield f"  {_shown_request(skipped.method, skipped.target, len(why) + 2)}{why}"
    if len(plan.skipped) > MAX_SHOWN_SKIPPED:
        yield f"  and {len(plan.skipped) - MAX_SHOWN_SKIPPED:,} more"
    if plan.left_out_count:
        yield f"{_counted(plan.left_out_count, 'request')} left out: --limit says how many are sent."
    if plan.broken_count:
        yield f"{_counted(plan.broken_count, 'line')} of the access log could not be read."


def _summary(diagnosis: Diagnosis, paint: Paint) -> str:
    total, different = len(diagnosis.comparisons), len(diagnosis.different)
    sent = _counted(total, "request")
    if not total:
        return paint("Nothing was sent.", "yellow", "bold")
    if not different:
        return paint(f"No difference in {sent}.", "green", "bold")
    return paint(f"{_counted(diagnosis.difference_count, 'difference')} in {different:,} of {sent}.", "red", "bold")


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _shown_request(method: str, target: str, reserved: int) -> str:
    """Return method and path, cut so that as many columns are left as are reserved."""
    return cut(f"{method} {mask_query(target)}", max(WIDTH - reserved, 20))


def _wrapped(text: str, first: str) -> Iterator[str]:
    """Yield the lines of a text, below each other from where the first one begins."""
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
    )
