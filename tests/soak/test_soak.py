"""All kinds of clients for a long time, while configurations change and servers die: nothing is lost that need not be,
and nothing is kept."""
import collections
import datetime
import json
import os
import random
import ssl
import statistics
import time

import pytest

from harness import Lbc, Origin, free_ports, wait_for
from harness.certificates import Authority
from harness.watch import ASAN_GIVES_BACK, IS_SLOW, cpu_s, descriptors, number, report, rss_kib
from soak.traffic import Traffic

SECONDS = number("SOAK_SECONDS", 20)
SEED = number("SEED", int.from_bytes(os.urandom(4), "big"))
SERVERS_AT = "127.0.1.1"  # where no client is: their ports are theirs while they are dead
DRAIN_S, NOTICED_S = 2, 1.5 if not IS_SLOW else 5
SLACK_KIB = 512 if SECONDS >= 300 else 4096  # before, pools and tables are still growing to what they need

TEXT = """lbconf 1
tls t {{ certificate {certificate} }}
cluster app {{
  {servers}
  health http GET "/" {{ every 500ms; timeout 450ms; rise 1; fall 2 }}
  timeout idle 3s
}}
cluster bytes {{ protocol tcp; {servers}; health tcp {{ every 500ms; timeout 450ms; rise 1; fall 2 }} }}
listener front {{
  bind 127.0.0.1:{plain}; bind 127.0.0.1:{secure} tls t
  timeout header 2s; timeout idle 10s; timeout drain {drain}s
  route site
}}
listener raw {{ protocol tcp; bind 127.0.0.1:{raw}; timeout drain {drain}s; route raw }}
route raw {{ otherwise {{ forward bytes }} }}
route site {{
  when path == "/version" {{ respond 200 "{version}" }}
  otherwise {{ forward app }}
}}
"""

Event = collections.namedtuple("Event", "what server at wall")


class Site:
    """The balancer, its servers, and what happened to them, in `events`."""

    def __init__(self, start, folder, rng):
        self.start, self.rng, self.events = start, rng, []
        self.authority = Authority(folder)
        self.certificate = self.authority.sign("site", "site.test")
        *ports, self.plain, self.secure, self.raw = free_ports(6)
        self.port_of = dict(zip("abc", ports))
        self.origin = {name: start(Origin, port, address=SERVERS_AT) for name, port in self.port_of.items()}
        self.there, self.dead, self.version = "abc", None, 0
        self.lbc = start(Lbc, self.text(), env=ASAN_GIVES_BACK)

    def context(self, *alpn):
        c = ssl.create_default_context(cafile=str(self.authority.file))
        c.set_alpn_protocols(alpn or ["http/1.1"])
        return c

    def text(self):
        servers = "; ".join(f"server {n} {SERVERS_AT}:{self.port_of[n]} weight {self.rng.randrange(1, 4)}" for n in self.there)
        return TEXT.format(certificate=self.certificate, servers=servers, plain=self.plain, secure=self.secure, raw=self.raw,
                           drain=DRAIN_S, version=self.version)

    def happened(self, what, server=None):
        self.events.append(Event(what, server, time.monotonic(), time.time()))

    def reload(self):
        """Another weight, a rule's other answer; now and then one server fewer, or a file that is refused."""
        self.version += 1
        kind = self.rng.randrange(6)
        if kind == 0:
            self.lbc.file.write_text("lbconf 1\nroute {")
            refused = self.lbc.ctl("reload", check=False)
            assert refused.returncode == 1, refused.stdout
            return
        if kind <= 2:
            self.there = "ab" if self.there == "abc" else "abc"
            self.happened("removed" if self.there == "ab" else "returned", "c")
        self.lbc.reload(self.text())
        self.happened("reload")

    def fail_or_recover(self):
        if self.dead is None:
            self.dead = self.rng.choice(self.there)
            self.happened("killed", self.dead)
            self.origin[self.dead].kill()
        else:
            name = self.dead
            self.origin[name] = self.start(Origin, self.port_of[name], name=f"origin-{name}-{len(self.events)}",
                                           address=SERVERS_AT)
            self.happened("restarted", name)
            self.dead = None

    # --- what explains a failure ---

    def killed(self, begun, ended, server=None, clock="at"):
        return any(e.what == "killed" and server in (None, e.server) and begun <= getattr(e, clock) + NOTICED_S
                   and ended >= getattr(e, clock) - 0.1 for e in self.events)

    def unexplained(self, failures):
        """A server died under it, or it was a tunnel to a server that the configuration no longer has."""
        def drained(f):
            return "tunnel" in f.kind or f.kind == "bytes_through"
        return [f for f in failures if not self.killed(f.begun, f.ended) and not (drained(f) and any(
            e.what == "removed" and e.at <= f.ended <= e.at + DRAIN_S + 3 * NOTICED_S + 2 for e in self.events))]

    def unexplained_5xx(self):
        """Of the access log, line by line: it may be long."""
        seen, strange = 0, []
        with open(self.lbc.log_path) as log:
            for line in log:
                if '"status":5' not in line:
                    continue
                r = json.loads(line)
                seen += 1
                begun = datetime.datetime.fromisoformat(r["time"]).timestamp()
                if not self.killed(begun, begun + r["total_ms"] / 1000, r.get("server", "?"), "wall"):
                    strange.append(r)
        return seen, strange


