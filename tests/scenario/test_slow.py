"""slowhttptest's attacks: clients that hold what they got and hardly say or take anything. Everybody else is served as if they were
not there, and they are gone when their time is up."""
import subprocess
import time

import pytest

from harness import wait_for
from harness.load import Load
from harness.watch import cpu_s, number, report, rss_kib

SLOW = number("SLOW", 300)
PATIENCE_S = 2 + SLOW // 100  # time for all of them to come before the first must go
pytestmark = pytest.mark.usefixtures("all_descriptors")

# What slowhttptest is told, and how the requests of its clients end.
ATTACKS = {
    "headers": (["-H", "-i", "1", "-x", "8", "-u", "/b/1000"], "client-timeout"),
    "body": (["-B", "-i", "1", "-s", "8192", "-x", "8", "-u", "/b/1000"], "request-timeout"),
    "read": (["-X", "-n", "1", "-z", "5", "-w", "10", "-y", "20", "-k", "1", "-u", "/b/3000000"], "request-timeout"),
}


def metrics(lbc):
    return lbc.show("info")["metrics"]


def ended(lbc):
    m = metrics(lbc)
    return m["requests_timed_out"] + m["requests_overdue"]


def wait(condition, what):
    """Not so often that the asking is what costs."""
    wait_for(condition, what, PATIENCE_S + 30, every=0.1)


@pytest.mark.parametrize("attack", ATTACKS)
def test_slow_clients_cost_others_nothing(proxy, tmp_path, attack):
    how, end = ATTACKS[attack]
    lbc = proxy(listener=f"timeout header {PATIENCE_S}s; timeout request {PATIENCE_S + 1}s; max-connections 20000",
                cluster="timeout idle 1s")
    url = f"http://127.0.0.1:{lbc.port}"
    how = [url + word if word.startswith("/b/") else word for word in how]
    cpu, rss = cpu_s(lbc.pid), rss_kib(lbc.pid)
    with open(tmp_path / "slowhttptest", "wb") as out, Load(lbc.port, connections=2, pause=0.005) as load:
        tool = subprocess.Popen(["slowhttptest", "-c", str(SLOW), "-r", str(SLOW), "-l", "300", "-p", "60", *how],
                                stdout=out, stderr=out)
        try:
            wait(lambda: metrics(lbc)["connections_open"] >= SLOW, "all are in")
            all_in, rss_most = time.monotonic(), rss_kib(lbc.pid)
            wait(lambda: ended(lbc) > 0, "the first is out of time")
            first_out = time.monotonic()
            wait(lambda: ended(lbc) >= SLOW, "all of them are out of time")
        finally:
            tool.kill()
            tool.wait()
    took = sorted(a.ended - a.begun for a in load.all() if all_in < a.begun < first_out)
    assert took
    report(attack=attack, slow=SLOW, answered_meanwhile=len(took), p50_ms=1000 * took[len(took) // 2],
           p99_ms=1000 * took[len(took) * 99 // 100], slowest_ms=1000 * took[-1], cpu_s=cpu_s(lbc.pid) - cpu,
           kib_per_slow_client=(rss_most - rss) / SLOW)
    load.assert_clean()
    # The tool itself may be too slow to send all its requests in time.
    assert {end} <= {r["end"] for r in lbc.log()} <= {end, "client-timeout", "complete", "client-abort"}
    wait_for(lambda: not any(metrics(lbc)[n] for n in ("connections_open", "requests_in_flight", "buffers_in_use")),
             "nothing of them is held")
