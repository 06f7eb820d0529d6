"""How much longer an ordinary client waits while floods come from another address: p99 with and without, side by side."""
import pathlib
import shutil
import statistics
import subprocess
import sys

import latency
import peers
import processes
from processes import Failed

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "harness" / "flood.py"
KINDS = ("headers", "bodies", "connections", "handshakes", "resets")
PART = 0.3  # of what it can do when nothing else comes

CONFIG = """\
lbconf 1
limit new {{ key src  rate 50/s  burst 100 }}
tls bench {{ certificate "{folder}/bench.pem" }}
cluster origin {{ server o 127.0.0.1:{origin} }}
listener front {{
  bind 127.0.0.1:{port}
  bind 127.0.0.1:{tls} tls bench
  route site
  timeout header 1s
  min-rate 100B 1s
  max-connections-per-source 500
  max-handshakes 100
  on connect {{ when src == 127.0.0.9 {{ limit new; continue }} }}
}}
route site {{ otherwise {{ forward origin }} }}
"""


def start(o, folder, origin_port, cpus):
    port, tls = processes.free_port(), processes.free_port()
    config = folder / "floods.lbconf"
    config.write_text(CONFIG.format(folder=folder, origin=origin_port, port=port, tls=tls))
    lbc = processes.Process("floods", [o.lbc, "run", config, "--workers", "1", "--access-log", "off",
                                       "--socket", folder / "floods.sock"], folder, cpus)
    lbc.wait_for_port(port)
    return lbc, port, tls


def p99(port, rate, o, folder, cpus):
    return latency.at(latency.latencies_us(port, rate, o.seconds, folder, cpus), 0.99)


def measure(o, folder, cpus, problems):
    """{kind: ratio of p99, and both in us}, medians of the rounds."""
    if not shutil.which("h2load"):
        problems.append("floods: h2load is not there")
        return {}
    proxy_cpus, other_cpus = cpus
    rounds = {kind: [] for kind in KINDS}
    origin, origin_port = peers.start_origin(o.origin, folder, str(o.lbc), other_cpus)
    stops = [origin]
    try:
        lbc, port, tls = start(o, folder, origin_port, proxy_cpus)
        stops.append(lbc)
        rate = PART * latency.saturation(port, other_cpus)
        for _ in range(o.rounds):
            for kind in KINDS:
                calm = p99(port, rate, o, folder, other_cpus)
                flood = subprocess.Popen([sys.executable, PROGRAM, kind, str(tls if kind == "handshakes" else port)],
                                         stderr=subprocess.DEVNULL)
                try:
                    rounds[kind].append((calm, p99(port, rate, o, folder, other_cpus)))
                finally:
                    flood.kill()
                    flood.wait()
    except Failed as failure:
        problems.append(f"floods: {failure}")
    finally:
        for process in reversed(stops):
            process.stop()
    return {kind: {"calm": statistics.median(c for c, _ in r), "flooded": statistics.median(f for _, f in r),
                   "ratio": statistics.median(f / c for c, f in r), "per_second": rate}
            for kind, r in rounds.items() if r}


def print_results(results):
    if not results:
        return
    rate = next(iter(results.values()))["per_second"]
    print(f"\np99 of an ordinary client, 1 KiB, {rate:.0f} requests/s, while a flood comes ({PART:.0%} of what lbc can do)")
    print(f"  {'':12} {'calm':>12} {'flooded':>12} {'ratio':>6}")
    for kind, r in results.items():
        print(f"  {kind:12} {r['calm']:>9.0f} µs {r['flooded']:>9.0f} µs {r['ratio']:>6.2f}")
