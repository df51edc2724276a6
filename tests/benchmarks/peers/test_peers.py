"""Tests `python -m benchmarks peers`: the plain peer really runs, others fail in one line."""

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.peers.environments import installed_environment
from benchmarks.peers.registry import FOLDER, ONNX, OURS, PEERS, PIXELS_ONNX, Peer
from benchmarks.peers.result import PeerComparison
from benchmarks.peers.run import PeerSettings, bundle_model_file, run_peer
from runtime import Classifier
from runtime.errors import MachineError
from runtime.images.preprocessing import Preprocessing
from runtime.models.manifest import Artifact, Manifest
from runtime.system.typed_json import read_as

REQUIREMENT = "quince-edge-no-such-thing"
HERE = (f"--python=ours={sys.executable}", f"--python=plain={sys.executable}")


@pytest.fixture(scope="module")
def compared(exported: Path, cells: Path, run_cli, tmp_path_factory) -> tuple[Path, str]:
    """What `peers plain` wrote of 64 of the images, and what it printed."""
    path = tmp_path_factory.mktemp("peers") / "peers.json"
    done = run_cli(
        "benchmarks",
        "peers",
        "plain",
        exported,
        "--images",
        cells,
        "--rounds",
        "3",
        *HERE,
        "-o",
        path,
    )
    assert done.returncode == 0, done.stderr
    return path, done.stdout


def read(path: Path) -> PeerComparison:
    (run,) = json.loads(path.read_text())["runs"]
    (result,) = run["results"]
    return read_as(PeerComparison, result, "result")


