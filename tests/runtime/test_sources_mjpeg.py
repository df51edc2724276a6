"""runtime.sources.mjpeg against a server that does what real and hostile cameras do (FAULTS R11-R15)."""

import socket
import time
from base64 import b64encode
from itertools import islice

import pytest

from runtime.errors import InputRefused, MachineError, PictureRefused
from runtime.sources import Busy, Frame, open_source


def some(url: str, count: int = 8) -> list[Frame | PictureRefused]:
    stream = open_source(url).frames()
    try:
        return list(islice(stream, count))
    finally:
        stream.close()


def pictures(url: str, count: int = 8) -> list[Frame]:
    """Those frames that decode."""
    good = []
    for one in some(url, count):
        if isinstance(one, Frame):
            try:
                one.image.load()
            except OSError:
                continue
            good.append(one)
    return good


@pytest.mark.parametrize("mode", ["steady", "nolen", "badboundary", "nodht", "gray", "fast"])
def test_every_frame_of_a_good_stream_is_given(camera, mode: str) -> None:
    frames = pictures(camera.url(mode))
    assert len(frames) == 8
    assert {frame.image.size for frame in frames} == {(64, 48)}
    means = [sum(frame.image.convert("L").tobytes()) / (64 * 48) for frame in frames]
    assert means == sorted(means)  # the server counts up in brightness
    assert len(set(means)) == 8


def test_frame_without_a_length_is_given_once_it_has_come_and_not_with_the_next_one(camera) -> None:
    """The server sends three and rests."""
    assert len(pictures(camera.url("stall_nolen"), 3)) == 3


def test_size_of_a_stream_may_change(camera) -> None:
    assert {frame.image.size for frame in pictures(camera.url("resize"))} == {(64, 48), (128, 96)}


@pytest.mark.parametrize("mode", ["cut", "garbage", "bomb", "short"])
def test_broken_frames_are_left_out_and_the_others_given(camera, mode: str) -> None:
    assert len(pictures(camera.url(mode), 9)) == 5


def test_pictures_of_60000x10000_are_refused_by_their_header(camera) -> None:
    refused = [one for one in some(camera.url("bomb")) if isinstance(one, PictureRefused)]
    assert len(refused) == 4
    assert "60000x10000 pixels" in refused[0].reason or "too large" in refused[0].reason


@pytest.mark.parametrize(
    ("mode", "kind", "words"),
    [
        ("html", InputRefused, "found text/html"),
        ("401", MachineError, "401 Unauthorized; give a user and password"),
        ("404", MachineError, "404 Not Found"),
        ("503", Busy, "503 Service Unavailable"),
        ("biglen", InputRefused, "1000000000 bytes; at most 8388608"),
        ("endless", InputRefused, "over 8388608 bytes"),
        ("endless_head", InputRefused, "head of a frame is over 8192"),
        ("endless_noise", InputRefused, "no delimiter"),
    ],
)
def test_what_is_no_stream_or_has_no_bounds_is_refused(camera, mode: str, kind: type, words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        some(camera.url(mode))
    assert caught.type is kind
    assert caught.value.thing == camera.url(mode)


@pytest.mark.parametrize("mode", ["stall", "drip"])
def test_silence_ends_a_stream_even_if_bytes_drip(camera, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.sources.mjpeg.SILENCE_S", 0.5)
    with pytest.raises(MachineError, match=r"no frame for 0\.5 s"):
        some(camera.url(mode), 100)


def test_stream_with_frames_goes_on_past_that_time(camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.sources.mjpeg.SILENCE_S", 2.5)
    assert len(some(camera.url("slow"), 7)) == 7  # one each 0.5 s


def test_connection_reset_by_the_camera_is_an_error_of_the_machine(camera) -> None:
    with pytest.raises(MachineError, match="reset"):
        some(camera.url("reset"), 100)


def test_nobody_there_is_an_error_of_the_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(MachineError, match="refused"):
        some(f"http://127.0.0.1:{port}/")
    with pytest.raises(InputRefused, match="expected an address"):
        some("http:///stream")
    with pytest.raises(InputRefused, match="expected an address"):
        some("http://host:port/")


def test_password_is_sent_and_never_shown(camera) -> None:
    url = camera.url("404").replace("http://", "http://me:s%3Acret@")
    with pytest.raises(MachineError) as caught:
        some(url)
    assert f"Authorization: Basic {b64encode(b'me:s:cret').decode()}".encode() in camera.requests[0]
    assert "cret" not in str(caught.value)
    assert "cret" not in open_source(url).name


def test_closing_the_frames_closes_the_connection(camera) -> None:
    some(camera.url("steady"), 2)
    until = time.monotonic() + 5
    while camera.open and time.monotonic() < until:
        time.sleep(0.01)
    assert camera.open == 0
