"""What leads nowhere on an HTTP/2 connection: a budget of it, then the end. And what looks like it, and is none."""
import contextlib
import socket
import time

import pytest

from frames import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PADDED, PING,
                    PRIORITY, PROTOCOL_ERROR, STREAM_CLOSED, Speaker, frame, reset, settings, update)
from harness import Lbc, free_port, wait_for

RULES = """
  when path == "/ok" { respond 200 "ok" }
  when path == "/wait" { forward scripted }
"""
BUDGET, PER_S = 1000, 100


@pytest.fixture
def h2(site, backend):
    backend.scripts["/wait"] = lambda peer, request: not peer.at_end()
    with Speaker(site.port) as s:
        s.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.until(lambda: s.settings)
        yield s


def metrics(site):
    return site.show("info")["metrics"]


def counted(site, *names):
    found = metrics(site)
    return [found[n] for n in names]


def head(h2, stream, path="/wait", method="GET", end=True, *fields):
    return h2.head([(":method", method), (":scheme", "http"), (":path", path), (":authority", "x"), *fields],
                   stream, end=end)


def opened(h2, stream=1):
    return head(h2, stream, method="POST", end=False)


def send_until_ended(h2, data):
    with contextlib.suppress(OSError):
        for at in range(0, len(data), 65536):
            h2.send(data[at:at + 65536])


PING_FRAME = frame(PING, 0, 0, b"12345678")

# What is sent, how often, what counts it, the cost of each, and what the end is counted by.
BLASTS = {
    "SETTINGS": (lambda h: settings() * 200_000, "control", 1, ("control", "unread")),
    "PING": (lambda h: PING_FRAME * 200_000, "control", 1, ("control", "unread")),
    "empty DATA": (lambda h: opened(h) + frame(DATA, 0, 1) * 300_000, "empty", 2, ("empty",)),
    "DATA of padding": (lambda h: opened(h) + frame(DATA, PADDED, 1, b"\1\0") * 300_000, "empty", 2, ("empty",)),
    "empty CONTINUATION": (lambda h: frame(HEADERS, 0, 1, h.encoder.encode([(":method", "GET")])) +
                           frame(CONTINUATION, 0, 1) * 500_000, "continued", 10, ("continued", "bombs")),
    "a HEADERS and few CONTINUATION each": (
        lambda h: b"".join(frame(HEADERS, END_STREAM, 2 * i + 1) + frame(CONTINUATION, 0, 2 * i + 1) * 7 +
                           frame(CONTINUATION, END_HEADERS, 2 * i + 1, b"\x82\x86\x84\x41\x01x") for i in range(5000)),
        "continued", 10, ("continued",)),
    "rapid resets": (lambda h: b"".join(head(h, 2 * i + 1) + reset(2 * i + 1) for i in range(50_000)), "resets", 5,
                     ("resets",)),
    "PRIORITY": (lambda h: frame(PRIORITY, 0, 1, b"\0\0\0\0\x10") * 100_000, "priority", 1, ("priority",)),
    "unknown frames": (lambda h: frame(0x77) * 100_000, "priority", 1, ("priority",)),
    "WINDOW_UPDATE of one byte": (lambda h: update(0, 1) * 100_000, "updates", 1, ("updates",)),
}


@pytest.mark.parametrize("name", BLASTS)
def test_a_flood_is_ended_within_its_budget(site, h2, name):
    data, counter, cost, reasons = BLASTS[name]
    names = [f"h2_glitch_{counter}", "h2_calmed", *(f"h2_calmed_{r}" for r in reasons)]
    before, begun = counted(site, *names), time.monotonic()
    send_until_ended(h2, data(h2))
    assert h2.end() in (ENHANCE_YOUR_CALM, None)
    seen, calmed, *why = (a - b for a, b in zip(counted(site, *names), before))
    assert 0 < seen <= (BUDGET + PER_S * (1 + time.monotonic() - begun)) / cost + 1
    assert (calmed, sum(why)) == (1, 1)
    with Speaker(site.port) as other:
        assert other.get("/ok").body == b"ok"


