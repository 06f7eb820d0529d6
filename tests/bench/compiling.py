"""How long `lbc check` takes for a large file."""
import os
import statistics
import subprocess
import time

from processes import Failed

CLUSTERS, SERVERS = 10, 100


def large_config():
    """10 clusters of 100 servers, each cluster reached by its own path."""
    lines = ["lbconf 1", "", "listener web {", "  bind 127.0.0.1:8080", "  route main", "}", ""]
    for c in range(CLUSTERS):
        lines += [f"cluster c{c} {{", "  balance weighted-round-robin"]
        lines += [f"  server s{s} 10.{c}.0.{s + 1}:8080 weight {s % 10 + 1}" for s in range(SERVERS)]
        lines += ["}", ""]
    lines.append("route main {")
    lines += [f'  when path under "/c{c}" {{ forward c{c} }}' for c in range(1, CLUSTERS)]
    lines += ["  otherwise { forward c0 }", "}", ""]
    return "\n".join(lines)


def check_once(lbc_path, config):
    """(wall, CPU) in milliseconds, of a whole `lbc check`: start, read, compile, end."""
    begun = time.perf_counter_ns()
    process = subprocess.Popen([lbc_path, "check", str(config)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_ns = time.perf_counter_ns() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"lbc check ended with status {process.returncode}: "
                     f"{said.decode(errors='replace')[:600].strip()}")
    return wall_ns / 1e6, (usage.ru_utime + usage.ru_stime) * 1e3


def measure(lbc_path, folder, times):
    config = folder / "large.lbconf"
    config.write_text(large_config())
    walls, cpus = zip(*(check_once(lbc_path, config) for _ in range(times)))
    return {"clusters": CLUSTERS, "servers_each": SERVERS, "bytes": config.stat().st_size,
            "times": times, "wall_ms": statistics.median(walls), "wall_ms_min": min(walls),
            "wall_ms_max": max(walls), "cpu_ms": statistics.median(cpus)}
