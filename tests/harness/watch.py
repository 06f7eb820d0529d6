"""What a process costs, and how large a run is meant to be."""
import os
import pathlib

from harness import LBC

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def number(name, default):
    """How many: what the environment says (LBC_RELOADS=200, say), or as many as fit into CI."""
    return int(os.environ.get(f"LBC_{name}", default))


def is_built_with(what):
    """ "asan" or "tsan": then memory and speed are not what users see."""
    return f"__{what}_init".encode() in pathlib.Path(LBC).read_bytes()


UNDER_TOOL = bool(os.environ.get("LBC_WRAPPER") or os.environ.get("LBC_UNDER_VALGRIND"))
IS_SLOW = is_built_with("asan") or is_built_with("tsan") or UNDER_TOOL
STRETCH = 5 if UNDER_TOOL else 1  # of times that must last while something else is done

# Freed memory is given back at once, so that what grows is a leak.
ASAN_GIVES_BACK = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
                   ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}


def rss_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} has no VmRSS")


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def unacknowledged(port):
    """Bytes that the sockets of this local port hold because their peers have not taken them."""
    total = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, _, queues, *_ = line.split()
        if int(local.split(":")[1], 16) == port:
            total += int(queues.split(":")[0], 16)
    return total


def report(**figures):
    """Figures worth knowing, on the test's output: `pytest -rP` shows them."""
    for name, value in figures.items():
        print(f"{name}: {value}")
