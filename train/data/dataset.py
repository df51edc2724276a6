"""Builds a data set from an image folder; each file gets a split, or is refused with a reason."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from runtime.errors import ImageRefused, InputRefused
from runtime.images.decoding import open_image, read_image, remark_on
from runtime.images.region import region_size
from runtime.shared.progress import track
from runtime.shared.statistics import count_objects
from runtime.system.cgroups import allowed_cores
from runtime.system.hashing import sha256_of
from train.data.decoded_cache import Grey16Use, PixelCache, colour16_peak, fit_grey16
from train.data.groups import assign_groups, name_objects
from train.data.image_appearance import ImageAppearance, examine_appearance
from train.data.image_folder import ClassFolder, ImageFolder
from train.data.split import SplitFractions, assign_splits
from train.distribution.strategy import WorkerShard
from workstation.run_folder import ImageRecord, Split

MIN_IMAGES_PER_CLASS = 5
"""Fewer images cannot be split into three parts that each hold the class."""


@dataclass(frozen=True)
class FileRead:
    """What reading a file gave: its record, and for an image the (width, height) of its region.

    unmarked_end: it is a JPEG that lacks only its end marker. grey16: of 16-bit grey, its values.
    colour16: of 16-bit colour, the highest value of its upper 8 bits.
    """

    record: ImageRecord
    size: tuple[int, int] | None = None
    unmarked_end: bool = False
    grey16: Grey16Use | None = None
    colour16: int | None = None


class ClassTooSmall(InputRefused):
    """A class has too few usable images; `refused` are the files that could not be used."""

    def __init__(self, thing: str, reason: str, refused: Sequence[ImageRecord] = ()) -> None:
        super().__init__(thing, reason)
        self.refused = tuple(refused)
        files = [{"path": image.path, "reason": image.reason} for image in refused]
        self.details = {"refused_files": files}


class OldImages(Protocol):
    """What a training takes over from an old run; see `train.growth`."""

    @property
    def objects(self) -> Mapping[str, str]:
        """The object of each file that shows one, by its path."""

    def keep_old(self, records: Sequence[ImageRecord]) -> list[ImageRecord]:
        """Returns the records with the split of each old image."""

    def split_new(
        self, records: Sequence[ImageRecord], fractions: SplitFractions, seed: int
    ) -> list[ImageRecord]:
        """Returns the records with a split for each new image."""


@dataclass(frozen=True)
class Dataset:
    """Holds the class names in the order of the model's outputs, and every file below `root`.

    note: a sentence on how the folders were read, where that is not obvious; else empty.
    left_out: paths below `root` that were not read; see `ImageFolder`.
    unmarked_ends: paths of used JPEGs that lack only their end marker.
    grey16: the values of each 16-bit grey image, by sha256. colour16: the highest value of the
        upper 8 bits of each 16-bit colour image, by its path.
    """

    root: Path
    labels: tuple[str, ...]
    images: tuple[ImageRecord, ...]
    appearance: ImageAppearance = field(default_factory=ImageAppearance)
    note: str = ""
    left_out: tuple[str, ...] = ()
    unmarked_ends: tuple[str, ...] = ()
    grey16: Mapping[str, Grey16Use] = field(default_factory=dict)
    colour16: Mapping[str, int] = field(default_factory=dict)

    def split(self, name: Split) -> list[ImageRecord]:
        """Returns the images of one split; "refused" stands for the files that are not used."""
        return [image for image in self.images if image.split == name]

    def targets(self, name: Split) -> list[int]:
        """Returns the class index of each image of a split."""
        index = {label: number for number, label in enumerate(self.labels)}
        return [index[image.label] for image in self.split(name)]

    def objects(self, name: Split) -> int:
        """Returns how many different objects the images of a split show."""
        return count_objects([image.group for image in self.split(name)])

    def digest(self) -> str:
        """Returns one sha256 over content, class, split and group of all used images.

        It identifies the data, wherever the files are and whatever their names.
        """
        rows = sorted(
            f"{image.split} {image.sha256} {image.label} {image.group}"
            for image in self.images
            if image.split != "refused"
        )
        return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def build_dataset(
    folder: ImageFolder,
    cache: PixelCache,
    fractions: SplitFractions,
    seed: int,
    group_by: str | None = None,
    growth: OldImages | None = None,
) -> Dataset:
    """Reads, hashes and decodes every image of `folder`, in parallel, and assigns the splits.

    The pixels go into `cache`. The images of one object and near-duplicates get the same split;
    `group_by` is a pattern for `name_objects`. With `growth`, whose
    folder is `folder`, the images of the old run keep their splits.

    Raises:
        ClassTooSmall: a class has too few usable images.
        InputRefused: the pattern matches nothing.
        MachineError: the cache cannot be written, or the package imagehash is not installed.
    """
    objects = dict(growth.objects) if growth else name_objects(folder, group_by)
    files = list(_read_all(folder.root, cache, folder.rows(), "read images"))
    sizes = {file.record.sha256: file.size for file in files if file.size}
    records = [file.record for file in files] + [
        ImageRecord(
            "refused", "", str(path.relative_to(folder.root)), reason="not in a class folder"
        )
        for path in folder.outside
    ]
    records = growth.keep_old(records) if growth else records
    records = _refuse_leaks(_refuse_conflicts(records))
    appearance = examine_appearance(records, cache, sizes)
    records = assign_groups(records, objects, appearance.groups)
    split = growth.split_new if growth else assign_splits
    records = split(records, fractions, seed)
    _require_enough(folder, records)
    return Dataset(
        folder.root,
        folder.labels,
        tuple(records),
        appearance,
        folder.note,
        left_out=tuple(str(path.relative_to(folder.root)) for path in folder.left_out),
        unmarked_ends=tuple(file.record.path for file in files if file.unmarked_end),
        grey16={file.record.sha256: file.grey16 for file in files if file.grey16},
        colour16={file.record.path: file.colour16 for file in files if file.colour16 is not None},
    )


def decode_fitted(folder: ImageFolder, data: Dataset, cache: PixelCache) -> PixelCache:
    """Fits the range of 16-bit grey to the training images, and decodes the used images with it.

    Returns the cache with the pixels; a `cache` that fits nothing is returned unchanged.

    Raises:
        InputRefused: no training image is 16-bit grey.
        MachineError: the cache cannot be written.
    """
    if not cache.fits_grey16:
        return cache
    training = {image.sha256 for image in data.split("train")} & data.grey16.keys()
    fitted = cache.fitted(fit_grey16(map(data.grey16.__getitem__, training), str(data.root)))
    used = {image.path for image in data.images if image.split != "refused"}
    rows = [row for row in folder.rows() if str(row[1].relative_to(folder.root)) in used]
    for _ in _read_all(folder.root, fitted, rows, "fit 16-bit grey"):
        pass
    return fitted


def decode_shard(folder: ImageFolder, cache: PixelCache, shard: WorkerShard) -> None:
    """Decodes this worker's part of the images, for all workers that share `cache`.

    Raises:
        MachineError: the cache cannot be written.
    """
    rows = folder.rows()[shard.index :: shard.count]
    for _ in _read_all(folder.root, cache, rows, "read my part"):
        pass


def _read_all(
    root: Path, cache: PixelCache, rows: list[tuple[ClassFolder, Path]], label: str
) -> Iterator[FileRead]:
    with ThreadPoolExecutor(allowed_cores()) as pool:
        yield from track(pool.map(lambda row: _read(root, cache, *row), rows), label, len(rows))


def _read(root: Path, cache: PixelCache, folder: ClassFolder, path: Path) -> FileRead:
    relative_path = str(path.relative_to(root))
    try:
        content = read_image(path)
        sha256 = sha256_of(content)
        opened = open_image(content, str(path))
        grey16 = cache.add(sha256, content, opened, str(path))
        record = ImageRecord(folder.split or "train", folder.label, relative_path, sha256)
        remark = bool(remark_on(opened))
        size = region_size(opened.size, cache.preprocessing.region)
        return FileRead(record, size, remark, grey16, colour16_peak(opened))
    except ImageRefused as refusal:
        return FileRead(ImageRecord("refused", folder.label, relative_path, reason=refusal.reason))


def _refuse_conflicts(images: list[ImageRecord]) -> list[ImageRecord]:
    """Refuses every copy of an image that is in several classes: it teaches nothing."""
    classes: defaultdict[str, set[str]] = defaultdict(set)
    for image in images:
        if image.split != "refused":
            classes[image.sha256].add(image.label)
    checked = []
    for image in images:
        labels = sorted(classes[image.sha256])
        if len(labels) > 1:
            image = _refused(image, f"the same image is in the classes {', '.join(labels)}")
        checked.append(image)
    return checked


def _refuse_leaks(images: list[ImageRecord]) -> list[ImageRecord]:
    """Refuses training images that are also in the test or validation split."""
    held_out = {
        split: {image.sha256 for image in images if image.split == split}
        for split in ("test", "val")
    }
    checked = []
    for image in images:
        if image.split in ("train", "val") and image.sha256 in held_out["test"]:
            image = _refused(image, "an exact copy is in the test split")
        elif image.split == "train" and image.sha256 in held_out["val"]:
            image = _refused(image, "an exact copy is in the validation split")
        checked.append(image)
    return checked


def _refused(image: ImageRecord, reason: str) -> ImageRecord:
    return replace(image, split="refused", reason=reason)


def _require_enough(folder: ImageFolder, images: list[ImageRecord]) -> None:
    for label in folder.labels:
        of_class = [image for image in images if image.label == label]
        refused = [image for image in of_class if image.split == "refused"]
        usable = len(of_class) - len(refused)
        if usable < MIN_IMAGES_PER_CLASS:
            why = ""
            if refused:
                first = refused[0]
                why = f" ({len(refused)} were refused, the first: {first.path}: {first.reason})"
            raise ClassTooSmall(
                str(folder.root),
                f"class '{label}' has {usable} usable images{why}; "
                f"at least {MIN_IMAGES_PER_CLASS} are needed",
                refused,
            )
        if not any(image.split == "train" for image in of_class):
            raise ClassTooSmall(
                str(folder.root),
                f"class '{label}' has no usable training image left; "
                "see the files that it shares with other splits",
                refused,
            )
