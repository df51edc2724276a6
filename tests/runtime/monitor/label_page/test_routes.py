"""Tests access to the page for labels, and its answers to bad requests."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from runtime.errors import InputRefused
from runtime.inbox.folder import NEW, Inbox
from runtime.inbox.note import Note, encode_with_note
from runtime.monitor.live_page.live_page import LivePage

TOKEN = "a-token-of-this-test"
PATHS = ("/label", "/label/list", "/label/image?pile=new&name=0.jpg")


@pytest.fixture
def labels(tmp_path: Path) -> Iterator[LivePage]:
    (tmp_path / NEW).mkdir()
    for number in range(3):
        image = Image.new("RGB", (640, 480), (80 * number, 0, 0))
        region = (0.0, 0.0, 0.5, 1.0) if number else "0,0,0.5,1"  # as notes had it before
        note = Note("unsure", "camera:0", "", predicted="apple", score=0.5, region=region)
        (tmp_path / NEW / f"{number}.jpg").write_bytes(encode_with_note(image, note))
    with LivePage(port=0, token=TOKEN, inbox=Inbox(tmp_path)) as live:
        yield live


@pytest.fixture
def move(get) -> Callable[..., object]:
    """Asks for a move as the page does, except for what a test changes."""

    def ask(live: LivePage, body: object = None, **headers: str):
        wanted = {"image_names": ["0.jpg"], "from": NEW, "to": "labelled/apple"}
        content = body if isinstance(body, bytes) else json.dumps(body or wanted).encode()
        sent = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"} | headers
        sent = {name: value for name, value in sent.items() if value}
        return get(live, "/label/move", "POST", content, **sent)

    return ask


def test_without_a_token_there_is_no_page_to_label(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="--live-token-file: expected a token"):
        LivePage(port=0, inbox=Inbox(tmp_path))


@pytest.mark.parametrize("path", PATHS)
def test_token_host_and_site_are_checked(labels: LivePage, get, path: str) -> None:
    own = {"Authorization": f"Bearer {TOKEN}"}
    assert get(labels, path).status == 401
    assert get(labels, path, Authorization="Bearer wrong-wrong-wrong-wrong").status == 401
    assert get(labels, path, Host="evil.example", **own).status == 403
    cross = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}
    assert get(labels, path, **cross, **own).status == 403
    answer = get(labels, path, **own)
    assert answer.status == 200
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": ""},
        {"Host": "evil.example"},
    ],
    ids=str,
)
def test_only_this_page_moves_images(
    labels: LivePage, move, tmp_path: Path, headers: dict[str, str]
) -> None:
    assert move(labels, **headers).status == 403
    assert len(list((tmp_path / NEW).iterdir())) == 3


def test_who_has_no_token_moves_nothing(labels: LivePage, move, tmp_path: Path) -> None:
    assert move(labels, Authorization="").status == 401
    assert len(list((tmp_path / NEW).iterdir())) == 3


def test_own_page_moves_images(labels: LivePage, move, get, tmp_path: Path) -> None:
    own = {"Sec_Fetch_Site": "same-origin", "Origin": f"http://127.0.0.1:{labels.port}"}
    assert move(labels, **own).json() == {"moved": ["0.jpg"]}
    assert move(labels, **own).json() == {"moved": []}
    assert [path.name for path in (tmp_path / "labelled/apple").iterdir()] == ["0.jpg"]
    listed = get(labels, "/label/list", Authorization=f"Bearer {TOKEN}").json()
    assert (listed["classes"], listed["new"], listed["unusable"]) == ({"apple": 1}, 2, 0)
    assert [(row["name"], row["predicted"], row["score"]) for row in listed["tiles"]] == [
        ("1.jpg", "apple", 0.5),
        ("2.jpg", "apple", 0.5),
    ]
    known = f"/label/list?known={listed['version']}"
    assert get(labels, known, Authorization=f"Bearer {TOKEN}").json() == {
        "version": listed["version"]
    }


@pytest.mark.parametrize("score", ["NaN", "1e400", "-1e400"])
def test_number_that_json_cannot_hold_does_not_break_the_list(
    labels: LivePage, get, tmp_path: Path, score: str
) -> None:
    note = f'{{"label": "pear", "score": {score}}}'.encode()
    Image.new("RGB", (8, 8)).save(tmp_path / NEW / "9.jpg", comment=note)
    content = get(labels, "/label/list", Authorization=f"Bearer {TOKEN}").body
    rows = json.loads(content, parse_constant=pytest.fail)["tiles"]
    assert rows[-1] == {"name": "9.jpg", "burst": "", "reason": "", "predicted": "pear"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"no json",
        b"[" * 30_000,
        {"image_names": ["0.jpg"]},
        {"image_names": "0.jpg", "from": NEW, "to": "labelled/a"},
        {"image_names": [1], "from": NEW, "to": "labelled/a"},
        {"image_names": ["0.jpg"] * 101, "from": NEW, "to": "labelled/a"},
        {"image_names": ["../new/0.jpg"], "from": NEW, "to": "labelled/a"},
        {"image_names": ["0.jpg\0"], "from": NEW, "to": "labelled/a"},
        {"image_names": ["0.jpg"], "from": NEW, "to": "../x"},
        {"image_names": ["0.jpg"], "from": NEW, "to": NEW},
        {"image_names": ["0.jpg"], "from": "labelled/\ud800", "to": "labelled/a/../../.."},
    ],
    ids=lambda body: str(body)[:60],
)
def test_bad_requests_are_refused_and_move_nothing(
    labels: LivePage, move, tmp_path: Path, body: object, caplog: pytest.LogCaptureFixture
) -> None:
    answer = move(labels, body)
    assert answer.status == 400 or answer.json() == {"moved": []}
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*.jpg")} == {NEW}
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "query",
    [
        *("pile=new&name=../labelled/0.jpg", "pile=../..&name=0.jpg", "pile=new&name=9.jpg"),
        *("pile=new&name=%2Fetc%2Fpasswd", "pile=new&name=.jpg", "pile=new", "name=0.jpg"),
        "pile=new&name=broken.jpg",
    ],
)
def test_no_file_but_images_is_sent(labels: LivePage, get, tmp_path: Path, query: str) -> None:
    (tmp_path / NEW / "broken.jpg").write_bytes(b"no image")
    answer = get(labels, f"/label/image?{query}", Authorization=f"Bearer {TOKEN}")
    assert answer.status in (400, 404)
    assert str(tmp_path) not in answer.body.decode()


def test_live_page_has_a_link_only_where_there_is_an_inbox(
    labels: LivePage, live: LivePage, get
) -> None:
    link = b'<a href="label">Label images</a>'
    assert link in get(labels, "/", Authorization=f"Bearer {TOKEN}").body
    assert link not in get(live, "/").body
    assert get(live, "/label").status == 404
