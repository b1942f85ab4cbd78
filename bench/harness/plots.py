"""Panels of bars and of curves, side by side, as SVG text."""

import math
from dataclasses import dataclass

from svg import FAINT, INK, Drawing

COLORS = {
    "elegy": "#c1121f",
    "bdw": "#0072b2",
    "cppgc": "#e69f00",
    "shared_ptr": "#777777",
    "shared_ptr-mimalloc": "#b0b0b0",
    "jvm": "#005f3c",
    "jvm-g1": "#009e73",
    "jvm-zgc": "#5cc8a8",
    "jvm-shenandoah": "#a8dccb",
    "go": "#56b4e9",
    "node": "#8f5fbf",
    "machine": "#000000",
}

TITLE_HEIGHT = 54
MARGIN = 16


def number(value: float) -> str:
    if value == 0:
        return "0"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.2g}"


@dataclass
class Panel:
    """Bars: one value for each name. Curves: one value, or none, for each name and position."""

    title: str
    values: dict[str, list[float | None]]


@dataclass
class Axis:
    """A scale from data to pixels, logarithmic or from zero."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool

    def at(self, value: float) -> float:
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.logarithmic:
            return decades(self.low, self.high)
        step = 10.0 ** math.floor(math.log10(self.high / 2))
        while self.high / step > 5:
            step *= 2
        return [i * step for i in range(int(self.high / step) + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten, with 2 and 5 between them if they are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if math.log10(high / low) < 2.2 else (1,)
    every = max(1, round((last - first) / 8))
    ticks = [step * 10.0 ** power for power in range(first, last + 1, every) for step in steps]
    return [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]


def range_of(values: list[float], logarithmic: bool) -> tuple[float, float]:
    if not logarithmic:
        return 0, max(values) * 1.02 or 1
    low, high = min(values) / 1.15, max(values) * 1.15
    return (low, high) if high / low > 4 else (low / 2, high * 2)


def bar_panels(title: str, subtitle: str, x_label: str, panels: list[Panel],
               baseline: float | None = None) -> str:
    """A panel's bars begin at the baseline, on a logarithmic scale; without one, at zero."""
    columns, row_height, panel_width, name_width = 3, 16, 360, 128
    bars = max(len(panel.values) for panel in panels)
    panel_height = bars * row_height + 66
    rows = math.ceil(len(panels) / columns)
    drawing = Drawing(columns * panel_width + 2 * MARGIN,
                      rows * panel_height + TITLE_HEIGHT + MARGIN)
    head(drawing, title, subtitle)
    for index, panel in enumerate(panels):
        left = MARGIN + index % columns * panel_width
        top = TITLE_HEIGHT + index // columns * panel_height
        values = [figures[0] for figures in panel.values.values()]
        low, high = range_of(values + [baseline] if baseline else values, baseline is not None)
        axis = Axis(low, high, left + name_width, left + panel_width - 56, baseline is not None)
        bottom = top + 24 + len(values) * row_height
        drawing.text(left + name_width, top + 14, panel.title, 12, bold=True)
        for tick in axis.ticks():
            drawing.line(axis.at(tick), top + 22, axis.at(tick), bottom)
            drawing.text(axis.at(tick), bottom + 13, number(tick), 10, "middle")
        origin = axis.at(baseline or 0)
        for row, (name, figures) in enumerate(panel.values.items()):
            y = top + 24 + row * row_height
            end = axis.at(figures[0])
            drawing.bar(min(origin, end), y + 2, abs(end - origin), row_height - 5, COLORS[name])
            drawing.text(left + name_width - 6, y + 12, name, 11, "end", bold=name == "elegy")
            drawing.text(max(origin, end) + 4, y + 12, number(figures[0]), 10)
        drawing.line(origin, top + 22, origin, bottom, INK)
        drawing.text((axis.start + axis.end) / 2, bottom + 28, x_label, 10, "middle")
    return drawing.markup()


