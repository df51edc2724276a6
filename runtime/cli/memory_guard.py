"""Refuses a command for which a memory limit is too low, and reports one that dies of the limit.

Under a limit, libraries abort, crash or wait for ever, and print what only their makers understand.
Therefore the needs are checked before anything heavy is imported. Under `ulimit -v` or `-d` the
work runs in a child process, and this one turns its death into a line and an exit code.
"""

import os
import signal
import time
from collections.abc import Sequence, Set
from contextlib import suppress

from runtime.cli.signals import BY_SIGNAL
from runtime.errors import MACHINE, MachineError
from runtime.system.memory import memory_left, process_limits

MIB = 2**20
STOP_S = 3.0
"""After which a child that does not end on a signal is killed; it may clean up for 1.5 s."""
PR_SET_PDEATHSIG = 1
"""From Linux's <sys/prctl.h>: the child gets a signal when its parent dies."""
NEEDS_MIB = {
    "runtime": 140,
    "benchmarks": 140,
    "train check": 750,
    "train sample": 140,
    "train": 3000,
    "export": 3000,
}
"""What each program and verb needs, for its smallest input: the addresses under `ulimit -v` with
which it was seen to work. The last two import TensorFlow."""
RESIDENT_SHARE = 4
"""A program uses about a quarter of its addresses, and a cgroup counts only these."""


def require_memory(program: str, words: Sequence[str]) -> None:
    """Checks that the limits of this process leave what a command needs.

    Args:
        program: "train", "export", "runtime" or "benchmarks".
        words: of its command line.

    Raises:
        MachineError: they do not; names both figures and the limit.
    """
    verb = f"{program} {words[0]}" if words else program
    if any(word.startswith("--report") for word in words):
        verb = program  # `train check` needs TensorFlow for its report
    need = NEEDS_MIB.get(verb, NEEDS_MIB[program]) * MIB
    if {"--help", "-h", "--version"} & set(words):
        need = min(need, NEEDS_MIB["runtime"] * MIB)
    for limit in memory_left():
        needed = need // RESIDENT_SHARE if limit.counts_resident else need
        if limit.left_bytes < needed:
            raise MachineError(
                "memory",
                f"needs at least {needed // MIB} MB, and {limit.name} leaves"
                f" {limit.left_bytes // MIB} MB; raise that limit",
            )


def run_in_child() -> int | None:
    """Continues in a child process under a memory limit; returns its exit code in the parent.

    Returns None in the child, and without a limit or outside Linux. What C libraries print to
    standard error goes nowhere; Python's own stream still leads to where it led.

    Raises:
        MachineError: the child died of the limit.
    """
    if not process_limits() or not hasattr(signal, "sigtimedwait"):
        return None
    stopping = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    watched = {number for number in stopping if signal.getsignal(number) != signal.SIG_IGN}
    watched.add(signal.SIGCHLD)
    mask_before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    parent, child = os.getpid(), os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask_before)
        _begin_child(parent)
        return None
    return _wait_for(child, watched)


def _begin_child(parent: int) -> None:
    import ctypes  # 1 % of the instructions of a start of predict
    import sys

    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        os.setpgid(0, 0)  # the parent passes signals on, so the terminal must not send them too
    if os.getppid() != parent:
        os._exit(MACHINE)
    if os.environ.get("QUINCE_DEBUG"):
        return
    with suppress(OSError, ValueError):
        own = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        sys.stderr = os.fdopen(own, "w", buffering=1, errors="backslashreplace")


def _wait_for(child: int, watched: Set[int]) -> int:
    """Waits for the child and passes signals on; returns its exit code.

    The `watched` signals are blocked and read one by one, so none is lost before a system call.
    """
    received: list[int] = []
    kill_s = 0.0
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if not received:
            number = signal.sigwaitinfo(watched).si_signo
        else:
            arrived = signal.sigtimedwait(watched, max(0.02, kill_s - time.monotonic()))
            number = arrived.si_signo if arrived else signal.SIGKILL
        if number == signal.SIGCHLD:
            continue
        if not received:
            kill_s = time.monotonic() + STOP_S
        received.append(number)
        os.kill(child, number)
    if received and os.WIFSIGNALED(status):
        return BY_SIGNAL + received[0]
    if os.WIFEXITED(status):
        return os.WEXITSTATUS(status)
    name = signal.Signals(os.WTERMSIG(status)).name
    limits = ", ".join(
        f"{limit.name} leaves {limit.left_bytes // MIB} MB" for limit in memory_left()
    )
    raise MachineError(
        "memory", f"too little for this input: it ended with {name}, and {limits}; raise that limit"
    )
