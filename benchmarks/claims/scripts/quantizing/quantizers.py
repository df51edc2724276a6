"""python -m benchmarks.claims.scripts.quantizing.quantizers RUN ... [--python SCRIPT=PATH]

Compares our int8 files of a run with those of other quantizers: drop, labels, speed and export.
All get the same Keras model, the same representative dataset and the same test images, and each
file answers through the code of the device. The claims are that none drops less than ours in either
format, and that none is over 5 % faster; a table of all files is printed. A file that is better
than its model is so by chance, and counts as one without a drop.

The time of an inference is that of the interpreter alone, in processor time on one thread, in turn
with the other files (timing.py). An export begins with the Keras model in memory and ends with the
file; the parity gate, the similarities and imports do not count.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from benchmarks.claims.base import Claim, claim_parser, print_claims, run_claim
from benchmarks.claims.scripts.quantizing.libraries import LIBRARIES, quantize_with
from benchmarks.claims.scripts.quantizing.timing import OURS, open_file, p50_ms
from benchmarks.peers.command import named_python
from benchmarks.reporting.markdown import escaped
from export.formats.artifact_spec import ArtifactSpec
from export.formats.registry import FORMATS
from export.inputs.trained_run import open_run
from export.options import ExportOptions
from export.publish import bundle_manifest
from export.session import Session
from runtime.errors import MachineError
from runtime.images.preprocessing import preprocess
from runtime.shared.parity import ParityReport, compare
from runtime.system.lazy_loading import lookup
from runtime.system.terminal import say

OPTIONS, BAR_RATIO = ExportOptions(), 1.05
FLOAT = "float"
"""The name, without suffix, of a float file on pixels 0..255; its row is there for comparison."""
FORMATS_MADE = (".tflite", ".onnx")
HEAD = (
    "| network | quantizer | drop, points (95 %) | same top-1 | p50, ms | export, s | MB |\n"
    "|---|---|---|---|---|---|---|"
)


class Made(NamedTuple):
    """Holds a file that a quantizer made in `export_s` seconds of processor time."""

    quantizer: str
    file: Path
    export_s: float


class QuantizerRow(NamedTuple):
    """Holds the figures of a file; without `parity` the quantizer failed, for `reason`."""

    quantizer: str
    suffix: str
    reason: str = ""
    parity: ParityReport | None = None
    p50_ms: float = 0
    export_s: float = 0
    size_bytes: int = 0


def main() -> int:
    """Prints the table and the claims; returns 3 if one does not hold."""
    parser = claim_parser(__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument(
        "--python",
        type=named_python,
        action="append",
        default=[],
        metavar="SCRIPT=PATH",
        help="run a script of adapters/ with this interpreter instead of installing its libraries",
    )
    options = parser.parse_args()
    pythons = dict(options.python)
    for name in pythons:
        lookup({library.script: None for library in LIBRARIES.values()}, name, "script")
    tables = {folder.name: _measure(folder, pythons) for folder in options.runs}
    print(HEAD)
    for name, rows in tables.items():
        print("\n".join(_line(name, row) for row in rows))
    return print_claims(*(claim for name, rows in tables.items() for claim in _claims(name, rows)))


def _measure(folder: Path, pythons: dict[str, Path]) -> list[QuantizerRow]:
    """Returns a row for each quantizer, ours first in each format."""
    run = open_run(folder, None)
    with tempfile.TemporaryDirectory() as scratch, Session(run, OPTIONS, Path(scratch)) as session:
        outputs = Path(scratch)
        made = list(_own_files(session, outputs))
        failed = []
        floats = {one.file.suffix: one for one in made if one.file.stem == FLOAT}
        np.save(outputs / "images.npy", session.calibration.pixels)
        for number, (name, library) in enumerate(LIBRARIES.items()):
            source, target = floats[library.source], outputs / f"{number}{library.target}"
            try:
                took_s = quantize_with(
                    library, source.file, outputs / "images.npy", target, pythons
                )
            except MachineError as error:
                say(f"{folder.name}: {name}: {error}")
                failed.append(QuantizerRow(name, library.target, str(error)))
            else:
                made.append(Made(name, target, source.export_s + took_s))
        rows = _compare(session, made) + failed
    return sorted(rows, key=lambda row: row.suffix, reverse=True)


def _own_files(session: Session, outputs: Path) -> Iterator[Made]:
    """Yields our files, that of TensorFlow's converter, and the float files for the others."""
    model = session.model
    with session.imports():
        from benchmarks.claims.scripts.quantizing import plain
    for suffix in FORMATS_MADE:
        spec = OPTIONS.with_targets(ArtifactSpec(suffix[1:], "int8"))
        convert = FORMATS[spec.format].convert.load()
        pixels, manifest = session.calibration.pixels, bundle_manifest(session.run)
        yield _made("ours", outputs / f"{OURS}{suffix}", convert, model, spec, pixels, manifest)
        yield _made(FLOAT, outputs / f"{FLOAT}{suffix}", plain.FLOAT_FILES[suffix], model)
    file = outputs / "plain.tflite"
    yield _made("TFLiteConverter", file, plain.full_int8, model, session.calibration.pixels)


