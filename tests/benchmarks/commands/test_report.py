"""Tests the page and table of a latency result, and the accuracy that they show."""

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import onnx
import pytest
from PIL import Image

from benchmarks.accuracy import AccuracyReport
from benchmarks.commands.table import main
from benchmarks.reporting.charts import pareto_chart, samples_chart
from benchmarks.reporting.html_report import render
from benchmarks.reporting.markdown import markdown
from benchmarks.reporting.pareto import pareto
from runtime.backends.base import EMBEDDED_MANIFEST
from runtime.errors import InputRefused

NASTY = '<img src=x onerror="alert(1)">|`x`'


def test_page_of_a_real_result_shows_it_all_and_runs_nothing(
    measured: Path, tmp_path: Path, elements, capsys
) -> None:
    page = tmp_path / "page.html"
    assert main(["report", str(measured), "-o", str(page)]) == 0
    page_elements = elements(page.read_text())
    assert not {"script", "link", "iframe", "img"} & set(page_elements.tags)
    assert page_elements.tags.count("svg") == 4, (
        "accuracy against latency, stages, and the samples of two"
    )
    for word in (
        "model.int8.tflite",
        "model.fp32.onnx",
        "Conditions",
        "p99",
        "governor",
        "not known",
        "cold start",
    ):
        assert word in page_elements.text
    table = capsys.readouterr().out.splitlines()
    assert len({line.count("|") for line in table if line.startswith("|")}) == 1


def test_existing_page_is_not_replaced_without_overwrite(
    measured: Path, tmp_path: Path, run_cli
) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")
    done = run_cli("benchmarks", "report", measured, "-o", page)
    assert (done.returncode, page.read_text()) == (2, "mine")
    assert run_cli("benchmarks", "report", measured, "-o", measured).returncode == 2


@pytest.mark.parametrize("folder", [".", "/"])
def test_folder_in_the_place_of_a_result_is_refused(folder: str) -> None:
    with pytest.raises(InputRefused, match="not a result of latency: not a regular file"):
        main(["report", folder])


def test_names_are_shown_as_text(report, measurement, elements) -> None:
    nasty = report(measurement(artifact=NASTY), measurement(artifact="b"), title=NASTY)
    shown = elements(render(nasty))
    assert "img" not in shown.tags
    assert NASTY in shown.text
    assert re.search(r"(?<!\\)<img", markdown(nasty)) is None
    assert (
        len(
            {
                len(re.findall(r"(?<!\\)\|", line))
                for line in markdown(nasty).splitlines()
                if line.startswith("|")
            }
        )
        == 1
    )


def test_front_is_what_no_other_beats_in_both(measurement) -> None:
    rows = [
        ("a", 5.0, 0.90),
        ("b", 10.0, 0.95),
        ("c", 11.0, 0.94),
        ("d", 5.0, 0.80),
        ("e", 20.0, None),
    ]
    points = pareto(
        [
            measurement((ms,) * 9, artifact=name, sha256=name * 64, accuracy=accuracy)
            for name, ms, accuracy in rows
        ]
    )
    assert {point.label: point.front for point in points} == {
        "a": True,
        "d": False,
        "b": True,
        "c": False,
    }


def test_axes_of_near_points_have_ticks_that_say_where_they_are(measurement) -> None:
    rows = (("a", 0.925, 0.9992), ("b", 1.12, 0.9983))
    chart = pareto_chart(
        pareto(
            [
                measurement((ms,) * 9, artifact=name, sha256=name * 64, accuracy=accuracy)
                for name, ms, accuracy in rows
            ]
        )
    )
    shown = re.findall(r">([\d.]+)</text>", chart)
    assert shown[:2] == ["0.925", "1.12"]
    heights = [float(value) for value in shown[2:]]
    steps = [after - before for before, after in pairwise(heights)]
    assert max(steps) - min(steps) < 0.00015


def test_artifact_is_drawn_at_its_fastest_number_of_threads(measurement) -> None:
    (point,) = pareto([measurement((10.0,) * 9), measurement((6.0,) * 9, threads=2)])
    assert point.p50_ms == 6


def test_longest_and_shortest_sample_stay_in_a_thinned_chart(measurement) -> None:
    samples = [10.0] * 40_000
    samples[12_345], samples[23_456] = 5.0, 500.0
    chart = samples_chart(measurement(tuple(samples)))
    assert len(chart) < 40_000
    dots = re.search(r'class="dots" d="([^"]*)"', chart)
    far = re.search(r'class="far" d="([^"]*)"', chart)
    assert dots is not None
    assert far is not None
    assert far[1].count("M") == 1
    assert len(set(re.findall(r"M[\d.]+ ([\d.]+)h0", dots[1]))) == 2, (
        "the level of 10 ms and the one at 5"
    )


