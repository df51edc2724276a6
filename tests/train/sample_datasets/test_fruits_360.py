"""Fetches Fruits-360 from a loopback server, from archives of both layouts, and from a folder."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

CLASSES = ("Apple Braeburn", "Banana", "Banana Red", "Kiwi")
GITHUB = "fruits-360-100x100-2f981c8/"
KAGGLE = ("fruits-360_100x100/fruits-360/", "fruits-360_original-size/fruits-360-original-size/")
LARGE = f"{GITHUB}Test/Kiwi/9_100.jpg"
Archive = Callable[..., Path]


@pytest.fixture
def archive(cells: Path, tmp_path: Path) -> Archive:
    """Writes a zip of real photos as JPEG files of 100x100 pixels, below the named folders."""
    photos = []
    for file in sorted((cells / "mono").iterdir()):
        content = io.BytesIO()
        with Image.open(file) as photo:
            photo.resize((100, 100)).save(content, "JPEG")
        photos.append(content.getvalue())

    def write(*roots: str, extra: dict[str, bytes] | None = None) -> Path:
        path = tmp_path / "archive.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
            for place, root in enumerate(roots):
                target.writestr(f"{root}README.md", "fruit")
                for split, count in (("Training", 5), ("Test", 2)):
                    for number, name in enumerate(CLASSES):
                        for index in range(count):
                            file = f"{root}{split}/{name}/{index}_100.jpg"
                            target.writestr(file, photos[number * 7 + index + place])
            for name, data in (extra or {}).items():
                target.writestr(name, data)
        return path

    return write


def listing(folder: Path) -> dict[str, int]:
    return {
        part.relative_to(folder).as_posix(): len(list(part.iterdir()))
        for part in folder.glob("*/*")
    }


@pytest.mark.parametrize("roots", [(GITHUB,), KAGGLE, ("",)], ids=["GitHub", "Kaggle", "top"])
def test_chosen_classes_of_an_archive_become_training_and_test(
    archive: Archive, run_cli, tmp_path: Path, roots: tuple[str, ...]
) -> None:
    path = archive(*roots)
    words = ("--archive", path, "--classes", "kiwi,Banana Red", "-o", tmp_path / "fruit")
    done = run_cli("train", "sample", "fruits-360", *words)
    assert done.returncode == 0, done.stderr
    assert listing(tmp_path / "fruit") == {
        "Training/Banana Red": 5,
        "Training/Kiwi": 5,
        "Test/Banana Red": 2,
        "Test/Kiwi": 2,
    }
    written = (tmp_path / "fruit/Test/Kiwi/0_100.jpg").read_bytes()
    with zipfile.ZipFile(path) as stored:
        assert written == stored.read(f"{roots[0]}Test/Kiwi/0_100.jpg")
    again = run_cli("train", "sample", "fruits-360", *words)
    assert (again.returncode, again.stdout) == (0, done.stdout)


def test_a_word_chooses_the_class_of_that_name_or_all_that_begin_with_it(
    archive: Archive, run_cli, tmp_path: Path
) -> None:
    with zipfile.ZipFile(archive(GITHUB)) as stored:
        stored.extractall(tmp_path / "unpacked")
    for word, expected in (
        ("Banana", {"Banana"}),
        ("Apple", {"Apple Braeburn"}),
        (",", {*CLASSES}),
    ):
        folder = tmp_path / f"fruit{word}"
        done = run_cli(
            *("train", "sample", "fruits-360", "--archive", tmp_path / "unpacked"),
            *("--classes", word, "-o", folder),
        )
        assert done.returncode == 0, done.stderr
        assert {path.name for path in (folder / "Test").iterdir()} == {*expected}


def damaged(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as stored:
        last = stored.infolist()[-1]
    content[last.header_offset + 100 + len(last.filename)] ^= 255
    path.write_bytes(content)
    return path


def test_what_cannot_be_used_is_refused_in_one_line(
    archive: Archive, run_cli, tmp_path: Path
) -> None:
    def refused(path: Path, *words: str) -> str:
        folder = tmp_path / "fruit"
        done = run_cli("train", "sample", "fruits-360", "--archive", path, "-o", folder, *words)
        assert (done.returncode, done.stdout) == (2, "")
        lines = [line for line in done.stderr.splitlines() if not line.startswith("copy: ")]
        assert len(lines) == 1
        assert not folder.exists()
        return lines[0]

    good = archive(GITHUB)
    assert "such as Kiwi; found Kiwis" in refused(good, "--classes", "Kiwis")
    assert "expected sha256 00" in refused(good, "--sha256", "00")
    assert "no such file" in refused(tmp_path / "missing.zip")
    assert "the archive is damaged" in refused(damaged(archive(GITHUB)))
    climbing = {f"{GITHUB}Test/../x.jpg": b"x"}
    assert "outside of its folder" in refused(archive(GITHUB, extra=climbing))
    bomb = archive(GITHUB, extra={LARGE: bytes(11 * 2**20)})
    assert f"found {LARGE} of 11534336 B" in refused(bomb)
    (tmp_path / "photos").mkdir()
    assert "found none of them" in refused(tmp_path / "photos")
    good.write_text("no zip")
    assert "expected a folder or a zip archive" in refused(good)


class Server(ThreadingHTTPServer):
    """Serves one file and takes ranges; cuts the first answer in half.

    ranges: the header Range of each request.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.etag = content, '"1"'
        self.ranges: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.ranges.append(wanted)
        start = 0
        if wanted and self.headers["If-Range"] in (None, self.server.etag):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("ETag", self.server.etag)
        content = self.server.content[start:]
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        first = len(self.server.ranges) == 1
        self.wfile.write(content[: len(content) // 2] if first else content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(archive: Archive) -> Iterator[Server]:
    with Server(archive(GITHUB).read_bytes()) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(server: Server, run_cli, tmp_path: Path):
    """Fetches from the loopback server, with a cache of its own."""

    def run(*words: str):
        address = f"http://127.0.0.1:{server.server_port}/fruits.zip"
        return run_cli(
            *(
                "train",
                "sample",
                "fruits-360",
                "--archive",
                address,
                "-o",
                tmp_path / "fruit",
                *words,
            ),
            env={"XDG_CACHE_HOME": str(tmp_path / "cache"), "no_proxy": "*"},
        )

    return run


def test_an_interrupted_download_continues_and_is_kept(
    server: Server, fetch, tmp_path: Path
) -> None:
    done = fetch()
    assert (done.returncode, done.stdout) == (4, "")
    assert "the connection ended early" in done.stderr
    assert "--from FILE.zip" in done.stderr
    assert "quince train sample elpv" in done.stderr
    size = len(server.content)
    digest = hashlib.sha256(server.content).hexdigest()
    done = fetch("--sha256", digest)
    assert done.returncode == 0, done.stderr
    assert server.ranges == [None, f"bytes={size // 2}-"]
    assert listing(tmp_path / "fruit")["Training/Kiwi"] == 5
    assert "download, MB: " in done.stderr
    assert fetch().returncode == 0
    assert len(server.ranges) == 2


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Server, fetch) -> None:
    assert fetch().returncode == 4
    server.etag = '"2"'
    server.content = server.content.replace(b"fruit", b"FRUIT")
    done = fetch("--sha256", hashlib.sha256(server.content).hexdigest(), "--classes", "Kiwi")
    assert server.ranges[1] is not None
    assert "damaged" not in done.stderr
    assert "expected sha256" not in done.stderr


def test_without_a_network_one_line_names_from_and_the_sample(run_cli, tmp_path: Path) -> None:
    offline = {"https_proxy": "http://127.0.0.1:9", "XDG_CACHE_HOME": str(tmp_path), "no_proxy": ""}
    done = run_cli("train", "sample", "fruits-360", "-o", tmp_path / "fruit", env=offline)
    assert (done.returncode, done.stdout) == (4, "")
    assert len(done.stderr.splitlines()) == 1
    assert "--from FILE.zip" in done.stderr
    assert "quince train sample elpv" in done.stderr
