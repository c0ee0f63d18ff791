"""Tables of a record in Markdown: an overview, one table for each case, and the smaller measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import sub

from harness.cases import CASES
from harness.contenders import CARRIED, CONTENDERS, FLOOR, LAYERED, OURS
from harness.load import Measured
from harness.record import Record
from harness.spread import Spread, ratios, spread_of

__all__ = ["BUSY_SHARE", "NAMES", "costs", "is_busy", "table_of"]

BUSY_SHARE = 0.9
IDLE_MARK = "\\*"
IDLE_NOTE = (
    f"{IDLE_MARK} The server had less than {BUSY_SHARE:.0%} of its core, because the load or a neighbour held it up: "
    "its requests per second are a lower bound, and its CPU time is a little too high."
)


ECHOES = {
    "costrel": "**Costrel**, `async for`",
    "uvicorn": "bare ASGI, uvicorn with `websockets-sansio`",
    "core": "the sans-I/O core of `websockets` on a bare protocol",
    "ws": "`ws`, Node",
}


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; the first column is text, the others are figures. Without rows there is no table."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    if not lines:
        return ""
    return "\n".join(["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1), *lines])


def digits(value: float) -> str:
    """Write a figure with as many digits as it deserves."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def with_spread(spread: Spread) -> str:
    """Write a median with its least and its greatest round."""
    return f"{digits(spread.median)} ({digits(spread.low)} – {digits(spread.high)})"


def title_of(name: str) -> str:
    """Return how a contender is called, ours in bold."""
    title = CONTENDERS[name].title if name in CONTENDERS else name
    return f"**{title}**" if name == OURS else title


def costs(figures: Mapping[str, Sequence[Measured]]) -> dict[str, list[float]]:
    """Return each round's CPU microseconds by contender, the cheapest first."""
    found = {name: [measured.cpu_us for measured in rounds] for name, rounds in figures.items() if rounds}
    return dict(sorted(found.items(), key=lambda item: spread_of(item[1]).median))


def is_busy(rounds: Sequence[Measured]) -> bool:
    """Whether the server had its core for itself, so that the requests per second are its own limit."""
    return spread_of([measured.server_share for measured in rounds]).median >= BUSY_SHARE


def marked(text: str, rounds: Sequence[Measured]) -> str:
    """Mark a figure of a server that was held up."""
    return text if is_busy(rounds) else f"{text}{IDLE_MARK}"


def noted(table: str) -> str:
    """Explain the mark below a table that has it."""
    return f"{table}\n\n{IDLE_NOTE}" if IDLE_MARK in table else table


def overview(record: Record) -> str:
    """Write the median CPU time of every contender in every case."""
    found = {name: costs(figures) for name, figures in record.load.items()}
    order = dict.fromkeys(name for case in found.values() for name in case)
    rows = []
    for name in order:
        cells = []
        for case, figures in found.items():
            known = name in figures
            text = marked(digits(spread_of(figures[name]).median), record.load[case][name]) if known else "–"
            cells.append(f"**{text}**" if known and name == OURS else text)
        rows.append([title_of(name), *cells])
    return noted(markdown(["CPU µs per request", *(f"`{name}`" for name in found)], rows))


def case_table(record: Record, case: str) -> str:
    """Write everything about one case."""
    figures = record.load[case]
    found = costs(figures)
    rows = []
    for name, rounds in found.items():
        to = {
            base: with_spread(spread_of(ratios(rounds, found[base]))) if base in found else "–"
            for base in (FLOOR, OURS)
        }
        rate = spread_of([measured.requests_per_second for measured in figures[name]])
        share = spread_of([measured.server_share for measured in figures[name]])
        cost = marked(with_spread(spread_of(rounds)), figures[name])
        rows.append([title_of(name), cost, to[FLOOR], to[OURS], f"{rate.median:,.0f}", f"{share.median:.0%}"])
    head = [CASES[case].title, "CPU µs per request", "× floor", "× Costrel", "requests/s", "of its core"]
    return noted(markdown(head, rows))


def in_process(record: Record) -> str:
    """Write what a request costs without a server."""
    found = {
        case: {name: spread_of(rounds) for name, rounds in each.items()} for case, each in record.in_process.items()
    }
    first = next(iter(found.values()), {})
    order = sorted(first, key=lambda name: first[name].median)
    names = {name: title_of(name).replace(", uvicorn", "") for name in order}
    rows = [
        [names[name], *(with_spread(each[name]) if name in each else "–" for each in found.values())] for name in order
    ]
    return markdown(["CPU µs per request, under ASGI, without a server", *(f"`{case}`" for case in found)], rows)


def routing(record: Record) -> str:
    """Write what many routes cost, with the ratio to the smallest table."""
    rows = [
        [
            f"{each.route_count:,} routes",
            f"{spread_of(each.lookup_ns).median:.0f}",
            f"{spread_of(ratios(each.lookup_ns, least.lookup_ns)).median:.2f}",
            f"{spread_of(each.scattered_ns).median:.0f}",
            f"{spread_of(ratios(each.scattered_ns, least.scattered_ns)).median:.2f}",
            f"{spread_of(each.unmatched_ns).median:.0f}",
            f"{spread_of(each.build_ms).median:,.0f}",
        ]
        for least in record.routing[:1]
        for each in record.routing
    ]
    head = ["", "few paths, ns", "× 10 routes", "all paths, ns", "× 10 routes", "no match, ns", "build, ms"]
    return markdown(head, rows)


