"""python -m benchmarks.claims.live_viewers BUNDLE: what viewers of the live page cost inference.

A loop classifies the bundle's golden pictures at 640x480 and shows each on a live page, as fast as it can. Short slices alternate: on a
page nobody looks at, and on one with 50 viewers of the stream that read a kilobyte a second; with 200 connections that send a byte of a
header now and then; with one browser's requests, 15 a second. The viewers' process is stopped in the slices without them. The figures are
the mean rate with them over that without, and the processor time of a frame (all threads of this process, median) with them over that
without: on a machine that is busy with other work, the second says more.
"""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

from PIL import Image

from benchmarks.claims import Claim, run, show
from runtime.bundle import Bundle
from runtime.classifier import Classifier
from runtime.live import Live, Shown

ROUNDS, SLICE_S, SETTLE_S = 60, 0.4, 8.0
VIEWERS = """
import http.client, socket, sys, time
kind, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if kind == "browser":
    connection = http.client.HTTPConnection("127.0.0.1", port)
while kind == "browser":
    connection.request("GET", "/latest")
    connection.getresponse().read()
    time.sleep(1 / 15)
start = "GET /stream HTTP/1.1\\r\\nHost: localhost\\r\\n" + ("\\r\\n" if kind == "slow" else "X: ")
def connect():
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(start.encode())
    return connection
connections = [connect() for _ in range(count)]
while True:
    for index, connection in enumerate(connections):
        try:
            if kind == "slow" and connection.recv(1000) == b"":
                raise ConnectionError
            if kind == "headers":
                connection.sendall(b"a")
        except OSError:
            connections[index] = connect()
    time.sleep(1 if kind == "slow" else 5)
"""
CLAIMS = (
    ("live-slow-viewers", "slow", 50, 0.95),
    ("live-slow-headers", "headers", 200, 0.95),
    ("live-one-browser", "browser", 1, 0.8),
)


class Speed(NamedTuple):
    """Frames a second, and the processor time of one."""

    rate: float
    cpu_ms: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the ratios; 3 if one does not hold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    path = parser.parse_args(arguments).bundle
    classifier = Classifier(path)
    pictures = [Image.open(file).convert("RGB").resize((640, 480)) for file in _golden(Bundle.open(path))]
    return show(*(claim for row in CLAIMS for claim in _claim(classifier, pictures, *row)))


def _claim(classifier: Classifier, pictures: list[Image.Image], name: str, kind: str, count: int, bar: float) -> tuple[Claim, Claim]:
    with Live(port=0) as nobody, Live(port=0) as watched:
        viewers = subprocess.Popen([sys.executable, "-c", VIEWERS, kind, str(watched.port), str(count)])
        try:
            _measure(watched, classifier, pictures, SETTLE_S)
            alone, seen = [_without(viewers, nobody, classifier, pictures)], []
            for _ in range(ROUNDS):
                seen.append(_measure(watched, classifier, pictures))
                alone.append(_without(viewers, nobody, classifier, pictures))
        finally:
            viewers.kill()
            viewers.wait()
    for word, speeds in (("without", alone), (f"with {count}", seen)):
        print(f"{name}: {word}: frames a second", [round(one.rate, 1) for one in speeds])
        print(f"  mean {mean(one.rate for one in speeds):.1f}; {median(one.cpu_ms for one in speeds):.2f} ms of processor time each")
    rate = mean(one.rate for one in seen) / mean(one.rate for one in alone)
    cpu = median(one.cpu_ms for one in seen) / median(one.cpu_ms for one in alone)
    return (
        Claim(name, rate, "of the inference rate without viewers", bar, least=True),
        Claim(f"{name}-processor", cpu, "times the processor time of a frame without viewers", 1 / bar, least=False),
    )


def _without(viewers: subprocess.Popen[bytes], live: Live, classifier: Classifier, pictures: list[Image.Image]) -> Speed:
    viewers.send_signal(signal.SIGSTOP)
    try:
        return _measure(live, classifier, pictures)
    finally:
        viewers.send_signal(signal.SIGCONT)


def _measure(live: Live, classifier: Classifier, pictures: list[Image.Image], seconds: float = SLICE_S) -> Speed:
    start, cpu_start, frames = time.perf_counter(), time.process_time(), 0
    while (passed := time.perf_counter() - start) < seconds:
        image = pictures[frames % len(pictures)].copy()
        before, taken = time.perf_counter(), time.monotonic()
        predictions = classifier.classify(image)
        latency_ms = (time.perf_counter() - before) * 1000
        live.show(Shown(image, predictions, predictions[0].label, latency_ms, taken, frames / max(passed, 1e-9), "claim"))
        frames += 1
    return Speed(frames / passed, (time.process_time() - cpu_start) * 1000 / frames)


def _golden(bundle: Bundle) -> list[Path]:
    return [file for file in sorted((bundle.path / "golden").iterdir()) if file.suffix.lower() in (".jpg", ".jpeg", ".png")]


if __name__ == "__main__":
    run(__spec__.name, main)
