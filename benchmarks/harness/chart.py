"""A chart as SVG, written by hand: bars from the cheapest to the dearest, ours in colour, whiskers for the spread.

It brings its own background and looks at the reader's preference for a light or a dark page, so it can stand anywhere.
The axis is linear and begins at zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from harness.spread import Spread

__all__ = ["Bar", "draw"]

WIDTH, LABELS, RIGHT, TOP, ROW, BOTTOM = 760, 252, 96, 84, 27, 44
THICKNESS = 15
FONTS = "system-ui,-apple-system,Segoe UI,Roboto,Noto Sans,sans-serif"

STYLE = """
.page{fill:#fdfcf9;stroke:#e2ddd0}.title{fill:#1c2423;font-size:17px;font-weight:650}.sub{fill:#56615f;font-size:12.5px}
.name{fill:#1c2423;font-size:13px}.value{fill:#1c2423;font-size:12.5px;font-variant-numeric:tabular-nums;paint-order:stroke;stroke:#fdfcf9;
stroke-width:4px;stroke-linejoin:round}
.ours{font-weight:650}.times{fill:#56615f;font-weight:400}.tick{fill:#56615f;font-size:11px}
.grid{stroke:#e2ddd0}.zero{stroke:#56615f}.bar{fill:#b9c4c1}.bar.first{fill:#0f6b68}.bar.base{fill:url(#hatch)}
.hatch{stroke:#7f8d8a}.edge{fill:none;stroke:#7f8d8a}.whisker{stroke:#1c2423;stroke-width:1.25}.whisker.first{stroke:#0a3b3a}
@media (prefers-color-scheme:dark){
.page{fill:#152223;stroke:#2c3b3c}.title,.name,.value{fill:#eef2ef}.value{stroke:#152223}.sub,.tick,.times{fill:#a3b0ad}
.grid{stroke:#2c3b3c}.zero{stroke:#7f8d8a}.bar{fill:#4a5d5c}.bar.first{fill:#3fb6a8}
.hatch,.edge{stroke:#7f9a96}.whisker{stroke:#eef2ef}.whisker.first{stroke:#eafffb}}
"""


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        title: who.
        spread: how much.
        kind: ``"first"`` for ours, ``"base"`` for the floor, empty for the others.
        times: how many times ours it is, `None` when that says nothing.
    """

    title: str
    spread: Spread
    kind: str = ""
    times: float | None = None


def step_of(greatest: float) -> float:
    """Return a round distance of the marks on an axis that reaches so far."""
    rough = greatest / 6
    power = 10 ** math.floor(math.log10(rough))
    return float(next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999))


def number(value: float) -> str:
    """Write a coordinate or the mark of an axis."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def draw(title: str, subtitle: str, unit: str, bars: Sequence[Bar]) -> str:
    """Draw a chart.

    Args:
        title: what is shown.
        subtitle: how to read it.
        unit: of the axis.
        bars: at least one; they are sorted here.
    """
    ordered = sorted(bars, key=lambda bar: bar.spread.median)
    greatest = max(bar.spread.high for bar in ordered)
    step = step_of(greatest)
    room = WIDTH - LABELS - RIGHT
    scale = room / greatest
    bottom = TOP + ROW * len(ordered)
    height = bottom + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title)}" font-family="{FONTS}">',
        f"<style>{STYLE.strip()}</style>",
        '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<path class="hatch" d="M0 0V6" stroke-width="1.6"/></pattern></defs>',
        f'<rect class="page" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>',
        f'<text class="title" x="22" y="34">{escape(title)}</text>',
        f'<text class="sub" x="22" y="56">{escape(subtitle)}</text>',
    ]
    for index in range(int(greatest / step) + 1):
        x = number(LABELS + index * step * scale)
        kind = "grid" if index else "zero"
        parts.append(f'<path class="{kind}" d="M{x} {TOP - 6}V{bottom + 4}"/>')
        mark = f"{number(index * step)} {unit}" if index == 0 else number(index * step)
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 20}" text-anchor="middle">{escape(mark)}</text>')
    for row, bar in enumerate(ordered):
        parts.extend(draw_bar(bar, TOP + ROW * row + (ROW - THICKNESS) / 2, scale))
    return "\n".join([*parts, "</svg>", ""])


def draw_bar(bar: Bar, y: float, scale: float) -> list[str]:
    """Draw one bar with its name, its whisker and its figures."""
    length, low, high = (value * scale for value in (bar.spread.median, bar.spread.low, bar.spread.high))
    middle = number(y + THICKNESS / 2)
    strong = " ours" if bar.kind == "first" else ""
    text = y + THICKNESS / 2 + 4.5
    box = f'x="{LABELS}" y="{number(y)}" width="{number(length)}" height="{THICKNESS}" rx="2"'
    parts = [
        f'<text class="name{strong}" x="{LABELS - 10}" y="{number(text)}" text-anchor="end">{escape(bar.title)}</text>',
        f'<rect class="bar {bar.kind}" {box}/>',
    ]
    if bar.kind == "base":
        parts.append(f'<rect class="edge" {box}/>')
    left, right = number(LABELS + low), number(LABELS + high)
    ends = "".join(f"M{x} {number(y + 4)}v{THICKNESS - 8}" for x in (left, right))
    parts.append(f'<path class="whisker {bar.kind}" fill="none" d="M{left} {middle}H{right}{ends}"/>')
    figure = f"{bar.spread.median:.1f}" if bar.spread.median < 100 else f"{bar.spread.median:.0f}"
    times = f' <tspan class="times">×{bar.times:.1f}</tspan>' if bar.times is not None else ""
    x = number(LABELS + max(length, high) + 7)
    parts.append(f'<text class="value{strong}" x="{x}" y="{number(text)}">{figure}{times}</text>')
    return parts
