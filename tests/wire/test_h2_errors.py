"""RFC 9113, sections 3 to 8: what is an error of the connection, what of a stream, and with which code."""
import struct

import pytest

from frames import (ACK, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM,
                    FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITISED, PRIORITY,
                    PROTOCOL_ERROR, PUSH_PROMISE, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, Speaker, frame,
                    reset, settings, update)

RULES = """
  when path == "/ok" { respond 200 "ok" }
  when path == "/wait" { forward scripted }
"""


@pytest.fixture
def h2(site):
    with Speaker(site.port) as s:
        s.until(lambda: s.settings)
        yield s


def fine(h2, stream=1, end=True, *fields, **changed):
    """A request's HEADERS, with pseudo-header fields replaced, or left out where they are None."""
    pseudo = {":method": "GET", ":scheme": "http", ":path": "/ok", ":authority": "x"}
    pseudo.update({":" + n: v for n, v in changed.items()})
    return h2.head([*[(n, v) for n, v in pseudo.items() if v is not None], *fields], stream, end=end)


def block(h2):
    return h2.encoder.encode([(":method", "GET"), (":scheme", "http"), (":path", "/ok"), (":authority", "x")])


def opened(h2, stream=1):
    """A stream whose request goes on."""
    h2.send(fine(h2, stream, end=False, method="POST", path="/wait"))
    return b""


