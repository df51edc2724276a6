"""Proves that an extension is one file and one row in a table, as CONTRIBUTING says.

Each test adds both to a copy of the packages and uses the extension through its command.
"""

import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.images.preprocessing import Preprocessing
from runtime.models.manifest import Manifest

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "tests/data/bundle_schema_1"
GOLDEN = BUNDLE / "golden"


class Checkout:
    """A copy of the packages that a test may extend."""

    def __init__(self, folder: Path, run_cli: Callable) -> None:
        self.folder, self._run_cli = folder, run_cli
        for package in ("runtime", "workstation", "train", "export", "benchmarks"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, folder / package, ignore=ignored)

    def add_file(self, path: str, code: str) -> None:
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_text(textwrap.dedent(code))

    def add_row(self, path: str, table: str, row: str) -> None:
        file = self.folder / path
        before, start, after = file.read_text().partition(f"\n{table} = {{\n")
        assert start, f"{path} has no table {table}"
        file.write_text(f"{before}{start}    {row}\n{after}")

    def run(self, *words: str | Path) -> str:
        """The standard output of a command that succeeds; `python -m` takes the folder's code."""
        done = self._run_cli(*words, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def checkout(tmp_path: Path, run_cli: Callable) -> Checkout:
    return Checkout(tmp_path / "checkout", run_cli)


def test_backend(checkout: Checkout, tmp_path: Path) -> None:
    checkout.add_file(
        "runtime/backends/brightness.py",
        '''
        """Calls an image dark or bright."""

        import numpy as np

        from runtime.backends.base import EMBEDDED_MANIFEST
        from runtime.file_formats.tensors import Tensor


        class BrightnessBackend:
            def __init__(self, name, content, threads):
                self.metadata = {EMBEDDED_MANIFEST: content.decode()}
                self.input = Tensor((1, 4, 4, 3), np.uint8)
                self.output = Tensor((1, 2), np.float32)
                self.invoked = (0, 0)

            def run(self, values):
                brightness = values.mean() / 255
                return np.array([[1 - brightness, brightness]], np.float32)
        ''',
    )
    checkout.add_row(
        "runtime/backends/base.py",
        "BACKENDS",
        '".lamp": LazyObject("runtime.backends.brightness:BrightnessBackend", extra=""),',
    )
    model = tmp_path / "model.lamp"
    model.write_text(Manifest("lamp", ("dark", "bright"), Preprocessing(4, 4, "crop")).to_json())
    image = tmp_path / "white.ppm"
    image.write_bytes(b"P6 8 8 255 " + b"\xff" * 192)
    assert checkout.run("runtime", "predict", model, image) == (
        f"{image}: bright 1.000, dark 0.000\n"
    )


def test_format(checkout: Checkout, trained: Path, cells: Path, tmp_path: Path) -> None:
    """A format needs an interpreter of its files too, so this adds a row for a backend as well."""
    checkout.add_file(
        "export/formats/renamed.py",
        '''
        """Makes TFLite files with another suffix."""

        from dataclasses import replace

        from export.formats.tflite import convert as tflite


        def convert(model, spec, calibration, manifest):
            return tflite.convert(model, replace(spec, format="tflite"), calibration, manifest)


        def with_manifest(content, manifest):
            return tflite.with_manifest(content, manifest)


        def check_target(file, content, target):
            raise AssertionError("there is no runtime to check against")
        ''',
    )
    checkout.add_row(
        "export/formats/registry.py",
        "FORMATS",
        '"renamed": Format(_load_later("renamed:convert"), _load_later("renamed:with_manifest"),'
        ' _load_later("renamed:check_target"), precisions=("fp32",)),',
    )
    checkout.add_row(
        "runtime/backends/base.py",
        "BACKENDS",
        '".renamed": LazyObject("runtime.backends.litert:TFLiteBackend", extra="tflite"),',
    )
    bundle = tmp_path / "bundle"
    limits = ("--max-drop", "0.2", "--min-agreement", "0.8")
    checkout.run("export", "renamed", trained, "-o", bundle, *limits)
    assert "model.fp32.renamed" in [path.name for path in bundle.iterdir()]
    image = sorted(cells.rglob("*.png"))[0]
    assert checkout.run("runtime", "predict", bundle, image).startswith(f"{image}: ")
    assert "as exported" in checkout.run("runtime", "verify", bundle)


SOURCE = '''
"""Yields the golden images of a bundle."""

import time
from pathlib import Path

from PIL import Image

from runtime.sources.base import Frame


def frames(address):
    for path in sorted(Path(address.partition("//")[2]).glob("golden/*.png")):
        yield Frame(path.stem, Image.open(path), time.monotonic())
'''


def test_source(checkout: Checkout) -> None:
    checkout.add_file("runtime/sources/golden.py", SOURCE)
    checkout.add_row(
        "runtime/sources/base.py",
        "SOURCES",
        '"golden": SourceType('
        'LazyObject("runtime.sources.golden:frames", extra=""), "frames", "url"),',
    )
    options = ("--source", f"golden://{BUNDLE}", "--stable", "1", "--window", "1")
    lines = checkout.run("runtime", "camera", BUNDLE, *options).splitlines()
    assert len(lines) == 2
    assert {"circle", "square"} <= {word for line in lines for word in line.split()}


def test_sink(checkout: Checkout) -> None:
    checkout.add_file(
        "runtime/monitor/sinks/label_log.py",
        '''
        """Appends each new label to a file."""

        from contextlib import contextmanager
        from pathlib import Path

        from runtime.monitor.sinks.base import Sink


        @contextmanager
        def open_label_log(options, context):
            with Path("labels.log").open("w") as log:
                yield Sink(on_change=lambda change: print(change.predicted, file=log))
                print("closed", context.bundle_name, file=log)
        ''',
    )
    checkout.add_row(
        "runtime/monitor/sinks/base.py",
        "SINKS",
        '"log": SinkType('
        'LazyObject("runtime.monitor.sinks.label_log:open_label_log", extra=""), lambda _: True),',
    )
    checkout.run(
        "runtime", "camera", BUNDLE, "--source", f"{GOLDEN}/*.png", "--stable", "1", "--window", "1"
    )
    *labels, closed = (checkout.folder / "labels.log").read_text().splitlines()
    assert {"circle", "square"} <= set(labels)
    assert closed.startswith("closed ")


def test_backbone(checkout: Checkout, cells: Path, tmp_path: Path) -> None:
    checkout.add_file(
        "train/backbones/one_layer.py",
        '''
        """Builds a network with one convolution."""

        from keras import layers


        def one_layer(inputs):
            return layers.ReLU()(layers.Conv2D(8, 3, 4, "same", name="only")(inputs))
        ''',
    )
    checkout.add_row(
        "train/backbones/registry.py",
        "BACKBONES",
        '"one-layer": Backbone('
        'LazyObject("train.backbones.one_layer:one_layer", EXTRA), None, LITE, 96, thaw=1),',
    )
    run = tmp_path / "run"
    epochs = ("--head-epochs", "1", "--epochs", "1", "--variants", "1", "--input-size", "32")
    checkout.run("train", cells, "-o", run, "--backbone", "one-layer", *epochs)
    image = sorted(cells.rglob("*.png"))[0]
    answer = checkout.run("train", "predict", run, image)
    assert "mono" in answer
    assert "poly" in answer


def test_benchmark(checkout: Checkout) -> None:
    checkout.add_file(
        "benchmarks/commands/size.py",
        '''
        """Prints the size of each model file."""

        from pathlib import Path

        from runtime.bundles.bundle import Bundle


        def main(arguments):
            for artifact in Bundle.open(Path(arguments[0])).exported():
                print(artifact.file, len(Bundle.open(Path(arguments[0])).read(artifact)))
            return 0
        ''',
    )
    checkout.add_row(
        "benchmarks/commands/table.py",
        "VERBS",
        '"size": Verb("benchmarks.commands.size", "print the size of each model file"),',
    )
    size = (BUNDLE / "model.int8.tflite").stat().st_size
    assert checkout.run("benchmarks", "size", BUNDLE) == f"model.int8.tflite {size}\n"
    assert "print the size of each model file" in checkout.run("benchmarks", "--help")


def test_peer(checkout: Checkout) -> None:
    """With two interpreters that exist, so that nothing is installed."""
    checkout.add_file(
        "benchmarks/peers/adapters/constant.py",
        '''
        """Answers always the same."""


        def load(model, threads):
            return lambda image: "circle"
        ''',
    )
    checkout.add_row(
        "benchmarks/peers/registry.py",
        "PEERS",
        '"constant": Peer("constant.py", "a constant", (), ("numpy",)),',
    )
    pythons = [f"--python={name}={sys.executable}" for name in ("ours", "constant")]
    options = ("--images", GOLDEN, "--rounds", "1", *pythons)
    table = checkout.run("benchmarks", "peers", "constant", BUNDLE, *options)
    assert "constant: a constant" in table


def test_claim(checkout: Checkout) -> None:
    checkout.add_file(
        "benchmarks/claims/scripts/short.py",
        '''
        """python -m benchmarks.claims.scripts.short BUNDLE

        Counts the model files. There should be few.
        """

        import sys
        from pathlib import Path

        from benchmarks.claims.base import Claim, print_claims, run_claim
        from runtime.bundles.bundle import Bundle


        def main():
            count = len(Bundle.open(Path(sys.argv[1])).exported())
            return print_claims(Claim("model files", count, "files", 3, False))


        if __name__ == "__main__":
            run_claim("benchmarks.claims.scripts.short", main)
        ''',
    )
    output = checkout.run("benchmarks", "claims", "short", "--bundle", BUNDLE)
    assert "model files" in output
