"""Reads the memory of this process. It imports nothing, so that it can measure bare Python."""


def resident_bytes() -> tuple[int, int]:
    """Returns the resident set of this process and its peak, from /proc; zeros if there is none."""
    sizes = {"VmRSS": 0, "VmHWM": 0}
    try:
        with open("/proc/self/status") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name in sizes:
                    sizes[name] = int(value.split()[0]) * 1024
    except OSError:
        pass
    return sizes["VmRSS"], sizes["VmHWM"]
