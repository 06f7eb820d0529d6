"""Swap after swap under full load: two configurations take turns that add and remove listeners, clusters and certificates.

LBC_SWAPS=1000 LBC_TUNNELS=1000 is what is promised; here are as many as fit.
"""
import re
import subprocess
import time

import pytest

from harness import Client, Lbc, Origin, accepts, free_ports, wait_for
from harness.certificates import Authority
from harness.load import Wrk
from harness.watch import ASAN_GIVES_BACK, IS_SLOW, number, report, rss_kib

SWAPS = number("SWAPS", 30)
TUNNELS = number("TUNNELS", 50)
SECONDS = number("SWAP_SECONDS", max(4, SWAPS // 25))
SECOND_AT = "127.0.1.1"  # where no connection to a server begins: its ports are its own while nobody listens
SLACK_KIB = 1024  # of a small process, a twentieth is less than what the allocator gives and takes

ONE = """lbconf 1
cluster app {{ server a 127.0.0.1:{origin} weight 2 }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
"""
OTHER = """lbconf 1
tls more {{ certificate {certificate} }}
cluster app {{ server a 127.0.0.1:{origin} weight 3; server none 127.0.0.1:1 state drain }}
cluster extra {{ server b 127.0.0.1:{origin} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
listener second {{ bind 127.0.1.1:{second}; bind 127.0.1.1:{secure} tls more; route other }}
route site {{ when path == "/nothing" {{ deny 403 }} otherwise {{ forward app }} }}
route other {{ otherwise {{ forward extra }} }}
"""


class H2load:
    """16 connections of 10 streams, for a time."""

    def __init__(self, port, seconds):
        self.popen = subprocess.Popen(["h2load", "-c16", "-m10", f"-D{seconds}", f"http://127.0.0.1:{port}/b/1000"],
                                      stdout=subprocess.PIPE, text=True)

    def runs(self):
        return self.popen.poll() is None

    def assert_clean(self):
        said = self.popen.communicate(timeout=60)[0]
        done, failed, errored, timeout = map(int, re.search(
            r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said).groups())
        assert done > 0 and (failed, errored, timeout) == (0, 0, 0), said
        assert re.search(r"status codes: \d+ 2xx, 0 3xx, 0 4xx, 0 5xx", said), said
        return done


def tunnel(port):
    client = Client(port)
    client.request("/upgrade", "Connection: upgrade", "Upgrade: websocket")
    assert client.head().status == 101
    return client


@pytest.fixture
def site(start, tmp_path):
    port, second, secure = free_ports(3)
    names = {"origin": start(Origin).port, "port": port, "second": second, "secure": secure,
             "certificate": Authority(tmp_path).sign("site", "127.0.0.1")}
    lbc = start(Lbc, ONE.format(**names), port=port, env=ASAN_GIVES_BACK, access_log=False)
    lbc.texts = [OTHER.format(**names), ONE.format(**names)]
    lbc.second = second
    return lbc


def paced(site, act, n):
    """act(i) n times, spread over SECONDS, while 64 connections of HTTP/1.1 and 16 of HTTP/2 ask: wrk, and h2load's
    count."""
    with Wrk(site.port, connections=64) as wrk:
        h2load = H2load(site.port, SECONDS)
        i = 0
        while i < n or h2load.runs():
            began = time.monotonic()
            act(i)
            i += 1
            time.sleep(max(0.0, began + SECONDS / n - time.monotonic()))
        done = h2load.assert_clean()
        wrk.finish()
    wrk.assert_clean()
    return wrk, done


def test_a_thousand_swaps_are_noticed_by_nobody(site):
    tunnels = [tunnel(site.port) for _ in range(TUNNELS)]
    took, rss = [], []

    def swap(i):
        began = time.monotonic()
        site.reload(site.texts[i % 2])
        took.append(time.monotonic() - began)
        rss.append(rss_kib(site.pid))
        assert accepts(site.second, SECOND_AT) or i % 2 == 1
    # Asking costs too, on a machine whose processors are all busy: a process is started for it. So it is asked before as
    # often as it is swapped then.
    before, _ = paced(site, lambda _: site.ctl("show", "generations"), SWAPS)
    during, h2 = paced(site, swap, SWAPS)
    for i, client in enumerate(tunnels):
        client.send(b"still here")
        assert client.file.read(10) == b"still here", f"tunnel {i}"
        client.close()
    report(swaps=len(took), requests_h1=during.requests, requests_h2=h2, p99_ms_before=before.p99_ms,
           p99_ms_during=during.p99_ms, rss_kib_tenth=rss[9], rss_kib_last=rss[-1],
           swap_ms_median=sorted(took)[len(took) // 2] * 1000)
    site.reload(site.texts[1])
    wait_for(lambda: not accepts(site.second, SECOND_AT), "a listener that is removed is gone")
    if not IS_SLOW:
        assert rss[-1] <= rss[9] * 1.05 + SLACK_KIB


def test_how_long_a_swap_of_many_clauses_holds_up_a_loop(start):
    """A figure, and that there is one: LBC_CLAUSES=10000 is what is asked about."""
    origin, [port] = start(Origin), free_ports(1)

    def text(i):
        clauses = "".join(f'  when path under "/r{n}" and header "x-rule" == "v{n}" {{ deny 403 }}\n'
                          for n in range(number("CLAUSES", 2000)))
        return ONE.format(origin=origin.port, port=port).replace("otherwise", clauses + f"  # {i}\n  otherwise")
    lbc = start(Lbc, text(0), port=port, access_log=False)
    assert lbc.show("info")["swap_longest_ms"] == 0
    with Wrk(port, connections=16) as wrk:
        for i in range(1, 6):
            lbc.reload(text(i))
        wrk.finish()
    wrk.assert_clean()
    info = lbc.show("info")
    report(swap_longest_ms=info["swap_longest_ms"], requests=wrk.requests)
    assert info["swap_longest_ms"] > 0
