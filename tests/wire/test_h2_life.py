"""The life of an HTTP/2 connection: deadlines, WebSocket through it, tools of others, its end."""
import subprocess
import time

import pytest

from frames import ENABLE_CONNECT_PROTOCOL, END_STREAM, HEADERS, NO_ERROR, PREFACE, Speaker, frame
from harness import Lbc, free_port, wait_for
from scripted import pattern, reply

RULES = """
  when path == "/ok" { respond 200 "ok" }
"""


@pytest.fixture
def h2(site):
    with Speaker(site.port) as s:
        yield s


# --- WebSocket (RFC 8441) ---

def connect(h2, path, protocol="websocket"):
    stream, h2.next_id = h2.next_id, h2.next_id + 2
    h2.send(h2.head([(":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"), (":path", path),
                     (":authority", "x"), ("sec-websocket-version", "13")], stream, end=False))
    return stream


def test_a_websocket(backend, h2):
    def echo(peer, request):
        assert request["upgrade"] == "websocket" and request["connection"].lower() == "upgrade"
        assert len(request["sec-websocket-key"]) == 24 and request.method == "GET"
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                  b"Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\n\r\nhello")
        peer.send(peer.read(4))
        assert peer.at_end()
        peer.send(b"bye")
    h2.until(lambda: h2.settings)
    assert h2.settings[ENABLE_CONNECT_PROTOCOL] == 1
    stream = connect(h2, backend.script(echo))
    h2.until(lambda: stream in h2.answers and h2.answers[stream].body == b"hello")
    got = h2.answers[stream]
    assert (got.status, got["sec-websocket-protocol"], got["sec-websocket-accept"]) == (200, "chat", None)
    assert not got.ended
    h2.data(stream, b"ping")
    h2.until(lambda: got.body == b"helloping")
    h2.data(stream, end=True)
    assert h2.answer(stream).body == b"hellopingbye"


def test_a_websocket_that_is_refused(backend, h2):
    got = h2.answer(connect(h2, backend.script(reply(b"no", status="403 Forbidden"))))
    assert (got.status, got.body) == (403, b"no")


# --- deadlines ---

SHORT = """lbconf 1
cluster c {{ server s 127.0.0.1:{server} }}
listener front {{ bind 127.0.0.1:{port}; route site
  timeout header 400ms; timeout idle 600ms; timeout read 500ms; timeout write 500ms }}
route site {{ when path == "/ok" {{ respond 200 "ok" }} otherwise {{ forward c }} }}
"""


@pytest.fixture(scope="module")
def hasty(begin, backend):
    port = free_port()
    return begin(Lbc, SHORT.format(server=backend.port, port=port), workers=1, port=port, name="hasty")


def seconds(of):
    begun = time.monotonic()
    of()
    return time.monotonic() - begun


def test_no_settings_in_time(hasty):
    with Speaker(hasty.port, preface=False) as s:
        s.acks = False
        s.send(PREFACE)
        assert 0.2 < seconds(s.end) < 10


def test_half_a_preface(hasty):
    with Speaker(hasty.port, preface=False) as s:
        s.send(PREFACE[:10])
        assert 0.2 < seconds(s.end) < 10


def test_idle(hasty):
    with Speaker(hasty.port) as s:
        assert s.get("/ok").body == b"ok"
        assert 0.3 < seconds(s.end) < 10
        assert s.goaway == NO_ERROR


def test_half_a_head(hasty):
    with Speaker(hasty.port) as s:
        assert s.get("/ok").body == b"ok"
        s.send(frame(HEADERS, END_STREAM, 3, s.encoder.encode([(":method", "GET")])))
        assert 0.2 < seconds(s.end) < 10


def test_a_body_that_stops(hasty, backend):
    with Speaker(hasty.port) as s:
        path = backend.script(lambda peer, request: not peer.at_end())
        stream = s.ask(path, method="POST", end=False)
        s.data(stream, b"some")
        got = s.answer(stream)
        assert got.reset is not None or got.status == 408


def test_a_window_that_stays_shut(hasty, backend):
    with Speaker(hasty.port, initial_window_size=100) as s:
        s.credit = False
        stream = s.ask(backend.script(reply(pattern(1000))))
        assert s.reset_of(stream) is not None
        assert s.get("/ok").body == b"ok"


# --- tools of others ---

def run(*command, seconds=60):
    return subprocess.run(command, capture_output=True, timeout=seconds)


def test_curl(site, backend):
    body = pattern(3_000_000)
    path = backend.script(reply(body))
    done = run("curl", "-sS", "--http2-prior-knowledge", f"http://127.0.0.1:{site.port}{path}")
    assert done.stdout == body, done.stderr
    path = backend.script()
    done = run("curl", "-sS", "--http2-prior-knowledge", "--data-binary", "x" * 100_000, "-H", "Expect:",
               f"http://127.0.0.1:{site.port}{path}")
    assert done.stdout == b"ok", done.stderr
    assert backend.of(path)[0].body == b"x" * 100_000


def test_nghttp(site, backend):
    path = backend.script(reply(b"z" * 100_000))
    done = run("nghttp", "-nv", "-m", "20", f"http://127.0.0.1:{site.port}{path}")
    assert done.stdout.count(b":status: 200") == 20, done.stdout + done.stderr


def test_h2load(site):
    done = run("h2load", "-n2000", "-c8", "-m20", f"http://127.0.0.1:{site.port}/b/20000",
               "-H", ":authority: origin")
    assert b"2000 succeeded, 0 failed" in done.stdout, done.stdout + done.stderr


# --- the end ---

def test_the_end_is_announced_and_waits(begin, backend):
    port = free_port()
    lbc = begin(Lbc, SHORT.format(server=backend.port, port=port).replace("600ms", "60s"), workers=1, port=port,
                name="ending")
    with Speaker(port) as s:
        def slow(peer, request):
            time.sleep(1)
            peer.send(reply(b"whole"))
            return True
        path = backend.script(slow)
        stream = s.ask(path)
        wait_for(lambda: backend.of(path), "the request")
        lbc.signal(15)
        s.until(lambda: s.goaway is not None)
        assert s.get("/ok").body == b"ok"  # it was on its way
        assert s.answer(stream).body == b"whole"
        assert s.end() == NO_ERROR
    assert lbc.wait() == 0


def test_a_listener_that_goes(begin, backend):
    port, other = free_port(), free_port()
    text = SHORT.format(server=backend.port, port=port).replace("600ms", "60s")
    lbc = begin(Lbc, text, workers=1, port=port, name="going")
    with Speaker(port) as s:
        assert s.get("/ok").body == b"ok"
        lbc.reload(text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{other}").replace("listener front", "listener new"))
        assert s.end() == NO_ERROR
