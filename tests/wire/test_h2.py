"""HTTP/2 from clients, to servers of HTTP/1."""
import pytest

from frames import (CANCEL, DATA, END_HEADERS, END_STREAM, HEADERS, NO_ERROR, PREFACE, REFUSED_STREAM, Speaker,
                    frame, reset, settings, update)
from harness import Client, wait_for
from scripted import chunked, pattern, reply


@pytest.fixture
def h2(site):
    with Speaker(site.port) as s:
        yield s


def test_a_request_and_its_answer(backend, h2):
    path = backend.script(reply(b"hello", "X-One: 1", "Connection: close, x-hop", "X-Hop: 2", "Keep-Alive: 3"))
    got = h2.get(path, ("x-two", "2"), ("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2"))
    assert (got.status, got.body, got["x-one"]) == (200, b"hello", "1")
    assert got["content-length"] == "5"
    assert not {"connection", "x-hop", "keep-alive", "transfer-encoding"} & {n for n, _ in got.fields}
    asked = backend.of(path)[0]
    assert (asked.line, asked["host"], asked["x-two"]) == (f"GET {path} HTTP/1.1", "x", "2")
    assert asked["cookie"] == "a=1; b=2"
    assert asked["x-forwarded-proto"] == "http"


def test_the_record_and_the_proto_field_say_it(backend, h2, records):
    path = backend.script()
    h2.get(path)
    record = records(path)[0]
    assert (record["version"], record["status"], record["end"]) == ("2", 200, "complete")


@pytest.mark.parametrize("pieces", [[PREFACE[:1], PREFACE[1:]], [PREFACE[:16], PREFACE[16:20], PREFACE[20:]]])
def test_a_preface_in_pieces(site, backend, pieces):
    path = backend.script()
    with Speaker(site.port, preface=False) as s:
        for piece in pieces[:-1]:
            s.send(piece)
            assert_nothing_said(s)
        s.send(pieces[-1], settings())
        assert s.get(path).status == 200


def assert_nothing_said(s):
    s.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        s.socket.recv(1)
    s.socket.settimeout(20)


def test_what_only_begins_like_a_preface_is_http1(site, backend):
    path = backend.script(reply(b"one"))
    with Client(site.port) as c:
        c.send("P")
        c.send(f"UT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert c.response().body == b"one"
        assert backend.of(path)[0].method == "PUT"


def test_a_body_without_length_goes_out_in_chunks(backend, h2):
    path = backend.script()
    body = pattern(300_000)
    stream = h2.ask(path, method="POST", end=False)
    for at in range(0, len(body), 10_000):
        h2.until(lambda: window(h2, stream) >= at + 10_000)
        h2.data(stream, body[at:at + 10_000])
    h2.data(stream, end=True)
    assert h2.answer(stream).status == 200
    asked = backend.of(path)[0]
    assert asked["transfer-encoding"] == "chunked" and asked["content-length"] is None
    assert asked.body == body


def window(s, stream):
    """What may have been sent on it in all, by the windows that were given."""
    given = [int.from_bytes(f.payload, "big") for f in s.seen if f.kind == 8 and f.stream == stream]
    return 65535 + sum(given)


def test_a_body_with_a_length_goes_out_with_it(backend, h2):
    path = backend.script()
    got = h2.get(path, ("content-length", "7"), method="PUT", body=b"seven77")
    assert got.status == 200
    asked = backend.of(path)[0]
    assert (asked["content-length"], asked["transfer-encoding"], asked.body) == ("7", None, b"seven77")


def test_a_body_that_is_empty_after_all(backend, h2):
    path = backend.script()
    assert h2.get(path, method="POST", body=b"").status == 200
    assert backend.of(path)[0].body == b""


def test_trailers_of_a_request(backend, h2):
    path = backend.script()
    stream = h2.ask(path, method="POST", end=False)
    h2.data(stream, b"abc")
    h2.send(h2.head([("x-sum", "6"), ("content-length", "3")], stream))
    assert h2.answer(stream).status == 200
    assert backend.of(path)[0].trailers == b"x-sum: 6\r\n"


def test_trailers_of_an_answer(backend, h2):
    path = backend.script(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
                          b"Grpc-Status: 5\r\nContent-Type: no\r\n\r\n")
    got = h2.get(path)
    assert (got.body, got.trailers, got.ended) == (b"abc", [("grpc-status", "5")], True)


@pytest.mark.parametrize("answer, body", [
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(pattern(200_000), 7000), pattern(200_000)),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + pattern(100_000), pattern(100_000)),
    (reply(pattern(1_000_000)), pattern(1_000_000)),
    (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b""),
    (reply(b""), b""),
], ids=["chunked", "until the close", "length", "204", "304", "empty"])
def test_bodies_of_answers(backend, h2, answer, body):
    def does(peer, request):
        peer.send(answer)
        return b"Connection: close" not in answer
    got = h2.get(backend.script(does))
    assert got.body == body and got.reset is None
    assert "transfer-encoding" not in dict(got.fields)


