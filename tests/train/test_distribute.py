"""--distribute as it is read, and workers that were not given the same."""

from dataclasses import replace

import pytest

from runtime.errors import InputRefused
from train.distribute import CARDS, place, require_same
from train.engine import ALONE

MADE_BY = {"options": {"batch": 32, "seed": 7}, "data_digest": "a", "source": "b", "weights": None, "workers": 2}


def test_place_among_the_workers_counts_from_one() -> None:
    assert [place("10.0.0.1:7000", f"{number}/3") for number in (1, 2, 3)] == [(0, 3), (1, 3), (2, 3)]
    assert place(None, None) is None
    assert place(CARDS, None) is None


@pytest.mark.parametrize("worker", [None, "0/2", "3/2", "1/1", "1", "1/2/3", "-1/2", "a/b"])
def test_place_that_is_none_is_refused(worker: str | None) -> None:
    with pytest.raises(InputRefused, match="expected I/N, as 1/2 on the first of two machines, found"):
        place("10.0.0.1:7000", worker)


@pytest.mark.parametrize("address", ["10.0.0.1", "host:", ":7000", "host:port", "host:123456", "a b:7000"])
def test_address_without_a_port_is_refused(address: str) -> None:
    with pytest.raises(InputRefused, match="expected HOST:PORT of the first worker"):
        place(address, "1/2")


@pytest.mark.parametrize("distribute", [None, CARDS])
def test_worker_alone_is_refused(distribute: str | None) -> None:
    with pytest.raises(InputRefused, match="--worker: needs --distribute HOST:PORT"):
        place(distribute, "1/2")


def _among(first: bytes):
    return replace(ALONE, gather=lambda said: [first, said])


def test_worker_that_makes_something_else_is_refused_by_name() -> None:
    first: list[bytes] = []
    require_same(replace(ALONE, gather=lambda said: first.append(said) or [said]), MADE_BY)
    require_same(_among(first[0]), MADE_BY)
    with pytest.raises(InputRefused, match="found here --batch 16, there 32; other pictures"):
        require_same(_among(first[0]), MADE_BY | {"options": {"batch": 16, "seed": 7}, "data_digest": "c"})
