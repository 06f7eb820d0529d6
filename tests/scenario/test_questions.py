"""`require auth` by a server that lies and resets: whoever is let in was let in by a whole answer, all others are told
that nobody knows, and nothing is left behind."""
import collections
import random
import socket
import threading

from harness import Client, Lbc, Origin, free_port, wait_for
from harness.chaos import Chaos
from harness.load import pattern
from harness.watch import number, report

SEED = number("SEED", random.SystemRandom().randrange(1 << 32))
BODY = pattern(70_000)

CONFIG = """lbconf 1
cluster sso {{ server a 127.0.0.1:{sso}; timeout read 5s; retry 1 {{ on reset }} }}
cluster web {{ server a 127.0.0.1:{web} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{
  when path == "/asked" {{ require auth sso {{ take "x-user" }}; respond 200 "in" }}
  otherwise             {{ require auth sso {{ timeout 20s }}; forward web }}
}}
"""


class Asker(threading.Thread):
    """Asks on one connection while it lasts, with and without a body; and leaves now and then."""

    def __init__(self, port, seed, n=number("QUESTIONS", 60)):
        super().__init__()
        self.port, self.random, self.n = port, random.Random(seed), n
        self.statuses = collections.Counter()
        self.client = None

    def run(self):
        for _ in range(self.n):
            self.client = self.client or Client(self.port)
            try:
                self.ask()
            except (OSError, EOFError):
                self.statuses["broken"] += 1
                self.drop()
        self.drop()

    def ask(self):
        kind = self.random.randrange(8)
        if kind == 0:  # gone before it is answered
            self.client.request("/b/1000")
            self.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.statuses["left"] += 1
            self.drop()
            return
        if kind < 4:
            answer = self.client.get("/echo", f"Content-Length: {len(BODY)}", method="POST", body=BODY)
            self.statuses["spoilt"] += answer.status == 200 and not answer.body.endswith(BODY)
        else:
            answer = self.client.get(self.random.choice(["/b/1000", "/asked"]))
        self.statuses[answer.status] += 1
        if answer["connection"] == "close":
            self.drop()

    def drop(self):
        if self.client:
            self.client.close()
        self.client = None


def test_nobody_is_let_in_by_half_an_answer(start):
    origin, port = start(Origin), free_port()
    with Chaos(SEED, good=0.7) as chaos:
        lbc = start(Lbc, CONFIG.format(sso=chaos.port, web=origin.port, port=port))
        askers = [Asker(port, SEED + i) for i in range(8)]
        for a in askers:
            a.start()
        for a in askers:
            a.join()
        statuses = sum((a.statuses for a in askers), collections.Counter())
        report(seed=SEED, **{str(k): v for k, v in statuses.items()})
        wait_for(lambda: lbc.show("info")["metrics"]["requests_in_flight"] == 0, "all are over", 30)
        metrics = lbc.show("info")["metrics"]
        assert set(+statuses) <= {200, 503, "left", "broken"}, statuses
        assert statuses[200] > 100 and statuses[503] > 10, statuses
        assert metrics["auth_unavailable"] >= statuses[503]
        assert all(s["in_flight"] == 0 for s in lbc.show("servers"))
