"""What is tried again, and what must not be: nothing is executed twice that may not be (RFC 9110 9.2.2)."""
import signal
import threading
import time

import pytest

from harness import Client, Lbc, Origin, free_ports, wait_for
from scripted import OK, reply


@pytest.fixture(scope="module")
def clusters(begin, backend):
    """An lbc before servers that are there and servers that are not: `host="half"`, `host="none"`."""
    port, *closed = free_ports(5)
    origin = begin(Origin)
    lbc = begin(Lbc, f"""lbconf 1
cluster half {{
  server gone1 127.0.0.1:{closed[0]}
  server here 127.0.0.1:{origin.port}
  server gone2 127.0.0.1:{closed[1]}
}}
cluster none {{
  server gone1 127.0.0.1:{closed[0]}
  server gone2 127.0.0.1:{closed[1]}
  server gone3 127.0.0.1:{closed[2]}
}}
cluster spare {{
  server gone1 127.0.0.1:{closed[0]}
  server spare 127.0.0.1:{origin.port} backup
}}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{
  when host == "half" {{ forward half }}
  when host == "none" {{ forward none }}
  otherwise {{ forward spare }}
}}
""", workers=1, port=port, name="clusters")
    lbc.origin = origin
    return lbc


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("body", [b"", b"12345", bytes(200_000)], ids=len)
def test_a_refused_connection_leads_to_another_server_and_no_error(clusters, method, body):
    """Nothing of the request had been sent, so it may be of any method."""
    with Client(clusters.port) as c:
        for _ in range(6):
            r = c.get("/echo", f"Content-Length: {len(body)}", host="half", method=method, body=body)
            assert (r.status, r["x-origin"]) == (200, str(clusters.origin.port))
            assert r.body.endswith(b"\r\n\r\n" + body)


def test_the_log_says_how_many_were_tried(clusters):
    with Client(clusters.port) as c:
        for i in range(3):
            assert c.get(f"/tries{i}", host="half").status == 200
    found = wait_for(lambda: len(f := [r for r in clusters.log() if r["uri"].startswith("/tries")]) == 3 and f,
                     "three records")
    assert all(r["tries"] >= 1 and r["server"] == "here" and r["end"] == "complete" for r in found)


def test_when_no_server_can_be_reached_it_is_502(clusters):
    with Client(clusters.port) as c:
        r = c.get("/unreachable", host="none")
        assert r.status == 502
        assert b"No server could be reached" in r.body
        assert c.get("/b/1", host="half").status == 200, "the client's connection goes on"
    [r] = wait_for(lambda: [r for r in clusters.log() if r["uri"] == "/unreachable"], "the record")
    assert (r["status"], r["end"], r["tries"]) == (502, "connect-failed", 3)
    assert "server_status" not in r


def test_a_small_body_of_a_request_that_reached_nobody_is_skipped(clusters):
    with Client(clusters.port) as c:
        r = c.get("/", "Content-Length: 5", host="none", method="POST", body=b"12345")
        assert r.status == 502
        assert r["connection"] == "close" or c.get("/b/1", host="half").status == 200


# --- connections that are used again -------------------------------------------------------------

def dying(backend, answer=OK, last=b"", how="close"):
    """A path whose server answers first on a connection, and breaks it at the second request, after the
    bytes `last`; on a new connection it answers again. It counts what it got."""
    used = set()

    def answer_once(peer, request):
        if peer.number in used:
            if last:
                peer.send(last)
                time.sleep(0.02)
            if how == "reset":
                peer.reset()
            return False
        used.add(peer.number)
        peer.body(request)
        peer.send(answer)
        return True
    return backend.script(answer_once)