CONNECTION = [
    ("4.1 a frame above the size that was allowed", FRAME_SIZE_ERROR, lambda h: frame(DATA, 0, 1, b"x" * 16385)),
    ("4.3 a header block that cannot be decoded", COMPRESSION_ERROR,
     lambda h: frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff\xff\xff")),
    ("5.1 DATA on an idle stream", PROTOCOL_ERROR, lambda h: frame(DATA, 0, 1, b"x")),
    ("5.1 RST_STREAM on an idle stream", PROTOCOL_ERROR, lambda h: reset(1)),
    ("5.1 WINDOW_UPDATE on an idle stream", PROTOCOL_ERROR, lambda h: update(1, 1)),
    ("5.1.1 an even stream", PROTOCOL_ERROR, lambda h: fine(h, 2)),
    ("5.1 DATA when the request has ended", STREAM_CLOSED,
     lambda h: fine(h, path="/wait") + frame(DATA, 0, 1, b"x")),
    ("6.9 a stream's window by 0", PROTOCOL_ERROR, lambda h: opened(h) + update(1, 0)),
    ("6.1 DATA on stream 0", PROTOCOL_ERROR, lambda h: frame(DATA, 0, 0, b"x")),
    ("6.1 padding as long as the frame", PROTOCOL_ERROR,
     lambda h: opened(h) + frame(DATA, PADDED, 1, b"\x05abc")),
    ("6.2 HEADERS on stream 0", PROTOCOL_ERROR, lambda h: frame(HEADERS, END_HEADERS, 0, block(h))),
    ("6.2 padding longer than HEADERS", PROTOCOL_ERROR,
     lambda h: frame(HEADERS, END_HEADERS | PADDED, 1, b"\xff" + block(h))),
    ("6.3 PRIORITY on stream 0", PROTOCOL_ERROR, lambda h: frame(PRIORITY, 0, 0, b"\0\0\0\0\0")),
    ("6.3 PRIORITY of another length", FRAME_SIZE_ERROR, lambda h: frame(PRIORITY, 0, 1, b"\0\0\0\0")),
    ("6.4 RST_STREAM on stream 0", PROTOCOL_ERROR, lambda h: reset(0)),
    ("6.4 RST_STREAM of another length", FRAME_SIZE_ERROR, lambda h: opened(h) + frame(RST_STREAM, 0, 1, b"\0")),
    ("6.5 SETTINGS on a stream", PROTOCOL_ERROR, lambda h: frame(SETTINGS, 0, 1)),
    ("6.5 SETTINGS of another length", FRAME_SIZE_ERROR, lambda h: frame(SETTINGS, 0, 0, b"\0\1\0")),
    ("6.5 an acknowledgement with settings", FRAME_SIZE_ERROR, lambda h: frame(SETTINGS, ACK, 0, b"\0\1\0\0\0\0")),
    ("6.5.2 ENABLE_PUSH of 2", PROTOCOL_ERROR, lambda h: settings(enable_push=2)),
    ("6.5.2 a window above 2^31 - 1", FLOW_CONTROL_ERROR, lambda h: settings(initial_window_size=1 << 31)),
    ("6.5.2 a frame size below 2^14", PROTOCOL_ERROR, lambda h: settings(max_frame_size=16383)),
    ("6.6 PUSH_PROMISE of a client", PROTOCOL_ERROR,
     lambda h: opened(h) + frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + block(h))),
    ("6.7 PING on a stream", PROTOCOL_ERROR, lambda h: frame(PING, 0, 1, b"12345678")),
    ("6.7 PING of another length", FRAME_SIZE_ERROR, lambda h: frame(PING, 0, 0, b"1234567")),
    ("6.8 GOAWAY on a stream", PROTOCOL_ERROR, lambda h: frame(GOAWAY, 0, 1, b"\0" * 8)),
    ("6.9 WINDOW_UPDATE of another length", FRAME_SIZE_ERROR, lambda h: frame(WINDOW_UPDATE, 0, 0, b"\0\0\1")),
    ("6.9 a connection's window by 0", PROTOCOL_ERROR, lambda h: update(0, 0)),
    ("6.9.1 a connection's window too large", FLOW_CONTROL_ERROR, lambda h: update(0, 0x7fffffff)),
    ("4.2 SETTINGS above the size", FRAME_SIZE_ERROR, lambda h: frame(SETTINGS, 0, 0, b"\0" * 16386)),
    ("4.3 a place that the table does not have", COMPRESSION_ERROR,
     lambda h: frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\x80\x01")),
    ("4.3 a table above what was allowed", COMPRESSION_ERROR,
     lambda h: frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x3f\xe1\xff\x03" + block(h))),
    ("5.1 WINDOW_UPDATE on an idle stream of ours", PROTOCOL_ERROR, lambda h: update(2, 1)),
    ("5.1 HEADERS when the request has ended", STREAM_CLOSED,
     lambda h: fine(h, path="/wait") + h.head([("x", "y")], 1)),
    ("5.3.2 HEADERS with a priority after themselves", PROTOCOL_ERROR,
     lambda h: frame(HEADERS, END_HEADERS | END_STREAM | PRIORITISED, 1, b"\0\0\0\1\x10" + block(h))),
    ("6.1 padding without its length", PROTOCOL_ERROR, lambda h: opened(h) + frame(DATA, PADDED, 1)),
    ("6.2 a priority that is cut", FRAME_SIZE_ERROR,
     lambda h: frame(HEADERS, END_HEADERS | END_STREAM | PRIORITISED, 1, b"\0\0\0")),
    ("6.5.2 a frame size above 2^24 - 1", PROTOCOL_ERROR, lambda h: settings(max_frame_size=1 << 24)),
    ("6.5.3 an acknowledgement that nobody asked for", PROTOCOL_ERROR, lambda h: frame(SETTINGS, ACK)),
    ("6.8 a GOAWAY that is cut", FRAME_SIZE_ERROR, lambda h: frame(GOAWAY, 0, 0, b"\0" * 4)),
    ("8441 ENABLE_CONNECT_PROTOCOL of 2", PROTOCOL_ERROR, lambda h: settings(enable_connect_protocol=2)),
    ("9218 NO_RFC7540_PRIORITIES of 2", PROTOCOL_ERROR, lambda h: frame(SETTINGS, 0, 0, struct.pack(">HI", 9, 2))),
    ("6.10 CONTINUATION without HEADERS", PROTOCOL_ERROR,
     lambda h: opened(h) + frame(CONTINUATION, END_HEADERS, 1, block(h))),
    ("6.10 another frame within a head", PROTOCOL_ERROR,
     lambda h: frame(HEADERS, 0, 1, block(h)) + frame(PING, 0, 0, b"12345678")),
    ("6.10 another stream's CONTINUATION", PROTOCOL_ERROR,
     lambda h: frame(HEADERS, 0, 1, block(h)) + frame(CONTINUATION, END_HEADERS, 3, b"")),
]


@pytest.mark.parametrize("sends, code", [c[:0:-1] for c in CONNECTION], ids=[c[0] for c in CONNECTION])
def test_an_error_of_the_connection(h2, backend, sends, code):
    h2.send(sends(h2))
    assert h2.end() in (code if isinstance(code, tuple) else (code,))


STREAM = [
    ("6.9.1 a stream's window too large", FLOW_CONTROL_ERROR, lambda h: opened(h) + update(1, 0x7fffffff)),
    ("6.9.1 more DATA than its window", FLOW_CONTROL_ERROR,
     lambda h: opened(h) + b"".join(frame(DATA, 0, 1, b"x" * 16384) for _ in range(5))),
    ("6.9.2 a window too large by SETTINGS", FLOW_CONTROL_ERROR,
     lambda h: opened(h) + update(1, 0x7fffffff - 65535) + settings(initial_window_size=65536)),
    ("8.1 a trailer section that does not end it", PROTOCOL_ERROR,
     lambda h: opened(h) + h.head([("x", "y")], 1, end=False)),
    ("8.1.1 less data than was said", PROTOCOL_ERROR,
     lambda h: fine(h, 1, False, ("content-length", "5"), path="/wait") + frame(DATA, END_STREAM, 1, b"abc")),
    ("8.1.1 more data than was said", PROTOCOL_ERROR,
     lambda h: fine(h, 1, False, ("content-length", "2"), path="/wait") + frame(DATA, END_STREAM, 1, b"abc")),
    ("8.1.1 a length and no data", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("content-length", "2"))),
    ("8.2 upper case in a name", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("X-Up", "1"))),
    ("8.2.1 a blank in a name", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("x y", "1"))),
    ("8.2.1 a line end in a value", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("x", "a\r\nb: c"))),
    ("8.2.1 a NUL in a value", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("x", "a\0b"))),
    ("8.2.1 no name", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("", "1"))),
    ("8.2.1 a colon in a name", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("x:y", "1"))),
    ("8.2.1 a byte above 0x7e in a name", PROTOCOL_ERROR, lambda h: fine(h, 1, True, (b"x\xff", b"1"))),
    ("8.2.1 a blank before a value", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("x", " 1"))),
    ("8.2.1 a blank behind a value", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("x", "1 "))),
    ("8.2.1 DEL in a value", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("x", "1\x7f"))),
    ("8.1.1 two lengths", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("content-length", "0"), ("content-length", "0"))),
    ("8.1.1 a length that is none", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("content-length", "x"))),
    ("8.1 Connection in a trailer section", PROTOCOL_ERROR, lambda h: opened(h) + h.head([("connection", "x")], 1)),
    ("8.5 CONNECT without :authority", PROTOCOL_ERROR,
     lambda h: fine(h, method="CONNECT", authority=None, path=None, scheme=None)),
    ("8441 an extended CONNECT without :scheme", PROTOCOL_ERROR,
     lambda h: fine(h, 1, False, method="CONNECT", protocol="websocket", scheme=None)),
    ("8.2.2 Connection", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("connection", "close"))),
    ("8.2.2 Transfer-Encoding", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("transfer-encoding", "chunked"))),
    ("8.2.2 Upgrade", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("upgrade", "x"))),
    ("8.2.2 Keep-Alive", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("keep-alive", "1"))),
    ("8.2.2 Proxy-Connection", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("proxy-connection", "x"))),
    ("8.2.2 TE of something else", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("te", "gzip"))),
    ("8.3 an unknown pseudo-header field", PROTOCOL_ERROR, lambda h: fine(h, 1, True, odd="1")),
    ("8.3 :status in a request", PROTOCOL_ERROR, lambda h: fine(h, 1, True, status="200")),
    ("8.3 one behind a field", PROTOCOL_ERROR, lambda h: fine(h, 1, True, ("x", "y"), (":path", "/"), path=None)),
    ("8.3 one in a trailer section", PROTOCOL_ERROR, lambda h: opened(h) + h.head([(":path", "/")], 1)),
    ("8.3.1 :path twice", PROTOCOL_ERROR, lambda h: fine(h, 1, True, (":path", "/"))),
    ("8.3.1 no :method", PROTOCOL_ERROR, lambda h: fine(h, method=None)),
    ("8.3.1 no :scheme", PROTOCOL_ERROR, lambda h: fine(h, scheme=None)),
    ("8.3.1 no :path", PROTOCOL_ERROR, lambda h: fine(h, path=None)),
    ("8.3.1 an empty :path", PROTOCOL_ERROR, lambda h: fine(h, path="")),
    ("8.3.1 a :path without its slash", PROTOCOL_ERROR, lambda h: fine(h, path="ok")),
    ("8.3.1 a :path with an authority", PROTOCOL_ERROR, lambda h: fine(h, path="http://y/ok")),
    ("8.3.1 a :path with a blank", PROTOCOL_ERROR, lambda h: fine(h, path="/ok HTTP/1.1")),
    ("8.3.1 a :scheme that is not HTTP's", PROTOCOL_ERROR, lambda h: fine(h, scheme="ftp")),
    ("8.3.1 an :authority with a blank", PROTOCOL_ERROR, lambda h: fine(h, authority="x y")),
    ("8.5 CONNECT with a path", PROTOCOL_ERROR, lambda h: fine(h, method="CONNECT")),
    ("8441 :protocol without CONNECT", PROTOCOL_ERROR, lambda h: fine(h, protocol="websocket")),
    ("8.3.1 neither :authority nor Host", PROTOCOL_ERROR, lambda h: fine(h, authority=None)),
]


