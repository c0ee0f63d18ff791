"""The stages of a request as a table in Markdown, all cases side by side."""

from __future__ import annotations

from harness.record import Profile
from harness.spread import spread_of
from harness.tables import digits, markdown

__all__ = ["STAGES", "about_stages", "stage_table"]

STAGES = {
    "read": "read and parse",
    "request": "make the request",
    "task": "task and context",
    "match": "match",
    "enter": "enter the application",
    "decode": "decode and validate",
    "endpoint": "endpoint around the handler",
    "handler": "handler",
    "response": "make the response",
    "write": "connection, head and write",
}


def stage_table(profile: Profile) -> str:
    """Write what each stage adds, and below it what the real server has used."""
    medians = {
        name: {stage: spread_of(us).median for stage, us in each.items()} for name, each in profile.stages.items()
    }
    rows = [
        [title, *(digits(each[stage]) if stage in each else "" for each in medians.values())]
        for stage, title in STAGES.items()
    ]
    rows.append(["**in the process**", *(f"**{digits(each['whole'])}**" for each in medians.values())])
    if profile.ours:
        ours = {name: spread_of(profile.ours[name]).median for name in medians}
        rows.append(["loop and kernel", *(digits(ours[name] - medians[name]["whole"]) for name in medians)])
        rows.append(["**under load**", *(f"**{digits(ours[name])}**" for name in medians)])
        rows.append(["the floor under load", *(digits(spread_of(profile.floor[name]).median) for name in medians)])
    return markdown(["CPU µs", *(f"`{name}`" for name in medians)], rows)


def about_stages(profile: Profile) -> str:
    """Write when and on what it was measured, and how far the rounds lie apart."""
    spreads = {name: spread_of(each["whole"]) for name, each in profile.stages.items()}
    apart = ", ".join(f"`{name}` {digits(each.low)} – {digits(each.high)}" for name, each in spreads.items())
    count = len(next(iter(profile.stages.values()))["whole"])
    it = profile.machine
    return (
        f"Measured on {profile.date} with Python {profile.python}, {it.processor}, {it.kernel}: CPU time, median of "
        f"{count} rounds. Least and greatest round in the process: {apart}."
    )
