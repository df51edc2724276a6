"""Tests a model of one class from images to the device: only good parts are learnt."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.parity.artifact_record import read_records
from export.parity.one_class import check_one_class, verdict_scores
from runtime.classifier import Classifier
from runtime.explanation.explainer import Explainer
from runtime.images.preprocessing import preprocess


@pytest.fixture(scope="module")
def parts(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Training/mono with 40 photos, and a Test folder with 20 of mono, poly and covered cells."""
    folder = tmp_path_factory.mktemp("parts")
    mono = sorted((cells / "mono").iterdir())
    for split, label, files in (
        ("Training", "mono", mono[:40]),
        ("Test", "mono", mono[40:]),
        ("Test", "poly", sorted((cells / "poly").iterdir())[:20]),
    ):
        (folder / split / label).mkdir(parents=True)
        for file in files:
            shutil.copy(file, folder / split / label)
    (folder / "Test" / "covered").mkdir()
    for file in mono[40:]:
        covered(file).save(folder / "Test" / "covered" / file.name)
    return folder


def covered(file: Path) -> Image.Image:
    """Returns a cell whose upper right quarter shows a chessboard."""
    pixels = np.array(Image.open(file).convert("L"))
    side = pixels.shape[0] // 2
    board = np.indices((side, side)).sum(0) // 12 % 2 * 255
    pixels[:side, -side:] = board
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def run(parts: Path, run_cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "mono"
    done = run_cli("train", parts, "-o", run, "--one-class", "--input-size", "96", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["test_images"], figures["bad_images"]) == (20, 40)
    assert figures["auroc_low"] <= figures["auroc"] <= figures["auroc_high"]
    assert figures["auroc"] > 0.9
    return run


@pytest.fixture(scope="module")
def bundle(run: Path, run_cli) -> Path:
    for kind in ("tflite", "onnx"):
        done = run_cli("export", kind, run)
        assert done.returncode == 0, done.stderr
        assert "bad parts: stopped" in done.stdout
    return run / "bundle"


def test_page_of_the_run_shows_what_is_doubtful(run: Path, elements) -> None:
    page = elements((run / "report.html").read_text())
    assert "Bad images that are most similar" in page.text
    assert page.tags.count("img") == 24
    rows = (run / "similarities.csv").read_text().splitlines()
    assert len(rows) == 1 + 4 + 20 + 40


def test_each_file_tells_bad_parts_from_good_ones_as_keras_does(bundle: Path) -> None:
    for record in read_records(bundle).values():
        similarity = record.similarity_figures
        assert similarity is not None
        assert [row.label for row in similarity.left_out_classes] == ["covered", "poly"]
        assert similarity.auroc == pytest.approx(similarity.keras_auroc, abs=0.02)
        assert record.parity.agreement > 0.9
        assert record.parity.images == 60
        assert not check_one_class_of(record).doubt


def check_one_class_of(record):
    class Result:
        parity, similarity = record.parity, record.similarity_figures

    return check_one_class(Result)


@pytest.mark.parametrize("file", ["model.int8.tflite", "model.fp32.onnx"])
def test_device_says_known_or_unknown(bundle: Path, parts: Path, run_cli, file: str) -> None:
    done = run_cli("runtime", "predict", bundle, parts / "Test", "--json", "--artifact", file)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    verdicts: dict[str, list[bool]] = {}
    for answer in answers:
        (prediction,) = answer["predictions"]
        assert prediction["label"] == "mono"
        assert prediction["score"] == pytest.approx(max(0, answer["similarity"]))
        kind = Path(answer["image"]).parent.name
        verdicts.setdefault(kind, []).append(answer["verdict"] == "unknown")
    assert np.mean(verdicts["mono"]) <= 0.1
    assert np.mean(verdicts["poly"] + verdicts["covered"]) >= 0.5


def test_text_says_it_in_words(bundle: Path, parts: Path, run_cli) -> None:
    text = run_cli("runtime", "predict", bundle, parts / "Test").stdout
    assert ": mono (similarity 0." in text
    assert ": unknown: not like mono (similarity 0." in text


def test_bundle_is_installed_verified_and_judged(
    bundle: Path, parts: Path, run_cli, tmp_path: Path
) -> None:
    done = run_cli("runtime", "install", bundle, tmp_path / "place")
    assert done.returncode == 0, done.stderr
    assert "as exported" in run_cli("runtime", "verify", tmp_path / "place").stdout
    strangers = parts / "Test" / "poly"
    judged = run_cli("export", "judge", bundle, "--strangers", strangers, "--json")
    assert json.loads(judged.stdout)["images"] == 20
    assert json.loads(judged.stdout)["auroc"] > 0.9


def test_verify_sees_a_file_that_answers_otherwise(bundle: Path, run_cli, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    golden = json.loads((changed / "golden" / "golden.json").read_text())
    first = golden["samples"][0]["scores"]
    first["model.int8.tflite"] = [first["model.int8.tflite"][0] - 0.1]
    (changed / "golden" / "golden.json").write_text(json.dumps(golden))
    done = run_cli("runtime", "verify", changed, "--artifact", "model.int8.tflite")
    assert "DIFFERS at the stage 'model'" in done.stdout
    assert done.returncode


@pytest.mark.parametrize("file", ["model.int8.tflite", "model.fp32.onnx"])
def test_map_lies_on_what_is_no_part(bundle: Path, parts: Path, file: str) -> None:
    classifier = Classifier(bundle, artifact=file)
    explainer = Explainer(classifier)
    shares = []
    for image in sorted((parts / "Test" / "covered").iterdir()):
        explanation = explainer.explain(preprocess(image, classifier.preprocessing), 0)
        assert explanation.method == "features left out"
        half = classifier.preprocessing.height // 2
        shares.append(explanation.map[:half, half:].sum() / explanation.map.sum())
    assert np.mean(shares) > 0.6  # the quarter's share of the image is 0.25


def test_explain_draws_it(bundle: Path, parts: Path, run_cli, tmp_path: Path) -> None:
    image = next((parts / "Test" / "covered").iterdir())
    done = run_cli("runtime", "predict", bundle, image, "--explain", tmp_path / "maps")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "maps").glob("*.png"))) == 1


def test_integer_scores_are_refused(run: Path, run_cli, tmp_path: Path) -> None:
    done = run_cli("export", "tflite", run, "-o", tmp_path / "bundle", "--io", "int8")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("python -m export: --io: ")


def test_commands_that_read_labels_refuse_the_run(run: Path, parts: Path, run_cli) -> None:
    for words in (["evaluate", run], ["predict", run, parts / "Test"]):
        done = run_cli("train", *words)
        assert done.returncode == 2
        assert "a model of one class" in done.stderr


def test_least_score_has_no_meaning(bundle: Path, parts: Path, run_cli) -> None:
    for words in (["predict", bundle, parts / "Test"], ["camera", bundle, "--source", parts]):
        done = run_cli("runtime", *words, "--min-score", "0.9")
        assert done.returncode == 2
        assert "--min-score: " in done.stderr
        assert "use --min-similarity" in done.stderr


def test_verdict_changes_at_the_threshold() -> None:
    scores = verdict_scores(np.array([0.7, 0.9, 0.8], np.float32), 0.8)
    assert scores.argmax(1).tolist() == [1, 0, 0]
    np.testing.assert_allclose(scores.sum(1), 1)
