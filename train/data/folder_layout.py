"""Finds the class folders of a data set, whatever its split folders are called.

Some archives hold a folder twice (`training_set/training_set/cats`). A name that looks like a split
is never a class.
"""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import InputRefused
from runtime.sources.paths import subfolders
from train.data.split_names import is_filler, split_and_rest, split_of
from workstation.run_folder import Split

LAYOUT = (
    "expected one folder of images per class (DIR/banana/1.jpg), "
    "or Training/ and Test/ folders of such folders"
)
KNOWN = "Training (train), Validation (val, valid, dev, eval) and Test (testing)"


@dataclass(frozen=True)
class LabelledFolder:
    """Describes a class folder. `split` is None where no folder name sets it; `label` is NFC."""

    split: Split | None
    label: str
    path: Path


def find_class_folders(root: Path) -> tuple[list[LabelledFolder], str]:
    """Returns the class folders below `root`, and a note where a level was skipped ("" if not).

    Raises:
        InputRefused: there are none, or their level is not certain; the error names the folder to
            pass or to rename.
        MachineError: this user may not list a folder.
    """
    if not root.is_dir():
        reason = f"not a folder; {LAYOUT}" if root.exists() else "no such folder"
        raise InputRefused(str(root), reason)
    folders = subfolders(root)
    splits = {folder: split for folder in folders if (split := split_of(folder.name))}
    splits = splits or _splits_with_a_prefix(root, folders)
    if not splits:
        if rows := _splits_inside_classes(root, folders):
            return rows, "each class folder holds split folders, which were used"
        _refuse_wrong_level(root, folders)
        return _labelled(None, root, folders), ""
    _refuse_odd_splits(root, folders, splits)
    inner: dict[Path, Path] = {}
    labels: set[str] = set()
    for folder in sorted(splits, key=lambda folder: splits[folder] != "train"):
        inner[folder] = _inner_folder(folder, splits[folder], labels)
        labels |= {child.name for child in subfolders(inner[folder])}
    rows = []
    for folder, split in splits.items():
        rows += _labelled(split, inner[folder], subfolders(inner[folder]))
    skipped = [
        f"{inner[folder].relative_to(root)}/" for folder in splits if inner[folder] != folder
    ]
    note = f"the class folders lie deeper, in {', '.join(skipped)}" if skipped else ""
    return rows, note


def _splits_with_a_prefix(root: Path, folders: Sequence[Path]) -> dict[Path, Split]:
    """Returns the splits among folders that share the other words: `asl_train`, `asl_test`.

    Raises:
        InputRefused: several other words occur so, as in `cats_train`, `dogs_train`.
    """
    by_rest: dict[tuple[str, ...], dict[Path, Split]] = {}
    for folder in folders:
        if found := split_and_rest(folder.name):
            by_rest.setdefault(found[1], {})[folder] = found[0]
    groups = [splits for splits in by_rest.values() if len(set(splits.values())) > 1]
    if len(groups) > 1:
        names = _quoted(folder.name for folder in groups[0])
        raise InputRefused(
            str(root),
            f"{names} look like splits and not like classes; put the class folders into a folder "
            f"for each split, as {root / 'train' / 'banana'}",
        )
    return groups[0] if groups else {}


def _splits_inside_classes(root: Path, folders: Sequence[Path]) -> list[LabelledFolder]:
    """Returns the rows of the layout `cats/train`, `cats/test`, or nothing for another layout.

    Raises:
        InputRefused: only some folders hold splits, or the splits hold the class folders.
    """
    splits = {folder: _split_folders(folder) for folder in folders}
    without = [folder for folder in folders if not splits[folder]]
    if len(folders) < 2 or len(without) == len(folders):
        return []
    if without:
        first = next(folder for folder in folders if splits[folder])
        raise InputRefused(
            str(root),
            f"'{first.name}' holds split folders and '{without[0].name}' does not; give each class "
            "the same split folders, or none",
        )
    inside = {inner.name for held in splits.values() for inner in held}
    contents = [
        {child.name for child in subfolders(inner)} for held in splits.values() for inner in held
    ]
    if shared := _shared_names(contents):
        raise InputRefused(
            str(root),
            f"the folders {_quoted(inside)} inside {_quoted(folder.name for folder in folders)} "
            f"all hold the same folders ({_quoted(shared)}), which must be the classes; pass one "
            f"of them, as {folders[0]}",
        )
    rows = []
    for folder, held in splits.items():
        label = unicodedata.normalize("NFC", folder.name)
        rows += [LabelledFolder(split, label, inner) for inner, split in held.items()]
    return rows


def _split_folders(folder: Path) -> dict[Path, Split]:
    """Returns the split folders inside a class folder, if there is nothing else, else nothing."""
    inner = subfolders(folder)
    splits = {child: split for child in inner if (split := split_of(child.name))}
    distinct = set(splits.values())
    complete = "train" in distinct and len(distinct) == len(inner)
    return splits if complete else {}


def _shared_names(contents: Sequence[set[str]]) -> set[str]:
    """Returns the names that folders share if these are two or more, and half of all names."""
    shared = set.intersection(*contents) if len(contents) > 1 else set()
    return shared if len(shared) > 1 and 2 * len(shared) >= len(set.union(*contents)) else set()


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names)[:3])


