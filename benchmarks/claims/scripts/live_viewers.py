"""python -m benchmarks.claims.scripts.live_viewers BUNDLE

Measures what viewers of the live page cost inference. A loop classifies the bundle's golden images
at 640x480 and shows each on a live page, as fast as it can. Short slices alternate between a page
without viewers and one with them: 50 viewers of the stream that read a kilobyte a second, then 200
connections that send a byte of a header every five seconds, then one browser with 15 requests a
second. The viewers' process is stopped in the slices without them. The figures are ratios, with
viewers over without: the mean rate, and the median processor time of a frame (all threads of this
process). On a machine that is busy with other work the second says more.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

from PIL import Image

from benchmarks.claims.base import Claim, print_claims, run_claim
from benchmarks.measurement.models_under_test import golden_images
from runtime.bundles.bundle import Bundle
from runtime.classifier import Classifier
from runtime.monitor.live_page.live_page import LivePage
from runtime.monitor.live_page.page_update import PageUpdate
from runtime.monitor.smoothing import SmoothedAnswer

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


class Viewers(NamedTuple):
    """Describes the viewers of one claim: their kind in VIEWERS, how many, and the lowest rate."""

    claim: str
    kind: str
    connections: int
    bar: float


CLAIMS = (
    Viewers("live-slow-viewers", "slow", 50, 0.95),
    Viewers("live-slow-headers", "headers", 200, 0.95),
    Viewers("live-one-browser", "browser", 1, 0.8),
)


class Speed(NamedTuple):
    """Holds the frames a second and the processor time of a frame."""

    rate: float
    cpu_ms: float


class Loop(NamedTuple):
    """Classifies the images one after another and shows each on a page."""

    classifier: Classifier
    images: list[Image.Image]

    def run(self, page: LivePage, seconds: float = SLICE_S) -> Speed:
        """Runs for so many seconds and returns the speed."""
        start, cpu_start, frames = time.perf_counter(), time.process_time(), 0
        while (elapsed := time.perf_counter() - start) < seconds:
            image = self.images[frames % len(self.images)].copy()
            before, taken = time.perf_counter(), time.monotonic()
            predictions = self.classifier.classify(image)
            latency_ms = (time.perf_counter() - before) * 1000
            rate = frames / max(elapsed, 1e-9)
            stable = SmoothedAnswer(*predictions[0])
            page.show(PageUpdate(image, predictions, stable, latency_ms, taken, rate, "claim"))
            frames += 1
        return Speed(frames / elapsed, (time.process_time() - cpu_start) * 1000 / frames)


def main() -> int:
    """Prints the ratios; returns 3 if one does not hold."""
    bundle = Bundle.open(Path(sys.argv[1])).path
    images = [Image.open(file).convert("RGB").resize((640, 480)) for file in golden_images(bundle)]
    loop = Loop(Classifier(bundle), images)
    return print_claims(*(claim for viewers in CLAIMS for claim in _claims(loop, viewers)))


def _claims(loop: Loop, viewers: Viewers) -> tuple[Claim, Claim]:
    alone, watched = _measure(loop, viewers)
    for sides, speeds in (("without", alone), (f"with {viewers.connections}", watched)):
        rates = [round(speed.rate, 1) for speed in speeds]
        print(f"{viewers.claim}: {sides}: frames a second", rates)
        cpu_ms = median(speed.cpu_ms for speed in speeds)
        print(f"  mean {mean(rates):.1f}; {cpu_ms:.2f} ms of processor time each")
    rate = mean(speed.rate for speed in watched) / mean(speed.rate for speed in alone)
    cpu = median(speed.cpu_ms for speed in watched) / median(speed.cpu_ms for speed in alone)
    name, bar = viewers.claim, viewers.bar
    unit = "times the processor time of a frame without viewers"
    return (
        Claim(name, rate, "of the inference rate without viewers", bar, least=True),
        Claim(f"{name}-processor", cpu, unit, 1 / bar, least=False),
    )


def _measure(loop: Loop, viewers: Viewers) -> tuple[list[Speed], list[Speed]]:
    """Returns the speeds of the slices without viewers and with them."""
    with LivePage(port=0) as quiet_page, LivePage(port=0) as watched_page:
        words = [viewers.kind, str(watched_page.port), str(viewers.connections)]
        process = subprocess.Popen([sys.executable, "-c", VIEWERS, *words])
        try:
            loop.run(watched_page, SETTLE_S)
            alone, watched = [_without(process, quiet_page, loop)], []
            for _ in range(ROUNDS):
                watched.append(loop.run(watched_page))
                alone.append(_without(process, quiet_page, loop))
        finally:
            process.kill()
            process.wait()
    return alone, watched


def _without(viewers: subprocess.Popen[bytes], page: LivePage, loop: Loop) -> Speed:
    viewers.send_signal(signal.SIGSTOP)
    try:
        return loop.run(page)
    finally:
        viewers.send_signal(signal.SIGCONT)


if __name__ == "__main__":
    run_claim(__spec__.name, main)
