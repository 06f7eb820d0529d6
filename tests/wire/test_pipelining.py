"""Connections that are kept: pipelined requests, and connections to servers used again (RFC 9112 9.3)."""
import pytest

from harness import Client
from scripted import chunked, pattern, reply


def get(path, *fields, method="GET", version="HTTP/1.1", body=b""):
    return "\r\n".join([f"{method} {path} {version}", "Host: x", *fields, "", ""]).encode() + body


def answer_path(peer, request):
    peer.body(request)
    peer.send(reply(request.target.encode()))
    return True


def test_answers_to_pipelined_requests_come_in_order(client, backend):
    path = backend.script(answer_path)
    client.send(b"".join(get(f"{path}/{i}") for i in range(50)))
    assert [client.response().body.decode() for _ in range(50)] == [f"{path}/{i}" for i in range(50)]
    assert len({r.connection for r in backend.of(path)}) == 1, "one connection to the server does"


def test_pipelined_requests_may_have_bodies(client, backend):
    path = backend.script(answer_path)
    bodies = [b"", pattern(10), pattern(70000), b"GET /evil HTTP/1.1\r\nHost: x\r\n\r\n", pattern(3)]
    for framing in ("length", "chunked"):
        client.send(b"".join(
            get(f"{path}/{i}", f"Content-Length: {len(b)}", method="POST", body=b) if framing == "length"
            else get(f"{path}/{i}", "Transfer-Encoding: chunked", method="POST", body=chunked(b, 999))
            for i, b in enumerate(bodies)))
        for i in range(len(bodies)):
            assert client.response().body.decode() == f"{path}/{i}"
    assert [r.body for r in backend.of(path)] == bodies * 2


def test_a_pipeline_of_one_byte_at_a_time_is_no_other(client, backend):
    path = backend.script(answer_path)
    for byte in (get(f"{path}/a", "Content-Length: 3", method="POST", body=b"abc") +
                 get(f"{path}/b", "Transfer-Encoding: chunked", method="POST", body=chunked(b"xyz", 2)) +
                 get(f"{path}/c")):
        client.send(bytes([byte]))
    assert [client.response().body.decode()[-1] for _ in range(3)] == ["a", "b", "c"]


@pytest.mark.parametrize("size", [47 * 1024, 48 * 1024 - 100, 48 * 1024, 60_000])
def test_a_head_that_does_not_fit_behind_a_body_any_more_is_read_on(client, backend, size):
    """The buffer ends within the second head."""
    path = backend.script(answer_path)
    client.send(get(f"{path}/1", f"Content-Length: {size}", method="POST", body=pattern(size)) +
                get(f"{path}/2", "X-Long: " + "l" * 2000) + get(f"{path}/3"))
    assert [client.response().body.decode()[-1] for _ in range(3)] == ["1", "2", "3"]
    assert backend.of(path)[1]["x-long"] == "l" * 2000


def test_a_slow_answer_is_waited_for_by_those_behind_it(client, backend):
    slow = backend.script(reply(b"slow"))
    client.request("/slow/200", host="origin")
    client.request(slow)
    assert client.response()["x-origin"] is not None
    assert client.response().body == b"slow"


def test_answers_of_rules_and_of_servers_keep_their_order(client, backend):
    path = backend.script(answer_path)
    client.send(get(f"{path}/1") + get("/nowhere", "Content-Length: 5", "X-Deny: 1", body=b"12345") +
                get(f"{path}/2"))
    assert [client.response().status for _ in range(3)] == [200, 403, 200]


RULES = 'when header "x-deny" exists { deny }'


@pytest.mark.parametrize("version, field, stays", [
    ("HTTP/1.1", None, True),
    ("HTTP/1.1", "Connection: close", False),
    ("HTTP/1.1", "Connection: Close, x", False),
    ("HTTP/1.0", None, False),
    ("HTTP/1.0", "Connection: keep-alive", True),
    ("HTTP/1.0", "Connection: keep-alive, close", False)])
def test_a_clients_connection_stays_as_it_asks(client, backend, version, field, stays):
    r = client.get(backend.script(), *([field] if field else []), version=version)
    assert r.status == 200
    if stays:
        assert r["connection"] == (None if version == "HTTP/1.1" else "keep-alive")
        assert client.get(backend.script()).status == 200
    else:
        assert r["connection"] == "close"
        assert client.at_end()


def test_what_comes_behind_connection_close_is_not_looked_at(client, backend):
    first, second = backend.script(), backend.script()
    client.send(get(first, "Connection: close") + get(second))
    assert client.response().status == 200
    assert client.at_end()
    assert backend.of(second) == []


def test_a_connection_to_the_server_serves_one_client_after_the_other(site, backend):
    path = backend.script()
    for _ in range(5):
        with Client(site.port) as c:
            assert c.get(path, "Connection: close").status == 200
    assert len({r.connection for r in backend.of(path)}) == 1


def test_a_server_that_says_close_is_not_asked_again_on_that_connection(client, backend):
    path = backend.script(reply(b"x", "Connection: close"))
    for _ in range(3):
        r = client.get(path)
        assert (r.status, r["connection"]) == (200, None), "the client's connection is another matter"
    assert len({r.connection for r in backend.of(path)}) == 3


def test_bytes_behind_a_response_end_its_connection(client, backend):
    """They would be taken for the next answer."""
    path = backend.script(reply(b"x") + reply(b"nobody asked for this"))
    for _ in range(3):
        assert client.get(path).body == b"x"
    assert len({r.connection for r in backend.of(path)}) == 3


def test_bytes_that_come_while_a_connection_is_idle_end_it(client, backend):
    path = backend.script(reply(b"x"))
    assert client.get(path).body == b"x"
    [first] = backend.of(path)
    peer = backend.connections[first.connection]
    peer.send(reply(b"nobody asked for this"))
    assert peer.at_end(), "lbc closes it"
    assert client.get(path).body == b"x"
    assert backend.of(path)[1].connection != first.connection


def test_two_empty_lines_before_a_request_are_skipped_and_three_are_not(client, backend):
    path = backend.script()
    client.send(b"\r\n\r\n" + get(path))
    assert client.response().status == 200
    client.send(b"\r\n\r\n\r\n" + get(path))
    assert client.response().status == 400
    assert client.at_end()
