"""Three servers, of which one goes bad in its own way: it is noticed, its share goes elsewhere, and it comes back by
and by. All of it is told by the log. Windows, ejections and slow starts are whole seconds: each takes some ten."""
import re
import threading
import time

import pytest

from harness import Client, Lbc, free_port, wait_for
from wire.scripted import Server, reply

WINDOW_S = 2
SLOW_START_S = 6
QUICK_S, SLOW_S = 0.01, 0.1

CONFIG = """lbconf 1
cluster web {{
  server a 127.0.0.1:{a}
  server b 127.0.0.1:{b} slow-start {slow_start}s
  server c 127.0.0.1:{c}
  outlier {{ {rule}  window {window}s  min-requests 5  eject 2s }}
}}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward web }} }}
"""


class Moody(Server):
    """Answers with its name, after its time; or does what its mood is."""

    def __init__(self, name):
        super().__init__()
        self.name, self.takes_s, self.mood = name, QUICK_S, None
        self.turns = 0
        self.scripts["/"] = self.act

    def act(self, peer, request):
        self.turns += 1
        time.sleep(self.takes_s)
        return self.mood(self, peer) if self.mood else self.answer(peer)

    def answer(self, peer):
        peer.send(reply(self.name.encode()))
        return True


def fails_a_third(server, peer):
    if server.turns % 3:
        return server.answer(peer)
    peer.send(reply(b"bad", status="500 Internal Server Error"))
    return True


def resets(server, peer):
    """Now and then it is well, so that it is no matter of errors in a row."""
    if server.turns % 4 == 0:
        return server.answer(peer)
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nthe beginning")
    peer.reset()
    return False


class Crowd:
    """Clients that ask one thing after the other, for as long as the block lasts."""

    def __init__(self, port, n=4):
        self.port, self.stopping = port, threading.Event()
        self.threads = [threading.Thread(target=self.go) for _ in range(n)]

    def go(self):
        while not self.stopping.is_set():
            ask(self.port)

    def __enter__(self):
        for t in self.threads:
            t.start()

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.join()


def ask(port):
    """Who answered, and answered well; else None."""
    with Client(port) as c:
        try:
            r = c.get("/")
        except (OSError, AssertionError, EOFError, ValueError):
            return None
        return r.body.decode() if r.status == 200 else None


def told(lbc, about, n=1):
    def line():
        lines = [said for said in lbc.said().splitlines() if about in said]
        return len(lines) >= n and lines[n - 1]
    return wait_for(line, about, 30)


def shares(lbc, n):
    answers = [ask(lbc.port) for _ in range(n)]
    return [answers.count(name) for name in "abc"]


@pytest.fixture
def servers():
    made = [Moody(name) for name in "abc"]
    yield made
    for s in made:
        s.stop()
        assert not s.failures, s.failures


@pytest.mark.parametrize(("rule", "turn", "why"), [
    ("consecutive-errors 1000  error-rate 20%", {"mood": fails_a_third}, r"\d+ of \d+ requests were errors"),
    ("consecutive-errors 1000  latency 300%", {"takes_s": SLOW_S},
     r"\d+\.\d ms to the first byte, where the median is \d+\.\d ms"),
    ("consecutive-errors 3", {"mood": resets}, "3 errors in a row"),
], ids=["a third are 500", "ten times slower", "resets mid-body"])
def test_who_goes_bad_is_left_out_and_comes_back(start, servers, rule, turn, why):
    port = free_port()
    a, b, c = servers
    lbc = start(Lbc, CONFIG.format(a=a.port, b=b.port, c=c.port, port=port, rule=rule, window=WINDOW_S,
                                   slow_start=SLOW_START_S), port=port)
    with Crowd(port):
        wait_for(lambda: min(s.turns for s in servers) >= 60, "all have been asked", 60)
        assert "ejected" not in lbc.said()
        for what, value in turn.items():
            setattr(b, what, value)
        turned = time.monotonic()
        line = told(lbc, "server web/b is ejected for 2 s: ")
        noticed_s = time.monotonic() - turned
    assert re.search(why + "$", line), line
    # Within the window and a slice of it; the rest is for a machine that is busy.
    assert noticed_s < WINDOW_S * 1.2 + 5
    b.mood, b.takes_s = None, QUICK_S
    wait_for(lambda: lbc.show("servers")[1]["in_flight"] == 0, "nothing is under way there")
    if "is back" not in lbc.said():
        before = b.turns
        assert shares(lbc, 20) == [10, 0, 10] or "is back" in lbc.said()
        assert b.turns == before or "is back" in lbc.said()
    told(lbc, "server web/b is back: its time is over")
    began = time.monotonic()
    first = shares(lbc, 30)
    assert sum(first) == 30
    if time.monotonic() - began < SLOW_START_S / 3:
        assert first[1] <= 5, first
    wait_for(lambda: shares(lbc, 30) == [10, 10, 10], "it has its share again", 30)
    assert lbc.said().count("web/b is ejected") == 1
    assert not re.search(r"web/[ac] is ejected", lbc.said())