def test_plain_peer_and_ours_answer_about_the_same_images(
    compared, exported: Path, cells: Path
) -> None:
    result = read(compared[0])
    images = sorted(cells.rglob("*.png"))
    spread = [images[place * 120 // 64] for place in range(64)]
    ours = Classifier(exported / "model.int8.tflite")
    assert result.artifact == "model.int8.tflite"
    assert result.image_labels == tuple(image.parent.name for image in spread)
    assert result.ours.predicted_labels == tuple(ours.classify(image)[0].label for image in spread)
    assert set(result.theirs.predicted_labels) == {"mono", "poly"}
    assert (
        [len(row) for row in result.ours.samples_ms]
        == [len(row) for row in result.theirs.samples_ms]
        == [64] * 3
    )
    assert result.agreement > 0.5
    assert result.accuracy(result.ours) > 0.8


def test_peer_that_reads_another_format_gets_a_converted_file_with_its_labels(
    exported: Path, cells: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    maker = tmp_path / "copy.py"
    maker.write_text("import shutil, sys\nshutil.copy(*sys.argv[1:])")
    peer = Peer("plain.py", "p", (), ("numpy",), convert=str(maker), ours="*.tflite")
    images = tuple(sorted(cells.rglob("*.png"))[:2])
    here = {"p": Path(sys.executable), "ours": Path(sys.executable)}
    result = run_peer("p", peer, PeerSettings(exported, images, 1, 1, here))
    assert (result.artifact, result.their_artifact) == ("model.int8.tflite", "model.int8")
    assert set(result.theirs.predicted_labels) <= {"mono", "poly"}
    maker.write_text("raise SystemExit('no')")
    with pytest.raises(MachineError, match="^p: could not make its model: no$"):
        run_peer("p", peer, PeerSettings(exported, images, 1, 1, here))


def test_the_model_file_has_the_precision_and_input_that_were_asked_for(tmp_path: Path) -> None:
    names = ("fp32-float-io", "fp32", "int8")
    artifacts = tuple(
        Artifact(f"model.{name}.onnx", "onnx", name.partition("-")[0], "0" * 64) for name in names
    )
    manifest = Manifest("m", ("a", "b"), Preprocessing(8, 8, "crop"), artifacts)
    (tmp_path / "manifest.json").write_text(manifest.to_json())
    for pattern, precision, name in (
        (PIXELS_ONNX, "int8", "int8"),
        (PIXELS_ONNX, "fp32", "fp32"),
        ("*-float-io.onnx", "int8", "fp32-float-io"),
    ):
        settings = PeerSettings(tmp_path, (), 1, 1, {}, precision)
        assert bundle_model_file("p", pattern, settings).name == f"model.{name}.onnx"


def test_cold_start_takes_longer_than_an_image_and_memory_is_that_of_the_process(compared) -> None:
    result = read(compared[0])
    for side in (result.ours, result.theirs):
        assert len(side.cold_ms) == 3
        assert min(side.cold_ms) > 5 * side.ms
        assert 30e6 < side.peak_bytes < 400e6
        assert side.versions["pillow"].split(".")[0].isdigit()
        assert side.installed_bytes is None


def test_table_is_printed_and_printed_again(compared, run_cli) -> None:
    path, printed = compared
    result = read(path)
    again = run_cli("benchmarks", "peers", "--table", path)
    assert (again.returncode, again.stdout) == (0, printed)
    cells = [cell.strip() for cell in printed.splitlines()[2].strip("|").split("|")]
    assert cells[0] == "plain: a plain script: Pillow and LiteRT"
    assert cells[2] == f"{result.ratio:.3g} ({result.worst_ratio:.3g})"
    assert cells[3] == f"{result.processor_ratio:.3g}"
    assert cells[8] == f"{result.agreement:.3f}"
    assert "python -m benchmarks peers plain" in printed
    assert "Measured 20" in printed


def test_peer_that_cannot_run_is_one_line_and_the_others_go_on(
    exported: Path, cells: Path, run_cli, bare_python
) -> None:
    python = bare_python("numpy", "pillow")
    few = sorted(cells.rglob("*.png"))[:2]
    words = (
        "peers",
        "mediapipe",
        "plain",
        exported,
        "--images",
        *few,
        "--rounds",
        "1",
        *HERE,
        f"--python=mediapipe={python}",
    )
    done = run_cli("benchmarks", *words)
    assert done.returncode == 4
    lines = [line for line in done.stderr.splitlines() if "not measured" in line]
    reason = "cannot be run: ModuleNotFoundError: No module named 'mediapipe'"
    assert lines == [f"python -m benchmarks: mediapipe: not measured: {reason}"]
    assert "| plain" in done.stdout
    assert "Not measured: mediapipe: cannot be run" in done.stdout


@pytest.fixture
def wheel(tmp_path: Path) -> Callable[[], None]:
    """Puts a package of one file into the folder `wheels`."""

    def write() -> None:
        info = "quince_edge_no_such_thing-1.dist-info"
        (tmp_path / "wheels").mkdir()
        file = tmp_path / "wheels/quince_edge_no_such_thing-1-py3-none-any.whl"
        with zipfile.ZipFile(file, "w") as archive:
            for name, text in (
                ("quince_edge_no_such_thing.py", ""),
                (f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {REQUIREMENT}\nVersion: 1\n"),
                (f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
                (f"{info}/RECORD", ""),
            ):
                archive.writestr(name, text)

    return write


def test_failed_installation_is_one_line_and_is_begun_anew_and_a_whole_one_is_kept(
    tmp_path: Path, monkeypatch, wheel: Callable[[], None]
) -> None:
    """pip leaves what it was unpacking if it is ended with us: for PyTorch gigabytes in /tmp."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    with pytest.raises(MachineError, match=f"plain: cannot be installed: .*{REQUIREMENT}") as error:
        installed_environment("plain", (REQUIREMENT,))
    assert "\n" not in str(error.value)
    (place,) = (tmp_path / "cache").glob("*/peers/plain-*")
    (place / "left").touch()
    wheel()
    first = installed_environment("plain", (REQUIREMENT,))
    assert first.python.parents[1] == place
    assert not (place / "left").exists()
    assert not (place / "tmp").exists()
    assert 0 < first.size_bytes < 10_000, "pip itself takes megabytes"
    (place / "kept").touch()
    assert installed_environment("plain", (REQUIREMENT,)) == first
    third = installed_environment("plain", (REQUIREMENT,), with_runtime=True)
    assert (place / "kept").exists()
    assert third.size_bytes > 100_000
    assert "PYTHONPATH" not in third.variables


def test_bundle_without_such_a_file_and_wrong_words_are_refused(
    exported: Path, run_cli, tmp_path: Path
) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = run_cli(
        "benchmarks", "peers", "ultralytics", exported, "-o", tmp_path / "o.json", env=cache
    )
    assert done.returncode == 2
    assert not (tmp_path / "cache").exists(), "nothing is installed for it"
    assert (
        "ultralytics: not measured: takes *-float-io.onnx, found model.int8.tflite, model.fp32.onnx"
        in done.stderr
    )
    for words, reason in (
        ((), "peers: expected a bundle or a model file"),
        (("plane", exported), "no such peer; there are plain"),
        (
            ("plain", exported, "--python", "plain=nowhere"),
            "expected NAME=PATH of a Python interpreter, found plain=nowhere",
        ),
    ):
        done = run_cli("benchmarks", "peers", *words)
        assert done.returncode == 2
        assert reason in done.stderr


# the line protocol


def test_ratio_is_that_of_rounds_and_refused_images_count_against_the_peer() -> None:
    side = {"versions": {}, "cold_ms": [100, 300], "installed_bytes": None, "peak_bytes": None}
    data = {
        "peer": "p",
        "what": "w",
        "artifact": "m",
        "sha256": "s",
        "threads": 1,
        "with_images": True,
        "image_labels": ["a", "b", "a"],
    }
    ours = {
        **side,
        "samples_ms": [[1, 1], [2, 4], [1, 1]],
        "predicted_labels": ["a", "b", "b"],
        "processor_ms": [2, 2, 1],
    }
    theirs = {
        **side,
        "samples_ms": [[3, 1], [2, 10], [1, 0.5]],
        "predicted_labels": ["a", None, "a"],
        "cold_ms": [300, 300],
        "processor_ms": [2, 6, 3],
    }
    result = read_as(PeerComparison, {**data, "ours": ours, "theirs": theirs}, "p")
    assert (result.ratio, result.worst_ratio, result.processor_ratio) == (2.0, 0.75, 1.0)
    assert result.cold_ratio == 2.0
    assert result.agreement == pytest.approx(1 / 3)
    assert result.refused == 1
    assert result.accuracy(result.ours) == result.accuracy(result.theirs) == pytest.approx(2 / 3)


def test_requirements_of_ours_are_those_of_the_package() -> None:
    text = (FOLDER.parents[2] / "pyproject.toml").read_text()
    for requirement in {
        *OURS[".tflite"],
        *OURS[".onnx"],
        *(
            requirement
            for peer in PEERS.values()
            for requirement in peer.requirements
            if "mediapipe" in requirement
        ),
    }:
        assert f'"{requirement}"' in text, requirement
    assert ONNX in PEERS["ultralytics"].requirements


def test_every_script_is_there() -> None:
    scripts = {
        script
        for peer in PEERS.values()
        for script in (peer.script, peer.own_model, peer.convert)
        if script
    }
    assert {file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*.py")} == scripts | {
        "__init__.py",
        "models/__init__.py",
        "main.py",
        "quince.py",
    }
