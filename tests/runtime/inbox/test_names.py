"""Tests names of images and class folders: a clock at 1970, hostile labels, surrogates."""

import re
from datetime import UTC, datetime
from io import BytesIO

import pytest
from PIL import Image

from runtime.inbox import names, note
from runtime.inbox.names import burst_of, folder_name, is_image_name, kept_name, new_burst
from runtime.inbox.note import MAX_TEXT, Note, encode_with_note, read_note


class Year1970(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime(1970, 1, 1, 0, 0, 12, tzinfo=tz or UTC)


def test_bursts_stay_apart_when_the_clock_starts_at_1970_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(names, "datetime", Year1970)
    monkeypatch.setattr(note, "datetime", Year1970)
    bursts = {new_burst() for _ in range(20)}
    assert len(bursts) == 20
    assert all(re.fullmatch("19700101T000012Z-[0-9a-f]{6}", burst) for burst in bursts)
    assert {burst_of(kept_name(burst, 3, "unsure")) for burst in bursts} == bursts
    assert note.local_time() is None, "a time that nobody set must not look like one"


def test_bursts_of_one_second_sort_as_they_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "datetime", Year1970)
    monkeypatch.setattr(names.os, "urandom", lambda count: bytes(count))
    bursts = [""]
    for _ in range(300):
        bursts.append(new_burst(bursts[-1]))
    assert bursts == sorted(set(bursts))


def test_notes_come_back_and_the_jpeg_stays_one() -> None:
    long = "猫" * 3000
    image = Image.new("LA", (40, 30), (200, 128))
    image.info["comment"] = b"of another program"
    content = encode_with_note(image, Note("change", "a\udc80", long, predicted=long, score=0.5))
    with Image.open(BytesIO(content)) as saved:
        saved.load()
        assert (saved.format, saved.mode, saved.size) == ("JPEG", "RGB", (40, 30))
    found = read_note(content)
    assert (found["predicted"], found["frame"]) == (long[:MAX_TEXT], long[:MAX_TEXT])
    assert (found["source"], found["score"], found["at"]) == ("a\\udc80", 0.5, None)


def test_notes_of_earlier_versions_have_the_keys_of_today() -> None:
    content = BytesIO()
    old = b'{"time": "2026-11-29T18:54:11+01:00", "model": "0123456789ab", "label": "apple"}'
    Image.new("RGB", (8, 8)).save(content, "JPEG", comment=old)
    assert read_note(content.getvalue()) == {
        "at": "2026-11-29T18:54:11+01:00",
        "bundle_id": "0123456789ab",
        "predicted": "apple",
    }


@pytest.mark.parametrize("comment", [b"", b"[1]", b"no json", b"\xff\xfe", b"[" * 60_000])
def test_comment_of_another_program_is_no_note(comment: bytes) -> None:
    content = BytesIO()
    Image.new("RGB", (8, 8)).save(content, "JPEG", comment=comment)
    assert read_note(content.getvalue()) == {}
    assert read_note(b"no image") == {}


@pytest.mark.parametrize(
    "label",
    [
        *("../../etc", "/etc/passwd", "a/b", "..", ".", ".hidden", "x\0y", "a\nb\x1b[31m"),
        *("\ud800", "猫" * 300, "x" * 1000, "é" * 119 + "/"),
    ],
    ids=ascii,
)
def test_hostile_label_is_the_name_of_one_visible_folder(label: str) -> None:
    name = folder_name(label)
    assert "/" not in name
    assert not name.startswith(".")
    assert name.isprintable()
    assert 0 < len(name.encode()) <= 120


def test_folder_name_is_the_label_if_possible_and_long_ones_stay_distinct() -> None:
    for label in ("banana", "café noir", "猫", "a=b", "<b>x", "100%", "x" * 120):
        assert folder_name(label) == label
    assert folder_name("x" * 200) != folder_name("x" * 201)


@pytest.mark.parametrize(
    "name", [".hidden.jpg", "../x.jpg", "a/b.jpg", "x\0.jpg", "x.txt", "\udc80.jpg"]
)
def test_what_is_no_image_name(name: str) -> None:
    assert not is_image_name(name)
    assert is_image_name("<b>.JPG")