def provoking(sends):
    """One stream after the other, each reset before the next begins."""
    def flood(h2):
        for stream in range(1, 4001, 2):
            h2.send(sends(h2, stream))
            h2.until(lambda: h2.goaway is not None or stream in h2.answers and h2.answers[stream].reset is not None)
    return flood


# MadeYouReset: not the client resets what it asked for, we are made to.
PROVOKED = {
    "a window too large": lambda h, s: opened(h, s) + update(s, 0x7fffffff),
    "DATA beyond the window": lambda h, s: opened(h, s) + frame(DATA, 0, s, b"x" * 16384) * 5,
    "more DATA than was said": lambda h, s: head(h, s, "/wait", "POST", False, ("content-length", "1")) +
    frame(DATA, END_STREAM, s, b"xx"),
    "trailers that do not end it": lambda h, s: opened(h, s) + h.head([("x", "y")], s, end=False),
    "a field that may not be": lambda h, s: head(h, s, "/wait", "GET", True, ("connection", "close")),
    "a name in upper case": lambda h, s: head(h, s, "/wait", "GET", True, ("X-Up", "y")),
}


@pytest.mark.parametrize("name", PROVOKED)
def test_resets_that_we_are_made_to_send(site, h2, name):
    names = ("h2_glitch_provoked", "h2_calmed")
    before, begun = counted(site, *names), time.monotonic()
    with contextlib.suppress(OSError, EOFError):
        provoking(PROVOKED[name])(h2)
    assert h2.end() == ENHANCE_YOUR_CALM
    seen, calmed = (a - b for a, b in zip(counted(site, *names), before))
    assert BUDGET / 10 <= seen <= (BUDGET + PER_S * (1 + time.monotonic() - begun)) / 5 + 1
    assert calmed == 1


@pytest.mark.parametrize("sends, code", [
    (lambda h, s: opened(h, s) + update(s, 0), PROTOCOL_ERROR),
    (lambda h, s: head(h, s) + frame(DATA, 0, s, b"x"), STREAM_CLOSED),
    (lambda h, s: head(h, s) + h.head([("x", "y")], s), STREAM_CLOSED),
], ids=["WINDOW_UPDATE by 0", "DATA when it has ended", "HEADERS when it has ended"])
def test_what_cannot_be_done_twice(h2, sends, code):
    h2.send(sends(h2, 1))
    assert h2.end() == code


def test_answers_that_are_not_read_do_not_pile_up(site, backend):
    """A response fills the way to the client. No SETTINGS are acknowledged, so no limit of streams holds yet, and each
    one too many has its reset."""
    backend.scripts["/fill"] = lambda peer, request: peer.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n" + bytes(20_000_000)) or True
    backend.scripts["/wait"] = lambda peer, request: not peer.at_end()
    before, = counted(site, "h2_calmed_unread")
    with Speaker(site.port, initial_window_size=2**31 - 1) as h2:
        h2.send(update(0, 2**30), head(h2, 1, "/fill"))
        sent = [-1, 0]
        while sent[-1] != sent[-2] or sent[-1] < 100_000:  # until it stands still
            time.sleep(0.2)
            sent.append(counted(site, "h2_sent_bytes")[0])
        send_until_ended(h2, b"".join(head(h2, s, "/wait") for s in range(3, 100_001, 2)))
        wait_for(lambda: counted(site, "h2_calmed_unread")[0] == before + 1, "it is ended, and nothing was read")


def test_pings_whose_answers_are_read_spend_the_budget_too(site, h2):
    before = counted(site, "h2_calmed_control")[0]
    with contextlib.suppress(OSError, EOFError):
        for n in range(100):
            h2.send(PING_FRAME * 40)
            h2.until(lambda: h2.pongs == 40 * (n + 1))
    assert h2.end() == ENHANCE_YOUR_CALM
    assert counted(site, "h2_calmed_control")[0] == before + 1


def test_data_by_the_byte(site, backend):
    """A window that opens by one byte each time makes a frame of one byte each time."""
    backend.scripts["/large"] = lambda peer, request: peer.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
    before = counted(site, "h2_calmed_updates")[0]
    with Speaker(site.port, initial_window_size=0) as h2:
        h2.credit = False
        stream = h2.ask("/large")
        h2.until(lambda: h2.answers.get(stream) and h2.answers[stream].heads)
        with contextlib.suppress(OSError, EOFError):
            for n in range(1, 5000):
                h2.send(update(stream, 1))
                h2.until(lambda: len(h2.answers[stream].body) >= n)
        assert h2.end() == ENHANCE_YOUR_CALM
        assert len(h2.answers[stream].body) < 1200
    assert counted(site, "h2_calmed_updates")[0] == before + 1