@pytest.mark.parametrize("sends, code", [c[:0:-1] for c in STREAM], ids=[c[0] for c in STREAM])
def test_an_error_of_a_stream(h2, backend, sends, code):
    backend.scripts["/wait"] = lambda peer, request: not peer.at_end()
    h2.send(sends(h2))
    assert h2.reset_of(1) == code
    h2.next_id = 3
    assert h2.get("/ok").body == b"ok"  # the connection goes on


def served(h, stream=1):
    h.send(fine(h, stream))
    h.answer(stream)
    return b""


IGNORED = [
    ("5.1 DATA on a stream that is closed", lambda h: served(h) + frame(DATA, 0, 1, b"x")),
    ("5.1 HEADERS on a stream that is closed", lambda h: served(h) + h.head([("x-in-the-table", "y")], 1)),
    ("5.1 WINDOW_UPDATE on a stream that is closed", lambda h: served(h) + update(1, 1)),
    ("5.1 RST_STREAM on a stream that is closed", lambda h: served(h) + reset(1)),
    ("5.1 DATA behind the client's reset", lambda h: opened(h) + reset(1) + frame(DATA, 0, 1, b"x")),
    ("5.1 HEADERS behind the client's reset", lambda h: opened(h) + reset(1) + h.head([("x-in-the-table", "y")], 1)),
    ("5.1.1 HEADERS on a stream that was passed over", lambda h: served(h, 5) + fine(h, 3)),
    ("5.1.1 DATA on a stream that was passed over", lambda h: served(h, 5) + frame(DATA, 0, 3, b"x")),
    ("6.7 an answer to no PING", lambda h: frame(PING, ACK, 0, b"12345678")),
    ("4.1 the reserved bit", lambda h: b"\0\0\0\x77\0\x80\0\0\1"),
]


