"""Tests responses, access and the token of the live page (FAULTS W2, W7, W10)."""

import io
import sys
import threading
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from PIL import Image

from runtime.monitor.live_page.live_page import LivePage
from runtime.monitor.live_page.page_update import PageUpdate
from runtime.monitor.live_page.routes import ROUTES

TOKEN = "a-token-of-this-test"
PATHS = [path.replace("\\", "") for path, _ in ROUTES if path != "/stream"]


def test_the_answer_and_its_image_come_in_one_piece(
    live: LivePage, frame: Callable[..., PageUpdate], get
) -> None:
    live.show(frame(200))
    state, jpeg = get(live, "/latest?after=-1").parts()
    assert state["predicted"] == "banana"
    assert [prediction["label"] for prediction in state["predictions"]] == [
        "banana",
        "orange",
        "lemon",
    ]
    assert (state["state"], state["title"], state["fps"], state["latency_ms"]) == (
        "running",
        "fruit",
        15.0,
        8.4,
    )
    assert 0 <= state["age_ms"] < 20_000
    assert abs(Image.open(io.BytesIO(jpeg)).getpixel((5, 5))[0] - 200) <= 3
    later, no_jpeg = get(live, f"/latest?after={state['number']}").parts()
    assert (later["number"], no_jpeg) == (state["number"], b"")
    assert later["age_ms"] >= state["age_ms"] + 900, "it waits a second for a newer frame"


def test_before_the_first_frame_there_is_a_state_and_no_image(live: LivePage, get) -> None:
    assert get(live, "/state").json() == {
        "number": 0,
        "state": "waiting",
        "age_ms": None,
        "predictions": [],
        "views": [],
    }
    assert get(live, "/frame.jpg").status == 503
    state, jpeg = get(live, "/latest").parts()
    assert (state["state"], jpeg) == ("waiting", b"")


def test_a_lost_source_is_told_at_once_and_its_last_image_keeps_its_age(
    live: LivePage, frame: Callable[..., PageUpdate], get
) -> None:
    shown = frame()
    live.show(shown)
    number = get(live, "/state").json()["number"]
    live.report_state("lost")
    state, _ = get(live, f"/latest?after={number}").parts()
    assert (state["state"], state["predicted"]) == ("lost", "banana")
    live.show(frame(50))
    assert get(live, "/state").json()["state"] == "running"


def test_viewers_share_one_heat_map_while_images_go_on(
    live: LivePage, frame: Callable[..., PageUpdate], get, eventually
) -> None:
    """Without that, each press of the button would load the processor once more."""
    calls, finish, answers = [], threading.Event(), []

    def explain() -> bytes:
        calls.append(threading.get_ident())
        assert finish.wait(60)
        return b"map"

    live.show(frame(explain=explain))
    assert get(live, "/state").json()["explains"]
    threads = [
        threading.Thread(target=lambda: answers.append(get(live, "/why.png"))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: get(live, "/health").json()["viewers"], 5)
    assert get(live, "/frame.jpg").status == 200
    finish.set()
    for thread in threads:
        thread.join()
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"map")] * 5
    assert answers[0].headers["content-type"] == "image/png"
    assert len(calls) == 1
    assert threading.get_ident() not in calls


def test_heat_maps_come_at_most_once_a_second(
    live: LivePage, frame: Callable[..., PageUpdate], get
) -> None:
    times: list[float] = []
    live.show(frame(explain=lambda: times.append(time.monotonic()) or b"map"))
    for _ in range(3):
        assert get(live, "/why.png").body == b"map"
    assert times[2] - times[0] > 1.5, "the threads start late on a busy machine"


@pytest.mark.parametrize("fields", [{}, {"explain": lambda: b""}], ids=["no frame", "no map"])
def test_without_a_heat_map_it_is_503(
    live: LivePage, frame: Callable[..., PageUpdate], get, fields: dict
) -> None:
    assert get(live, "/why.png").status == 503
    live.show(frame(**fields))
    assert get(live, "/state").json()["explains"] == bool(fields)
    assert get(live, "/why.png").status == 503


