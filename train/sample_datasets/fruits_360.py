"""Finds the images of Fruits-360, the article's data set, in an archive, a folder or at an address.

Mihai Oltean, Fruits-360 dataset, 2017-: fruit on white, 100x100 pixels, in Training and Test.
"""

import hashlib
import os
import zipfile
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from runtime.errors import InputRefused
from runtime.system.cache_dir import default_cache
from runtime.system.hashing import sha256_of_file
from runtime.system.terminal import say
from train.sample_datasets.download import download
from train.sample_datasets.write import Image

COMMIT = "2f981c83e352a9d4c15fb8c886034c817052c80b"
URL = f"https://github.com/fruits-360/fruits-360-100x100/archive/{COMMIT}.zip"
"""Edition 2024.08.04.0: 141 classes, 94,110 images (MIT; later ones are CC BY-SA 4.0). GitHub makes
the archive anew for each request, so it has no published sha256; the commit fixes its content."""
SPLITS = ("Training", "Test")
SUFFIXES = {".jpg", ".jpeg", ".png"}
MAX_IMAGES, MAX_IMAGE_BYTES = 500_000, 10 * 2**20
OTHERWISE = (
    "the same command continues later; without a network, name the archive (--from FILE.zip),"
    " or take photos that come as a package: quince train sample elpv"
)


def fruits_360(source: str | None, classes: Sequence[str], sha256: str | None) -> list[Image]:
    """Returns the folder and the file of each image of the chosen classes.

    Args:
        source: a folder, a zip archive or an http(s) address; None: the public archive.
        classes: names, or beginnings of names ("Banana" also means "Banana Red"); none: all.
        sha256: of the archive, in hex; None: only the checksums in the archive are checked.

    Raises:
        MachineError: the archive cannot be downloaded.
        InputRefused: there is no such data set or class, or the archive has another sha256.
    """
    path = _local(source or URL)
    if path.is_dir():
        root: Path | zipfile.Path = path
        names = [
            Path(folder, name).relative_to(path).as_posix()
            for folder, _, files in os.walk(path)
            for name in files
        ]
    else:
        _check_sha256(path, sha256)
        try:
            archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise InputRefused(
                str(path), f"expected a folder or a zip archive ({error}); get it again"
            ) from error
        root = zipfile.Path(archive)
        names = archive.namelist()
    found = _images(str(path), names)
    chosen = _choose(classes, sorted({folder.partition("/")[2] for folder, _ in found}))
    if isinstance(root, zipfile.Path):
        _check_sizes(path, archive, [name for _, name in found])
    return [(folder, root / name) for folder, name in found if folder.partition("/")[2] in chosen]


def _local(source: str) -> Path:
    """Returns the folder or file; an address is downloaded into the cache first."""
    if not source.startswith(("http://", "https://")):
        if not Path(source).exists():
            raise InputRefused(source, "no such file or folder")
        return Path(source)
    name = hashlib.sha256(source.encode()).hexdigest()[:16]
    file = default_cache() / "downloads" / f"{name}.zip"
    download(source, file, OTHERWISE)
    return file


def _check_sha256(path: Path, expected: str | None) -> None:
    if expected is None:
        return
    found = sha256_of_file(path)
    if found != expected.lower():
        raise InputRefused(str(path), f"expected sha256 {expected}, found {found}; get it again")


def _check_sizes(path: Path, archive: zipfile.ZipFile, names: Sequence[str]) -> None:
    """Refuses a zip bomb before anything is unpacked; zipfile unpacks no more than these sizes."""
    for name in names:
        size = archive.getinfo(name).file_size
        if size > MAX_IMAGE_BYTES:
            raise InputRefused(str(path), f"expected images below 10 MB, found {name} of {size} B")


def _images(path: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """Returns the folder ("Training/Banana") and the name of each image of one data set.

    Kaggle's archive holds several sets beside each other; that of 100x100 pixels is the article's.
    """
    sets: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        parts = PurePosixPath(name).parts
        if len(parts) < 3 or parts[-3] not in SPLITS:
            continue
        if PurePosixPath(name).suffix.lower() not in SUFFIXES:
            continue
        if any(part in ("..", ".") or "\\" in part or part.startswith("/") for part in parts):
            raise InputRefused(path, f"the archive names a file outside of its folder: {name}")
        above = "/".join(parts[:-3])
        sets.setdefault(above, []).append((f"{parts[-3]}/{parts[-2]}", name))
    if not sets:
        raise InputRefused(
            path, "expected Training/CLASS/*.jpg and Test/CLASS/*.jpg, found none of them"
        )
    best = min(
        sets, key=lambda name: ("100x100" not in name, "original" in name, name.count("/"), name)
    )
    if len(sets) > 1:
        say(f"{path}: holds {len(sets)} sets of images; took {best or 'the one at its top'}")
    if len(sets[best]) > MAX_IMAGES:
        raise InputRefused(path, f"expected at most {MAX_IMAGES} images, found {len(sets[best])}")
    return sorted(sets[best])


def _choose(wanted: Sequence[str], present: Sequence[str]) -> set[str]:
    """Returns the classes with these names, or that begin with these words."""
    if not wanted:
        return set(present)
    chosen: set[str] = set()
    for word in wanted:
        same = {name for name in present if name.casefold() == word.casefold()}
        begin = {name for name in present if name.casefold().startswith(f"{word.casefold()} ")}
        if not same | begin:
            near = ", ".join(get_close_matches(word, present, n=3) or present[:3])
            raise InputRefused(
                "--classes", f"expected classes of the data set, such as {near}; found {word}"
            )
        chosen |= same or begin
    return chosen