def _refuse_odd_splits(root: Path, folders: Sequence[Path], splits: dict[Path, Split]) -> None:
    """Refuses unknown folders beside split folders, a split that occurs twice, and no training."""
    unknown = [folder.name for folder in folders if folder not in splits]
    if unknown:
        names = ", ".join(f"'{folder.name}'" for folder in splits)
        first = next(iter(splits)).name
        raise InputRefused(
            str(root),
            f"does not know the folder '{unknown[0]}' beside {names}; known are {KNOWN}. Rename or "
            f"remove it. If '{first}' is a class, move all class folders into a folder Training",
        )
    for split, count in Counter(splits.values()).items():
        if count > 1:
            names = " and ".join(f"'{folder.name}'" for folder in splits if splits[folder] == split)
            raise InputRefused(
                str(root), f"{names} both stand for the {split} images; keep one of them"
            )
    if "train" not in splits.values():
        names = ", ".join(f"'{folder.name}'" for folder in splits)
        raise InputRefused(str(root), f"has {names} but no folder Training; known are {KNOWN}")


def _inner_folder(folder: Path, split: Split, labels: Set[str]) -> Path:
    """Returns the folder that holds the classes of a split: itself, or one that only wraps them.

    A doubled folder (`train/train`) and one without a name of its own (`train/images`) wrap them,
    unless `labels`, the classes known so far, has that name.

    Raises:
        InputRefused: the folder holds other split folders, or a single folder of folders, so its
            level is not certain.
    """
    inner = subfolders(folder)
    if len(inner) == 1 and inner[0].name not in labels and subfolders(inner[0]):
        (child,) = inner
        if split_of(child.name) == split or child.name == folder.name or is_filler(child.name):
            return _inner_folder(child, split, labels)
        if split == "train":
            raise InputRefused(
                str(folder),
                f"holds the single folder '{child.name}'; if the class folders lie one level "
                f"deeper, move them up into {folder}, and in the other splits likewise",
            )
    nested = [child for child in inner if split_of(child.name) and subfolders(child)]
    if nested:
        raise InputRefused(
            str(folder),
            f"holds the folder '{nested[0].name}', which looks like a split and not like a class; "
            f"pass {folder} itself, or move its class folders up",
        )
    if same := _same_folders(inner):
        names, example = same
        raise InputRefused(
            str(folder),
            f"{names}, so they are not classes; move the class folders, as those in {example}, "
            f"up into {folder}",
        )
    return folder


def _refuse_wrong_level(root: Path, folders: Sequence[Path]) -> None:
    """Refuses folders that are not classes but hold them: a wrapper, or the same subfolders."""
    inner, depth = list(folders), 0
    while len(inner) == 1:
        wrapper, depth = inner[0], depth + 1
        inner = subfolders(wrapper)
    if depth and inner:
        deeper = "one level" if depth == 1 else f"{depth} levels"
        raise InputRefused(
            str(root),
            f"holds the single folder '{folders[0].name}'; the class folders lie {deeper} deeper: "
            f"pass {wrapper}",
        )
    if same := _same_folders(folders):
        names, example = same
        raise InputRefused(
            str(root),
            f"{names}, so they are not classes; pass one of them, as {example}, or rename them to "
            "Training and Test. If they are classes, give the folders in them names that differ",
        )


def _same_folders(folders: Sequence[Path]) -> tuple[str, Path] | None:
    """Describes folders that hold the same folders, directly or innermost, and names the first.

    Returns None where they hold different ones, as classes may.
    """
    below = [_folders_below(folder) for folder in folders]
    direct = [[path for path in paths if path.parent in folders] for paths in below]
    innermost = [[path for path in paths if not subfolders(path)] for paths in below]
    for paths in (direct, innermost):
        if shared := _shared_names([{path.name for path in inner} for inner in paths]):
            names = f"the folders {_quoted(folder.name for folder in folders)} hold the same"
            example = next(path.parent for path in paths[0] if path.name in shared)
            return f"{names} folders ({_quoted(shared)})", example
    return None


def _folders_below(folder: Path) -> list[Path]:
    """Returns each folder below `folder` once, even if links lead to it several times."""
    found: dict[str, Path] = {}
    pending = subfolders(folder)
    while pending:
        path = pending.pop(0)
        if found.setdefault(os.path.realpath(path), path) is path:
            pending += subfolders(path)
    return list(found.values())


def _labelled(split: Split | None, folder: Path, inner: Sequence[Path]) -> list[LabelledFolder]:
    rows = [
        LabelledFolder(split, unicodedata.normalize("NFC", child.name), child) for child in inner
    ]
    for label, count in Counter(row.label for row in rows).items():
        if any("\ud800" <= character <= "\udfff" for character in label):
            raise InputRefused(
                str(folder / label), "a class name must be UTF-8 text; rename the folder"
            )
        if count > 1:
            raise InputRefused(
                str(folder),
                f"the names of two class folders differ only in the Unicode form of '{label}'; "
                "rename one",
            )
    return rows
