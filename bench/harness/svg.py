"""Drawings as SVG text: shapes and words by pixel, with y downwards."""

from html import escape

FONT = "font-family='Helvetica, Arial, sans-serif'"
INK = "#222222"
FAINT = "#dddddd"


class Drawing:
    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height
        self._shapes: list[str] = []

    def line(self, x1: float, y1: float, x2: float, y2: float, color: str = FAINT,
             width: float = 1) -> None:
        self._shapes.append(f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' "
                            f"stroke='{color}' stroke-width='{width}'/>")

    def bar(self, x: float, y: float, width: float, height: float, color: str) -> None:
        self._shapes.append(f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(width, 0.5):.1f}' "
                            f"height='{height:.1f}' fill='{color}'/>")

    def curve(self, points: list[tuple[float, float]], color: str, width: float,
              has_dots: bool = True) -> None:
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._shapes.append(f"<polyline points='{text}' fill='none' stroke='{color}' "
                            f"stroke-width='{width}'/>")
        for x, y in points if has_dots else []:
            self._shapes.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{width + 1}' "
                                f"fill='{color}'/>")

    def text(self, x: float, y: float, words: str, size: float = 11, anchor: str = "start",
             bold: bool = False, color: str = INK) -> None:
        weight = " font-weight='bold'" if bold else ""
        self._shapes.append(f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' "
                            f"text-anchor='{anchor}' fill='{color}'{weight}>{escape(words)}</text>")

    def text_upwards(self, x: float, y: float, words: str, size: float = 11) -> None:
        self._shapes.append(f"<text transform='translate({x:.1f},{y:.1f}) rotate(-90)' "
                            f"font-size='{size}' text-anchor='middle' fill='{INK}'>"
                            f"{escape(words)}</text>")

    def markup(self) -> str:
        size = f"width='{self.width:.0f}' height='{self.height:.0f}'"
        box = f"viewBox='0 0 {self.width:.0f} {self.height:.0f}'"
        return "\n".join([f"<svg xmlns='http://www.w3.org/2000/svg' {size} {box} {FONT}>",
                          "<rect width='100%' height='100%' fill='#ffffff'/>",
                          *self._shapes, "</svg>", ""])
