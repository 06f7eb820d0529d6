"""wrk and h2load, and what they report."""
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
    tls: bool = False
    peers: tuple = () # those that it is about; all that run unless told
    streams: int = 0 # HTTP/2, with that many a connection


CASES = [
    Case("small", "1 KiB, 64 keep-alive connections", "/b/1024", 64),
    Case("many", "1 KiB, 1,000 keep-alive connections", "/b/1024", 1000),
    Case("large", "1 MiB bodies, 16 keep-alive connections", "/b/1048576", 16),
    Case("connect", "1 KiB, a new connection each", "/b/1024", 64, ("Connection: close",)),
    Case("tls-small", "TLS 1.3, 1 KiB, 64 keep-alive connections", "/b/1024", 64, tls=True),
    Case("tls-large", "TLS 1.3, 1 MiB bodies, 16 keep-alive connections", "/b/1048576", 16, tls=True),
    Case("tls-connect", "TLS 1.3, 1 KiB, a full handshake each", "/b/1024", 64, ("Connection: close",),
         tls=True),
    Case("h2", "HTTP/2, prior knowledge, 1 KiB, 16 connections of 10 streams", "/b/1024", 16,
         peers=("lbc", "haproxy", "nginx-h2"), streams=10),
    Case("h2-tls", "HTTP/2 over TLS 1.3, 1 KiB, 16 connections of 10 streams", "/b/1024", 16,
         tls=True, streams=10),
    Case("rules", "1 KiB, 64 keep-alive connections; lbc-rules has 10,000 rules of two fields, the last decides",
         "/b/1024", 64, ("X-Rule: last",), peers=("lbc", "lbc-rules")),
    Case("limit", "1 KiB, 64 keep-alive connections; lbc-20-limits counts them by src 20 times, lbc-20-held those in flight, too",
         "/b/1024", 64, peers=("lbc", "lbc-20-limits", "lbc-20-held")),
    Case("shadow", "1 KiB, 64 keep-alive connections; another configuration decides too, which agrees, or never does",
         "/b/1024", 64, peers=("lbc", "lbc-shadow", "lbc-differs")),
]


@dataclasses.dataclass
class Load:
    requests: int
    per_second: float
    errors: int


def program(command, seconds, cpus):
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + 30,
            preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end within {seconds + 30} s") from None
    return done


def scheme(case):
    return "https" if case.tls else "http"


def run_h2(case, port, seconds, cpus):
    done = program(["h2load", "-t1", f"-c{case.connections}", f"-m{case.streams}", f"-D{seconds}",
                    f"{scheme(case)}://127.0.0.1:{port}{case.path}"], seconds, cpus)
    counts = re.search(r"requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout",
                       done.stdout)
    per_second = re.search(r"finished in \S+, ([\d.]+) req/s", done.stdout)
    if done.returncode or not counts or not per_second:
        raise Failed(f"h2load failed: {done.stdout}{done.stderr}")
    return Load(int(counts[2]), float(per_second[1]), int(counts[3]) + int(counts[4]) + int(counts[5]))


def run(case, port, seconds, cpus):
    """Blocks for that long. `errors` counts failed connects, reads and writes, timeouts, and answers
    that are not 2xx or 3xx."""
    if case.streams:
        return run_h2(case, port, seconds, cpus)
    command = ["wrk", "-t1", f"-c{case.connections}", f"-d{seconds}s", "--timeout", "5s"]
    for header in case.headers:
        command += ["-H", header]
    done = program([*command, f"{scheme(case)}://127.0.0.1:{port}{case.path}"], seconds, cpus)
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