@pytest.mark.parametrize(
    "after", ["9" * 5000, "1e3", "--1", "-", "\u0663"], ids=lambda text: text[:5]
)
def test_what_is_no_number_of_a_frame_is_400(
    live: LivePage, get, after: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert get(live, f"/latest?after={quote(after)}").status == 400
    assert "Traceback" not in caplog.text


def test_frame_is_the_newest_image(live: LivePage, frame: Callable[..., PageUpdate], get) -> None:
    for level in (10, 250):
        live.show(frame(level))
        answer = get(live, "/frame.jpg")
        assert answer.headers["content-type"] == "image/jpeg"
        assert abs(Image.open(io.BytesIO(answer.body)).getpixel((5, 5))[0] - level) <= 3


@pytest.mark.parametrize(
    "path", ["/", "/health", "/state", "/latest", "/nothing", "/latest?after=x"]
)
def test_every_answer_carries_the_headers(live: LivePage, get, path: str) -> None:
    headers = get(live, path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "'unsafe-inline'" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/..%5c..%5cetc",
        "/static/%00",
        "/page.html",
        "/page.js",
        "/live/page.html",
        "/%ff",
        "/frame_jpg",
        "/frame.jpg/",
        "/health/",
        "/Health",
        "/etc/passwd?x=/health",
        "http://127.0.0.1/etc/passwd",
    ],
)
def test_paths_outside_the_list_are_404(live: LivePage, get, path: str) -> None:
    answer = get(live, path)
    assert (answer.status, answer.body) == (404, b"404 Not Found\n")


@pytest.mark.parametrize("path", PATHS)
def test_other_host_name_is_refused_everywhere(
    live: LivePage, frame: Callable[..., PageUpdate], get, path: str
) -> None:
    live.show(frame(explain=lambda: b"map"))
    assert get(live, path, Host="evil.example").status == 403
    assert get(live, path, Host=f"evil.example:{live.port}").status == 403
    assert get(live, path, Host=f"localhost:{live.port}").status == 200


@pytest.mark.parametrize("path", PATHS)
def test_page_of_another_site_gets_nothing(
    live: LivePage, frame: Callable[..., PageUpdate], get, path: str
) -> None:
    live.show(frame(explain=lambda: b"map"))
    assert get(live, path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
    assert get(live, path, Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="cors").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "BREW"])
@pytest.mark.parametrize("path", [*PATHS, "/stream"])
def test_only_get_is_allowed(live: LivePage, get, method: str, path: str) -> None:
    assert get(live, path, method).status == 405


def test_nothing_is_sent_without_the_token(frame: Callable[..., PageUpdate], get) -> None:
    with LivePage(port=0, token=TOKEN) as live:
        live.show(frame())
        for path in (
            "/",
            "/state",
            "/latest",
            "/frame.jpg",
            "/stream",
            "/why.png",
            "/?token=wrong-wrong-wrong-wrong",
        ):
            answer = get(live, path)
            assert answer.status == 401
            assert b"banana" not in answer.body
            assert answer.headers["www-authenticate"] == "Bearer"
        assert get(live, "/health").status == 200
        assert get(live, "/state", Authorization=f"Bearer {TOKEN}").json()["predicted"] == "banana"
        assert get(live, f"/frame.jpg?token={TOKEN}").status == 200


def test_browser_gets_a_cookie_for_the_token_and_an_address_without_it(
    frame: Callable[..., PageUpdate], get
) -> None:
    with LivePage(port=0, token=TOKEN) as live:
        live.show(frame())
        answer = get(live, f"/?token={TOKEN}")
        assert (answer.status, answer.headers["location"]) == (303, "./")
        cookie, *rules = answer.headers["set-cookie"].split("; ")
        assert TOKEN not in cookie
        assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(rules)
        assert get(live, "/state", Cookie=cookie).json()["predicted"] == "banana"
        assert get(live, "/state", Cookie=cookie[:-1]).status == 401
        with LivePage(port=0, token=TOKEN[::-1]) as second:
            renamed_cookie = cookie.replace(str(live.port), str(second.port))
            assert get(second, "/state", Cookie=renamed_cookie).status == 401


