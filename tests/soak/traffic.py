"""Kinds of clients, and what became of each: they ask, look at every answer, and come again until told to stop."""
import collections
import contextlib
import random
import socket
import ssl
import threading
import time

from harness import Client
from harness.load import pattern
from wire.frames import PREFACE, Speaker, settings

SIZES = [0, 1, 100, 1000, 20_000, 200_000]

Failure = collections.namedtuple("Failure", "kind begun ended why")


class Secure(Client):
    """Over TLS, resuming the session that is handed on."""

    def __init__(self, port, context, session=None):
        super().__init__(port)
        self.socket = context.wrap_socket(self.socket, server_hostname="site.test", session=session)
        self.file = self.socket.makefile("rb")


def right(r, body):
    assert r.status == 200, f"status {r.status}"
    assert r.body == body, f"another body of {len(r.body)} bytes, not {len(body)}"


# --- kinds: generators that yield after each piece of work, and end when they have had enough of a connection ---

def kept(site, rng):
    with Client(site.plain) as c:
        for _ in range(rng.randrange(1, 200)):
            n = rng.choice(SIZES)
            right(c.get(f"/{rng.choice(['b', 'chunked'])}/{n}"), pattern(n))
            yield


def new_each(site, rng):
    n = rng.choice(SIZES)
    with Client(site.plain) as c:
        r = c.get(f"/eof/{n}", "Connection: close", version=rng.choice(["HTTP/1.0", "HTTP/1.1"]))
        right(r, pattern(n))
    yield


def pipelined(site, rng):
    with Client(site.plain) as c:
        c.send("".join(f"GET /b/{n} HTTP/1.1\r\nHost: x\r\n\r\n" for n in SIZES))
        for n in SIZES:
            right(c.response(), pattern(n))
        yield


def uploads(site, rng):
    with Client(site.plain) as c:
        for _ in range(10):
            body = pattern(rng.choice(SIZES))
            fields = rng.choice([f"Content-Length: {len(body)}", "Transfer-Encoding: chunked"])
            sent = body if "Length" in fields else b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
            r = c.get("/echo", fields, method="POST", body=sent)
            assert r.status == 200, f"status {r.status}"
            assert r.body.endswith(body), "what came back is not what was sent"
            yield


def secure(site, rng):
    context, session = site.context(), None
    for _ in range(5):
        with Secure(site.secure, context, session) as c:
            for _ in range(rng.randrange(1, 5)):
                n = rng.choice(SIZES)
                right(c.get(f"/b/{n}"), pattern(n))
                yield
            session = c.socket.session


def streams(s, rng):
    for _ in range(rng.randrange(1, 50)):
        asked = [(s.ask(f"/b/{n}"), n) for n in rng.sample(SIZES, 3)]
        asked.append((s.ask("/echo", method="POST", body=pattern(rng.choice(SIZES))), None))
        for stream, n in asked:
            answer = s.answer(stream)
            assert answer.reset is None, f"reset with {answer.reset}"
            assert answer.status == 200, f"status {answer.status}"
            assert n is None or answer.body == pattern(n), f"another body of {len(answer.body)} bytes, not {n}"
            del s.answers[stream]
            s.seen.clear()
        yield


def h2(site, rng):
    with Speaker(site.plain) as s:
        s.obeys = True
        yield from streams(s, rng)


def h2_secure(site, rng):
    with Secure(site.secure, site.context("h2")) as c:
        s = Speaker(sock=c.socket, preface=False)
        s.obeys = True
        s.send(PREFACE + settings())
        yield from streams(s, rng)


def talk(c, rng, pieces):
    c.request("/upgrade", "Connection: upgrade", "Upgrade: websocket")
    status = c.head().status
    assert status == 101, f"status {status}"
    for _ in range(pieces):
        message = rng.randbytes(rng.choice([1, 100, 5000]))
        c.send(message)
        assert c.file.read(len(message)) == message, "the tunnel has ended"
        yield


def tunnel(site, rng):
    with Client(site.plain) as c:
        yield from talk(c, rng, rng.randrange(1, 100))


def long_tunnel(site, rng):
    with Secure(site.secure, site.context()) as c:
        yield from talk(c, rng, 5000)


def bytes_through(site, rng):
    """A connection to the TCP listener, whatever it says."""
    with Client(site.raw) as c:
        right(c.get("/b/1000"), pattern(1000))
        yield
        yield from talk(c, rng, rng.randrange(1, 50))


def leaves(site, rng):
    """Goes away at any moment, by an end or a reset."""
    upload = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000)
    with socket.create_connection(("127.0.0.1", rng.choice([site.plain, site.secure, site.raw]))) as s, \
            contextlib.suppress(OSError):
        s.settimeout(1)
        if rng.random() < 0.5:
            s.sendall(upload[:rng.randrange(len(upload))])
        else:
            s.sendall(b"GET /b/%d HTTP/1.1\r\nHost: x\r\n\r\n" % rng.choice([10, 10**6, 10**8]))
            s.recv(rng.randrange(1, 100_000))
        if rng.random() < 0.5:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    yield


def dawdles(site, rng):
    """Begins a head and says no more: 408, or silence where it was TLS."""
    with socket.create_connection(("127.0.0.1", rng.choice([site.plain, site.secure]))) as s:
        s.settimeout(30)
        s.sendall(b"GET / HTTP/1.1\r\nX-Slow: "[:rng.randrange(1, 25)])
        while s.recv(1000):
            pass
    yield


# How often a second each of them does a piece of work.
KINDS = {kept: 20, new_each: 5, pipelined: 2, uploads: 10, secure: 10, h2: 5, h2_secure: 5, tunnel: 20, long_tunnel: 2,
         bytes_through: 10, leaves: 10, dawdles: 5}


class Traffic:
    """All kinds at once, until the block ends. `done` counts pieces of work by kind, `failed` has the others."""

    def __init__(self, site, seed):
        self.site, self.stop = site, threading.Event()
        self.done, self.failed = collections.Counter(), []
        self.threads = [threading.Thread(target=self.run, args=(kind, rate, random.Random(f"{seed} {kind.__name__}")), daemon=True)
                        for kind, rate in KINDS.items()]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join(60)
            assert not t.is_alive(), "somebody is never answered"

    def kinds(self):
        return [kind.__name__ for kind in KINDS]

    def run(self, kind, rate, rng):
        while not self.stop.is_set():
            with contextlib.closing(kind(self.site, rng)) as work:
                self.work(kind.__name__, rate, rng, work)

    def work(self, kind, rate, rng, work):
        while not self.stop.is_set():
            begun = time.monotonic()
            try:
                next(work)
                self.done[kind] += 1
            except StopIteration:
                return
            except (OSError, EOFError, ssl.SSLError, AssertionError, ValueError) as e:
                self.failed.append(Failure(kind, begun, time.monotonic(), f"{type(e).__name__} {e}"))
                return
            self.stop.wait(rng.uniform(0, 2 / rate))
