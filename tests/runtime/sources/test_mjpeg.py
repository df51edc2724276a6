"""Tests MJPEG against a server that behaves like real and hostile cameras (FAULTS R11-R15)."""

import socket
import time
from base64 import b64encode
from itertools import islice

import pytest

from runtime.errors import ImageRefused, InputRefused, MachineError
from runtime.sources.base import Frame, GarbledStreamError, SourceBusyError, open_source


def arrivals(url: str, count: int = 8) -> list[Frame | ImageRefused]:
    stream = open_source(url).frames()
    try:
        return list(islice(stream, count))
    finally:
        stream.close()


def images(url: str, count: int = 8) -> list[Frame]:
    """Returns the frames that decode."""
    decoded = []
    for arrival in arrivals(url, count):
        if isinstance(arrival, Frame):
            try:
                arrival.image.load()
            except OSError:
                continue
            decoded.append(arrival)
    return decoded


@pytest.mark.parametrize("mode", ["steady", "nolen", "badboundary", "nodht", "gray", "fast"])
def test_every_frame_of_a_good_stream_is_yielded(camera, mode: str) -> None:
    frames = images(camera.url(mode))
    assert len(frames) == 8
    assert {frame.image.size for frame in frames} == {(64, 48)}
    means = [sum(frame.image.convert("L").tobytes()) / (64 * 48) for frame in frames]
    assert means == sorted(means)  # the server counts up in brightness
    assert len(set(means)) == 8


def test_frame_without_a_length_is_yielded_before_the_next_one_arrives(camera) -> None:
    """The server sends three frames and pauses."""
    assert len(images(camera.url("stall_nolen"), 3)) == 3


def test_size_of_a_stream_may_change(camera) -> None:
    assert {frame.image.size for frame in images(camera.url("resize"))} == {(64, 48), (128, 96)}


@pytest.mark.parametrize("mode", ["cut", "garbage", "bomb", "short"])
def test_broken_frames_are_skipped_and_the_others_yielded(camera, mode: str) -> None:
    assert len(images(camera.url(mode), 9)) == 5


def test_images_of_60000x10000_are_refused_by_their_header(camera) -> None:
    refused = [
        arrival for arrival in arrivals(camera.url("bomb")) if isinstance(arrival, ImageRefused)
    ]
    assert len(refused) == 4
    assert "60000x10000 pixels" in refused[0].reason or "too large" in refused[0].reason


@pytest.mark.parametrize(
    ("mode", "kind", "words"),
    [
        ("html", InputRefused, "found text/html"),
        ("401", MachineError, "401 Unauthorized; add a user and password"),
        ("404", MachineError, "404 Not Found"),
        ("503", SourceBusyError, "503 Service Unavailable"),
        ("biglen", InputRefused, "1000000000 bytes; expected at most 8388608"),
        ("endless", InputRefused, "over 8388608 bytes"),
        ("endless_head", InputRefused, "headers of a frame are over 8192"),
        ("endless_noise", GarbledStreamError, "no delimiter"),
    ],
)
def test_response_that_is_not_a_stream_or_never_ends_is_refused(
    camera, mode: str, kind: type, words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        arrivals(camera.url(mode))
    assert caught.type is kind
    assert caught.value.thing == camera.url(mode)


@pytest.mark.parametrize("mode", ["stall", "drip"])
def test_silence_ends_a_stream_even_if_bytes_drip(
    camera, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.sources.http_camera.FRAME_TIMEOUT_S", 0.5)
    with pytest.raises(MachineError, match=r"no frame for 0\.5 s"):
        arrivals(camera.url(mode), 100)


def test_stream_with_frames_continues_past_that_time(
    camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.sources.http_camera.FRAME_TIMEOUT_S", 2.5)
    assert len(arrivals(camera.url("slow"), 7)) == 7  # one each 0.5 s


def test_connection_reset_by_the_camera_is_a_machine_error(camera) -> None:
    with pytest.raises(MachineError, match="reset"):
        arrivals(camera.url("reset"), 100)


def test_port_without_a_server_is_a_machine_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(MachineError, match="refused"):
        arrivals(f"http://127.0.0.1:{port}/")
    with pytest.raises(InputRefused, match="expected an address"):
        arrivals("http:///stream")
    with pytest.raises(InputRefused, match="expected an address"):
        arrivals("http://host:port/")


@pytest.mark.parametrize(
    "mode", ["noise", "noise_nolen", "noise_badboundary", "noise_between", "raw_noise"]
)
def test_random_bytes_before_and_between_the_frames_are_skipped(camera, mode: str) -> None:
    assert len(images(camera.url(mode), 6)) >= 3


def test_jpeg_address_without_a_jpeg_is_asked_again_and_other_files_are_refused(camera) -> None:
    with pytest.raises(GarbledStreamError, match="without any"):
        arrivals(camera.url("noise_as_jpeg"))
    with pytest.raises(InputRefused, match="without any"):
        arrivals(camera.url("noise_as_file"))


def test_noise_alone_is_worth_another_connection(camera) -> None:
    for _ in range(2):
        with pytest.raises(GarbledStreamError, match="parts in 3000 bytes"):
            arrivals(camera.url("noise_then_ok"))
    assert len(images(camera.url("noise_then_ok"))) == 8


def test_jpeg_files_without_parts_are_read_one_by_one(camera) -> None:
    frames = images(camera.url("raw"))
    assert [frame.image.size for frame in frames] == [(64, 48)] * 8
    assert camera.connections == 1


def test_single_images_are_asked_for_at_the_interval(
    camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("runtime.sources.mjpeg.time.sleep", pauses.append)
    stream = open_source(camera.url("snapshot"), 30.0).frames()
    frames = list(islice(stream, 4))
    means = [sum(frame.image.convert("L").tobytes()) for frame in frames]
    assert means == sorted(set(means))
    assert (camera.connections, len(pauses)) == (4, 3)
    assert all(29 < pause <= 30 for pause in pauses)
    list(islice(open_source(camera.url("snapshot")).frames(), 2))
    assert 0 < pauses[-1] <= 1


def test_one_image_of_a_stream_is_taken_at_each_interval(camera) -> None:
    assert len(list(islice(open_source(camera.url("steady"), 0.01).frames(), 3))) == 3
    assert camera.connections == 3


def test_only_a_camera_over_http_is_asked_at_the_interval() -> None:
    """Of the others the program takes an image now and then."""
    for source in ("camera:0", "rtsp://host/", "folder"):
        assert open_source(source, 1.0).every_s is None
    assert open_source("http://host/", 1.0).every_s == 1


def test_password_is_never_shown(camera) -> None:
    url = camera.url("401").replace("http://", "http://me:s%3Acret@")
    with pytest.raises(MachineError, match="does not accept this user and password") as caught:
        arrivals(url)
    first, second = camera.requests
    assert b"Authorization" not in first
    assert f"Authorization: Basic {b64encode(b'me:s:cret').decode()}".encode() in second
    assert "cret" not in str(caught.value)
    assert "cret" not in open_source(url).name


def test_closing_the_frames_closes_the_connection(camera) -> None:
    arrivals(camera.url("steady"), 2)
    until = time.monotonic() + 5
    while camera.open and time.monotonic() < until:
        time.sleep(0.01)
    assert camera.open == 0
