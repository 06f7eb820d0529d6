"""1xx: Expect: 100-continue and early hints (RFC 9110 10.1.1, 15.2)."""
import threading
import time

import pytest

from harness import Client, wait_for
from scripted import OK, SlowClient, pattern, reply

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def expecting(path, n, *fields, version="HTTP/1.1"):
    return "\r\n".join([f"POST {path} {version}", "Host: x", f"Content-Length: {n}",
                        "Expect: 100-continue", *fields, "", ""]).encode()


def test_a_client_that_waits_for_100_gets_it_from_the_server(client, backend):
    def let_it_come(peer, request):
        assert request["expect"] == "100-continue"
        peer.send(CONTINUE)
        peer.body(request)
        peer.send(OK)
        return True
    path = backend.script(let_it_come)
    for n in (5, 200_000):
        client.send(expecting(path, n))
        assert client.head().status == 100
        client.send(pattern(n))
        assert client.response().body == b"ok"
        assert backend.of(path)[-1].body == pattern(n)
    assert len({r.connection for r in backend.of(path)}) == 1


def test_a_client_that_does_not_wait_is_served_too(client, backend):
    def let_it_come(peer, request):
        peer.send(CONTINUE)
        peer.body(request)
        peer.send(OK)
        return True
    path = backend.script(let_it_come)
    client.send(expecting(path, 100_000) + pattern(100_000))
    assert [client.head().status, client.response().status] == [100, 200]
    assert backend.of(path)[0].body == pattern(100_000)
    assert client.get(backend.script()).status == 200


def test_a_server_may_do_without_100(client, backend):
    path = backend.script()
    client.send(expecting(path, 5) + b"12345")
    assert client.response().status == 200


@pytest.mark.parametrize("sends", [b"", b"12345"])
def test_a_server_that_answers_finally_without_reading_is_heard(client, backend, sends):
    """The body will not be read, so the connection ends; the server's too."""
    def refuse(peer, request):
        peer.send(reply(b"no", status="417 Expectation Failed"))
        assert peer.file.read() == b"", "no byte of the body was sent without a 100"
    def refuse_with_body(peer, request):
        peer.body(request)
        peer.send(reply(b"no", status="417 Expectation Failed"))
        return True
    client.send(expecting(backend.script(refuse_with_body if sends else refuse), 5) + sends)
    r = client.response()
    assert (r.status, r.body) == (417, b"no")
    if sends:
        assert client.get(backend.script()).status == 200
    else:
        assert client.at_end()


def test_a_client_of_1_0_gets_no_100(client, backend):
    def both(peer, request):
        peer.send(CONTINUE)
        peer.body(request)
        peer.send(OK)
    client.send(expecting(backend.script(both), 5, version="HTTP/1.0") + b"12345")
    assert client.response().status == 200


def test_early_hints_are_passed_on_before_the_answer(client, backend):
    hints = (b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-hop\r\n"
             b"X-Hop: 1\r\n\r\n")

    def hint(peer, request):
        peer.send(b"HTTP/1.1 102 Processing\r\n\r\n" + hints)
        peer.send(reply(b"page"))
        return True
    path = backend.script(hint)
    client.request(path)
    assert client.head().status == 102
    r = client.head()
    assert (r.status, r["link"], r["x-hop"]) == (103, "</a.css>; rel=preload", None)
    assert client.response().body == b"page"
    assert client.get(path, version="HTTP/1.0").body == b"page", "1.0 does not know them"


def test_hints_are_seen_while_the_answer_is_still_being_made(client, backend):
    go = threading.Event()

    def hint(peer, request):
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        assert go.wait(10)
        peer.send(OK)
        return True
    client.request(backend.script(hint))
    assert client.head().status == 103
    go.set()
    assert client.response().status == 200


def test_an_interim_response_with_a_body_is_none(client, backend):
    """1xx has no body; what follows it is the next head, and garbage as such."""
    path = backend.script(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 4\r\n\r\nevil" + OK)
    client.request(path)
    assert client.head().status == 103
    assert client.response().status == 502


def test_a_flood_of_interim_responses_ends(client, backend):
    """A server that never comes to the point is a server that does not answer."""
    def flood(peer, request):
        while True:
            peer.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000)
    client.request(backend.script(flood))
    statuses = []
    while len(statuses) < 1000 and (not statuses or statuses[-1] < 200):
        statuses.append(client.head().status)
    assert statuses[-1] == 502


def test_a_flood_does_not_keep_the_worker_from_others(site, client, backend):
    def flood(peer, request):
        while True:
            peer.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000)
    client.request(backend.script(flood))
    with Client(site.port, timeout=5) as other:
        assert other.get(backend.script()).status == 200


def test_interim_responses_wait_for_a_client_that_reads_slowly(site, backend):
    """The socket is full of the answer before; what it does not take must neither be lost nor pile up."""
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: " + b"l" * 30_000 + b"\r\n\r\n"
    all_hints_seen = threading.Event()

    def wait_for_client(peer, request):
        peer.send(hint * 95)
        assert all_hints_seen.wait(10), "the hints reach the client while the answer is not there"
        peer.send(OK)
        return True
    big, slow = backend.script(reply(pattern(8_000_000))), backend.script(wait_for_client)
    with SlowClient(site.port) as c:
        c.request(big)
        c.request(slow)
        r, body = c.head(), b""
        while not backend.of(slow) and len(body) < 7_960_000:
            body += c.file.read(20_000)
        wait_for(lambda: backend.of(slow), "what is left of the answer is in sockets, and the next request goes on")
        time.sleep(0.1)  # for the hints to be stuck behind what is left of the first answer
        body += c.file.read(8_000_000 - len(body))
        assert (r.status, body == pattern(8_000_000)) == (200, True)
        assert [c.head().status for _ in range(95)] == [103] * 95
        all_hints_seen.set()
        assert c.response().status == 200
