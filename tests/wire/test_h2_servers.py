"""HTTP/2 to servers, from clients of both versions."""
import socket
import threading

import pytest

from frames import (CANCEL, DATA, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, INTERNAL_ERROR, NO_ERROR, REFUSED_STREAM,
                    Speaker, frame, reset)
from h2_scripted import H2Server, early, says
from harness import Client, Lbc, free_port, wait_for
from scripted import pattern


CONFIGURATION = """lbconf 1
cluster two {{ server s 127.0.0.1:{server}; protocol h2c
  timeout connect 3s; timeout read 10s; timeout write 10s; timeout idle 30s }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward two }} }}
"""


@pytest.fixture
def server():
    s = H2Server()
    yield s
    s.stop()


@pytest.fixture
def lbc(begin, server):
    port = free_port()
    return begin(Lbc, CONFIGURATION.format(server=server.port, port=port), workers=1, port=port,
                 name=f"lbc-{port}")


@pytest.fixture
def one(lbc):
    with Client(lbc.port) as c:
        yield c


@pytest.fixture
def two(lbc):
    with Speaker(lbc.port) as s:
        yield s


def test_one_to_two(server, one):
    path = server.script(says(b"hello", ("x-one", "1"), ("content-length", "5")))
    got = one.get(path, "X-Two: 2", "Connection: x-hop", "X-Hop: 1", "TE: trailers, deflate")
    assert (got.status, got.body, got["x-one"]) == (200, b"hello", "1")
    head = server.asked[path].heads[0]
    assert head[:4] == [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", path)]
    fields = dict(head)
    assert (fields["x-two"], fields["te"]) == ("2", "trailers")
    assert not {"x-hop", "connection", "host"} & set(fields)
    assert one.get(path).body == b"hello"
    assert len(server.connections) == 1


def test_no_websocket_is_offered_where_none_can_be(two):
    two.until(lambda: two.settings)
    assert 8 not in two.settings


def test_two_to_two(server, two):
    path = server.script(says(pattern(200_000)))
    streams = [two.ask(path) for _ in range(20)]
    assert all(two.answer(s).body == pattern(200_000) for s in streams)


@pytest.mark.parametrize("size", [0, 10, 500_000])
def test_bodies_there_and_back(server, one, two, size):
    path = server.script(lambda peer, stream, asked: says(str(len(asked.body)).encode())(peer, stream, asked))
    body = pattern(size)
    assert one.get(path, f"Content-Length: {size}", method="POST", body=body).body == str(size).encode()
    assert server.asked[path].body == body
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 9000]), body[i:i + 9000]) for i in range(0, size, 9000))
    got = one.get(path, "Transfer-Encoding: chunked", method="POST", body=chunks + b"0\r\nX-Sum: 1\r\n\r\n")
    assert got.body == str(size).encode()
    assert (server.asked[path].body, server.asked[path].trailers) == (body, [("x-sum", "1")])
    if size < 60_000:
        assert two.get(path, method="POST", body=body).body == str(size).encode()


def test_trailers(server, one, two):
    path = server.script(says(b"abc", trailers=[("grpc-status", "0"), ("grpc-message", "fine")]))
    got = two.get(path)
    assert (got.body, got.trailers) == (b"abc", [("grpc-status", "0"), ("grpc-message", "fine")])
    got = one.get(path)
    assert (got.body, got.trailers) == (b"abc", [("grpc-status", "0"), ("grpc-message", "fine")])


def test_trailers_behind_a_length(server, one, two):
    """They pass from stream to stream; HTTP/1 has no place for them there."""
    path = server.script(says(b"abc", ("content-length", "3"), trailers=[("grpc-status", "0")]))
    stream = two.ask(path, ("content-length", "3"), method="POST", body=b"xyz", end=False)
    two.send(two.head([("x-sum", "1")], stream))
    got = two.answer(stream)
    assert (got["content-length"], got.body, got.trailers) == ("3", b"abc", [("grpc-status", "0")])
    asked = server.asked[path]
    assert (dict(asked.heads[0])["content-length"], asked.body, asked.trailers) == ("3", b"xyz", [("x-sum", "1")])
    got = one.get(path)
    assert (got["content-length"], got.body, got.trailers) == ("3", b"abc", [])
    assert one.get(path).status == 200, "the connection goes on"


def test_a_length_that_is_not_kept(server, one, two):
    path = server.script(says(b"abc", ("content-length", "5")))
    assert two.get(path).reset is not None
    with pytest.raises(EOFError):
        one.get(path)


def test_the_end_comes_with_the_last_bytes(server, two):
    path = server.script(says(b"abc", ("content-length", "3")))
    stream = two.ask(path, ("content-length", "3"), method="POST", body=b"xyz")
    two.answer(stream)
    assert [(f.payload, f.flags) for f in two.seen if f.kind == DATA] == [(b"abc", END_STREAM)]


def test_an_answer_that_is_only_a_head(server, one, two):
    path = server.script(says(b"", ("grpc-status", "12")))
    got = two.get(path)
    assert (got["grpc-status"], got.body) == ("12", b"")
    last = [f for f in two.seen if f.stream][-1]
    assert last.kind == HEADERS and last.flags & END_STREAM
    assert one.get(path).body == b""
    assert one.get(path).status == 200


