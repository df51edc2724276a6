"""What the live page's server answers and to whom (FAULTS W2, W7, W10), and the token."""

import io
import sys
from collections.abc import Callable
from urllib.parse import quote

import pytest
from PIL import Image

from runtime.live import Live, Shown
from runtime.live.routes import ROUTES

TOKEN = "a-token-of-this-test"
PATHS = [path.replace("\\", "") for path, _ in ROUTES if path != "/stream"]


def test_the_answer_and_its_picture_come_in_one_piece(live: Live, frame: Callable[..., Shown], get) -> None:
    live.show(frame(200))
    state, jpeg = get(live, "/latest?after=-1").parts()
    assert state["label"] == "banana"
    assert [one["label"] for one in state["predictions"]] == ["banana", "orange", "lemon"]
    assert (state["state"], state["bundle"], state["fps"], state["latency_ms"]) == ("running", "fruit", 15.0, 8.4)
    assert 0 <= state["age_ms"] < 20_000
    assert abs(Image.open(io.BytesIO(jpeg)).getpixel((5, 5))[0] - 200) <= 3
    again, nothing = get(live, f"/latest?after={state['number']}").parts()
    assert (again["number"], nothing) == (state["number"], b"")
    assert again["age_ms"] >= state["age_ms"] + 900, "asked for what is newer, it waits a second and says how old this is by now"


def test_before_the_first_frame_there_is_a_state_and_no_picture(live: Live, get) -> None:
    assert get(live, "/state").json() == {"number": 0, "state": "waiting", "age_ms": None, "predictions": []}
    assert get(live, "/frame.jpg").status == 503
    state, jpeg = get(live, "/latest").parts()
    assert (state["state"], jpeg) == ("waiting", b"")


def test_a_lost_source_is_told_at_once_and_its_last_picture_keeps_its_age(live: Live, frame: Callable[..., Shown], get) -> None:
    shown = frame()
    live.show(shown)
    number = get(live, "/state").json()["number"]
    live.report("lost")
    state, _ = get(live, f"/latest?after={number}").parts()
    assert (state["state"], state["label"]) == ("lost", "banana")
    live.show(frame(50))
    assert get(live, "/state").json()["state"] == "running"


@pytest.mark.parametrize("after", ["9" * 5000, "1e3", "--1", "-", "\u0663"], ids=lambda text: text[:5])
def test_what_is_no_number_of_a_frame_is_400(live: Live, get, after: str, caplog: pytest.LogCaptureFixture) -> None:
    assert get(live, f"/latest?after={quote(after)}").status == 400
    assert "Traceback" not in caplog.text


def test_frame_is_the_newest_picture(live: Live, frame: Callable[..., Shown], get) -> None:
    for level in (10, 250):
        live.show(frame(level))
        answer = get(live, "/frame.jpg")
        assert answer.headers["content-type"] == "image/jpeg"
        assert abs(Image.open(io.BytesIO(answer.body)).getpixel((5, 5))[0] - level) <= 3


@pytest.mark.parametrize("path", ["/", "/health", "/state", "/latest", "/nothing", "/latest?after=x"])
def test_every_answer_carries_the_headers(live: Live, get, path: str) -> None:
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
def test_paths_outside_the_list_are_404(live: Live, get, path: str) -> None:
    answer = get(live, path)
    assert (answer.status, answer.body) == (404, b"404 Not Found\n")


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_host_name_is_refused_everywhere(live: Live, frame: Callable[..., Shown], get, path: str) -> None:
    live.show(frame())
    assert get(live, path, Host="evil.example").status == 403
    assert get(live, path, Host=f"evil.example:{live.port}").status == 403
    assert get(live, path, Host=f"localhost:{live.port}").status == 200


@pytest.mark.parametrize("path", PATHS)
def test_another_sites_page_gets_nothing(live: Live, frame: Callable[..., Shown], get, path: str) -> None:
    live.show(frame())
    assert get(live, path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
    assert get(live, path, Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="cors").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "BREW"])
@pytest.mark.parametrize("path", [*PATHS, "/stream"])
def test_there_is_nothing_to_change(live: Live, get, method: str, path: str) -> None:
    assert get(live, path, method).status == 405


def test_with_a_token_nothing_is_seen_without_it(frame: Callable[..., Shown], get) -> None:
    with Live(port=0, token=TOKEN) as live:
        live.show(frame())
        for path in ("/", "/state", "/latest", "/frame.jpg", "/stream", "/?token=wrong-wrong-wrong-wrong"):
            answer = get(live, path)
            assert answer.status == 401
            assert b"banana" not in answer.body
            assert answer.headers["www-authenticate"] == "Bearer"
        assert get(live, "/health").status == 200
        assert get(live, "/state", Authorization=f"Bearer {TOKEN}").json()["label"] == "banana"
        assert get(live, f"/frame.jpg?token={TOKEN}").status == 200


def test_a_browser_gets_a_cookie_for_the_token_and_an_address_without_it(frame: Callable[..., Shown], get) -> None:
    with Live(port=0, token=TOKEN) as live:
        live.show(frame())
        answer = get(live, f"/?token={TOKEN}")
        assert (answer.status, answer.headers["location"]) == (303, "./")
        cookie, *rules = answer.headers["set-cookie"].split("; ")
        assert TOKEN not in cookie
        assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(rules)
        assert get(live, "/state", Cookie=cookie).json()["label"] == "banana"
        assert get(live, "/state", Cookie=cookie[:-1]).status == 401
        with Live(port=0, token=TOKEN[::-1]) as other:
            assert get(other, "/state", Cookie=cookie.replace(str(live.port), str(other.port))).status == 401


written: list[tuple[object, ...]] = []
watching = False


def audit(event: str, arguments: tuple[object, ...]) -> None:
    if watching and event == "open" and arguments[2] & 3:  # O_WRONLY or O_RDWR
        written.append(arguments)


def test_nothing_is_written_and_nothing_logged(live: Live, frame: Callable[..., Shown], get, raw, caplog: pytest.LogCaptureFixture) -> None:
    global watching
    sys.addaudithook(audit)
    watching = True
    try:
        live.show(frame())
        for path in ("/", "/state", "/latest", "/frame.jpg", "/nothing?token=secret", "/latest?after=%ff"):
            get(live, path)
        get(live, "/", Host="evil.example")
        raw(live, b"no request\r\n\r\n").recv(1000)
    finally:
        watching = False
    assert written == []
    assert [record.getMessage() for record in caplog.records if record.name.startswith("tornado")] == []