def _made(name: str, file: Path, make: Callable[..., Any], *inputs: Any) -> Made:
    start = process_time()
    made = make(*inputs)
    file.write_bytes(getattr(made, "content", made))
    return Made(name, file, process_time() - start)


def _compare(session: Session, made: Sequence[Made]) -> list[QuantizerRow]:
    run = session.run
    images, labels = run.split("test"), run.manifest.labels
    pixels = np.stack([preprocess(run.read(image), run.manifest.preprocessing) for image in images])
    truth = np.array([labels.index(image.label) for image in images])
    names, groups = [image.path for image in images], [image.group for image in images]
    reference = session.reference(pixels)
    times_ms = p50_ms([one.file for one in made], labels)
    rows = []
    for one, time_ms in zip(made, times_ms, strict=True):
        classifier = open_file(one.file, labels)
        scores = np.stack([classifier.scores(image) for image in pixels])
        parity = compare(names, truth, reference, scores, labels, groups)
        size = one.file.stat().st_size
        rows.append(
            QuantizerRow(one.quantizer, one.file.suffix, "", parity, time_ms, one.export_s, size)
        )
    return rows


def _line(network: str, row: QuantizerRow) -> str:
    begin = f"| {network} | {row.quantizer}, {row.suffix} |"
    if row.parity is None:
        return f"{begin} {escaped(row.reason)} | | | | |"
    low, high = 100 * row.parity.drop_low, 100 * row.parity.drop_high
    return (
        f"{begin} {100 * row.parity.drop:.2f} ({low:+.2f} to {high:+.2f})"
        f" | {row.parity.agreement:.4f} | {row.p50_ms:.3f} | {row.export_s:.1f}"
        f" | {row.size_bytes / 1e6:.2f} |"
    )


def _claims(network: str, rows: Sequence[QuantizerRow]) -> Iterator[Claim]:
    for suffix in FORMATS_MADE:
        measured = [row for row in rows if row.suffix == suffix and row.quantizer != FLOAT]
        drops = {row.quantizer: max(0, 100 * row.parity.drop) for row in measured if row.parity}
        times = {row.quantizer: row.p50_ms for row in measured if row.parity}
        least, fastest = (
            min(figures, key=lambda name: figures[name]) for figures in (drops, times)
        )
        name = f"quantizers {network} {suffix[1:]}"
        yield Claim(
            f"{name} drop",
            drops["ours"] - drops[least],
            f"points more drop than the best of {len(drops)} ({least}: {drops[least]:.2f})",
            0,
            least=False,
        )
        yield Claim(
            f"{name} time",
            times["ours"] / times[fastest],
            f"times the fastest of {len(times)} ({fastest}: {times[fastest]:.3f} ms)",
            BAR_RATIO,
            least=False,
        )


if __name__ == "__main__":
    run_claim(__spec__.name, main)