def test_accuracy_is_measured_with_the_interpreters_here(
    exported: Path, cells: Path, tmp_path: Path, measured: Path, capsys, fits_schema
) -> None:
    folder = tmp_path / "images"
    for label in ("mono", "poly"):
        (folder / label).mkdir(parents=True)
        for file in sorted((cells / label).iterdir())[:6]:
            shutil.copy(file, folder / label)
    swapped = tmp_path / "swapped"
    swapped.mkdir()
    for first, second in (("mono", "poly"), ("poly", "mono")):
        (swapped / first).symlink_to(folder / second)
    path, path_swapped = tmp_path / "a.json", tmp_path / "b.json"
    assert main(["accuracy", str(exported), str(folder), "-o", str(path)]) == 0
    assert main(["accuracy", str(exported), str(swapped), "-o", str(path_swapped)]) == 0
    fits_schema("bench accuracy", json.loads(path.read_text()))
    right, wrong = AccuracyReport.read(path), AccuracyReport.read(path_swapped)
    for first, second in zip(right.results, wrong.results, strict=True):
        assert first.images == 12
        assert first.accuracy == pytest.approx(1 - second.accuracy)
        assert (first.reference, first.agreement) == ("model.fp32.onnx", second.agreement)
    capsys.readouterr()
    assert (
        main(["report", str(measured), "--accuracy", str(path), "-o", str(tmp_path / "page.html")])
        == 0
    )
    assert f"{right.results[0].accuracy:.4f}" in capsys.readouterr().out


def test_accuracy_of_two_bundles_tells_which_file_is_which(
    exported: Path, bundle: Path, cells: Path, tmp_path: Path, capsys
) -> None:
    shutil.copytree(cells / "mono", tmp_path / "images" / "mono")
    words = ["--artifact", "model.int8.tflite", "-o", str(tmp_path / "a.json")]
    assert main(["accuracy", str(exported), str(bundle), str(tmp_path / "images"), *words]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{exported / 'model.int8.tflite'}: accuracy ")
    assert second.startswith(f"{bundle / 'model.int8.tflite'}: accuracy ")
    assert f"same label as {exported / 'model.int8.tflite'} 1.0000" in second
    assert len(AccuracyReport.read(tmp_path / "a.json").results) == 2


def test_each_file_gets_the_pixels_of_its_own_geometry(
    exported: Path, cells: Path, tmp_path: Path
) -> None:
    """Otherwise the accuracy of the second file would be that with the pixels of the first."""
    for label in ("mono", "poly"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for file in sorted((cells / label).iterdir())[:12]:
            with Image.open(file) as image:
                part = image.crop((0, 0, image.width // 3, image.height))
                part.save(tmp_path / "images" / label / file.name)
    cropping, padding = exported / "model.fp32.onnx", tmp_path / "padding.onnx"
    model = onnx.load(cropping)
    (embedded,) = [entry for entry in model.metadata_props if entry.key == EMBEDDED_MANIFEST]
    embedded.value = embedded.value.replace('"crop"', '"pad"')
    onnx.save(model, padding)

    def measure(name: str, *files: Path) -> list[float]:
        path = tmp_path / name
        words = [*map(str, files), str(tmp_path / "images"), "-o", str(path)]
        assert main(["accuracy", *words]) == 0
        return [result.accuracy for result in AccuracyReport.read(path).results]

    alone = [*measure("a.json", cropping), *measure("b.json", padding)]
    assert measure("both.json", cropping, padding) == alone
    assert alone[0] != alone[1]


def test_accuracy_of_a_folder_that_is_no_label_is_refused_and_a_bad_image_named(
    exported: Path, cells: Path, tmp_path: Path, capsys
) -> None:
    (tmp_path / "a" / "mono").mkdir(parents=True)
    shutil.copy(next((cells / "mono").iterdir()), tmp_path / "a" / "mono")
    (tmp_path / "a" / "mono" / "bad.jpg").write_text("hello")
    assert main(["accuracy", str(exported / "model.int8.tflite"), str(tmp_path / "a")]) == 2
    out, errors = capsys.readouterr()
    assert "on 1 images" in out
    assert "bad.jpg: not an image" in errors
    assert errors.splitlines()[-1].endswith("refused 1 of 2 files")


def test_labels_of_near_points_cover_neither_each_other_nor_a_point(measurement) -> None:
    rows = [(f"model.{number}.tflite", 10.0 + 0.1 * number, 0.95) for number in range(4)]
    measurements = [
        measurement((ms,) * 9, artifact=name, sha256=name * 4, accuracy=accuracy)
        for name, ms, accuracy in rows
    ]
    chart = pareto_chart(pareto(measurements))
    labels = re.findall(r'<text x="([\d.]+)" y="([\d.]+)">model', chart)
    heights = sorted(float(y) for _, y in labels)
    assert len(heights) == 4
    assert all(after - before >= 11 for before, after in pairwise(heights))


def test_long_names_wrap_after_a_slash_and_numbers_do_not(report, measurement) -> None:
    page = render(report(measurement(), measurement(model_folder="bundles/other")))
    assert '<td class="text">bundles/<wbr>other/<wbr>model.int8.tflite</td>' in page
    assert "<td>10</td>" in page
