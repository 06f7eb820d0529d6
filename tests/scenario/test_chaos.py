"""Ten servers that are killed, paused, slowed, and spoil their answers, as a seed says, under five hundred clients.

Every request is answered; none that may not be done twice is; who serves well gets traffic; and each failure is one
that some fault explains.
"""
import asyncio
import collections
import contextlib
import random
import signal
import subprocess
import sys
import time

import pytest

from harness import Lbc, accepts, free_ports, moody, wait_for
from harness.watch import number, report

SERVERS, CLIENTS = 10, 500
SEED = number("SEED", random.SystemRandom().randrange(1 << 32))
LIMIT = 30.0   # seconds: a request that takes longer is not answered
GRACE = 6.0    # after a server was killed or paused: until that has been noticed, and what it had has been given up
NOTICED = 5.0  # after it serves well again: until it is up

CONFIG = """lbconf 1
cluster app {{
  balance least-connections
{servers}
  max-connections 100
  queue 2000 {{ timeout 5s }}
  timeout connect 1s; timeout read 3s
  health http GET "/health" {{ every 500ms  timeout 400ms  rise 2  fall 2 }}
  retry 2 on connect-failure, reset
}}
listener front {{ bind 127.0.0.1:{port}; max-connections 2000; route site }}
route site {{ otherwise {{ forward app }} }}
"""


class Moody:
    def __init__(self, folder, port):
        self.port, self.log, self.popen = port, folder / f"moody-{port}.log", None
        self.log.touch()
        self.not_well = []  # [from, to] when it was killed or paused; to is None while it is
        self.spells = [[0.0, None]]  # when it served well, likewise
        self.start()

    def start(self):
        self.popen = subprocess.Popen([sys.executable, moody.__file__, str(self.port), str(self.log)], stdin=subprocess.PIPE)
        wait_for(lambda: accepts(self.port), "a server listens", 30)

    def be(self, mood):
        self.popen.stdin.write(mood.encode() + b"\n")
        self.popen.stdin.flush()
        self.begins_or_ends(mood == "well")

    def begins_or_ends(self, well):
        now = time.monotonic()
        if well:
            self.spells.append([now, None])
        elif self.spells[-1][1] is None:
            self.spells[-1][1] = now

    def begin_fault(self):
        self.begins_or_ends(False)
        self.not_well.append([time.monotonic(), None])

    def end_fault(self):
        self.not_well[-1][1] = time.monotonic()
        self.begins_or_ends(True)

    def kill(self):
        self.begin_fault()
        self.popen.kill()
        self.popen.wait()

    def revive(self):
        self.start()
        self.end_fault()

    def pause(self):
        self.begin_fault()
        self.popen.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.popen.send_signal(signal.SIGCONT)
        self.end_fault()

    def stop(self):
        self.popen.kill()
        self.popen.wait()

    def said(self):
        return [line.split() for line in self.log.read_text().splitlines()]


FAULTS = {
    "kill": (Moody.kill, Moody.revive),
    "pause": (Moody.pause, Moody.go_on),
    "slow": (lambda s: s.be("slow"), lambda s: s.be("well")),
    "resets": (lambda s: s.be("resets"), lambda s: s.be("well")),
    "lies": (lambda s: s.be("lies"), lambda s: s.be("well")),
}

Outcome = collections.namedtuple("Outcome", "name begun ended what")


class Clients:
    """They ask until `over` is set, each on a connection that it keeps."""

    def __init__(self, port, seed):
        self.port, self.seed = port, seed
        self.over, self.outcomes, self.asked = asyncio.Event(), [], 0

    async def run(self):
        await asyncio.gather(*[self.client(random.Random(f"{self.seed} {i}")) for i in range(CLIENTS)])

    async def client(self, rng):
        connection = None
        while not self.over.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.over.wait(), rng.uniform(0.2, 1.5))
            begun, self.asked = time.monotonic(), self.asked + 1
            name, method = str(self.asked), "POST" if rng.random() < 0.2 else "GET"
            heard = bytearray()
            try:
                connection = connection or await asyncio.open_connection("127.0.0.1", self.port)
                what = await asyncio.wait_for(ask(*connection, method, name, heard), LIMIT)
            except asyncio.TimeoutError:
                what = "no answer"
            except (OSError, EOFError):
                what = "cut" if heard else "no answer"
            if what != "ok" and connection:
                connection[1].transport.abort()
                connection = None
            self.outcomes.append(Outcome(name, begun, time.monotonic(), what))
        if connection:
            connection[1].close()


