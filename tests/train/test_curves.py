"""The training curves' geometry."""

import re
from pathlib import Path

import pytest

from train.curves import HEIGHT, WIDTH, curves, nice_step, read_curves


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([-\d.]+) ([-\d.]+)", path)]


def test_a_higher_value_is_drawn_higher_and_all_stay_inside() -> None:
    drawn = curves("accuracy", [0.2, 0.5, 0.9], [0.31, 0.4, 0.35], ["head", "head", "tune"])
    train, val = points(drawn.train), points(drawn.val)
    assert [x for x, _ in train] == [x for x, _ in val] == sorted({x for x, _ in train})
    assert train[0][1] > train[1][1] > train[2][1]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in train + val)
    assert [stage.text for stage in drawn.stages] == ["head", "tune"]
    assert train[1][0] < drawn.stages[1].at < train[2][0], "the border lies between the epochs"
    at = {tick.text: tick.at for tick in drawn.up}
    assert at["0.2"] == pytest.approx(train[0][1])


@pytest.mark.parametrize("values", [[0.5], [1.0, 1.0], [0.0, 0.0]])
def test_one_epoch_and_flat_lines_are_drawn_too(values: list[float]) -> None:
    drawn = curves("loss", values, values, ["all"] * len(values))
    assert all(0 <= y <= HEIGHT for _, y in points(drawn.train))
    assert len(drawn.up) >= 2


@pytest.mark.parametrize(("span", "step"), [(1, 0.5), (0.8, 0.2), (0.03, 0.01), (400, 100), (0, 0.1)])
def test_steps_are_round(span: float, step: float) -> None:
    assert nice_step(span) == pytest.approx(step)


def test_a_run_of_many_epochs_has_few_marks() -> None:
    drawn = curves("loss", [1 / (n + 1) for n in range(500)], [1.0] * 500, ["all"] * 500)
    assert len(drawn.across) <= 10


def test_curves_of_a_run(trained: Path) -> None:
    accuracy, loss = read_curves(trained)
    epochs = len((trained / "history.csv").read_text().splitlines()) - 1
    assert (accuracy.name, loss.name) == ("accuracy", "loss")
    assert len(points(accuracy.train)) == len(points(loss.val)) == epochs
