"""Reviews the images of a data set, and writes what a person should look at as page and table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from runtime.errors import ImageRefused, QuinceError
from runtime.images.decoding import read_image
from runtime.images.preprocessing import Preprocessing, resize
from runtime.shared.html_page import html_head, image_data_url
from runtime.shared.progress import track
from runtime.system.atomic_files import write_file
from runtime.system.lazy_loading import requires_extra
from runtime.system.terminal import quiet
from train.data.dataset import Dataset
from train.data.decoded_cache import PixelCache
from train.data.image_folder import ImageFolder
from train.review.class_worth import ClassWorth, CurvePoint
from train.review.move_commands import MoveCommands
from train.review.visual_faults import VisualKind, find_visual_faults
from workstation.keras_setup import prepare_tensorflow
from workstation.page_template import load_template
from workstation.run_folder import Split, write_table

MAX_SHOWN = 48
"""How many images of each kind the page shows; the table has all."""
SIDE_PX = 160
MAX_WORTHS = 5
"""Classes whose worth a terminal shows."""

Kind = Literal["label", "label fits"] | VisualKind


@dataclass(frozen=True)
class ImageFinding:
    """Names one image, what was found, and the shell command that acts on it.

    figure: the probability of its label ("label" and "label fits"), or the score of VisualFault.
    suggested: the class that it looks like; empty for the visual findings.
    """

    finding: Kind
    path: str
    label: str
    split: Split
    figure: float
    suggested: str = ""
    fix_command: str = ""


@dataclass(frozen=True)
class Review:
    """Holds the findings, those of a kind with the worst first.

    label_findings: a row for each image that was compared, also where the label fits.
    visual_findings: the empty, dark and blurred images.
    not_reviewed: sentences on images whose label was not compared, and why.
    curve: how the accuracy grew with the images.
    worths: what more images of each class are worth, the most first.
    """

    label_findings: tuple[ImageFinding, ...]
    visual_findings: tuple[ImageFinding, ...]
    not_reviewed: tuple[str, ...]
    curve: tuple[CurvePoint, ...] = ()
    worths: tuple[ClassWorth, ...] = ()

    @property
    def suspects(self) -> list[ImageFinding]:
        """Returns the images whose label is suspect."""
        return [finding for finding in self.label_findings if finding.finding == "label"]

    def sentences(self) -> Iterator[str]:
        """Yields what was found, in a sentence each."""
        if self.label_findings:
            yield (
                f"{len(self.suspects)} of {len(self.label_findings)} training and validation "
                "images look like another class"
            )
        yield f"empty, dark or blurred images: {len(self.visual_findings)}"
        yield from self.not_reviewed
        yield from (row.sentence() for row in self.worths[:MAX_WORTHS])

    def record(self) -> dict[str, Any]:
        """Returns the findings as JSON, without the images whose label fits."""
        return {
            "labels_compared": len(self.label_findings),
            "label_findings": [asdict(finding) for finding in self.suspects],
            "visual_findings": [asdict(finding) for finding in self.visual_findings],
            "not_reviewed": self.not_reviewed,
            "curve": [asdict(point) for point in self.curve],
            "worths": [asdict(row) for row in self.worths],
        }


def review_images(folder: ImageFolder, data: Dataset, pixels: PixelCache, cache: Path) -> Review:
    """Reviews the used images of `folder`; features are kept in `cache`.

    Without a package that the default backbone needs, or if the images are too small for it, labels
    are not reviewed.

    Raises:
        MachineError: the disk is full.
    """
    moves = MoveCommands(folder)
    used = [image for image in data.images if image.split != "refused"]
    visual = [
        ImageFinding(
            fault.kind,
            fault.image.path,
            fault.image.label,
            fault.image.split,
            round(fault.score, 4),
            fix_command=moves.set_aside(fault.image),
        )
        for fault in find_visual_faults(used, pixels)
    ]
    prepare_tensorflow()
    try:
        with quiet(), requires_extra("train", "label review"):
            from train.review.label_review import (
                FOLDS,
                build_feature_model,
                compute_shown,
                out_of_fold_scores,
                review_labels,
            )
            from train.review.learning_curve import estimate_worth
        model = build_feature_model(pixels)
    except QuinceError as error:
        return Review((), tuple(visual), (f"labels were not reviewed: {error}",))
    shown = compute_shown(data, pixels, model, cache / "features")
    of_images = shown.features, shown.targets, shown.groups
    folds = track(range(FOLDS), "review labels", FOLDS)
    scores, scored = out_of_fold_scores(*of_images, len(data.labels), folds=folds)
    ranked, not_reviewed = review_labels(data, shown, scores, scored)
    labels = []
    for row in ranked:
        fits = row.suggested == row.image.label
        finding = ImageFinding(
            "label fits" if fits else "label",
            row.image.path,
            row.image.label,
            row.image.split,
            round(row.self_confidence, 4),
            row.suggested,
            "" if fits else moves.relabel(row.image, row.suggested),
        )
        labels.append(finding)
    curve, worths = estimate_worth(*of_images, data.labels, scores)
    return Review(tuple(labels), tuple(visual), tuple(not_reviewed), tuple(curve), tuple(worths))


def write_review(
    path: Path,
    review: Review,
    folder: ImageFolder,
    data: Dataset,
    preprocessing: Preprocessing,
    *,
    findings: Sequence[str],
    counts: Mapping[str, Mapping[Split, int]],
    command: str,
) -> None:
    """Writes the page `path` and beside it a table of the same name, each whole or not at all.

    Args:
        findings: sentences on the quality of the data.
        counts: the number of images by class and split.
        command: repeats the check.
    """
    rows = [
        [str(value) for value in astuple(row)]
        for row in (*review.label_findings, *review.visual_findings)
    ]
    write_table(table_path(path), [field.name for field in fields(ImageFinding)], rows)
    shown = replace(preprocessing, height=SIDE_PX, width=SIDE_PX, fit="pad", channels=3)
    page = load_template("train.review", "review.html.j2").render(
        head=html_head(f"{folder.root.resolve().name} – check"),
        name=folder.root.resolve().name,
        table=table_path(path).name,
        start=MoveCommands(folder).start,
        review=review,
        suspects=_with_thumbnails(folder.root, review.suspects, shown),
        visual=_with_thumbnails(folder.root, review.visual_findings, shown),
        findings=findings,
        counts=counts,
        refused=data.split("refused"),
        max_shown=MAX_SHOWN,
        command=command,
    )
    write_file(path, page.encode("utf-8", "backslashreplace"))


def table_path(page: Path) -> Path:
    """Returns the path of the table beside a page."""
    return page.with_suffix(".csv")


def _with_thumbnails(
    root: Path, findings: Sequence[ImageFinding], preprocessing: Preprocessing
) -> list[tuple[ImageFinding, str | None]]:
    """Returns the first findings with the whole image as a data: URL, or None if it is gone."""
    shown = []
    for finding in findings[:MAX_SHOWN]:
        path, thumbnail = root / finding.path, None
        try:
            image = preprocessing.decode(read_image(path), str(path))
            thumbnail = image_data_url(resize(image, preprocessing), SIDE_PX)
        except ImageRefused:
            pass
        shown.append((finding, thumbnail))
    return shown