def metrics(lbc):
    return lbc.show("info")["metrics"]


NOTHING = ["connections_open", "requests_in_flight", "tunnels_open", "tunnels_draining", "buffers_in_use", "server_idle"]


def nothing_is_held(lbc):
    wait_for(lambda: not any(metrics(lbc)[n] for n in NOTHING) and len(lbc.show("generations")) == 1,
             "nothing is held any more", 40, every=0.2)


@pytest.fixture
def site(start, tmp_path):
    print(f"seed: LBC_SEED={SEED}")
    site = Site(start, tmp_path, random.Random(SEED))
    wait_for(lambda: all(s["health"] == "up" for s in site.lbc.show("servers")), "all servers are up")
    return site


def run(site, seconds):
    """Lets time pass, and things happen. Returns the sizes of the process, as it went."""
    rss, begun = [], time.monotonic()
    reload_every, kill_every = max(1, seconds / 200), max(2.5, seconds / 150)
    next_reload, next_kill = begun + reload_every, begun + kill_every
    while (now := time.monotonic()) < begun + seconds:
        if now >= next_reload:
            site.reload()
            next_reload += reload_every
        if now >= next_kill:
            site.fail_or_recover()
            next_kill += kill_every
        rss.append(rss_kib(site.lbc.pid))
        time.sleep(min(0.25, seconds / 40))
    if site.dead:
        site.fail_or_recover()
    return rss


def test_mixed_traffic_loses_nothing_and_keeps_nothing(site):
    nothing_is_held(site.lbc)
    files, cpu = descriptors(site.lbc.pid), cpu_s(site.lbc.pid)
    with Traffic(site, SEED) as traffic:
        rss = run(site, SECONDS)
    nothing_is_held(site.lbc)
    wait_for(lambda: descriptors(site.lbc.pid) <= files, "no descriptor is kept", 20, every=0.2)

    m = metrics(site.lbc)
    first, second = (statistics.median(half) for half in (rss[len(rss) // 5:len(rss) // 2], rss[len(rss) // 2:]))
    seen, strange = site.unexplained_5xx()
    happened = collections.Counter(e.what for e in site.events)
    report(seconds=SECONDS, requests=m["requests_total"], connections=m["connections_accepted"], done=dict(traffic.done),
           failed=dict(collections.Counter(f.kind for f in traffic.failed)), happened=dict(happened), status_5xx=seen,
           rss_kib_first_half=first, rss_kib_second_half=second, rss_kib_last=rss[-1], descriptors=files,
           cpu_s=cpu_s(site.lbc.pid) - cpu)

    assert not strange, f"{len(strange)} of {seen} answers of 5xx, first {strange[:2]}"
    unexplained = site.unexplained(traffic.failed)
    assert not unexplained, f"{len(unexplained)} of {len(traffic.failed)} failures, first {unexplained[:3]}"
    assert all(traffic.done[kind] for kind in traffic.kinds()), traffic.done
    assert happened["reload"] > 0 and happened["killed"] > 0
    assert m["log_records_dropped"] == m["buffers_refused"] == m["accept_errors"] == 0
    assert second < first * 1.1 + SLACK_KIB, (first, second)
