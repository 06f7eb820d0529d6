"""CPU time per request of lbc, HAProxy and nginx, side by side in one run. See README.md."""
import argparse
import json
import os
import pathlib
import platform
import signal
import statistics
import sys
import tempfile
import time

import compiling
import floods
import idle
import latency
import load
import peers
from processes import Failed

CASE_KEYS = [case.key for case in load.CASES]
OTHERS = {"compile": "time of `lbc check`", "idle": "memory of a connection that waits",
          "latency": "p50 and p99 at a part of what each can do",
          "floods": "p99 while floods come, beside without"}


def parse(arguments):
    p = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__,
        epilog="cases: " + "; ".join([f"{c.key} = {c.title}" for c in load.CASES] +
                                     [f"{key} = {title}" for key, title in OTHERS.items()]))
    p.add_argument("what", nargs="*", default=[], metavar="CASE",
                   help=f"of {', '.join([*CASE_KEYS, *OTHERS])}; all unless told")
    p.add_argument("--seconds", type=int, default=4, help="of load per measurement (4)")
    p.add_argument("--rounds", type=int, default=5, help="of which the median is shown (5)")
    p.add_argument("--quick", action="store_true", help="2 rounds of 1 second: a look, not a measurement")
    p.add_argument("--peers", default="lbc,haproxy,nginx,relay",
                   help="in this order (lbc,haproxy,nginx,relay); relay passes bytes and looks at "
                        "nothing; also haproxy-tcp, which does the same")
    p.add_argument("--origin", choices=["lbc", "nginx"], help="who serves; lbc where it is built")
    p.add_argument("--json", type=pathlib.Path, metavar="FILE", help="the results, for programs")
    p.add_argument("--lbc", type=pathlib.Path, default=pathlib.Path("build/release/lbc"),
                   help="the program to measure (build/release/lbc)")
    o = p.parse_args(arguments)
    if o.quick:
        o.seconds, o.rounds = 1, 2
    o.what = o.what or [*CASE_KEYS, *OTHERS]
    o.peers = o.peers.split(",")
    o.lbc = o.lbc.resolve()
    for name in o.what:
        if name not in [*CASE_KEYS, *OTHERS]:
            p.error(f"there is no case '{name}'")
    for name in o.peers:
        if name not in peers.PEERS:
            p.error(f"there is no peer '{name}'")
    if o.rounds < 1 or o.seconds < 1:
        p.error("at least one round, of at least one second")
    return o


def machine():
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            model = line.partition(":")[2].strip()
            break
    return {"processor": model, "processors": os.cpu_count(), "kernel": platform.release(),
            "load_average": os.getloadavg()[0]}


def share_out_cpus():
    """(for the proxies, for load and origin): apart where there are two, so that neither takes the
    other's caches or time."""
    cpus = sorted(os.sched_getaffinity(0))
    return ({cpus[0]}, set(cpus[1:])) if len(cpus) > 1 else (None, None)


def measure_once(case, peer, port, seconds, cpus):
    """One round for one peer, after a moment of the same load that opens what is kept open."""
    load.run(case, port, 1, cpus) # wrk counts in whole seconds
    time.sleep(0.1)
    before_ns = peer.cpu_ns()
    done = load.run(case, port, seconds, cpus)
    time.sleep(0.05) # what wrk leaves behind is closed
    used_ns = peer.cpu_ns() - before_ns
    if done.requests == 0:
        raise Failed(f"{peer.name} answered nothing: {peer.last_words()}")
    return {"us": used_ns / 1e3 / done.requests, "requests": done.requests,
            "per_second": done.per_second, "busy": used_ns / 1e9 / seconds, "errors": done.errors}


def summary(rounds):
    us = [r["us"] for r in rounds]
    return {"cpu_us_per_request": statistics.median(us), "min": min(us), "max": max(us),
            "requests": sum(r["requests"] for r in rounds),
            "per_second": statistics.median(r["per_second"] for r in rounds),
            "busy": statistics.median(r["busy"] for r in rounds),
            "errors": sum(r["errors"] for r in rounds), "rounds": rounds}


def wanted_peers(o, cases):
    """Those that were asked for, and those that only some case is about."""
    names = list(o.peers)
    for case in cases:
        names += [name for name in case.peers if name not in names]
    return names


