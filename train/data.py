"""A folder per class becomes a data set: every file found is either used, with a split, or refused, with a reason."""

import hashlib
import unicodedata
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from runtime.digest import digest
from runtime.errors import InputRefused, PictureRefused
from runtime.opening import header_size, read_picture
from runtime.progress import track
from runtime.run_folder import Picture, Split
from runtime.sources.files import subfolders, walk
from runtime.threads import allowed_cores
from train.cache import PixelCache
from train.engine import Share
from train.looks import Looks, look_at
from train.split import Fractions, assign_splits

SPLIT_NAMES: dict[str, Split] = {
    "training": "train",
    "train": "train",
    "validation": "val",
    "val": "val",
    "test": "test",
}
MIN_PICTURES_PER_CLASS = 5
"""Fewer cannot be split into three parts that each hold the class."""

LAYOUT = "expected one folder of pictures per class (DIR/banana/1.jpg), or Training/ and Test/ folders of such folders"


@dataclass(frozen=True)
class DataSet:
    """Class names in output order, and every file found below `root`, in a stable order."""

    root: Path
    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    looks: Looks = field(default_factory=Looks)

    def split(self, name: Split) -> list[Picture]:
        """The pictures of one split ("refused" for those left out)."""
        return [picture for picture in self.pictures if picture.split == name]

    def targets(self, name: Split) -> list[int]:
        """The class index of each picture of a split."""
        index = {label: number for number, label in enumerate(self.labels)}
        return [index[picture.label] for picture in self.split(name)]

    def digest(self) -> str:
        """One sha256 over content, class and split of all pictures used: the identity of the data, wherever it lies."""
        rows = sorted(f"{picture.split} {picture.sha256} {picture.label}" for picture in self.pictures if picture.split != "refused")
        return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def find_labels(root: Path) -> tuple[str, ...]:
    """The class names below `root`, sorted, in Unicode's composed form (NFC).

    Raises:
        InputRefused: no class folders, only one, an empty one, or a split with a class the training folder lacks.
    """
    folders = _class_folders(root)
    names = sorted({label for split, label, _ in folders if split in ("train", None)})
    if not names:
        raise InputRefused(str(root), f"no class folders; {LAYOUT}")
    if len(names) < 2:
        raise InputRefused(str(root), f"only one class, '{names[0]}'; a classifier needs at least 2")
    for split, label, folder in folders:
        if label not in names:
            raise InputRefused(str(folder), f"a class of the {split} folder that the training folder does not have")
        if next(walk(folder), None) is None:
            raise InputRefused(str(folder), "an empty class folder; put pictures in it or remove it")
    return tuple(names)


def scan(root: Path, cache: PixelCache, fractions: Fractions, seed: int) -> DataSet:
    """Finds, hashes and decodes (into `cache`, in parallel) every picture, and gives each a split, the same to near-duplicates.

    Raises:
        InputRefused: the folder does not hold a data set; a class has too few usable pictures.
        MachineError: the cache cannot be written, a folder cannot be listed, or the package imagehash is not installed.
    """
    labels = find_labels(root)
    found = [(split, label, path) for split, label, folder in _class_folders(root) for path in walk(folder)]
    with ThreadPoolExecutor(allowed_cores()) as pool:
        read = pool.map(lambda row: _read(root, cache, *row), found)
        rows = list(track(read, "read pictures", len(found)))
    pictures = [picture for picture, _ in rows]
    sizes = {picture.sha256: size for picture, size in rows if size}
    pictures += _outside(root, {path for _, _, path in found})
    pictures = _refuse_conflicts(pictures)
    pictures = _refuse_leaks(pictures)
    looks = look_at(pictures, cache, sizes)
    pictures = assign_splits(pictures, fractions, seed, looks.groups)
    _require_enough(root, labels, pictures)
    return DataSet(root, labels, tuple(pictures), looks)


def decode_share(root: Path, cache: PixelCache, share: Share) -> None:
    """Decodes what of the pictures is this worker's share, so that others that have the same cache find it there.

    Raises:
        InputRefused: the folder does not hold a data set.
        MachineError: the cache cannot be written, or a folder cannot be listed.
    """
    find_labels(root)
    rows = [(split, label, path) for split, label, folder in _class_folders(root) for path in walk(folder)][share.index :: share.count]
    with ThreadPoolExecutor(allowed_cores()) as pool:
        for _ in track(pool.map(lambda row: _read(root, cache, *row), rows), "read my share", len(rows)):
            pass


