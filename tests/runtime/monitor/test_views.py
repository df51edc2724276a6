"""Tests which views --source and --region name, and what is refused before anything is opened."""

from argparse import Namespace
from pathlib import Path

import pytest

from runtime.cli.parser import CommandParser
from runtime.errors import InputRefused
from runtime.monitor.looking import LookRule
from runtime.monitor.views import View, add_view_arguments, look_rule, sources_from_options

HTTP, OTHER = "http://me:secret@cam/stream", "http://cam:81/shot.jpg"


def options(*words: str) -> Namespace:
    parser = CommandParser(prog="prog")
    add_view_arguments(parser)
    return parser.parse_args(words)


def views(*words: str) -> list[View]:
    return [view for _, own in sources_from_options(options(*words)) for view in own]


def names(*words: str) -> list[tuple[str, tuple[float, ...] | None]]:
    return [(view.name, view.region) for view in views(*words)]


LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 0.5, 1.0)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((HTTP,), [("", None)]),
        ((HTTP, "--region", "0,0,.5,1"), [("", LEFT)]),
        ((f"gate={HTTP}",), [("gate", None)]),
        ((HTTP, "--region", "a=0,0,.5,1", "--region", "b=.5,0,.5,1"), [("a", LEFT), ("b", RIGHT)]),
        ((HTTP, "--source", OTHER), [("http-cam-stream", None), ("cam-81-shot-jpg", None)]),
        (
            (f"gate={HTTP}", "--source", f"yard={OTHER}", "--region", "belt=0,0,.5,1"),
            [("gate/belt", LEFT), ("yard/belt", LEFT)],
        ),
        (
            (f"gate={HTTP}", "--source", f"yard={OTHER}", "--region", "gate=0,0,.5,1"),
            [("gate", LEFT), ("yard", None)],
        ),
        (
            (
                *(f"gate={HTTP}", "--source", f"yard={OTHER}"),
                *("--region", "yard/a=0,0,.5,1", "--region", "yard/b=.5,0,.5,1"),
            ),
            [("gate", None), ("yard/a", LEFT), ("yard/b", RIGHT)],
        ),
    ],
)
def test_views_have_the_names_of_source_and_region(words: tuple[str, ...], expected) -> None:
    assert names("--source", *words) == expected


def test_place_is_the_source_and_no_name_has_a_password() -> None:
    (first, second) = views("--source", HTTP, "--source", f"yard={HTTP}", "--region", "a=0,0,1,1")
    assert (first.source_name, first.name) == ("http-cam-stream", "http-cam-stream/a")
    assert (second.source_name, second.source_address) == ("yard", "http://cam/stream")
    assert "secret" not in repr((first, second))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--region", "0,0,1,1", "--region", "0,0,.5,1"),
            "--region: expected NAME=.*no name twice",
        ),
        (("--region", "a=0,0,1,1", "--region", "a=0,0,.5,1"), "--region: expected NAME=.*a twice"),
        (("--source", HTTP, "--source", HTTP), "--source: expected NAME=.*http-cam-stream twice"),
        (("--region", "yard/a=0,0,1,1"), "--region: yard/a: expected a source's name, found none"),
        (("--region", "../a=0,0,1,1"), "--region: expected X,Y,W,H"),
        (("--region", "0,0,2,1"), "--region: expected X,Y,W,H"),
        (("--source", ""), "an empty name"),
    ],
)
def test_what_cannot_be_told_apart_or_is_outside_is_refused(
    words: tuple[str, ...], message: str
) -> None:
    sources = () if "--source" in words else ("--source", HTTP)
    with pytest.raises(InputRefused, match=message):
        views(*sources, *words)


def test_file_whose_name_looks_like_a_named_source_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a=b.jpg").touch()
    assert [view.source_address for view in views("--source", "a=b.jpg")] == ["a=b.jpg"]
    assert [view.source_address for view in views("--source", "a=c.jpg")] == ["c.jpg"]


def test_interval_is_kept_by_the_source_or_by_the_rule() -> None:
    """A camera over http is asked each time, unless motion needs all of its images."""
    for words, every_s, rule in (
        (("--source", HTTP, "--every", "5"), 5.0, LookRule(None, False)),
        (("--source", HTTP, "--every", "5", "--on-motion"), None, LookRule(5.0, True)),
        (("--source", "rtsp://cam/", "--every", "5"), None, LookRule(5.0, False)),
        (("--source", "clip.mp4", "--every", "5"), None, LookRule(5.0, False)),
    ):
        chosen = options(*words)
        ((source, _),) = sources_from_options(chosen)
        assert (source.every_s, look_rule(chosen, source)) == (every_s, rule)
    with pytest.raises(InputRefused, match="--every: .* clips, not to 'images'"):
        views("--source", "images/*.jpg".replace("/*.jpg", ""), "--every", "5")
