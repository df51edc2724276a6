"""Reads what Linux's cgroups, version 1 and 2, let this process have.

`allowed_cores` counts the processor cores; `runtime.system.memory` asks for the memory.
"""

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS, MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def allowed_cores(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Returns the cores by affinity and by the smallest CPU quota of this process, at least 1.

    A container or a systemd unit with CPUQuota= sets a quota (rounded up here) through Linux's
    cgroups, version 1 or 2.
    """
    if hasattr(os, "sched_getaffinity"):
        affinity = len(os.sched_getaffinity(0))
    else:
        affinity = os.cpu_count() or 1
    quotas = [-(-quota // period) for quota, period in _quotas(cgroups, membership)]
    return max(1, min([affinity, *quotas]))


def _quotas(cgroups: Path, membership: Path) -> Iterator[tuple[int, int]]:
    """Yields (quota, period) in µs for each limit of this process's cgroups and their parents."""
    for folder, unified in cgroup_folders("cpu", cgroups, membership):
        files = ("cpu.max",) if unified else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        try:
            quota, period = (
                int(number) for file in files for number in read_file(f"{folder}/{file}").split()
            )
        except (OSError, ValueError):  # there is no such file, or it says "max"
            continue
        if quota > 0 and period > 0:
            yield quota, period


def cgroup_folders(
    controller: str, cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP
) -> list[tuple[str, bool]]:
    """Returns the folders of this process's cgroups and of their parents, which need not exist.

    With each comes whether its files are those of version 2.

    In a container the path of its cgroup may be the host's. Then only the outermost folder exists,
    which is the container's own.

    Args:
        controller: of version 1, "cpu" or "memory".
        cgroups: where the system has them.
        membership: the file that names those of this process.
    """
    try:
        lines = membership.read_text().split("\n")
    except (OSError, ValueError):
        lines = []
    folders: dict[tuple[str, bool], None] = {}
    for line in [*lines, "0::/", f":{controller}:/"]:
        if line.count(":") < 2:  # the end of the file
            continue
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            names = [name for name in path.split("/") if name]
            for count in range(len(names), -1, -1):
                folder = "/".join((str(cgroups), *controllers.split(), *names[:count]))
                folders[folder, not controllers] = None
    return list(folders)


def read_file(path: str) -> str:
    """Returns the text of a file of a cgroup; `Path.read_text` takes twice the time.

    Raises:
        OSError: there is no such file.
    """
    with open(path) as file:
        return file.read()
