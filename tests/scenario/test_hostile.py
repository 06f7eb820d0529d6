"""Bad input, in number and under load: everybody else is served, and nothing is left behind."""
import collections
import contextlib
import os
import random
import signal
import socket
import threading
import time

import pytest

from harness import Client, Lbc, Origin, free_port, get, wait_for
from harness.chaos import BODY, Chaos
from harness.load import Load
from harness.watch import cpu_s, number, report

SEED = number("SEED", int.from_bytes(os.urandom(4), "big"))


@pytest.fixture
def seed():
    print(f"seed: LBC_SEED={SEED}")  # shown when the test fails
    return SEED


def quiet(lbc):
    """Nothing is open, in flight or held any more."""
    def nothing():
        m = lbc.show("info")["metrics"]
        return m["connections_open"] == m["requests_in_flight"] == m["buffers_in_use"] == 0 and \
            all(s["in_flight"] == 0 for s in lbc.show("servers"))
    wait_for(nothing, "nothing is held any more", 20, every=0.1)


def listen(c, seconds=5):
    """All that it says until it closes."""
    c.settimeout(seconds)
    said = b""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while piece := c.recv(65536):
            said += piece
    return said


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


NO_REQUESTS = {
    "no request": (b"hello\r\n\r\n", b"400"),
    "a TLS greeting": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"400"),
    "zeros": (bytes(5000), b"400"),
    "a mebibyte of one field": (HEAD + b"X: " + b"y" * (1 << 20), b"431"),
    "a mebibyte of fields": (HEAD + b"X-Y: z\r\n" * (1 << 17), b"431"),
    "a mebibyte of target": (b"GET /" + b"a" * (1 << 20), b"431"),
    "a mebibyte without a line end": (b"A" * (1 << 20), b"400"),
}


@pytest.mark.parametrize("what", NO_REQUESTS)
def test_what_is_no_request_is_refused_and_closed(proxy, what):
    lbc = proxy()
    data, status = NO_REQUESTS[what]
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", lbc.port)) as c:
            with contextlib.suppress(OSError):
                c.sendall(data)
            said = listen(c)
            assert said[9:12] == status, said[:80]
    assert get(lbc.port).status == 200
    quiet(lbc)


def test_random_bytes(proxy, seed):
    """Noise, and requests with noise in them: an answer or an end, and nothing held."""
    lbc = proxy(listener="timeout header 1s")
    rng = random.Random(seed)
    good = HEAD + b"X-One: 1\r\nContent-Length: 3\r\n\r\nabc" + HEAD + b"\r\n"
    for _ in range(number("NOISE", 150)):
        if rng.random() < 0.3:
            data = rng.randbytes(rng.randrange(1, 2000))
        else:
            data = bytearray(good)
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            data = bytes(data[:rng.randrange(1, len(data) + 1)])
        with socket.create_connection(("127.0.0.1", lbc.port)) as c, contextlib.suppress(OSError):
            for at in range(0, len(data), 1 + rng.randrange(len(data))):
                c.sendall(data[at:])
            c.shutdown(socket.SHUT_WR)
            said = listen(c)
            assert said == b"" or said.startswith(b"HTTP/1.1 "), (data, said)
    assert get(lbc.port).status == 200
    quiet(lbc)


def test_two_hundred_slow_clients_hinder_nobody(proxy):
    """One byte of a head now and then: 408 at the head's deadline, which further bytes don't move."""
    lbc = proxy(listener="timeout header 3s")
    slow = [socket.create_connection(("127.0.0.1", lbc.port)) for _ in range(200)]
    begun = time.monotonic()
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "
    for s in slow:
        s.sendall(head)
    wait_for(lambda: lbc.show("info")["metrics"]["connections_open"] == 200, "all are in")
    cpu = cpu_s(lbc.pid)
    with Load(lbc.port, connections=2, pause=0.01) as load:
        while time.monotonic() - begun < 2.5:
            for s in slow:
                s.sendall(b"y")
            time.sleep(0.25)
        held = lbc.show("info")["metrics"]
        said = [listen(s, 10) for s in slow]
    took = time.monotonic() - begun
    load.assert_clean()
    assert held["connections_open"] >= 200
    assert collections.Counter(s[:12] for s in said) == {b"HTTP/1.1 408": 200}
    assert 2.9 < took < 10
    for s in slow:
        s.close()
    quiet(lbc)
    slowest = max(a.ended - a.begun for a in load.all())
    report(slowest_ms=1000 * slowest, cpu_s=cpu_s(lbc.pid) - cpu)


