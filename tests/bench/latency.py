"""How long answers take when each proxy has a part of the work it can do at most: h2load sends at a
fixed rate, whatever comes back, and writes down how long each answer took."""
import os
import re
import shutil
import statistics
import subprocess

import load
import peers
from processes import Failed

PART = 0.7
CONNECTIONS = 64
PEERS = ("lbc", "haproxy", "nginx")


def saturation(port, cpus):
    """Requests per second when the clients never wait."""
    case = load.Case("", "", "/b/1024", CONNECTIONS)
    return load.run(case, port, 2, cpus).per_second


def latencies_us(port, per_second, seconds, folder, cpus):
    log = folder / "h2load.log"
    log.unlink(missing_ok=True)
    each = max(1, round(per_second / CONNECTIONS))
    done = subprocess.run(
        ["h2load", "--h1", f"-c{CONNECTIONS}", "-t1", f"--rps={each}", f"-D{seconds}",
         "--warm-up-time=1", f"--log-file={log}", f"http://127.0.0.1:{port}/b/1024"],
        capture_output=True, text=True, timeout=seconds + 30,
        preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)
    if done.returncode or not log.exists():
        raise Failed(f"h2load failed: {done.stdout[-300:]}{done.stderr[-300:]}")
    failed = re.search(r"(\d+) failed, (\d+) errored", done.stdout)
    if failed and (int(failed[1]) or int(failed[2])):
        raise Failed(f"h2load: {failed[0]}")
    took = sorted(int(line.split()[2]) for line in log.read_text().splitlines())
    if not took:
        raise Failed("h2load wrote nothing down")
    return took


def at(took, part):
    return took[min(len(took) - 1, int(len(took) * part))]


def measure(o, folder, cpus, problems):
    """{peer: {p50, p99 in us, per_second}}, medians of the rounds. All get the same rate: a part of
    what the slowest of them can do, so that none is asked for less than the others."""
    if not shutil.which("h2load"):
        problems.append("latency: h2load is not there")
        return {}
    proxy_cpus, other_cpus = cpus
    running, rounds = {}, {}
    origin, origin_port = peers.start_origin(o.origin, folder, str(o.lbc), other_cpus)
    stops = [origin]
    try:
        for name in PEERS:
            if name in o.peers and not peers.missing(name, str(o.lbc)):
                running[name] = peers.start_peer(name, folder, origin_port, str(o.lbc), proxy_cpus)
                stops.append(running[name][0])
        rate = PART * min((saturation(port, other_cpus) for _, port, _ in running.values()), default=0)
        for _ in range(o.rounds):
            for name, (_, port, _) in running.items():
                took = latencies_us(port, rate, o.seconds, folder, other_cpus)
                rounds.setdefault(name, []).append((at(took, 0.5), at(took, 0.99)))
    finally:
        for process in reversed(stops):
            process.stop()
    return {name: {"p50": statistics.median(p50 for p50, _ in r),
                   "p99": statistics.median(p99 for _, p99 in r), "per_second": rate}
            for name, r in rounds.items()}


def print_results(results):
    if not results:
        return
    rate = next(iter(results.values()))["per_second"]
    print(f"\n1 KiB, {CONNECTIONS} keep-alive connections, {rate:.0f} requests/s: "
          f"{PART:.0%} of what the slowest can do")
    print(f"  {'':12} {'p50':>9} {'p99':>9}")
    for name, r in results.items():
        print(f"  {name:12} {r['p50']:>6.0f} µs {r['p99']:>6.0f} µs")