def measure(o, cases, folder, problems):
    """{case: {peer: summary}}. What cannot run is left out, and said in `problems`."""
    proxy_cpus, other_cpus = share_out_cpus()
    running, stops, rounds = {}, [], {}
    try:
        origin, origin_port = peers.start_origin(o.origin, folder, str(o.lbc), other_cpus)
        stops.append(origin)
        for name in wanted_peers(o, cases):
            if why := peers.missing(name, str(o.lbc)):
                problems.append(f"{name}: {why}")
                continue
            try:
                running[name] = peers.start_peer(name, folder, origin_port, str(o.lbc), proxy_cpus)
                stops.append(running[name][0])
            except Failed as failure:
                problems.append(f"{name}: {failure}")
        for turn in range(o.rounds):
            for case in cases:
                for name, (peer, port, tls) in list(running.items()):
                    if name not in (case.peers or o.peers) or (case.tls and name not in peers.SPEAK_TLS):
                        continue
                    progress(f"round {turn + 1} of {o.rounds}: {case.key}, {name}")
                    try:
                        one = measure_once(case, peer, tls if case.tls else port, o.seconds,
                                           other_cpus)
                        rounds.setdefault(case.key, {}).setdefault(name, []).append(one)
                    except Failed as failure:
                        problems.append(f"{name}, {case.key}: {failure}")
                        del running[name]
    finally:
        progress("")
        for process in reversed(stops):
            process.stop()
    return {key: {name: summary(r) for name, r in of.items()} for key, of in rounds.items()}


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def print_results(results):
    for case in load.CASES:
        of = results.get(case.key)
        if not of:
            continue
        nginx = of.get("nginx", of.get("nginx-h2", {})).get("cpu_us_per_request")
        print(f"\n{case.title}")
        print(f"  {'':12} {'CPU µs/request':>14}   {'min – max':<17} {'of nginx':>8} "
              f"{'requests/s':>11} {'CPU':>5} {'errors':>7}")
        for name, r in of.items():
            ratio = f"{r['cpu_us_per_request'] / nginx:.2f}" if nginx else "-"
            span = f"{r['min']:.2f} – {r['max']:.2f}"
            print(f"  {name:12} {r['cpu_us_per_request']:>14.2f}   {span:<17} {ratio:>8} "
                  f"{r['per_second']:>11.0f} {r['busy']:>5.0%} {r['errors']:>7}")


def print_compile(c):
    print(f"\nlbc check, {c['clusters']} clusters of {c['servers_each']} servers "
          f"({c['bytes'] / 1024:.0f} KiB): {c['wall_ms']:.1f} ms "
          f"({c['wall_ms_min']:.1f} – {c['wall_ms_max']:.1f}), CPU {c['cpu_ms']:.1f} ms, "
          f"median of {c['times']}")


def main():
    o = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)) # through the finally
    o.origin = o.origin or ("nginx" if peers.missing("lbc", str(o.lbc)) else "lbc")
    out = {"machine": machine(), "versions": peers.versions(str(o.lbc)), "origin": o.origin,
           "seconds": o.seconds, "round_count": o.rounds, "problems": []}
    m = out["machine"]
    print(f"{m['processor']}, {m['processors']} processors, Linux {m['kernel']}, "
          f"load {m['load_average']:.2f}")
    print(", ".join(f"{name} {version or 'missing'}" for name, version in out["versions"].items()))
    print(f"origin: {o.origin}; {o.rounds} rounds of {o.seconds:g} s, in turn; one worker each")

    with tempfile.TemporaryDirectory(prefix="lbc-bench.") as name:
        folder = pathlib.Path(name)
        try:
            peers.make_certificate(folder)
            cases = [case for case in load.CASES if case.key in o.what]
            if cases:
                out["cases"] = measure(o, cases, folder, out["problems"])
                print_results(out["cases"])
            if "compile" in o.what:
                if why := peers.missing("lbc", str(o.lbc)):
                    raise Failed(f"compile: {why}")
                out["compile"] = compiling.measure(str(o.lbc), folder, 5 if o.quick else 20)
                print_compile(out["compile"])
            for key, module in (("idle", idle), ("latency", latency), ("floods", floods)):
                if key in o.what:
                    out[key] = module.measure(o, folder, share_out_cpus(), out["problems"])
                    module.print_results(out[key])
        except Failed as failure:
            out["problems"].append(str(failure))
        except KeyboardInterrupt:
            return 130
    for problem in out["problems"]:
        print(f"\nproblem: {problem}")
    if o.json:
        o.json.write_text(json.dumps(out, indent=2) + "\n")
    return 1 if out["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