def test_slow_readers_hold_their_own_response_only(proxy):
    lbc = proxy(listener="timeout write 2s")
    slow = []
    for _ in range(20):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", lbc.port))
        s.sendall(b"GET /b/50000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        slow.append(s)
    with Load(lbc.port, connections=2) as load:
        time.sleep(1)
        held = lbc.show("info")["metrics"]
        assert held["requests_in_flight"] >= 20
        assert held["buffers_in_use"] <= 60  # not fifty megabytes each
        wait_for(lambda: lbc.show("info")["metrics"]["connections_open"] <= 2, "they are closed")
    load.assert_clean()
    for s in slow:
        s.close()
    quiet(lbc)
    assert collections.Counter(e["end"] for e in lbc.log())["client-timeout"] == 20


def test_clients_that_leave_at_any_moment(proxy, seed):
    lbc = proxy()
    rng = random.Random(seed)
    request = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"z" * 100_000
    with Load(lbc.port, connections=2) as load:
        for _ in range(number("LEAVE", 100)):
            with socket.create_connection(("127.0.0.1", lbc.port)) as s, \
                    contextlib.suppress(OSError):
                if rng.random() < 0.5:
                    s.sendall(request[:rng.randrange(len(request))])
                else:
                    s.sendall(b"GET /b/%d HTTP/1.1\r\nHost: x\r\n\r\n" % rng.choice([10, 10**6, 10**8]))
                    s.recv(rng.randrange(1, 100_000))
                if rng.random() < 0.5:  # a reset
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 b"\1\0\0\0\0\0\0\0")
    load.assert_clean()
    quiet(lbc)


def test_servers_that_lie_and_reset_at_random(start, seed):
    """Each request is answered: with the server's whole answer, or a 502, or an end one can see."""
    port, origin = free_port(), start(Origin)
    with Chaos(seed) as one, Chaos(seed + 1) as two:
        lbc = start(Lbc, f"""lbconf 1
cluster app {{
  server one 127.0.0.1:{one.port}
  server two 127.0.0.1:{two.port}
  timeout read 3s
}}
cluster sound {{ server a 127.0.0.1:{origin.port} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ when path under "/b" {{ forward sound }}; otherwise {{ forward app }} }}
""")
        seen, strange = collections.Counter(), []

        def ask(n):
            client = None
            for _ in range(n):
                try:
                    client = client or Client(port)
                    r = client.get("/x")
                    while 100 <= r.status < 200:
                        r = client.response()
                    seen[r.status] += 1
                    if r.status == 200 and r.body not in (BODY, BODY[:20]):
                        strange.append(r.body)
                    elif r.status not in (200, 502):
                        strange.append(r.status)
                    if r["connection"] == "close":
                        client = client.close()
                except (OSError, EOFError, AssertionError, ValueError) as e:
                    seen[type(e).__name__] += 1
                    client = client and client.close()
            if client:
                client.close()
        threads = [threading.Thread(target=ask, args=(number("CHAOS", 1600) // 8,))
                   for _ in range(8)]
        with Load(port, connections=1) as load:
            for t in threads:
                t.start()
            for t in threads:
                t.join(120)
                assert not t.is_alive(), "a request is never answered"
        load.assert_clean()  # a cluster of sound servers notices nothing
        quiet(lbc)
    assert not strange, strange[:3]
    assert seen[200] > 0 and seen[502] > 0
    report(seen=dict(seen))


def test_servers_that_stop_and_go_on_under_load(start, seed):
    """Checks are slower than that: requests wait, and all of them are answered."""
    port = free_port()
    origins = [start(Origin) for _ in range(2)]
    lbc = start(Lbc, "\n".join([
        "lbconf 1", "cluster app {",
        *(f"  server s{i} 127.0.0.1:{o.port}" for i, o in enumerate(origins)),
        "}", f"listener front {{ bind 127.0.0.1:{port}; route site }}",
        "route site { otherwise { forward app } }", ""]))
    rng = random.Random(seed)
    with Load(port, connections=8) as load:
        for _ in range(6):
            stopped = rng.choice(origins)
            stopped.signal(signal.SIGSTOP)
            time.sleep(rng.random() / 2)
            stopped.signal(signal.SIGCONT)
            time.sleep(0.05)
    load.assert_clean()
    quiet(lbc)


def test_a_file_that_is_not_text_is_refused(proxy, seed):
    lbc = proxy()
    rng = random.Random(seed)
    for data in (b"\xff\xfe\x00", b"lbconf 1\n\xc3\x28\n", bytes(1000), rng.randbytes(5000),
                 b"lbconf 1\n" + b"{" * 100_000, b'lbconf 1\nconst x : string = "' + b"a" * 200_000):
        lbc.file.write_bytes(data)
        refusal = lbc.ctl("reload", check=False)
        assert refusal.returncode == 1 and "refused: nothing was changed" in refusal.stderr
    assert get(lbc.port).status == 200
    assert len(lbc.show("generations")) == 1
