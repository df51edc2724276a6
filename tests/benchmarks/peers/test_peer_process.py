"""Tests the process of a peer: its answers, its refusals, and its end."""

import sys
from pathlib import Path
from threading import Timer
from threading import enumerate as enumerate_threads

import pytest

from benchmarks.peers.environments import Environment
from benchmarks.peers.process import PeerProcess
from runtime.errors import MachineError

SCRIPT = """
print("a greeting that is no answer", flush=True)
def load(model, threads):
    def classify(image):
        print("chatter", flush=True)
        if "bad" in image:
            raise ValueError("not an\\nimage")
        if "end" in image:
            raise SystemExit("the end")
        if "own" in image:
            return model.rsplit("/")[-1] + image.rsplit("/")[-1], 12.5
        return "l\\u00e9\\n" + str(threads)
    return classify
"""


@pytest.fixture
def peer(tmp_path: Path, monkeypatch):
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = Environment(Path(sys.executable), {}, None)
    with PeerProcess(
        "peer", environment, str(tmp_path / "script.py"), tmp_path / "model", 3
    ) as process:
        yield process


def test_answer_is_the_label_and_what_a_library_prints_is_none(peer) -> None:
    answer = peer.answer(Path("image"))
    assert (answer.label, answer.refused) == ("lé\n3", "")
    assert 0 < answer.ms < 1000
    assert answer.processor_ms > 0
    assert peer.versions(["numpy"]).keys() == {"python", "numpy"}
    assert peer.answer(Path("own")).label == "modelown"
    assert peer.answer(Path("own")).ms == 12.5


def test_refused_image_is_reported_and_the_next_is_asked(peer) -> None:
    assert peer.answer(Path("bad\n\udce9")) == type(peer.answer(Path("own")))(
        None, 0.0, 0.0, "ValueError: not an image"
    )
    assert peer.answer(Path("own")).label == "modelown"


def test_process_that_ends_is_an_error_with_its_last_words(peer) -> None:
    with pytest.raises(MachineError, match="^peer: cannot be run: the end$"):
        peer.answer(Path("end"))


def test_signal_while_the_time_limit_starts_leaves_no_thread_that_keeps_us_alive(
    peer, monkeypatch
) -> None:
    """As SIGTERM in `Timer.start`, which waits for its thread: the process stayed for 300 s."""
    start = Timer.start

    def interrupted(timer: Timer) -> None:
        start(timer)
        raise SystemExit(143)

    monkeypatch.setattr(Timer, "start", interrupted)
    with pytest.raises(SystemExit):
        peer.answer(Path("image"))
    left = [thread for thread in enumerate_threads() if isinstance(thread, Timer)]
    assert left
    assert all(thread.daemon for thread in left)
    for thread in left:
        thread.cancel()
