"""Draws plots with matplotlib: SVG for the pages, PNG for the folders."""

import io
import re
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from runtime.system.atomic_files import new_file
from runtime.system.terminal import escape_control_chars

TEXT, LINE, MARK, DOUBT, GOOD, BAD = (
    "#1c2024",
    "#dfe2e5",
    "#2563a8",
    "#85540a",
    "#17692f",
    "#b3261e",
)
"""The colours of the pages in light mode. Use only these in a figure for `figure_svg`."""

CSS_COLORS = {
    TEXT: "currentColor",
    LINE: "var(--line)",
    MARK: "var(--mark)",
    DOUBT: "var(--doubt)",
    GOOD: "var(--good)",
    BAD: "var(--bad)",
}
"""What `figure_svg` writes for each colour, so that the plot follows light and dark mode."""

PAGE_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": LINE,
    "axes.grid": True,
    "axes.labelcolor": TEXT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "grid.color": LINE,
    "svg.fonttype": "none",
    "svg.hashsalt": "quince",
    "text.color": TEXT,
    "xtick.color": LINE,
    "xtick.labelcolor": TEXT,
    "xtick.major.size": 0,
    "ytick.color": LINE,
    "ytick.labelcolor": TEXT,
    "ytick.major.size": 0,
}
UNITS_PER_INCH = 72
"""Of an SVG by matplotlib: a font size of 12 is 12 of its units."""


def page_axes(width: int, height: int) -> tuple[Figure, Axes]:
    """Returns a figure of `width` x `height` CSS pixels for `figure_svg`, and its axes."""
    size = width / UNITS_PER_INCH, height / UNITS_PER_INCH
    with rc_context(PAGE_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        return figure, figure.subplots()


def plot_text(label: str) -> str:
    r"""Returns a label as matplotlib draws it unchanged.

    `$` would begin a formula, and matplotlib refuses the surrogates of an undecodable file name.
    """
    return escape_control_chars(label).replace("$", r"\$")


def figure_svg(figure: Figure) -> str:
    """Returns a figure of `page_axes` as an SVG element for an HTML page.

    Text stays text and is escaped; labels of users go through `plot_text` first. Equal figures
    give equal bytes, because there is no date and ids are hashes. The element is as wide as its
    container, up to the width of the figure.
    """
    content = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context(PAGE_STYLE), _no_font_warnings():
        figure.savefig(content, format="svg", transparent=True, metadata=metadata)
    text = content.getvalue()
    svg = re.sub(r"<defs>\s*<style.*?</defs>", "", text[text.index("<svg") :], flags=re.DOTALL)
    width = f"{figure.get_figwidth() * UNITS_PER_INCH:g}px"
    style = f"width: 100%; max-width: {width}; height: auto; stroke-linejoin: round"
    svg = re.sub(r' width="[^"]*" height="[^"]*"', f' style="{style}"', svg, count=1)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # a page with two plots would have each id twice
    return re.sub(r"<[^>]+>", _with_page_colors, svg)


def _with_page_colors(tag: re.Match[str]) -> str:
    text = tag[0].replace("'DejaVu Sans'", "system-ui")
    for color, css in CSS_COLORS.items():
        text = text.replace(color, css)
    return text


def save_png(figure: Figure, path: Path, dpi: int = 120) -> None:
    """Writes a figure to `path`, whole or not at all; equal figures give equal bytes.

    Raises:
        MachineError: the disk is full, or `path` may not be written.
    """
    with new_file(path) as temporary, _no_font_warnings():
        figure.savefig(temporary, format="png", dpi=dpi, metadata={"Software": None})


@contextmanager
def _no_font_warnings() -> Generator[None, None, None]:
    """Hides the warnings for a script that the font lacks: a browser has it, a PNG shows boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph|Matplotlib currently does not support")
        yield
