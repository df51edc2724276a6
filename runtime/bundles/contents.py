"""Checks that a bundle holds its own files and no others, and the labels of its manifest."""

from collections.abc import Sequence

from runtime.bundles.bundle import GOLDEN, LABELS, Bundle, refuse_unlisted
from runtime.bundles.device_scores import FILE as DEVICES
from runtime.bundles.examples import read_examples
from runtime.bundles.golden_images import (
    FILE,
    PIXELS,
    GoldenImage,
    pixels_file,
    read_pixels,
)
from runtime.errors import InputRefused
from runtime.models.labels import labels_file_text, labels_text
from runtime.system.json_records import read_text


def check_contents(bundle: Bundle, golden_images: Sequence[GoldenImage]) -> None:
    """Checks the names of all files of a bundle, its labels.txt and its `golden_images`.

    Raises:
        InputRefused: a file is in no list, labels.txt has other labels than the manifest, the
            examples are damaged, or a golden image contradicts the manifest or its pixels.
    """
    golden = bundle.path / GOLDEN
    pixels = {pixels_file(golden_image).name for golden_image in golden_images}
    refuse_unlisted(
        golden, {FILE, DEVICES, PIXELS, *(golden_image.file for golden_image in golden_images)}
    )
    refuse_unlisted(golden / PIXELS, pixels)
    check_labels_file(bundle)
    read_examples(bundle.path)
    labels = bundle.manifest.labels
    for golden_image in golden_images:
        if golden_image.label not in labels:
            raise InputRefused(
                str(golden / FILE),
                f"{golden_image.file} has the label {golden_image.label[:50]!r}, which the"
                " manifest does not have; copy the bundle again",
            )
        if any(len(scores) != len(labels) for scores in golden_image.scores.values()):
            raise InputRefused(
                str(golden / FILE),
                f"expected {len(labels)} scores of {golden_image.file} by each model file, one for"
                " each label; copy the bundle again",
            )
    _check_pixels(bundle, golden_images)


def _check_pixels(bundle: Bundle, golden_images: Sequence[GoldenImage]) -> None:
    """Raises InputRefused if golden pixels are lost or changed; old bundles have none."""
    golden = bundle.path / GOLDEN
    if not (golden / PIXELS).exists():
        return
    for golden_image in golden_images:
        if read_pixels(bundle.path, golden_image, bundle.manifest.preprocessing) is None:
            raise InputRefused(
                str(golden / pixels_file(golden_image)),
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