def curve_panels(title: str, subtitle: str, x_label: str, positions: list[str],
                 panels: list[tuple[Panel, str]]) -> str:
    """Curves over named positions, each panel with a label for its logarithmic y axis."""
    panel_width, panel_height, legend_width = 380, 330, 160
    drawing = Drawing(len(panels) * panel_width + legend_width + MARGIN,
                      panel_height + TITLE_HEIGHT + MARGIN)
    head(drawing, title, subtitle)
    names: dict[str, None] = {}
    for index, (panel, y_label) in enumerate(panels):
        left = MARGIN + index * panel_width + 60
        right, top, bottom = left + panel_width - 80, TITLE_HEIGHT + 26, TITLE_HEIGHT + 280
        figures = [value for row in panel.values.values() for value in row if value]
        axis = Axis(*range_of(figures, True), bottom, top, True)
        drawing.text(left, top - 10, panel.title, 12, bold=True)
        for tick in axis.ticks():
            drawing.line(left, axis.at(tick), right, axis.at(tick))
            drawing.text(left - 6, axis.at(tick) + 4, number(tick), 10, "end")
        at = [left + (right - left) * (i + 0.5) / len(positions) for i in range(len(positions))]
        for x, position in zip(at, positions):
            drawing.line(x, bottom, x, bottom + 4, INK)
            drawing.text(x, bottom + 17, position, 10, "middle")
        drawing.line(left, bottom, right, bottom, INK)
        drawing.text((left + right) / 2, bottom + 36, x_label, 11, "middle")
        drawing.text_upwards(left - 46, (top + bottom) / 2, y_label)
        # elegy last: over the others.
        for name in sorted(panel.values, key=lambda name: name == "elegy"):
            points = [(x, axis.at(value)) for x, value in zip(at, panel.values[name]) if value]
            drawing.curve(points, COLORS[name], 3 if name == "elegy" else 1.5)
        names |= dict.fromkeys(panel.values)
    legend(drawing, MARGIN + len(panels) * panel_width, TITLE_HEIGHT + 26, list(names))
    return drawing.markup()


def time_panels(title: str, subtitle: str, x_label: str, y_label: str,
                panels: list[tuple[str, dict[str, list[tuple[float, float]]]]]) -> str:
    """Curves of points, each panel with its own scales, which begin at zero."""
    panel_width, panel_height, legend_width = 380, 330, 160
    drawing = Drawing(len(panels) * panel_width + legend_width + MARGIN,
                      panel_height + TITLE_HEIGHT + MARGIN)
    head(drawing, title, subtitle)
    for index, (panel_title, curves) in enumerate(panels):
        left = MARGIN + index * panel_width + 60
        right, top, bottom = left + panel_width - 80, TITLE_HEIGHT + 26, TITLE_HEIGHT + 280
        points = [point for curve in curves.values() for point in curve]
        across = Axis(*range_of([x for x, _ in points], False), left, right, False)
        up = Axis(*range_of([y for _, y in points], False), bottom, top, False)
        drawing.text(left, top - 10, panel_title, 12, bold=True)
        for tick in up.ticks():
            drawing.line(left, up.at(tick), right, up.at(tick))
            drawing.text(left - 6, up.at(tick) + 4, number(tick), 10, "end")
        for tick in across.ticks():
            drawing.line(across.at(tick), bottom, across.at(tick), bottom + 4, INK)
            drawing.text(across.at(tick), bottom + 17, number(tick), 10, "middle")
        drawing.line(left, bottom, right, bottom, INK)
        drawing.text((left + right) / 2, bottom + 36, x_label, 11, "middle")
        drawing.text_upwards(left - 46, (top + bottom) / 2, y_label)
        for name in sorted(curves, key=lambda name: name == "elegy"):
            drawing.curve([(across.at(x), up.at(y)) for x, y in curves[name]], COLORS[name],
                          2.5 if name == "elegy" else 1.5, has_dots=False)
    names = dict.fromkeys(name for _, curves in panels for name in curves)
    legend(drawing, MARGIN + len(panels) * panel_width, TITLE_HEIGHT + 26, list(names))
    return drawing.markup()


def head(drawing: Drawing, title: str, subtitle: str) -> None:
    drawing.text(MARGIN, 24, title, 16, bold=True)
    drawing.text(MARGIN, 42, subtitle, 11, color="#555555")


def legend(drawing: Drawing, left: float, top: float, names: list[str]) -> None:
    for row, name in enumerate(names):
        y = top + row * 18
        drawing.line(left, y, left + 22, y, COLORS.get(name, FAINT), 4)
        drawing.text(left + 28, y + 4, name, 11, bold=name == "elegy")
