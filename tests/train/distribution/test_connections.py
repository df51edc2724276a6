"""Messages between workers, which are threads here, and what connects besides them."""

import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from runtime.errors import InputRefused, MachineError
from train.distribution import connections
from train.distribution.connections import WorkerConnections, connect_workers


@pytest.fixture
def address(free_address: Callable[[], str]) -> str:
    return free_address()


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connections, "RETRY_S", 0.02)
    with ThreadPoolExecutor(12) as pool:
        yield pool


def _connected(address: str, threads: ThreadPoolExecutor, count: int) -> list[WorkerConnections]:
    """Starts the workers from the last to the first, so that all others have to wait."""
    futures = [
        threads.submit(connect_workers, address, index, count) for index in reversed(range(count))
    ]
    return [future.result() for future in reversed(futures)]


def test_each_gets_the_messages_of_all_in_their_order(address: str, threads) -> None:
    """Of eleven, since "10/11" comes before "2/11" in the order of texts."""
    workers = _connected(address, threads, 11)
    messages = [b"", b"x" * 1_000_000, *(b"%d" % index for index in range(2, 11))]
    gathered = [
        threads.submit(worker.gather, message)
        for worker, message in zip(workers, messages, strict=True)
    ]
    assert [future.result() for future in gathered] == [messages] * 11
    assert {worker.host for worker in workers} == {"127.0.0.1"}


def test_the_first_leaves_before_the_others(address: str, threads) -> None:
    first, second = _connected(address, threads, 2)
    leaving = threads.submit(second.leave)
    assert first.gather(b"last") == [b"last", b""]
    assert not leaving.done(), "it waits until the first worker has closed the connection"
    for link in first._links:
        link.close()
    leaving.result()


@pytest.mark.parametrize("victim", [0, 1])
def test_a_worker_that_ends_is_a_machine_error(address: str, threads, victim: int) -> None:
    workers = _connected(address, threads, 2)
    waiting = threads.submit(workers[1 - victim].gather, b"")
    for link in workers[victim]._links:
        link.close()
    with pytest.raises(MachineError, match="another worker ended or cannot be reached"):
        waiting.result()


def test_whatever_else_connects_is_left_out(
    address: str, threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One talks HTTP, one is silent."""
    monkeypatch.setattr(connections, "GREETING_TIMEOUT_S", 0.1)
    host, port = address.split(":")
    first = threads.submit(connect_workers, address, 0, 2)
    with _connect(host, int(port), first) as web, _connect(host, int(port), first):
        web.sendall(b"GET / HTTP/1.1\r\n\r\n")
        second = connect_workers(address, 1, 2)
        gathered = threads.submit(second.gather, b"b")
        assert first.result().gather(b"a") == [b"a", b"b"]
        assert gathered.result() == [b"a", b"b"]


def _connect(host: str, port: int, listening: Future) -> socket.socket:
    while not listening.done():
        try:
            return socket.create_connection((host, port))
        except ConnectionRefusedError:
            continue
    raise AssertionError(listening.exception())


@pytest.mark.parametrize("other", [(1, 3), (1, 2)])
def test_two_workers_with_one_number_or_another_count_are_refused(
    address: str, threads, other: tuple[int, int]
) -> None:
    first = threads.submit(connect_workers, address, 0, 3)
    connect_workers(address, 1, 3)
    connect_workers(address, *other)
    with pytest.raises(InputRefused, match="expected each of the numbers 2/3 to 3/3 once"):
        first.result()


@pytest.mark.parametrize(
    ("index", "reason"), [(0, "expected 1 other workers"), (1, "cannot be reached")]
)
def test_a_worker_that_is_missing_is_a_machine_error(
    address: str, threads, monkeypatch: pytest.MonkeyPatch, index: int, reason: str
) -> None:
    monkeypatch.setattr(connections, "CONNECT_TIMEOUT_S", 0.2)
    with pytest.raises(MachineError, match=reason):
        connect_workers(address, index, 2)


def test_an_address_that_is_taken_is_a_machine_error(address: str) -> None:
    host, port = address.split(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(MachineError, match="the first worker cannot listen there"),
    ):
        connect_workers(address, 0, 2)
