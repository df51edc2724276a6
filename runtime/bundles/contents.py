"""Checks that a bundle holds its own files and no others, and the labels of its manifest."""

from collections.abc import Sequence

from runtime.bundles.bundle import GOLDEN, LABELS, Bundle, refuse_unlisted
from runtime.bundles.device_scores import FILE as DEVICES
from runtime.bundles.examples import read_examples
from runtime.bundles.golden_samples import (
    FILE,
    PIXELS,
    GoldenSample,
    pixels_file,
    read_pixels,
)
from runtime.errors import InputRefused
from runtime.models.labels import labels_file_text, labels_text
from runtime.system.json_records import read_text


def check_contents(bundle: Bundle, samples: Sequence[GoldenSample]) -> None:
    """Checks the names of all files of a bundle, its labels.txt and its golden `samples`.

    Raises:
        InputRefused: a file is in no list, labels.txt has other labels than the manifest, the
            examples are damaged, or a sample contradicts the manifest or its pixels.
    """
    golden = bundle.path / GOLDEN
    pixels = {pixels_file(sample).name for sample in samples}
    refuse_unlisted(golden, {FILE, DEVICES, PIXELS, *(sample.file for sample in samples)})
    refuse_unlisted(golden / PIXELS, pixels)
    check_labels_file(bundle)
    read_examples(bundle.path)
    labels = bundle.manifest.labels
    for sample in samples:
        if sample.label not in labels:
            raise InputRefused(
                str(golden / FILE),
                f"{sample.file} has the label {sample.label[:50]!r}, which the"
                " manifest does not have; copy the bundle again",
            )
        if any(len(scores) != len(labels) for scores in sample.scores.values()):
            raise InputRefused(
                str(golden / FILE),
                f"expected {len(labels)} scores of {sample.file} by each model file, one for each"
                " label; copy the bundle again",
            )
    _check_pixels(bundle, samples)


def _check_pixels(bundle: Bundle, samples: Sequence[GoldenSample]) -> None:
    """Raises InputRefused if the pixels of a sample are lost or changed; old bundles have none."""
    golden = bundle.path / GOLDEN
    if not (golden / PIXELS).exists():
        return
    for sample in samples:
        if read_pixels(bundle.path, sample, bundle.manifest.preprocessing) is None:
            raise InputRefused(
                str(golden / pixels_file(sample)),
                "missing, or not the pixels that golden.json states; copy the bundle again",
            )


def check_labels_file(bundle: Bundle) -> None:
    """Raises InputRefused if labels.txt exists and its lines are not the manifest's labels."""
    path, labels = bundle.path / LABELS, bundle.manifest.labels
    if not path.exists():
        return
    lines = read_text(path, "not a bundle", errors="surrogateescape").splitlines()
    expected = [labels_text(labels).splitlines(), labels_file_text(labels).splitlines()]
    if lines not in expected:
        raise InputRefused(
            str(path),
            f"its {len(lines)} lines are not the {len(labels)} labels of the manifest;"
            " copy the bundle again",
        )
