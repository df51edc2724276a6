"""Tests moves of images between people, programs and kills."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from runtime.errors import InputRefused, MachineError
from runtime.inbox.folder import NEW, UNUSABLE, Inbox

ROOT = Path(__file__).parents[3]


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    (tmp_path / NEW).mkdir()
    for number in range(12):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / NEW / f"{number:02}.png")
    return Inbox(tmp_path)


def all_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_images_move_to_a_class_and_back_and_an_empty_class_is_gone(inbox: Inbox) -> None:
    names = ["03.png", "05.png"]
    assert inbox.move(names, NEW, "labelled/apple") == names
    assert inbox.classes() == {"apple": 2}
    assert all_files(inbox.folder / "labelled/apple") == names
    assert inbox.move(names, "labelled/apple", NEW) == names
    assert not (inbox.folder / "labelled/apple").exists(), "a training would refuse it"
    assert inbox.move(["01.png"], NEW, UNUSABLE) == ["01.png"]
    assert (inbox.count(NEW), inbox.count(UNUSABLE)) == (11, 1)


def test_who_comes_second_moves_nothing_and_is_told(inbox: Inbox) -> None:
    other = Inbox(inbox.folder)
    assert inbox.move(["03.png"], NEW, "labelled/apple") == ["03.png"]
    assert other.move(["03.png", "04.png"], NEW, "labelled/pear") == ["04.png"]
    assert inbox.classes() == {"apple": 1, "pear": 1}


def test_nothing_is_replaced_by_an_image_of_the_same_name(inbox: Inbox) -> None:
    inbox.move(["03.png"], NEW, "labelled/apple")
    (inbox.folder / NEW / "03.png").write_bytes(b"another image")
    assert inbox.move(["03.png"], NEW, "labelled/apple") == []
    assert (inbox.folder / NEW / "03.png").read_bytes() == b"another image"


def _label_all(folder: Path, label: str) -> None:
    inbox = Inbox(folder)
    for number in range(200):
        inbox.move([f"{number:03}.png"], NEW, f"labelled/{label}")


def test_two_people_at_once_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / NEW).mkdir()
    for number in range(200):
        (tmp_path / NEW / f"{number:03}.png").write_bytes(b"%d" % number)
    context = multiprocessing.get_context("spawn")
    people = [context.Process(target=_label_all, args=(tmp_path, label)) for label in "ab"]
    threads = [threading.Thread(target=_label_all, args=(tmp_path, label)) for label in "cd"]
    for worker in (*people, *threads):
        worker.start()
    for worker in (*people, *threads):
        worker.join()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.read_bytes() for path in files) == sorted(b"%d" % n for n in range(200))
    assert Inbox(tmp_path).count(NEW) == 0


def test_kill_at_any_moment_loses_nothing(inbox: Inbox) -> None:
    code = (
        "import sys, itertools; from pathlib import Path; from runtime.inbox.folder import Inbox\n"
        "inbox = Inbox(Path(sys.argv[1])); piles = ['new', 'labelled/a', 'labelled/b']\n"
        "for source, target in itertools.cycle(zip(piles, piles[1:] + piles[:1])):\n"
        "    names = [image.name for image in inbox.images(source)[0]]\n"
        "    inbox.move(names, source, target); print(target, flush=True)\n"
    )
    before = all_files(inbox.folder)
    for moves in (1, 2, 3, 5, 8):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(inbox.folder)], cwd=ROOT, stdout=subprocess.PIPE
        )
        for _ in range(moves):
            assert process.stdout is not None
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert all_files(inbox.folder) == before, "each once, under its name"
        for path in inbox.folder.rglob("*.png"):
            Image.open(path).load()
    assert inbox.move(["none.png"], NEW, "labelled/c") == [], "an old lock does not hold"
    assert all(path.is_file() or any(path.iterdir()) for path in inbox.folder.rglob("labelled/*"))


@pytest.mark.parametrize(
    "pile",
    [
        *("labelled/", "labelled/ ", "labelled", "", "..", "/etc", "labelled/Thumbs.db"),
        *("new/../..", "new/", "x"),
    ],
)
def test_what_is_no_pile_is_refused(inbox: Inbox, pile: str) -> None:
    with pytest.raises(InputRefused, match="pile"):
        inbox.move(["03.png"], NEW, pile)
    assert inbox.count(NEW) == 12


@pytest.mark.parametrize("label", ["../../etc", "..", ".hidden", "a/b", "x\n\x1b[31m", "n" * 3000])
def test_hostile_class_is_one_folder_in_labelled(inbox: Inbox, label: str) -> None:
    pile = f"labelled/{label}"
    assert inbox.move(["03.png"], NEW, pile) == ["03.png"]
    (only,) = (inbox.folder / "labelled").iterdir()
    assert (only.name.isprintable(), only.name.startswith(".")) == (True, False)
    assert inbox.classes() == {only.name: 1}
    assert inbox.move(["03.png"], f"labelled/{only.name}", NEW) == ["03.png"]


@pytest.mark.parametrize("name", ["e\u0301", " b ", "c\nd", "d\udcff", "n" * 200])
def test_class_folder_that_a_person_made_is_used_as_it_is(inbox: Inbox, name: str) -> None:
    folder = inbox.folder / "labelled" / name
    folder.mkdir(parents=True)
    (folder / "own.png").write_bytes(b"")
    (label,) = inbox.classes()
    pile = f"labelled/{label}"
    assert inbox.images(pile)[1] == 1
    assert inbox.move(["03.png"], NEW, pile) == ["03.png"]
    typed = f"labelled/{unicodedata.normalize('NFC', label)}"
    assert inbox.move(["04.png"], NEW, typed) == ["04.png"]
    assert inbox.classes() == {label: 3}
    assert inbox.move(["03.png"], pile, NEW) == ["03.png"]


def test_links_are_no_images(inbox: Inbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("other") / "secret.png"
    secret.write_bytes(b"secret")
    (inbox.folder / NEW / "link.png").symlink_to(secret)
    assert "link.png" not in [image.name for image in inbox.images(NEW)[0]]
    assert inbox.move(["link.png"], NEW, "labelled/apple") == []


def test_folder_that_refuses_is_one_line(inbox: Inbox) -> None:
    labelled = inbox.folder / "labelled"
    labelled.symlink_to("/proc")
    with pytest.raises((InputRefused, MachineError), match="cannot be written") as refusal:
        inbox.move(["03.png"], NEW, "labelled/apple")
    assert "\n" not in str(refusal.value)
    assert inbox.count(NEW) == 12
    assert os.path.lexists(inbox.folder / NEW / "03.png")