def imports(record: Record) -> str:
    """Write what importing costs and what a ready application costs, both without the interpreter itself."""
    if not record.imports_ms:
        return ""
    titles = {OURS: "**Costrel**", "starlette": "Starlette", "flask": "Flask", "fastapi": "FastAPI"}
    rows = []
    for name, title in titles.items():
        cells = [
            with_spread(spread_of(list(map(sub, runs[name], runs["nothing"])))) if name in runs else "–"
            for runs in (record.imports_ms, record.ready_ms)
        ]
        rows.append([title, *cells])
    base = spread_of(record.imports_ms["nothing"])
    head = ["CPU ms", "import", "import, and an application with one route made ready"]
    return f"{markdown(head, rows)}\n\nThe bare interpreter takes {with_spread(base)} ms, which are not counted here."


def memory(record: Record) -> str:
    """Write the memory after the first request."""
    found = sorted(record.memory_bytes.items(), key=lambda item: item[1])
    return markdown(
        ["memory after the first request", "MiB"], [[title_of(name), f"{size / 2**20:.0f}"] for name, size in found]
    )


def handover(record: Record) -> str:
    """Write what the hand-over to threads costs beside a plain pool."""
    rows = [
        [
            line.title,
            with_spread(spread_of(line.ours_ms)),
            with_spread(spread_of(line.plain_ms)),
            with_spread(spread_of(ratios(line.ours_ms, line.plain_ms))),
        ]
        for line in record.handover
    ]
    return markdown(["milliseconds", "Costrel", "a plain pool of 40 threads", "ratio"], rows)


def websocket(record: Record) -> str:
    """Write what a message of a WebSocket costs."""
    ours = record.websocket.get(OURS, [])
    rows = [
        [
            ECHOES[name],
            with_spread(spread_of(rounds)),
            with_spread(spread_of(ratios(ours, rounds))) if ours else "",
        ]
        for name, rounds in sorted(record.websocket.items(), key=lambda pair: spread_of(pair[1]).median)
    ]
    return markdown(["CPU µs per message", "echo of 64 bytes", "Costrel to it"], rows)


def carrying(record: Record) -> str:
    """Write what mounted applications cost beside the servers they would have otherwise."""
    rows = []
    for case, figures in record.carrying.items():
        names = [name for name in CARRIED if name in figures]
        for mounted, alone in zip(names[::2], names[1::2], strict=False):
            ours, theirs = ([each.cpu_us for each in figures[name]] for name in (mounted, alone))
            rows.append(
                [
                    f"`{case}`: {CARRIED[mounted].title}",
                    with_spread(spread_of(ours)),
                    with_spread(spread_of(theirs)),
                    with_spread(spread_of(ratios(ours, theirs))),
                ]
            )
    return markdown(["CPU µs per request", "mounted", "uvicorn, or gunicorn gthread", "ratio"], rows)


def layers(record: Record) -> str:
    """Write what the usual layers cost, ours beside those of others."""
    found = {name: [each.cpu_us for each in rounds] for name, rounds in record.layers.items()}
    ours = found.get("layered_costrel")
    rows = [
        [
            LAYERED[name].title,
            with_spread(spread_of(costs)),
            with_spread(spread_of(ratios(ours, costs))) if ours else "",
        ]
        for name, costs in sorted(found.items(), key=lambda pair: spread_of(pair[1]).median)
    ]
    return markdown(["CPU µs per request", "CORS, gzip, session, limit", "Costrel to it"], rows)


def left_out(record: Record) -> str:
    """Write who is missing, where, and why."""
    if not record.left_out:
        return "Nobody is missing."
    rows = [
        [title_of(each.name), f"`{each.case}`" if each.case else "everything", each.reason.replace("|", "\\|")]
        for each in record.left_out
    ]
    return markdown(["who", "where", "why"], rows).replace("---:", "---")


def versions(record: Record) -> str:
    """Write the versions of everything that was measured."""
    rows = [
        [title_of(name), ", ".join(f"{package} {version}" for package, version in each.items())]
        for name, each in record.about.versions.items()
    ]
    return markdown(["", "versions"], rows).replace("---:", "---")


def about(record: Record) -> str:
    """Write when, on what and how it was measured."""
    it = record.about
    return (
        f"Measured on {it.date} with Python {it.python}, {it.machine.processor}, {it.machine.core_count} cores, "
        f"{it.machine.memory_gib:g} GiB, {it.machine.kernel}. Load: {it.generator}, one thread, {it.connections} "
        f"connections, on a core of its own; every server is one process on another core. Median of {it.round_count} "
        f"rounds of {it.seconds} s, all contenders in turns; in brackets the least and the greatest round. CPU time is "
        "user and system time of the server and its children, divided by the requests it has answered."
    )


NAMES = {
    "about": about,
    "overview": overview,
    "in_process": in_process,
    "routing": routing,
    "imports": imports,
    "memory": memory,
    "handover": handover,
    "websocket": websocket,
    "carrying": carrying,
    "layers": layers,
    "left_out": left_out,
    "versions": versions,
}
"""The tables by the names under which a page asks for them; besides them the name of each case."""


def table_of(record: Record, name: str) -> str:
    """Write one table.

    Raises:
        KeyError: there is no table of that name, or the record has no such case.
    """
    return case_table(record, name) if name in CASES else NAMES[name](record)