async def ask(reader, writer, method, name, heard):
    """"ok", "status N" or "another body". What came of an answer is added to `heard`."""
    body = b"x" * 1000 if method == "POST" else b""
    writer.write(f"{method} /{name} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    head = await reader.readuntil(b"\r\n\r\n")
    heard += head
    status = int(head.split()[1])
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    got = await reader.readexactly(length)
    if status != 200:
        return f"status {status}"
    return "ok" if got == moody.body_of(name) else "another body"


@pytest.fixture
def servers(tmp_path):
    with contextlib.ExitStack() as stack:
        made = []
        for port in free_ports(SERVERS):
            made.append(Moody(tmp_path, port))
            stack.callback(made[-1].stop)
        yield made


async def disturb(servers, rng, seconds):
    """A fault begins every second or so, at some server that serves well, and lasts some seconds. At most half of them
    are struck at a time, and now and then all is well for a while."""
    struck, until = {}, time.monotonic() + seconds
    calm_at = time.monotonic() + 20
    while time.monotonic() < until or struck:
        now = time.monotonic()
        for server, (ends, undo) in list(struck.items()):
            if now >= ends:
                del struck[server]
                await asyncio.to_thread(undo, server)
        if now >= calm_at:
            if not struck:
                await asyncio.sleep(GRACE + 4)
                calm_at = time.monotonic() + 20
        elif now < until and len(struck) < SERVERS // 2:
            server = rng.choice([s for s in servers if s not in struck])
            do, undo = FAULTS[rng.choice(list(FAULTS))]
            await asyncio.to_thread(do, server)
            struck[server] = (time.monotonic() + rng.uniform(1, 6), undo)
        await asyncio.sleep(rng.uniform(0.3, 1.2))


def covers(spans, outcome, grace):
    return any(begun <= outcome.ended and (ended is None or outcome.begun <= ended + grace) for begun, ended in spans)


def explained(servers, spoilt, outcome):
    if outcome.what == "no answer" or outcome.what == "another body" and outcome.name not in spoilt:
        return False
    return outcome.name in spoilt or any(covers(s.not_well, outcome, GRACE) for s in servers)


def idle_although_well(server, end):
    """Spells in which it served well and had nothing to do, each as long as a client waits several times over."""
    times = [float(t) for t, what, *_ in server.said() if what == "did"]
    for begun, ended in server.spells:
        at = max(begun + NOTICED, times[0] if times else 0.0)
        for t in [*(t for t in times if at < t < (ended or end)), ended or end]:
            if t - at > 4.0:
                yield at, t
            at = t


def test_chaos(start, servers):
    print(f"seed: LBC_SEED={SEED}")
    seconds = number("CHAOS_SECONDS", 120)
    port = free_ports(1)[0]
    lines = "\n".join(f"  server s{i} 127.0.0.1:{s.port}" for i, s in enumerate(servers))
    lbc = start(Lbc, CONFIG.format(servers=lines, port=port), port=port)
    wait_for(lambda: all(s["health"] == "up" for s in lbc.show("servers")), "all are up", 30)

    async def everything():
        clients = Clients(port, SEED)
        asking = asyncio.create_task(clients.run())
        await asyncio.sleep(5)
        await disturb(servers, random.Random(SEED), seconds)
        await asyncio.sleep(NOTICED)
        clients.over.set()
        await asking
        return clients.outcomes
    outcomes = asyncio.run(everything())
    end = time.monotonic()

    said = [line for s in servers for line in s.said()]
    spoilt = {words[-1] for words in said if words[1] == "spoilt"}
    posts = collections.Counter(words[-1] for words in said if words[1:3] == ["did", "POST"])
    counts = collections.Counter(o.what for o in outcomes)
    report(seconds=seconds, requests=len(outcomes), posts=len(posts), spoilt=len(spoilt), outcomes=dict(counts))
    twice = [name for name, n in posts.items() if n > 1]
    assert not twice, f"done twice: {twice[:5]}"
    bad = [o for o in outcomes if o.what != "ok" and not explained(servers, spoilt, o)]
    assert not bad, f"{len(bad)} failures that no fault explains, first {bad[:3]}"
    assert counts["ok"] > 0.9 * len(outcomes)
    for s in servers:
        assert not list(idle_although_well(s, end)), f"the server at {s.port} served well and had nothing to do"
    assert not [s for s in lbc.show("servers") if s["in_flight"]]
