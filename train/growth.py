"""Adds images to those of an old run, for a new training that can be compared with it.

Every old image keeps its split, so what was for testing was never learned from. A new image follows
the old images of its group, and the other new ones are split by group.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path

from runtime.errors import InputRefused
from runtime.models.manifest import Manifest
from runtime.shared.wording import counted
from runtime.sources.paths import walk
from runtime.system.json_records import rename_old_keys
from runtime.system.terminal import say
from train.checkpoints.resume import OLD_OPTIONS
from train.configuration.options import TrainOptions
from train.data.folder_layout import find_class_folders
from train.data.groups import bursts, is_object, name_objects
from train.data.image_folder import ClassFolder, ImageFolder
from train.data.split import SplitFractions, assign_splits
from workstation.run_folder import MODEL, UNLABELLED, ImageRecord, Split, data_folder, read_run

MIN_NEW_GROUPS = 5
"""Of fewer new groups in a class that the old run has, all are for training."""
SPLIT_ORDER: tuple[Split, ...] = ("train", "val", "test")
"""Of the splits in an old group that was taken apart, the last one is that of new images."""


@dataclass(frozen=True)
class Growth:
    """Holds an old run, the folder of its images, and the folder that is added.

    old: its used images, by sha256. folder: the files of both, below the folder of the old images.
    added: the paths of the files that are added. objects: the object of each file that shows one.
    """

    run: Path
    manifest: Manifest
    add: Path
    old: Mapping[str, ImageRecord]
    folder: ImageFolder
    added: frozenset[str]
    objects: Mapping[str, str]

    @property
    def model(self) -> Path:
        """Returns the path of the old model."""
        return self.run / MODEL

    def keep_old(self, records: Sequence[ImageRecord]) -> list[ImageRecord]:
        """Returns the records with the split of each old image, which is found by its content.

        Old images of the added folder may have another class by now, or be gone.

        Raises:
            InputRefused: another old image is gone, or changed.
        """
        in_place = {record.sha256 for record in records if record.path not in self.added}
        found = {record.sha256 for record in records}
        gone = [image for sha256, image in self.old.items() if sha256 not in found]
        for missing in gone:
            if not self._was_added(missing):
                raise InputRefused(
                    str(self.folder.root / missing.path),
                    f"gone, or changed since {self.run} was trained; restore it, or pass the new "
                    "place of these images as DIR",
                )
        if len(gone) == len(self.old):
            raise InputRefused(
                str(self.folder.root),
                f"holds none of the images of {self.run}; pass their folder as DIR",
            )
        if gone:
            say(f"{self.run}: leaves out {counted(len(gone), 'image')} no longer in {self.add}")
        kept = []
        for record in records:
            image = self.old.get(record.sha256)
            if image and record.path in self.added and record.sha256 in in_place:
                reason = f"an exact copy of {image.path}, which {self.run} has"
                record = replace(record, split="refused", reason=reason)
            elif image:
                record = replace(record, split=image.split)
            kept.append(record)
        return kept

    def split_new(
        self, records: Sequence[ImageRecord], fractions: SplitFractions, seed: int
    ) -> list[ImageRecord]:
        """Returns the records with a split for each new image; their groups are known."""
        of_group: dict[str, Split] = {}
        for split in SPLIT_ORDER:
            old = (record for record in records if record.sha256 in self.old)
            of_group |= {record.group: split for record in old if record.split == split}
        of_group.pop("", None)
        free: list[ImageRecord] = []
        result = []
        for record in records:
            if record.sha256 in self.old or record.split == "refused":
                result.append(record)
            elif record.group in of_group:
                result.append(replace(record, split=of_group[record.group]))
            else:
                free.append(record)
        groups: defaultdict[str, set[str]] = defaultdict(set)
        for record in free:
            groups[record.label].add(record.group or record.sha256)
        small = {
            label
            for label, members in groups.items()
            if label in self.manifest.labels and len(members) < MIN_NEW_GROUPS
        }
        result += [record for record in free if record.label in small]
        result += assign_splits(
            [record for record in free if record.label not in small], fractions, seed
        )
        self._report(result)
        order = {record.path: number for number, record in enumerate(records)}
        return sorted(result, key=lambda record: order[record.path])

    def _report(self, records: Sequence[ImageRecord]) -> None:
        new = Counter(record.split for record in records if record.sha256 not in self.old)
        old = {record.sha256: record.label for record in records if record.sha256 in self.old}
        if not any(new[split] for split in SPLIT_ORDER) and old == {
            sha256: image.label for sha256, image in self.old.items()
        }:
            raise InputRefused(
                str(self.add), f"expected images that {self.run} lacks, found none; label some"
            )
        counts = ", ".join(f"{new[split]} {split}" for split in SPLIT_ORDER)
        say(f"{self.run}: its {len(self.old)} images keep their splits; new ones: {counts}")

    def _was_added(self, image: ImageRecord) -> bool:
        path = os.path.normpath(self.folder.root / image.path)
        return os.path.realpath(self.add) in map(str, Path(path).parents)


def find_growth(run: Path, add: Path, data: Path | None, group_by: str | None) -> Growth:
    """Returns an old run with the images that are added to it.

    Args:
        run: the old run folder.
        add: a folder of class folders; one class is enough, and a class may be new.
        data: where the images of the old run are now, if they moved.
        group_by: as in `name_objects`, for both.

    Raises:
        InputRefused: this is no run, it has one class, or there is nothing to add.
        MachineError: this user may not list a folder.
    """
    manifest, records = read_run(run)
    if len(manifest.labels) < 2:
        raise InputRefused(str(run), "a model of one class is not trained; make it again instead")
    root, added_root = (
        Path(os.path.realpath(folder)) for folder in (data_folder(manifest, data), add)
    )
    if not root.is_dir():
        raise InputRefused(
            str(root), f"the images of {run} are not there; pass their folder as DIR"
        )
    old = [image for image in records if image.split not in UNLABELLED]
    added: list[ClassFolder] = []
    left_out: list[Path] = []
    for row in find_class_folders(added_root)[0]:
        files = [Path(root, os.path.relpath(file, root)) for file in walk(row.path, (), left_out)]
        path = Path(root, os.path.relpath(row.path, root))
        added += [ClassFolder(path, row.split, row.label, tuple(files))] if files else []
    paths = {str(file.relative_to(root)) for row in added for file in row.files}
    if not paths:
        raise InputRefused(str(add), "holds no images in class folders, so there is nothing to add")
    in_place: defaultdict[tuple[Split, str], list[Path]] = defaultdict(list)
    for image in old:
        if image.path not in paths and os.path.exists(root / image.path):
            in_place[image.split, image.label].append(root / image.path)
    rows = [
        ClassFolder(root, split, label, tuple(files)) for (split, label), files in in_place.items()
    ]
    labels = sorted({row.label for row in (*rows, *added)})
    folder = ImageFolder(root, tuple(labels), (*rows, *added), (), tuple(left_out))
    objects = {image.path: image.group for image in old if is_object(image.group)}
    only_added = replace(folder, class_folders=tuple(added))
    with suppress(InputRefused):  # the pattern need not match in both
        objects |= name_objects(only_added, group_by)
    objects |= bursts(only_added)
    by_content = {image.sha256: image for image in old}
    return Growth(run, manifest, add, by_content, folder, frozenset(paths), objects)


def old_options(growth: Growth, chosen: TrainOptions) -> TrainOptions:
    """Returns the options of the old run, with those that the user changed.

    The input has the old size, unless the user chose one.
    """
    made_by = growth.manifest.provenance.get("made_by")
    before = made_by.get("options") if isinstance(made_by, dict) else None
    if not isinstance(before, dict):
        raise InputRefused(str(growth.run), "does not say how it was made; train again without it")
    known = {field.name: field.default for field in fields(TrainOptions)}
    before = rename_old_keys(before, OLD_OPTIONS)
    options = {name: value for name, value in before.items() if name in known}
    options["input_size"] = growth.manifest.preprocessing.width
    options |= {
        name: getattr(chosen, name)
        for name, default in known.items()
        if getattr(chosen, name) != default
    }
    try:
        return TrainOptions(**options)
    except TypeError as error:
        raise InputRefused(str(growth.run), "its options are damaged; train again") from error