def fresh(c, path, backend):
    """One request, so that its connection is in the pool and the next takes it."""
    assert c.get(path, "Connection: keep-alive").status == 200
    return len(backend.of(path))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "PUT"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_reused_connection_that_dies_in_silence_is_no_error_for_idempotent_ones(
        client, backend, records, method, how):
    path = dying(backend, how=how)
    n = fresh(client, path, backend)
    client.request(path, "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", method=method)
    assert client.response(method).status == 200
    first, second = backend.of(path)[n:]
    assert second.connection != first.connection
    assert second.fields == first.fields, "the same request, word for word"
    assert second["x-forwarded-for"] == "127.0.0.1"
    assert [r["tries"] for r in records(path, 2)] == [1, 2]


@pytest.mark.parametrize("method, body", [("POST", b""), ("POST", b"12345"), ("PATCH", b""), ("BREW", b""),
                                          ("PUT", b"12345"), ("GET", b"12345")])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_what_might_be_executed_twice_is_502_instead(client, backend, records, method, body, how):
    """Others than idempotent ones, and those whose body is gone."""
    path = dying(backend, how=how)
    n = fresh(client, path, backend)
    fields = [f"Content-Length: {len(body)}"] if body else []
    assert client.get(path, *fields, method=method, body=body).status == 502
    time.sleep(0.05)
    assert len(backend.of(path)) == n + 1, "seen once"
    assert records(path, 2)[1]["end"] == "server-error"


@pytest.mark.parametrize("last", [
    b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n", b"garbage\r\n\r\n",
    reply(b"", "Content-Length: 1", "Content-Length: 1", length=False),
    reply(b"", "Transfer-Encoding: gzip", length=False)])
def test_a_server_that_has_said_anything_is_not_asked_again(client, backend, last):
    path = dying(backend, last=last)
    n = fresh(client, path, backend)
    client.request(path)
    r = client.response()
    assert (client.response() if r.status == 103 else r).status == 502
    time.sleep(0.05)
    assert len(backend.of(path)) == n + 1, "seen once"


def test_a_new_connection_that_dies_is_not_tried_again(client, backend):
    path = backend.script(lambda peer, request: False)
    backend_alone = backend.script(reply(b"x", "Connection: close"))
    for _ in range(3):  # whatever is in the pool goes
        client.get(backend_alone)
    n = len(backend.connections)
    assert client.get(path).status == 502
    assert len(backend.of(path)) <= 2
    assert len({r.connection for r in backend.of(path)} - set(range(n))) == 1, "one new connection"


def test_a_server_that_always_dies_is_asked_twice_at_most(client, backend):
    path = backend.script(lambda peer, request: False)
    assert client.get(backend.script()).status == 200
    assert client.get(path).status == 502
    assert len(backend.of(path)) == 2, "on the connection that was there, and on a new one"


def test_a_connection_that_is_closed_while_idle_is_not_used(client, backend):
    path = backend.script()
    assert client.get(path).status == 200
    for peer in list(backend.connections):
        if peer.socket.fileno() != -1:
            peer.socket.shutdown(2)
    time.sleep(0.05)
    assert client.get(path, method="POST").status == 200, "not even what could not be retried is lost"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_is_reset_just_before_the_request_is_written(site, client, backend, method):
    """lbc is stopped while both happen, so that it mostly hears of the request first. If not, it uses a
    new connection at once."""
    now, gone = threading.Event(), threading.Event()

    def answer_and_reset(peer, request):
        peer.send(OK)
        if not gone.is_set():
            assert now.wait(10)
            peer.reset()
            gone.set()
    path = backend.script(answer_and_reset)
    assert client.get(path).status == 200
    site.signal(signal.SIGSTOP)
    try:
        client.request(path, "X-Forwarded-For: 192.0.2.1", method=method)
        time.sleep(0.05)
        now.set()
        assert gone.wait(10)
        time.sleep(0.05)
    finally:
        site.signal(signal.SIGCONT)
    status = client.response().status
    assert status == 200 or (method, status) == ("POST", 502)
    assert len(backend.of(path)) == (2 if status == 200 else 1)
    if status == 200:
        assert backend.of(path)[1]["x-forwarded-for"] == "127.0.0.1"