def _class_folders(root: Path) -> list[tuple[Split | None, str, Path]]:
    if not root.is_dir():
        raise InputRefused(str(root), "no such folder" if not root.exists() else f"not a folder; {LAYOUT}")
    outer = {folder: SPLIT_NAMES.get(folder.name.lower()) for folder in subfolders(root)}
    splits = [split for split in outer.values() if split]
    if not splits:
        return _labelled(None, root)
    if "train" not in splits or None in outer.values() or len(set(splits)) < len(splits):
        names = ", ".join(folder.name for folder in outer)
        raise InputRefused(
            str(root), f"found the folders {names}: a Test or validation folder stands beside one Training folder and nothing else"
        )
    return [row for folder, split in outer.items() if split for row in _labelled(split, folder)]


def _labelled(split: Split | None, folder: Path) -> list[tuple[Split | None, str, Path]]:
    rows = [(split, unicodedata.normalize("NFC", inner.name), inner) for inner in subfolders(folder)]
    for label, count in Counter(label for _, label, _ in rows).items():
        if any("\ud800" <= character <= "\udfff" for character in label):
            raise InputRefused(str(folder / label), "a class name must be UTF-8 text; rename the folder")
        if count > 1:
            raise InputRefused(str(folder), f"two class folders are both called '{label}' but for the Unicode form of the name; rename one")
    return rows


def _read(root: Path, cache: PixelCache, split: Split | None, label: str, path: Path) -> tuple[Picture, tuple[int, int] | None]:
    place = str(path.relative_to(root))
    try:
        content = read_picture(path)
        sha256 = digest(content)
        cache.add(sha256, content, str(path))
        return Picture(split or "train", label, place, sha256), header_size(content)
    except PictureRefused as refusal:
        return Picture("refused", label, place, reason=refusal.reason), None


def _outside(root: Path, found: set[Path]) -> list[Picture]:
    reason = "not in a class folder"
    return [Picture("refused", "", str(path.relative_to(root)), reason=reason) for path in walk(root) if path not in found]


def _refuse_conflicts(pictures: list[Picture]) -> list[Picture]:
    """The same picture under two classes teaches nothing: every copy is refused, naming both."""
    classes: defaultdict[str, set[str]] = defaultdict(set)
    for picture in pictures:
        if picture.split != "refused":
            classes[picture.sha256].add(picture.label)
    return [
        _refused(picture, f"the same picture stands under the classes {', '.join(sorted(classes[picture.sha256]))}")
        if len(classes[picture.sha256]) > 1
        else picture
        for picture in pictures
    ]


def _refuse_leaks(pictures: list[Picture]) -> list[Picture]:
    """A picture of the test split that also stands in training is taken out of training; likewise validation."""
    held_out = {split: {picture.sha256 for picture in pictures if picture.split == split} for split in ("test", "val")}
    cleaned = []
    for picture in pictures:
        if picture.split in ("train", "val") and picture.sha256 in held_out["test"]:
            picture = _refused(picture, "an exact copy stands in the test split")
        elif picture.split == "train" and picture.sha256 in held_out["val"]:
            picture = _refused(picture, "an exact copy stands in the validation split")
        cleaned.append(picture)
    return cleaned


def _refused(picture: Picture, reason: str) -> Picture:
    return replace(picture, split="refused", reason=reason)


def _require_enough(root: Path, labels: tuple[str, ...], pictures: list[Picture]) -> None:
    usable = _counts([picture for picture in pictures if picture.split != "refused"])
    for label in labels:
        if usable[label] < MIN_PICTURES_PER_CLASS:
            refused = [picture for picture in pictures if picture.label == label and picture.split == "refused"]
            why = f" ({len(refused)} were refused, the first: {refused[0].path}: {refused[0].reason})" if refused else ""
            raise InputRefused(
                str(root), f"class '{label}' has {usable[label]} usable pictures{why}; at least {MIN_PICTURES_PER_CLASS} are needed"
            )
        if not any(picture.label == label and picture.split == "train" for picture in pictures):
            raise InputRefused(str(root), f"class '{label}' has no usable training picture left; see the files it shares with other splits")


def _counts(pictures: list[Picture]) -> Counter[str]:
    return Counter(picture.label for picture in pictures)
