"""python -m runtime camera --live: the page shows what the camera sees and what stands, and says when it is lost."""

import json
import re
import socket
import time
import urllib.request

import pytest

pytest.importorskip("tornado", reason="the package tornado (extra 'live') is not installed")


@pytest.fixture
def page(onnx_model, stream, watch):
    """The command on a stream, with its live page; and what the page's program is told."""
    running = watch(onnx_model(), "--source", stream.url, "--min-score", "0.6", "--live", "--live-port", "0")
    url = re.search(r"http://127\.0\.0\.1:\d+/", running.error("live page: "))[0]

    def state() -> dict:
        with urllib.request.urlopen(f"{url}state", timeout=10) as answer:
            return json.loads(answer.read())

    def until(condition, seconds: float = 30) -> dict:
        end = time.monotonic() + seconds
        while not condition(found := state()):
            assert time.monotonic() < end, found
            time.sleep(0.05)
        return found

    return running, url, until


def test_the_page_has_the_answer_that_stands_its_age_and_whose_it_is(page, stream) -> None:
    running, _, until = page
    found = until(lambda found: found.get("label") == "red")
    assert found["state"] == "running"
    assert found["age_ms"] < 5000
    assert found["predictions"][0]["label"] == "red"
    assert re.fullmatch(r"small, small\.onnx, [0-9a-f]{12}", found["bundle"])
    stream.colour = "grey"
    assert until(lambda found: found.get("label") is None)["predictions"][0]["score"] < 0.6
    stream.unplug()
    until(lambda found: found["state"] == "lost")
    running.line(" lost: ")
    stream.colour = "lime"
    stream.plug()
    until(lambda found: found["state"] == "running" and found["label"] == "green")


def test_the_page_does_not_hold_up_the_end_and_its_port_is_free_again(page) -> None:
    running, url, _ = page
    port = int(url.rsplit(":", 1)[1].strip("/"))
    with socket.create_connection(("127.0.0.1", port)) as viewer:
        viewer.sendall(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert viewer.recv(1000)
        code, seconds = running.end()
    assert code == 143
    assert seconds < 5, "2 s are asked for, of a machine that does nothing else"
    socket.create_server(("127.0.0.1", port)).close()


def test_a_port_in_use_is_exit_4_and_no_frame_was_read(onnx_model, stream, run_cli, refuses) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = ["--source", stream.url, "--min-score", "0.6", "--live", "--live-port", str(taken.getsockname()[1])]
        refuses(run_cli("runtime", "camera", onnx_model(), *words), 4, "port")
    assert stream.viewers == 0