def test_head_has_a_length_and_no_body(backend, h2):
    got = h2.get(backend.script(b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"), method="HEAD")
    assert (got["content-length"], got.body, got.ended) == ("77", b"", True)


def test_interim_answers(backend, h2):
    def does(peer, request):
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        peer.send(reply(b"ok"))
        return True
    got = h2.get(backend.script(does))
    assert [dict(h)[":status"] for h in got.heads] == ["103", "200"]
    assert dict(got.heads[0])["link"] == "</a>"


def test_many_streams_at_a_time_answered_in_any_order(backend, h2):
    import threading
    last = threading.Event()

    def waits(peer, request):
        last.wait(10)
        peer.send(reply(b"slow"))
        return True

    def goes(peer, request):
        peer.send(reply(b"fast"))
        last.set()
        return True
    slow = [h2.ask(backend.script(waits)) for _ in range(20)]
    fast = h2.ask(backend.script(goes))
    assert h2.answer(fast).body == b"fast"
    assert [h2.answers.get(s) for s in slow if s in h2.answers and h2.answers[s].ended] == []
    assert [h2.answer(s).body for s in slow] == [b"slow"] * 20


def test_a_window_that_is_shut_holds_only_its_stream(site, backend):
    path = backend.script(reply(pattern(300_000)))
    with Speaker(site.port, initial_window_size=1000) as s:
        s.credit = False
        big = s.ask(path)
        s.until(lambda: big in s.answers and len(s.answers[big].body) == 1000)
        small = s.get(backend.script(reply(b"x" * 500)))
        assert small.body == b"x" * 500
        s.send(update(big, 400_000), update(0, 400_000))
        assert s.answer(big).body == pattern(300_000)


def test_a_client_that_gives_no_window_stops_the_server(site, backend):
    sent = []

    def does(peer, request):
        peer.send(reply(b"", length=False)[:-2] + b"Content-Length: 100000000\r\n\r\n")
        peer.socket.settimeout(1)
        try:
            while True:
                peer.send(b"x" * 65536)
                sent.append(65536)
        except TimeoutError:
            return False
    with Speaker(site.port) as s:
        s.credit = False
        s.ask(backend.script(does))
        wait_for(lambda: sent and stands_still(sent), "the server is stopped")
        assert sum(sent) < 12_000_000


def stands_still(sent):
    import time
    before = len(sent)
    time.sleep(0.5)
    return len(sent) == before


def test_a_reset_reaches_the_server(backend, h2):
    left = []

    def does(peer, request):
        left.append(peer.at_end())
        return False
    path = backend.script(does)
    stream = h2.ask(path)
    wait_for(lambda: backend.of(path), "the request")
    h2.send(reset(stream, CANCEL))
    wait_for(lambda: left, "the server sees the end")
    assert left == [True]
    assert h2.get(backend.script()).status == 200  # the connection goes on


def test_an_answer_cut_short_is_a_reset(backend, h2):
    def does(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        return False
    stream = h2.ask(backend.script(does))
    assert h2.answer(stream).reset is not None or h2.reset_of(stream) is not None
    assert not h2.answers[stream].ended


def test_an_answer_before_the_body_is_all_there(backend, h2):
    def does(peer, request):
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        return False
    stream = h2.ask(backend.script(does), method="POST", end=False)
    h2.data(stream, b"x" * 1000)
    got = h2.answer(stream)
    assert (got.status, got.body) == (413, b"no")
    assert h2.reset_of(stream) == NO_ERROR  # RFC 9113 8.1


def test_a_body_that_nobody_waits_for_may_end_by_itself(backend, h2):
    def does(peer, request):
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        return False
    for _ in range(20):  # a window's worth and more, which the connection has given back
        stream = h2.ask(backend.script(does), method="POST", end=False)
        assert h2.answer(stream).status == 413
        h2.data(stream, b"x" * 10000)
        h2.data(stream, b"", end=True)
        assert h2.answers[stream].reset is None


def test_bodies_that_nobody_waits_for_leave_the_window_to_others(site, h2):
    """The connection's window, 1 MiB, holds 16 streams' windows full: they are given back at once, not when
    those streams are reset."""
    for _ in range(16):
        stream = h2.ask("/denied", method="POST", end=False)
        h2.data(stream, b"x" * 65535)
        assert h2.answer(stream).status == 403
    h2.hear()
    assert 65535 + h2.given[0] - h2.used[0] > 400_000  # half of it is opened again at a time
    assert h2.given.get(stream, 0) == 0  # and it may send no more


RULES = """
  when path == "/denied" { deny 403 with "no" }
  when path == "/dropped" { drop }
  when proto == h2 and path == "/proto" { respond 200 "two" }
  when path == "/proto" { respond 200 "one" }
  when path == "/up/set" { set response header "X-Set" "yes"; continue }
"""


def test_rules(site, backend, h2):
    got = h2.get("/denied")
    assert (got.status, got.body, got["content-type"]) == (403, b"no", "text/plain; charset=utf-8")
    assert h2.get("/proto").body == b"two"
    with Client(site.port) as c:
        assert c.get("/proto").body == b"one"
    assert h2.answer(h2.ask("/dropped")).reset is not None


@pytest.mark.parametrize("fields, more, status", [
    ([("host", "other")], {}, 400),
    ([("x", "v" * 9000)] * 4, {}, 431),
    ([(f"x-{i}", "v") for i in range(120)], {}, 431),
], ids=["Host says something else", "too many bytes", "too many fields"])
def test_what_the_rules_of_http1_refuse(h2, fields, more, status):
    assert h2.get("/", *fields, **more).status == status
    assert h2.get("/denied").status == 403  # and the connection goes on


def test_connect_is_not_served(h2):
    stream, h2.next_id = h2.next_id, h2.next_id + 2
    h2.send(h2.head([(":method", "CONNECT"), (":authority", "x:1")], stream))
    assert h2.answer(stream).status == 501


def test_more_streams_than_are_allowed_are_refused(site, backend, h2):
    def does(peer, request):
        peer.at_end()
    path = backend.script(does)
    h2.acks = False  # it does not know yet
    h2.until(lambda: h2.settings)
    assert h2.settings[3] == 100
    streams = [h2.ask(path) for _ in range(101)]
    assert h2.reset_of(streams[-1]) == REFUSED_STREAM
    h2.send(*[reset(s) for s in streams[:-1]])
    h2.hear()  # a place that was given up is free when what came with the reset has been looked at
    assert h2.get("/denied").status == 403


def test_a_server_that_cannot_be_reached(site, h2):
    assert h2.get("/", authority="nowhere").status in (200, 502, 503)


def test_padding_and_priority_are_taken_off(backend, h2):
    path = backend.script()
    head = h2.encoder.encode([(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x")])
    h2.send(frame(HEADERS, END_HEADERS | 8 | 32, 1, b"\x03" + b"\0\0\0\0\x10" + head + b"\0\0\0"),
            frame(DATA, END_STREAM | 8, 1, b"\x05" + b"body" + b"\0" * 5))
    assert h2.answer(1).status == 200
    assert backend.of(path)[0].body == b"body"


def test_a_head_in_pieces(backend, h2):
    path = backend.script()
    head = h2.encoder.encode([(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "x"),
                              ("x-long", "v" * 100)])
    h2.send(frame(HEADERS, END_STREAM, 1, head[:5]), frame(9, 0, 1, head[5:20]), frame(9, END_HEADERS, 1, head[20:]))
    assert h2.answer(1).status == 200
    assert backend.of(path)[0]["x-long"] == "v" * 100
