"""Tests `camera --live`: the page has the stable answer and reports a loss."""

import io
import json
import re
import socket
import time
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("tornado", reason="the package tornado (extra 'live') is not installed")


@pytest.fixture
def page(onnx_model, stream, watch):
    """Runs the command with its live page; returns it, the URL, and a wait for a state."""
    running = watch(
        onnx_model(), "--source", stream.url, "--min-score", "0.6", "--live", "--live-port", "0"
    )
    url = re.search(r"http://127\.0\.0\.1:\d+/", running.error("live page: "))[0]

    def state() -> dict:
        with urllib.request.urlopen(f"{url}state", timeout=10) as answer:
            return json.loads(answer.read())

    def until(condition, seconds: float = 30) -> dict:
        end = time.monotonic() + seconds
        while not condition(latest := state()):
            assert time.monotonic() < end, latest
            time.sleep(0.05)
        return latest

    return running, url, until


def test_page_has_the_stable_answer_its_age_and_its_model(page, stream) -> None:
    running, _, until = page
    latest = until(lambda state: state.get("predicted") == "red")
    assert latest["state"] == "running"
    assert latest["age_ms"] < 20_000
    assert latest["predictions"][0]["label"] == "red"
    assert re.fullmatch(r"small, small\.onnx, [0-9a-f]{12}", latest["title"])
    stream.colour = "grey"
    assert until(lambda state: state.get("predicted") is None)["predictions"][0]["score"] < 0.6
    stream.unplug()
    until(lambda state: state["state"] == "lost")
    running.line(" lost: ")
    stream.colour = "lime"
    stream.plug()
    until(lambda state: state["state"] == "running" and state["predicted"] == "green")


def test_page_explains_the_newest_frame(page) -> None:
    _, url, until = page
    assert until(lambda state: state.get("predicted") == "red")["explains"]
    with urllib.request.urlopen(f"{url}why.png", timeout=60) as answer:
        picture = Image.open(io.BytesIO(answer.read()))
    assert picture.format == "PNG"
    red, green, _ = picture.convert("RGB").getpixel((100, 100))
    assert red > 150 > 2 * green, "the frame is at the left"


def test_page_does_not_delay_the_end_and_frees_its_port(page) -> None:
    running, url, _ = page
    port = int(url.rsplit(":", 1)[1].strip("/"))
    with socket.create_connection(("127.0.0.1", port)) as viewer:
        viewer.sendall(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert viewer.recv(1000)
        code, seconds = running.end()
    assert code == 143
    assert seconds < 10, "2 s on a machine that does nothing else"
    socket.create_server(("127.0.0.1", port)).close()


def test_label_without_a_page_is_refused_not_ignored(
    onnx_model, colours, run_cli, refuses, tmp_path: Path
) -> None:
    words = ["--source", colours("red"), "--min-score", "0.6", "--live-label", tmp_path]
    refuses(run_cli("runtime", "camera", onnx_model(), *words), 2, "--live-label: needs --live")


def test_port_in_use_is_exit_4_before_any_frame_is_read(
    onnx_model, stream, run_cli, refuses
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        words = [
            "--source",
            stream.url,
            "--min-score",
            "0.6",
            "--live",
            "--live-port",
            str(occupied.getsockname()[1]),
        ]
        refuses(run_cli("runtime", "camera", onnx_model(), *words), 4, "port")
    assert stream.viewers == 0
