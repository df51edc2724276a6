"""How many processor cores this process may use, which is what an interpreter's thread count should never pass."""

import os
from pathlib import Path


def allowed_cores(cgroup: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Cores by affinity and by the cgroup's CPU quota (rounded up), at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cgroup.read_text().split()
        return max(1, min(affinity, -(-int(quota) // int(period))))
    except (OSError, ValueError):
        return affinity
