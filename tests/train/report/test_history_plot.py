"""history.png, and the same curves as SVG for the report."""

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from train.checkpoints.history import Epoch, write_history
from train.report.history_plot import history_curves, plot_history

HISTORY = [
    Epoch("head", 1, 1.25, 0.5, 1.5, 0.25, 2.0),
    Epoch("head", 2, 0.5, 0.75, 0.25, 0.5, 2.0),
    Epoch("fine-tune", 1, 0.25, 1.0, 0.5, 1.0, 9.5),
]


def _curves(folder: Path, history: list[Epoch]) -> dict[str, str]:
    write_history(folder, history)
    return history_curves(folder)


def _line(svg: str, color: str) -> list[tuple[float, float]]:
    """Returns the points of the line drawn in a colour of the page."""
    paths = re.findall(r'<path d="([^"]*)"[^>]*stroke: var\(--(\w+)\); stroke-width: 2', svg)
    (path,) = [path for path, name in paths if name == color]
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]


def _texts(svg: str) -> list[str]:
    texts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = lambda data: texts.append(data.strip())  # type: ignore[method-assign]
    parser.feed(svg)
    return [text for text in texts if text]


def test_png_has_something_drawn_on_it(tmp_path: Path) -> None:
    plot_history(tmp_path, HISTORY)
    with Image.open(tmp_path / "history.png") as image:
        assert image.format == "PNG"
        assert image.size == (1200, 480)
        assert len(image.convert("RGB").getcolors(1 << 24) or []) > 20


def test_png_shows_the_values_of_the_history(tmp_path: Path) -> None:
    changed = [*HISTORY[:2], Epoch("fine-tune", 1, 0.25, 0.9, 0.5, 1.0, 9.5)]
    contents = []
    for history in (HISTORY, changed):
        plot_history(tmp_path, history)
        contents.append((tmp_path / "history.png").read_bytes())
    assert contents[0] != contents[1]


def test_a_higher_value_is_drawn_higher(tmp_path: Path) -> None:
    curves = _curves(tmp_path, HISTORY)
    assert list(curves) == ["accuracy", "loss"]
    for metric, signs in (("accuracy", (-1, -1)), ("loss", (1, 1))):
        points = _line(curves[metric], "mark")
        assert [x for x, _ in points] == sorted({x for x, _ in points})
        steps = [after - before for (_, before), (_, after) in itertools.pairwise(points)]
        assert [step / abs(step) for step in steps] == list(signs)
    validation = _line(curves["loss"], "doubt")
    assert validation[0][1] < validation[2][1] < validation[1][1], "1.5, 0.5, 0.25"


def test_each_stage_is_named_where_it_begins(tmp_path: Path) -> None:
    texts = _texts(_curves(tmp_path, HISTORY)["loss"])
    assert [text for text in texts if text in ("head", "fine-tune")] == ["head", "fine-tune"]
    assert "loss by epoch" in texts
    assert {"1", "2", "3"} <= set(texts)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_one_epoch_is_drawn_too(tmp_path: Path, value: float) -> None:
    epoch = Epoch("all", 1, value, value, value, value, 1.0)
    plot_history(tmp_path, [epoch])
    texts = _texts(_curves(tmp_path, [epoch])["accuracy"])
    assert "1" in texts
    assert "all" not in texts, "the only stage needs no name"


def test_many_epochs_make_a_small_plot_with_few_marks(tmp_path: Path) -> None:
    history = [Epoch("all", n, 1 / n, 1 - 1 / n, 1.0, 0.5, 1.0) for n in range(1, 501)]
    for svg in _curves(tmp_path, history).values():
        assert len(svg) < 30_000
        assert len(_texts(svg)) < 30


def test_hostile_stage_name_is_text(tmp_path: Path) -> None:
    hostile = Epoch("<script>$x$</script>", 1, 1.0, 0.5, 1.0, 0.5, 1.0)
    svg = _curves(tmp_path, [*HISTORY, hostile])["loss"]
    assert "<script" not in svg
    assert "<script>$x$</script>" in _texts(svg)


def test_curves_of_a_run(trained: Path) -> None:
    epochs = len((trained / "history.csv").read_text().splitlines()) - 1
    for svg in history_curves(trained).values():
        assert len(_line(svg, "mark")) == len(_line(svg, "doubt")) == epochs
