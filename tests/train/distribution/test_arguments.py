"""--distribute and --worker as they are parsed, and workers with different commands."""

from dataclasses import replace

import pytest

from runtime.errors import InputRefused
from train.distribution.arguments import CARDS, require_same, worker_position
from train.distribution.strategy import ALONE

MADE_BY = {
    "options": {"batch": 32, "seed": 7},
    "data_digest": "a",
    "code_sha256": "b",
    "weights_sha256": None,
    "workers": 2,
}


def test_position_counts_from_one_on_the_command_line() -> None:
    assert [worker_position("10.0.0.1:7000", f"{number}/3") for number in (1, 2, 3)] == [
        (0, 3),
        (1, 3),
        (2, 3),
    ]
    assert worker_position(None, None) is None
    assert worker_position(CARDS, None) is None


@pytest.mark.parametrize("worker", [None, "0/2", "3/2", "1/1", "1", "1/2/3", "-1/2", "a/b"])
def test_invalid_worker_is_refused(worker: str | None) -> None:
    with pytest.raises(
        InputRefused, match="expected I/N, as 1/2 on the first of two machines, found"
    ):
        worker_position("10.0.0.1:7000", worker)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "host:", ":7000", "host:port", "host:123456", "a b:7000"]
)
def test_address_without_a_port_is_refused(address: str) -> None:
    with pytest.raises(InputRefused, match="expected HOST:PORT of the first worker"):
        worker_position(address, "1/2")


@pytest.mark.parametrize("distribute", [None, CARDS])
def test_worker_alone_is_refused(distribute: str | None) -> None:
    with pytest.raises(InputRefused, match="--worker: needs --distribute HOST:PORT"):
        worker_position(distribute, "1/2")


def _with_first(first: bytes):
    return replace(ALONE, gather=lambda message: [first, message])


def test_difference_from_the_first_worker_is_refused_by_name() -> None:
    first: list[bytes] = []
    require_same(replace(ALONE, gather=lambda message: first.append(message) or [message]), MADE_BY)
    require_same(_with_first(first[0]), MADE_BY)
    with pytest.raises(InputRefused, match="found here --batch 16 instead of 32; other images"):
        require_same(
            _with_first(first[0]),
            MADE_BY | {"options": {"batch": 16, "seed": 7}, "data_digest": "c"},
        )
