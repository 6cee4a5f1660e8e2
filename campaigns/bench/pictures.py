"""The pictures of a run as SVG, without a background, for light and dark pages; a report always has the same ones."""

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pygal
from pygal.style import Style

from campaigns.bench.report import Report
from campaigns.bench.steps import whole
from campaigns.bench.throughput import (
    CONNECTIONS,
    DURABLE,
    FLOOR,
    FLOOR_POSTGRESQL,
    HANDWRITTEN,
    POSTGRESQL,
    SQLITE,
)

# The library has every later import of any module ask for its plugins, which warns; none is used here.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

TEXT, GUIDE = "#6e7781", "#6e778155"
BLUE, GREEN, ORANGE, PURPLE = "#3b82f6", "#1a9c6b", "#e8710a", "#a855f7"
"""Each has enough contrast on white and on black."""

_DASHED: Mapping[str, Any] = {"dasharray": "6, 5"}
_SOLID: Mapping[str, Any] = {}
_NOT_THE_PICTURE = re.compile(r"<script.*?</script>|<!--.*?-->|<\?xml[^>]*\?>", flags=re.DOTALL)


class Series(NamedTuple):
    """One line of a chart.

    Attributes:
        reference: It is what the others are compared with, and dashed.
    """

    name: str
    color: str
    values: Sequence[float | None]
    reference: bool = False


def pictures(report: Report) -> dict[str, str]:
    """Return the pictures of all parts that were run, by the names of their files."""
    return {f"{name}.svg": drawn for name, draw in _PICTURES.items() if (drawn := draw(report))}


def _connections(report: Report) -> str:
    found = {(run.peer, run.connections): run.rate for run in report.throughput}
    shown = (
        (SQLITE, BLUE, False),
        (FLOOR, BLUE, True),
        (POSTGRESQL, GREEN, False),
        (FLOOR_POSTGRESQL, GREEN, True),
        (HANDWRITTEN, ORANGE, True),
        (DURABLE, PURPLE, True),
    )
    series = [
        Series(name, color, [found.get((name, number)) for number in CONNECTIONS], reference)
        for name, color, reference in shown
    ]
    return _lines("creates a second", "connections", CONNECTIONS, series)


def _orders(report: Report) -> str:
    grown = sorted(report.growth, key=lambda size: size.orders)
    rates = Series("creates a second", BLUE, [size.rate for size in grown])
    return _lines("creates a second", "orders in SQLite", [size.orders for size in grown], [rates])


def _tail(report: Report) -> str:
    grown = sorted(report.growth, key=lambda size: size.orders)
    series = [
        Series("create, p99", BLUE, [size.p99 / 1000 for size in grown]),
        Series("create, p50", GREEN, [size.p50 / 1000 for size in grown]),
        Series("list of 100, inside, p50", ORANGE, [size.list_inside / 1000 for size in grown]),
    ]
    return _lines("milliseconds", "orders in SQLite", [size.orders for size in grown], series)


def _workers(report: Report) -> str:
    scaled = report.scaling
    straight = [scaled[0].rate * one.workers for one in scaled] if scaled else []
    series = [
        Series("ordergate, PostgreSQL", GREEN, [one.rate for one in scaled]),
        Series("in proportion", ORANGE, straight, reference=True),
    ]
    return _lines("creates a second", "workers", [one.workers for one in scaled], series)


def _receivers(report: Report) -> str:
    measured = report.receivers
    series = [
        Series("creates", BLUE, [one.rate for one in measured]),
        Series("events delivered", ORANGE, [one.delivered for one in measured]),
    ]
    return _lines("a second", "webhook endpoints", [one.endpoints for one in measured], series)


def _memory(report: Report) -> str:
    if report.soak is None:
        return ""
    chart = pygal.XY(
        **_look([BLUE]),
        title="resident memory, MiB",
        x_title="creates so far",
        stroke_style=_SOLID,
        x_value_formatter=lambda value: f"{value:,.0f}",
    )
    _scale(chart, report.soak.largest)
    chart.add("ordergate, SQLite", [(weight.requests, weight.resident) for weight in report.soak.course])
    return _drawn(chart, "memory")


def _steps(report: Report) -> str:
    if not report.profile:
        return ""
    sums = whole(report.profile)
    chart = pygal.HorizontalBar(
        **_look([BLUE, ORANGE], height=620),
        title=f"microseconds of a create: {sums.gateway:,.0f}, the floor's {sums.floor:,.0f}",
    )
    steps = report.profile[::-1]
    chart.x_labels = [step.name for step in steps]
    chart.add("ordergate", [step.gateway for step in steps], formatter=_number)
    chart.add("floor", [step.floor for step in steps], formatter=_number)
    return _drawn(chart, "steps")


_PICTURES: Mapping[str, Callable[[Report], str]] = {
    "connections": _connections,
    "steps": _steps,
    "orders": _orders,
    "latency": _tail,
    "workers": _workers,
    "receivers": _receivers,
    "memory": _memory,
}


def _lines(title: str, x_title: str, x: Sequence[int], series: Sequence[Series]) -> str:
    shown = [one for one in series if any(value is not None for value in one.values)]
    if not shown:
        return ""
    chart = pygal.Line(**_look([one.color for one in shown]), title=title, x_title=x_title)
    chart.x_labels = [f"{number:,}" for number in x]
    for one in shown:
        name = f"{one.name} (dashed)" if one.reference else one.name
        chart.add(name, list(one.values), stroke_style=_DASHED if one.reference else _SOLID)
    _scale(chart, max(value for one in shown for value in one.values if value is not None))
    return _drawn(chart, x_title)


def _scale(chart: Any, largest: float) -> None:
    """Begin at zero, and label four to eight round values."""
    magnitude = 10 ** math.floor(math.log10(max(largest, 1)))
    step = next(step for step in (magnitude * part for part in (0.2, 0.25, 0.5, 1, 2)) if largest / step <= 8)
    count = math.ceil(largest / step)
    chart.range = (0, count * step)
    chart.y_labels = [number * step for number in range(count + 1)]


def _look(colors: Sequence[str], height: int = 420) -> dict[str, Any]:
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground=TEXT,
        foreground_strong=TEXT,
        foreground_subtle=GUIDE,
        guide_stroke_color=GUIDE,
        major_guide_stroke_color=GUIDE,
        guide_stroke_dasharray="1,0",
        major_guide_stroke_dasharray="1,0",
        colors=tuple(colors),
        font_family="system-ui, sans-serif",
        label_font_size=14,
        major_label_font_size=14,
        title_font_size=17,
        legend_font_size=14,
        opacity="1",
        stroke_opacity="1",
        stroke_width="2.5",
    )
    return {
        "style": style,
        "width": 800,
        "height": height,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 2,
        "dots_size": 4,
        "show_legend": len(colors) > 1,
        "js": (),
        "no_prefix": True,
        "value_formatter": _number,
        "truncate_legend": -1,
        "truncate_label": -1,
        "margin_bottom": 34,
        "margin_right": 34,
    }


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _drawn(chart: Any, name: str) -> str:
    """Return the chart without scripts, and without the number that the library draws for it."""
    chart.uuid = name.replace(" ", "-")
    return "\n".join(_without_blank_lines(_NOT_THE_PICTURE.sub("", chart.render(is_unicode=True)))) + "\n"


def _without_blank_lines(text: str) -> Iterator[str]:
    return (line.rstrip() for line in text.splitlines() if line.strip())