@pytest.mark.parametrize("sends", [i[1] for i in IGNORED], ids=[i[0] for i in IGNORED])
def test_what_is_ignored(h2, backend, sends):
    backend.scripts["/wait"] = lambda peer, request: not peer.at_end()
    h2.send(sends(h2))
    seen = {1: h2.answers.get(1), 3: None}
    h2.next_id = 7
    assert h2.get("/ok", ("x-in-the-table", "y")).body == b"ok"  # what was ignored was decoded
    assert h2.goaway is None and 3 not in h2.answers
    assert seen[1] is None or seen[1].reset is None


def test_what_is_no_error(h2):
    h2.send(frame(0x77, 0xff, 0, b"unknown"), frame(0x10, 0, 0, b"\0\0\0\1u=1"), settings(enable_push=0),
            frame(SETTINGS, 0, 0, struct.pack(">HI", 0x7777, 1)), frame(PRIORITY, 0, 9, b"\0\0\0\0\x10"),
            frame(PING, 0, 0, b"12345678"))
    h2.next_id = 11
    assert h2.get("/ok").body == b"ok"
    assert any(f.kind == PING and f.flags & ACK and f.payload == b"12345678" for f in h2.seen)
    assert h2.get("/ok", ("host", "X")).body == b"ok"  # what :authority says, but for the case
    stream, h2.next_id = h2.next_id, h2.next_id + 2
    h2.send(fine(h2, stream, True, ("host", "x"), authority=None))
    assert h2.answer(stream).body == b"ok"


def test_a_preface_that_is_none(site):
    with Speaker(site.port, preface=False) as s:
        s.send(PREFACE, frame(PING, 0, 0, b"12345678"))
        assert s.end() == PROTOCOL_ERROR


def metric(site, name):
    return site.show("info")["metrics"][name]


def test_a_little_of_it_is_no_flood(h2):
    for i in range(50):
        h2.send(frame(PING, 0, 0, b"12345678"), frame(PRIORITY, 0, 1, b"\0\0\0\0\x10"), update(0, 1))
    h2.next_id = 3
    assert h2.get("/ok").body == b"ok"


def test_a_bomb(site, h2):
    """4,000 bytes in the table, named by a byte each time."""
    head = h2.encoder.encode([(":method", "GET"), (":scheme", "http"), (":path", "/ok"), (":authority", "x"),
                              ("x-bomb", "b" * 3900)])
    before = metric(site, "h2_glitch_bombs")
    h2.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, head + b"\xbe" * 8000))
    assert h2.end() == ENHANCE_YOUR_CALM
    assert metric(site, "h2_glitch_bombs") == before + 1