def test_what_the_log_says(start, backend):
    """A line for the connection, and its requests that were under way have records."""
    backend.scripts["/wait"] = lambda peer, request: not peer.at_end()
    port = free_port()
    lbc = start(Lbc, f"lbconf 1\ncluster c {{ server s 127.0.0.1:{backend.port} }}\n"
                     f"listener front {{ bind 127.0.0.1:{port}; route site; max-glitches 100 }}\n"
                     "route site { otherwise { forward c } }\n", workers=1)
    for _ in range(3):
        with Speaker(port) as h2:
            h2.until(lambda: h2.settings)
            h2.send(head(h2, 1))
            send_until_ended(h2, frame(0x77) * 1000)
            assert h2.end() in (ENHANCE_YOUR_CALM, None)
    records = wait_for(lambda: len(lbc.log()) >= 3 and lbc.log(), "the records")
    assert {(r["end"], r["reason"]) for r in records} == {("flood", "PRIORITY and unknown frames")}
    said = [line for line in lbc.said().splitlines() if "ended an HTTP/2 connection" in line]
    assert len(said) == 1  # of three
    assert said[0].endswith("listener front: ended an HTTP/2 connection of 127.0.0.1: PRIORITY and unknown frames")
    assert metrics(lbc)["h2_calmed_priority"] == 3


# --- what is none ----------------------------------------------------------------------------------

@pytest.fixture
def calm(site):
    before = metrics(site)
    yield
    calmed = {n: v - before[n] for n, v in metrics(site).items() if n.startswith("h2_") and v != before[n]}
    assert "h2_calmed" not in calmed, str(calmed)


def test_a_body_in_small_pieces(site, calm, backend):
    with Speaker(site.port) as h2:
        h2.obeys = True
        h2.until(lambda: h2.settings)
        backend.scripts["/up"] = lambda peer, request: (peer.body(request), peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))[0] is not None
        stream = h2.ask("/up", method="POST", end=False)
        h2.data(stream, b"x" * 30_000, size=5, end=True)
        assert h2.answer(stream).status == 200


def test_a_client_that_cancels_some_of_what_it_asks(site, calm, h2):
    """As browsers do, and balancers that ask two servers: every tenth of two thousand, and twenty at once."""
    for i in range(200):
        streams = [h2.ask("/ok") for _ in range(9)]
        gone = h2.ask("/wait")
        h2.send(reset(gone, CANCEL))
        assert all(h2.answer(s).body == b"ok" for s in streams)
    for s in [h2.ask("/wait") for _ in range(20)]:
        h2.send(reset(s, CANCEL))
    assert h2.get("/ok").body == b"ok"


def test_a_client_that_measures_with_pings(site, calm, backend):
    """gRPC sends one with what it gets, to see how much fits on the way."""
    backend.scripts["/much"] = lambda peer, request: peer.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n" + bytes(20_000_000)) or True
    with Speaker(site.port) as h2:
        h2.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream, heard, pings = h2.ask("/much"), 0, 0
        while heard < 20_000_000:
            f = h2.frame()
            if f.kind == DATA:
                heard += len(f.payload)
                pings += 1
                h2.send(PING_FRAME)
        assert pings > BUDGET and h2.answers[stream].status == 200


def test_large_heads(site, calm, h2):
    """Their CONTINUATION is full, but for the last."""
    h2.encoder.huffman = False
    for i in range(150):
        pad = "".join(chr(33 + (i * 7 + k * k) % 90) for k in range(20_000))
        assert h2.get("/ok", ("x-pad", pad)).body == b"ok"


def test_small_windows(site, calm, backend):
    backend.scripts["/some"] = lambda peer, request: peer.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000) or True
    with Speaker(site.port, initial_window_size=4096) as h2:
        assert len(h2.get("/some").body) == 2_000_000