written: list[tuple[object, ...]] = []
watching = False


def audit(event: str, arguments: tuple[object, ...]) -> None:
    if watching and event == "open" and arguments[2] & 3:  # O_WRONLY or O_RDWR
        written.append(arguments)


def test_nothing_is_written_and_nothing_logged(
    live: LivePage, frame: Callable[..., PageUpdate], get, raw, caplog: pytest.LogCaptureFixture
) -> None:
    global watching
    sys.addaudithook(audit)
    watching = True
    try:
        live.show(frame())
        for path in (
            "/",
            "/state",
            "/latest",
            "/frame.jpg",
            "/nothing?token=secret",
            "/latest?after=%ff",
        ):
            get(live, path)
        get(live, "/", Host="evil.example")
        raw(live, b"no request\r\n\r\n").recv(1000)
    finally:
        watching = False
    assert written == []
    assert [
        record.getMessage() for record in caplog.records if record.name.startswith("tornado")
    ] == []


def test_each_source_has_its_own_state_image_and_heat_maps(
    frame: Callable[..., PageUpdate], get
) -> None:
    with LivePage(port=0, source_names=("gate", "yard")) as live:
        for view, answer in (("gate/a", b"a"), ("gate/b", b"b")):
            live.show(frame(50, view=view, explain=lambda answer=answer: answer), "gate")
        live.report_state("lost", "yard")
        state = get(live, "/state?source=gate").json()
        assert state == {**get(live, "/state").json(), "age_ms": state["age_ms"]}, "the first"
        assert [view["view"] for view in state["views"]] == ["gate/a", "gate/b"]
        assert get(live, "/state?source_name=yard").json()["state"] == "lost"
        health = get(live, "/health").json()
        assert {name: part["state"] for name, part in health["sources"].items()} == {
            "gate": "running",
            "yard": "lost",
        }
        fields, jpeg = get(live, "/latest?source=yard").parts()
        assert (fields["source_names"], jpeg) == (["gate", "yard"], b"")
        assert get(live, "/frame.jpg?source=gate").status == 200
        assert get(live, "/frame.jpg?source=yard").status == 503
        maps = [get(live, f"/why.png?source=gate&view=gate/{name}").body for name in "ab"]
        assert maps == [b"a", b"b"]
        assert get(live, "/why.png?source=gate&view=nope").status == 503
        for path in ("state", "latest", "frame.jpg", "stream", "why.png"):
            assert get(live, f"/{path}?source=..%2Fetc").status == 404


def test_newer_image_under_answers_that_still_stand(
    live: LivePage, frame: Callable[..., PageUpdate], get
) -> None:
    """It may be undecoded, and broken; the one before stays then."""
    live.show_still(Image.new("RGB", (8, 8)), 0.0)
    assert get(live, "/frame.jpg").status == 503, "there is no answer yet"
    live.show(frame(200, arrived_s=time.monotonic() - 100))
    assert get(live, "/state").json()["age_ms"] > 90_000
    content = io.BytesIO()
    Image.effect_noise((64, 64), 9).save(content, "PNG")
    live.show_still(Image.open(io.BytesIO(content.getvalue())), time.monotonic())
    state, jpeg = get(live, "/latest").parts()
    assert (state["predicted"], state["age_ms"] < 50_000) == ("banana", True)
    assert abs(Image.open(io.BytesIO(jpeg)).getpixel((5, 5))[0] - 128) < 60
    live.show_still(Image.open(io.BytesIO(content.getvalue()[:2000])), time.monotonic())
    later, same = get(live, f"/latest?after={state['number']}").parts()
    assert (later["number"], same) == (state["number"] + 1, jpeg)
