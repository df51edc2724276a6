"""Tests plots as SVG and PNG: page colours, labels as text, equal bytes, no warning."""

import re
import warnings
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from workstation.plotting import CSS_COLORS, MARK, figure_svg, page_axes, plot_text, save_png

LABELS = (
    "<script>alert(1)</script>",
    "a & b \"c\" 'd'",
    "$x_1$ and $",
    "猫",
    "حب שלום हिन्दी ไทย",
    "😀",
    "line\nbreak",
    "\x1b[31m",
    "undecodable\udcff",
)


def _figure(label: str = "a") -> Figure:
    figure, axes = page_axes(400, 200)
    axes.plot([1, 2, 3], [0.1, 0.5, 0.4], color=MARK, label=plot_text(label))
    axes.set_title(plot_text(label))
    axes.set_xticks([1, 2], [plot_text(label), "b"])
    axes.legend(frameon=False)
    return figure


class _Text(HTMLParser):
    """Collects the text and the tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = "", set[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("label", LABELS, ids=ascii)
def test_every_label_is_drawn_as_text_without_a_warning(label: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = figure_svg(_figure(label))
        save_png(_figure(label), tmp_path / "plot.png")
    shown = _Text(svg)
    assert shown.text.count(plot_text(label).replace(r"\$", "$")) == 3
    assert shown.tags <= {"svg", "g", "path", "text", "defs", "clippath", "rect", "use"}


def test_svg_takes_its_colours_from_the_page() -> None:
    svg = figure_svg(_figure())
    assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg)) <= {"none", *CSS_COLORS.values()}
    assert "stroke: var(--mark)" in svg
    assert "fill: currentColor" in svg


def test_colours_are_those_of_the_pages_in_light_mode() -> None:
    css = (files("runtime.shared") / "html_page.css").read_text("utf-8")
    for color, value in CSS_COLORS.items():
        name = value.removeprefix("var(").removesuffix(")") if "var" in value else "--text"
        assert f"{name}: {color};" in css.split("}")[0]


def test_svg_needs_no_other_file_and_styles_nothing_but_itself() -> None:
    svg = figure_svg(_figure())
    assert not re.findall(r'href="(?!#)|url\((?!#)|<style|<!|<\?', svg)
    assert svg.startswith("<svg ")
    assert svg.rstrip().endswith("</svg>")


def test_svg_shrinks_with_the_page_and_never_grows_beyond_its_size() -> None:
    tag = figure_svg(_figure()).split(">")[0]
    assert 'viewBox="0 0 400 200"' in tag
    assert "width: 100%; max-width: 400px; height: auto" in tag


def test_equal_figures_give_equal_bytes(tmp_path: Path) -> None:
    assert figure_svg(_figure()) == figure_svg(_figure())
    for name in ("a.png", "b.png"):
        save_png(_figure(), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
