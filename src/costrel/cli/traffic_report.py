"""What `costrel routes --traffic` prints: a table of routes, what nobody asked for, and what is left to move."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from costrel.cli.doctor_difference import cut
from costrel.cli.traffic import NO_ROUTE, RouteCount, Traffic

__all__ = ["traffic_json", "traffic_text"]

WIDTH = 80
MAX_TOP_PATHS = 10
_HEADINGS = ("Requests", "Share", "5xx", "p50", "p95", "Route")

Paint = Callable[..., str]


def traffic_json(traffic: Traffic) -> dict[str, object]:
    """Return everything that was counted, for ``--json``."""
    return {
        "request_count": traffic.total,
        "first_time": traffic.first_time,
        "last_time": traffic.last_time,
        "broken_line_count": traffic.broken_count,
        "mounts": [
            {
                **_json_of(mount, traffic.total),
                "paths": [_json_of(path, traffic.total) for path in traffic.paths_of(mount.mount)],
            }
            for mount in traffic.mounts
        ],
        "routes": [_json_of(count, traffic.total) for count in traffic.counts if not count.is_old],
        "unasked_mounts": traffic.unasked_mounts,
        "unasked": [
            {"method": route.method, "path": route.path, "name": route.name, "where": route.where}
            for route in traffic.unasked
        ],
    }


def _json_of(count: RouteCount, total: int) -> dict[str, object]:
    return {
        "mount": count.mount or None,
        "method": count.method or None,
        "path": count.path or None,
        "count": count.count,
        "share": round(count.count / total, 6),
        "failed_count": count.failed_count,
        "p50_seconds": _rounded(count.percentile_seconds(50)),
        "p95_seconds": _rounded(count.percentile_seconds(95)),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def traffic_text(traffic: Traffic, paint: Paint) -> str:
    """Return the report for people.

    Args:
        traffic: what was counted.
        paint: colours a text, as `costrel.cli.terminal.Paint` does.
    """
    if not traffic.total:
        return "\n\n".join(["The log has no requests.", *_broken(traffic)])
    new = [count for count in traffic.counts if not count.is_old]
    rows = sorted([*traffic.mounts, *new], key=lambda count: -count.count)
    blocks = [
        _table(rows, traffic.total, paint),
        "\n".join(_unasked_lines(traffic, paint)),
        *("\n".join(_left_lines(traffic, mount, paint)) for mount in traffic.mounts),
        "\n".join(f"Nobody asks `{name}` for anything any more." for name in traffic.unasked_mounts),
        "\n".join([*_broken(traffic), _period(traffic, paint)]),
    ]
    return "\n\n".join(block for block in blocks if block)


def _table(rows: Sequence[RouteCount], total: int, paint: Paint) -> str:
    cells = [_cells(row, total) for row in rows]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *cells, strict=True)]
    lines = [paint(_line(_HEADINGS, widths), "bold")]
    for row, texts in zip(rows, cells, strict=True):
        line = _line(texts, widths)
        lines.append(paint(line, "yellow") if row.is_old else line)
    return "\n".join(lines)


def _line(texts: Sequence[str], widths: Sequence[int], indent: str = "") -> str:
    """Lay out a row: numbers to the right, the route to the left and within the width."""
    numbers = indent + "  ".join(text.rjust(width) for text, width in zip(texts[:-1], widths, strict=False))
    return f"{numbers}  {cut(texts[-1], max(WIDTH - len(numbers) - 2, 20))}"


def _cells(row: RouteCount, total: int) -> tuple[str, ...]:
    durations = [_shown_seconds(row.percentile_seconds(percent)) for percent in (50, 95)]
    failed = f"{row.failed_share:.1%}" if row.failed_count else "-"
    return (f"{row.count:,}", f"{row.count / total:.1%}", failed, *durations, _shown_route(row))


def _shown_route(row: RouteCount) -> str:
    if row.is_old and not row.path:
        return f"{row.mount} (mounted)"
    text = f"{row.method} {row.path}".strip()
    return f"{text} in {row.mount}" if row.path == NO_ROUTE and row.mount else text


def _shown_seconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    milliseconds = seconds * 1000
    if milliseconds >= 9_999.5:
        return f"{seconds:.0f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 9.95 else f"{milliseconds:.1f} ms"


def _unasked_lines(traffic: Traffic, paint: Paint) -> Iterator[str]:
    """Yield the routes that nobody asked for."""
    if not traffic.unasked:
        return
    yield paint("Never asked", "bold")
    names = [cut(f"{route.method} {route.path}", 48) for route in traffic.unasked]
    width = max(map(len, names))
    for name, route in zip(names, traffic.unasked, strict=True):
        yield f"  {name:{width}}  {paint(cut(route.where, max(WIDTH - width - 4, 20)), 'dim')}"


def _left_lines(traffic: Traffic, mount: RouteCount, paint: Paint) -> Iterator[str]:
    """Yield what is left to move out of one mounted application."""
    paths = traffic.paths_of(mount.mount)
    shown = paths[:MAX_TOP_PATHS]
    share = mount.count / traffic.total
    asked = "its paths" if len(paths) == len(shown) else f"the {len(shown)} of {len(paths):,} paths asked most"
    left = f"{_percent(share)} of requests are still answered by `{cut(mount.mount, 60)}`"
    yield paint(f"{left}; {asked}:", "yellow", "bold")
    cells = [_cells(path, traffic.total) for path in shown]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    yield from (_line(texts, widths, indent="  ") for texts in cells)


def _percent(share: float) -> str:
    """Return a share without a fraction, but none that is all or nothing and is not."""
    if 0 < share < 0.01:
        return "Less than 1%"
    return f"{min(share, 0.99) if share < 1 else 1:.0%}"


def _broken(traffic: Traffic) -> Iterator[str]:
    if traffic.broken_count:
        yield f"{traffic.broken_count:,} line{'' if traffic.broken_count == 1 else 's'} could not be read."


def _period(traffic: Traffic, paint: Paint) -> str:
    period = f", {cut(traffic.first_time)} to {cut(traffic.last_time or '')}" if traffic.first_time else ""
    return paint(f"{traffic.total:,} request{'' if traffic.total == 1 else 's'}{period}.", "bold")