def test_both_ways_at_once(server, two):
    @early
    def echo(peer, stream, asked):
        peer.send(peer.head([(":status", "200")], stream, end=False))
        seen = 0
        while not asked.ended:
            peer.frame()
            if len(asked.body) > seen:
                peer.data(stream, asked.body[seen:])
                seen = len(asked.body)
        peer.send(peer.head([("grpc-status", "0")], stream))
    stream = two.ask(server.script(echo), method="POST", end=False)
    for i in range(1, 6):
        two.data(stream, b"ping")
        two.until(lambda: stream in two.answers and len(two.answers[stream].body) == 4 * i)
    two.data(stream, end=True)
    assert two.answer(stream).trailers == [("grpc-status", "0")]


def test_interim_answers(server, two):
    def does(peer, stream, asked):
        peer.send(peer.head([(":status", "103"), ("link", "</a>")], stream, end=False))
        says(b"x")(peer, stream, asked)
    got = two.get(server.script(does))
    assert [dict(h)[":status"] for h in got.heads] == ["103", "200"]


@pytest.mark.parametrize("code", [NO_ERROR, CANCEL, INTERNAL_ERROR, REFUSED_STREAM, ENHANCE_YOUR_CALM, 0x77])
def test_a_reset_of_the_client_reaches_the_server(server, two, code):
    """As CANCEL, whatever the client said: what has gone wrong there is not this server's."""
    path = server.script(early(lambda *_: None))
    stream = two.ask(path, method="POST", body=b"abc", end=False)
    wait_for(lambda: path in server.asked, "the request")
    two.send(reset(stream, code))
    wait_for(lambda: server.asked[path].reset is not None, "the reset")
    assert server.asked[path].reset == CANCEL


def test_a_client_of_http1_that_leaves_reaches_the_server(server, lbc):
    path = server.script(early(lambda *_: None))
    with Client(lbc.port) as c:
        c.request(path, "Content-Length: 5", method="POST", body=b"abc")
        wait_for(lambda: path in server.asked, "the request")
    wait_for(lambda: server.asked[path].reset is not None, "the reset")
    assert server.asked[path].reset == CANCEL


def test_a_reset_of_the_server_reaches_the_client(server, one, two):
    def does(peer, stream, asked):
        peer.send(peer.head([(":status", "200")], stream, end=False))
        peer.data(stream, b"some")
        peer.send(reset(stream, 11))
    path = server.script(does)
    assert two.answer(two.ask(path)).reset == 11
    with pytest.raises(EOFError):
        one.get(path)
    path = server.script(lambda peer, stream, asked: peer.send(reset(stream, INTERNAL_ERROR)))
    assert two.get(path).status == 502


def test_a_refused_stream_is_tried_again(server, two):
    times = []

    def does(peer, stream, asked):
        times.append(1)
        if len(times) == 1:
            peer.send(reset(stream, REFUSED_STREAM))
        else:
            says(b"now")(peer, stream, asked)
    path = server.script(does)
    assert two.get(path, method="POST").body == b"now"
    assert len(times) == 2


def test_goaway_sends_others_to_another_connection(server, two):
    def does(peer, stream, asked):
        peer.send(frame(GOAWAY, 0, 0, stream.to_bytes(4, "big") + b"\0\0\0\0"))
        says(b"last")(peer, stream, asked)
    path, other = server.script(does), server.script(says(b"next"))
    assert two.get(path).body == b"last"
    assert two.get(other).body == b"next"
    assert len(server.connections) == 2


def test_a_limit_of_streams_opens_another_connection(server, two):
    server.settings["max_concurrent_streams"] = 2
    path = server.script(says(b"first"))
    assert two.get(path).body == b"first"
    slow = server.script(early(lambda *_: None))
    streams = [two.ask(slow) for _ in range(5)]
    wait_for(lambda: sum(len(c.busy) for c in server.connections) == 6, "the first and all five")
    assert len(server.connections) > 1 and len(server.connections[0].busy) == 3
    two.send(*[reset(s) for s in streams])
    assert two.get(path).body == b"first"


def test_a_server_that_closes_and_is_there_again(server, two):
    path = server.script(says(b"here"))
    assert two.get(path).body == b"here"
    server.connections[0].socket.shutdown(socket.SHUT_RDWR)
    assert two.get(path).body == b"here"


def test_a_server_that_is_not_there(server, lbc):
    server.listener.shutdown(socket.SHUT_RDWR)
    with Speaker(lbc.port) as s:
        streams = [s.ask("/") for _ in range(3)]
        assert [s.answer(x).status for x in streams] == [502] * 3


def test_a_server_that_speaks_http1(begin):
    port = free_port()

    def accept():
        while True:
            sock, _ = listener.accept()
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    lbc = begin(Lbc, CONFIGURATION.format(server=listener.getsockname()[1], port=port), port=port, name="wrong")
    with Client(lbc.port) as c:
        assert c.get("/").status == 502


def test_idle_connections_survive_a_reload_and_go_with_their_server(server, lbc, two):
    path = server.script(says(b"here"))
    assert two.get(path).body == b"here"
    text = lbc.file.read_text()
    lbc.reload(text.replace("idle 30s", "idle 20s"))
    assert two.get(path).body == b"here"
    assert len(server.connections) == 1
    lbc.reload(text.replace("forward two", "deny 403"))
    wait_for(lambda: two.get("/").status == 403, "the new rules")
