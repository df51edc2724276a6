"""The plots of the report show every interval and every dot."""

from dataclasses import replace

from export.parity.artifact_record import ArtifactRecord
from export.report.plots import drop_plot, score_plot
from runtime.shared.parity import TrueScores


def test_each_different_pair_of_scores_is_one_dot() -> None:
    pairs = TrueScores((0, 1000, 500, 500), (0, 1000, 250, 250), (1,))
    svg = score_plot(pairs)
    same, flipped = (
        next(path for path in svg.split("<path")[::-1] if color in path and "round" in path)
        for color in ("var(--mark)", "var(--bad)")
    )
    assert same.split('"')[1].count("M") == 2, "the fourth is where the third is"
    assert flipped.split('"')[1].count("M") == 1


def test_a_file_without_flips_has_no_red_dots() -> None:
    assert "var(--bad)" not in score_plot(TrueScores((500,), (400,), ()))


def with_limit(record: ArtifactRecord, limit: float) -> ArtifactRecord:
    return replace(record, limits=replace(record.limits, max_drop=limit))


def test_every_file_has_a_row_and_a_limit_unless_it_is_far_away(records) -> None:
    near = {file: with_limit(record, 0.01) for file, record in records.items()}
    svg = drop_plot(near)
    assert all(file.removeprefix("model.") in svg for file in records)
    assert svg.count("var(--bad)") == len(records)
    far = {file: with_limit(record, 0.99) for file, record in records.items()}
    assert "var(--bad)" not in drop_plot(far)


def test_a_single_point_has_an_axis(records) -> None:
    file, record = next(iter(records.items()))
    parity = replace(record.parity, drop=0.0, drop_low=0.0, drop_high=0.0)
    assert "<svg" in drop_plot({file: replace(record, parity=parity)})
