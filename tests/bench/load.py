"""wrk, and what it reports."""
import dataclasses
import os
import re
import subprocess

from processes import Failed


@dataclasses.dataclass
class Case:
    key: str
    title: str
    path: str
    connections: int
    headers: tuple = ()


CASES = [
    Case("small", "1 KiB, 64 keep-alive connections", "/b/1024", 64),
    Case("large", "1 MiB bodies, 16 keep-alive connections", "/b/1048576", 16),
    Case("connect", "1 KiB, a new connection each", "/b/1024", 64, ("Connection: close",)),
]


@dataclasses.dataclass
class Load:
    requests: int
    per_second: float
    errors: int


def run(case, port, seconds, cpus):
    """Blocks for that long. `errors` counts failed connects, reads and writes, timeouts, and answers
    that are not 2xx or 3xx."""
    command = ["wrk", "-t1", f"-c{case.connections}", f"-d{seconds}s", "--timeout", "5s"]
    for header in case.headers:
        command += ["-H", header]
    try:
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{port}{case.path}"], capture_output=True, text=True,
            timeout=seconds + 30, preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)
    except subprocess.TimeoutExpired:
        raise Failed(f"wrk did not end within {seconds + 30} s") from None
    requests = re.search(r"(\d+) requests in", done.stdout)
    per_second = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    if done.returncode or not requests or not per_second:
        raise Failed(f"wrk failed: {done.stdout}{done.stderr}")
    errors = 0
    if match := re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                          done.stdout):
        errors += sum(map(int, match.groups()))
    if match := re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout):
        errors += int(match[1])
    return Load(int(requests[1]), float(per_second[1]), errors)
