"""Who moves a little now and then, and never stands still: below min-rate it is given up."""
import select
import time

import pytest

from frames import Speaker, update
from harness import Client, Lbc, free_ports, wait_for
from scripted import SlowClient, reply

SITE = """lbconf 1
cluster scripted {{ server s 127.0.0.1:{scripted}; timeout read 60s; timeout write 60s }}
listener slow {{ bind 127.0.0.1:{slow}; route site; min-rate 100B 2s; timeout read 5s; timeout write 20s }}
listener any  {{ bind 127.0.0.1:{any};  route site; min-rate 0B }}
route site {{ otherwise {{ forward scripted }} }}
"""
WINDOW_S = 2


@pytest.fixture(scope="module")
def lbc(begin, backend):
    ports = dict(zip(("slow", "any"), free_ports(2)))
    process = begin(Lbc, SITE.format(scripted=backend.port, **ports), workers=1)
    process.ports = ports
    return process


def counter(lbc, name):
    return lbc.show("info")["metrics"][name]


def trickle(c, seconds, piece=b"x", every=0.5):
    """False when it was told something before the time was over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        c.send(piece)
        if select.select([c.socket], [], [], every)[0]:
            return False
    return True


def record_of(lbc, path):
    return wait_for(lambda: [r for r in lbc.log() if r.get("uri") == path], "its record")[0]


def test_a_body_that_trickles(lbc, backend):
    path, before = backend.script(), counter(lbc, "requests_slow")
    with Client(lbc.ports["slow"]) as c, Client(lbc.ports["any"]) as other:
        c.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode())
        other.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode())
        assert not trickle(c, 2 * WINDOW_S + 5)
        assert c.response().status == 408
        assert counter(lbc, "requests_slow") == before + 1
        assert not select.select([other.socket], [], [], 0)[0]
    assert record_of(lbc, path)["end"] == "client-slow"


def test_a_body_at_twice_the_rate_goes_on(lbc, backend):
    path, before = backend.script(), counter(lbc, "requests_slow")
    with Client(lbc.ports["slow"]) as c:
        c.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode())
        for _ in range(10):
            assert not select.select([c.socket], [], [], 0)[0]
            c.send(b"x" * 100)
            time.sleep(0.5)
        assert c.response().status == 200
    assert counter(lbc, "requests_slow") == before


def test_a_body_after_the_response_has_begun(lbc, backend):
    """A call that streams both ways."""
    def does(peer, request):
        peer.send(reply(b"", "Transfer-Encoding: chunked", length=False))
        peer.read(1)
        return not peer.at_end()
    with Client(lbc.ports["slow"]) as c:
        c.send(f"POST {backend.script(does)} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx".encode())
        assert c.head().status == 200
        assert trickle(c, WINDOW_S + 3)


def test_a_response_that_is_awaited(lbc, backend):
    """The server's time, and that of events that have not happened, is nobody's."""
    def does(peer, request):
        time.sleep(WINDOW_S + 1)
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(4):
            time.sleep(1)
            peer.send(b"1\r\nx\r\n")
        peer.send(b"0\r\n\r\n")
        return True
    with Client(lbc.ports["slow"]) as c:
        assert c.get(backend.script(does)).body == b"xxxx"


def large(peer, request):
    peer.send(reply(b"x" * 1_000_000))
    return True


def test_a_response_that_is_taken_byte_by_byte(lbc, backend):
    """Over HTTP/2, where a window opens by as little as one likes."""
    path, before = backend.script(large), counter(lbc, "responses_slow")
    with Speaker(lbc.ports["slow"], initial_window_size=0) as h2:
        h2.credit = False
        stream, begun = h2.ask(path), time.monotonic()
        h2.until(lambda: h2.answers.get(stream) and h2.answers[stream].heads)
        while time.monotonic() < begun + 2 * WINDOW_S + 5 and h2.answers[stream].reset is None:
            h2.send(update(stream, 5))
            h2.hear()
            time.sleep(0.2)
        assert h2.answers[stream].reset is not None
    assert counter(lbc, "responses_slow") == before + 1
    assert record_of(lbc, path)["end"] == "client-slow"


def test_a_reader_that_rests(lbc, backend):
    """A player that is paused, and goes on before `timeout write`."""
    before = counter(lbc, "responses_slow")
    with SlowClient(lbc.ports["slow"]) as c:
        c.request(backend.script(large))
        time.sleep(WINDOW_S + 3)
        assert len(c.response().body) == 1_000_000
    assert counter(lbc, "responses_slow") == before
