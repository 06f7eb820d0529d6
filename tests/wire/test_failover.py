"""`retry`: what is tried again, where, how often; what must not be; and what it may cost."""
import itertools
import socket
import struct
import time

import pytest

from frames import Speaker
from harness import Client, Lbc, free_ports
from scripted import OK, chunked, first_segment, pattern, reply

BUSY = reply(b"busy", status="503 Service Unavailable")
KiB = 1024

RULES = {
    "none": "",
    "status": "retry 2 on 503, 520..529 { budget 100% }",
    "post": "retry 2 on 503, reset { methods POST  budget 100% }",
    "keep": "retry 2 on 503, reset, timeout { buffer 16KiB  timeout 400ms  budget 100% }",
    "reset": "retry 2 on reset { budget 100% }",
    "timeout": "retry 1 on timeout { timeout 400ms  budget 100% }",
    "slow": "retry 1 on 503 { timeout 400ms }",
    "budget": "retry 1 on 503 { budget 1% }",
    "backoff": "retry 1 on 503 { backoff 600ms }",
    "breaker": "retry 1 on 503 { backoff 600ms }; circuit-breaker { retries 1 }",
}


@pytest.fixture(scope="module")
def site(begin, backend, second):
    """An lbc before two servers, with a cluster for each rule, by host; `gone` and `alone` have one that
    is not there."""
    port, closed = free_ports(2)
    text = ["lbconf 1"]
    for name, rule in RULES.items():
        text.append(f"cluster {name} {{ server a 127.0.0.1:{backend.port}; server b 127.0.0.1:{second.port}; "
                    f"{rule} }}")
    text.append(f"cluster gone {{ server x 127.0.0.1:{closed}; server a 127.0.0.1:{backend.port}; "
                f"retry 2 on 503 }}")
    text.append(f"cluster alone {{ server x 127.0.0.1:{closed}; retry 2 }}")
    text.append(f"cluster once {{ server a 127.0.0.1:{backend.port}; server b 127.0.0.1:{second.port}; "
                f"retry 0 on 503 {{ budget 100% }} }}")
    text.append(f"cluster unsaid {{ balance first; server x 127.0.0.1:{closed}; server a 127.0.0.1:{backend.port} }}")
    rules = [f'when host == "{name}" {{ forward {name} }}' for name in [*RULES, "gone", "once", "unsaid"]]
    rules += ['when host == "once-more" { retry 1; forward once }', 'when host == "never" { retry 0; forward status }',
              'when host == "unsaid-never" { retry 0; forward unsaid }',
              'when host == "unsaid-once" { retry 1; forward unsaid }',
              'when host == "last" { retry 0; continue } when host == "last" { retry 1; forward once }']
    text.append(f"listener front {{ bind 127.0.0.1:{port}; route site }}")
    text.append("route site { " + "\n ".join(rules) + "\n otherwise { forward alone } }")
    return begin(Lbc, "\n".join(text), workers=1, port=port)


class Pair:
    """A path at both servers."""
    names = itertools.count(1)

    def __init__(self, one, other, at_one, at_other):
        self.path, self.servers = f"/pair{next(self.names)}", (one, other)
        one.scripts[self.path], other.scripts[self.path] = at_one, at_other

    def seen(self):
        return [r for s in self.servers for r in s.of(self.path)]

    def all_reached_the_other(self, n, body=b""):
        """n requests: all came to the second server, once each; of the first, which each try counts as a turn
        for the next choice, it is only known that it was tried."""
        one, other = (s.of(self.path) for s in self.servers)
        assert len(other) == n and 1 <= len(one) <= n
        assert all(r.body == body for r in one + other)


@pytest.fixture
def pair(backend, second):
    yield lambda at_one, at_other=OK: Pair(backend, second, at_one, at_other)
    assert not second.failures, second.failures


def closes(peer, request):
    """Reads the request, and goes without a word."""
    peer.body(request)
    return False


def sleeps(peer, request):
    peer.body(request)
    time.sleep(1.2)
    peer.send(OK)
    return True


def twice(client, host, p, method="GET", body=b"", *fields):
    """Two requests, so that each server is the first once; the responses."""
    if body:
        fields = [*fields, f"Content-Length: {len(body)}"]
    return [client.get(p.path, *fields, host=host, method=method, body=body) for _ in range(2)]


# --- what is tried again -------------------------------------------------------------------------

@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_a_status_that_the_rule_names_leads_to_the_other_server(client, pair, records, method):
    p = pair(BUSY)
    for _ in range(2):
        client.request(p.path, host="status", method=method)
        assert client.response(method).status == 200
    p.all_reached_the_other(2)
    found = records(p.path, 2)
    assert {(r["tries"], r.get("retried")) for r in found} <= {(1, None), (2, "status")}
    assert sum(r["tries"] for r in found) == len(p.seen())
    assert all(r["server"] == "b" for r in found)


def test_a_range_of_statuses(client, pair):
    assert [r.status for r in twice(client, "status", pair(reply(status="525 x")))] == [200, 200]


@pytest.mark.parametrize("host", ["none", "reset"])
def test_a_status_that_no_rule_names_is_passed_on(client, pair, host):
    p = pair(BUSY)
    assert sorted(r.status for r in twice(client, host, p)) == [200, 503]
    assert len(p.seen()) == 2


def test_another_status_is_passed_on(client, pair):
    p = pair(reply(b"x", status="500 x"))
    assert sorted(r.status for r in twice(client, "status", p)) == [200, 500]


def test_when_all_say_so_the_last_answer_is_passed_on(client, pair, records):
    p = pair(BUSY, BUSY)
    r = client.get(p.path, host="status")
    assert (r.status, r.body) == (503, b"busy")
    assert len(p.seen()) == 3, "the first try and two more"
    [r] = records(p.path)
    assert (r["tries"], r["retried"], r["not_retried"]) == (3, "status", "tries")


@pytest.mark.parametrize("method", ["POST", "PATCH", "BREW"])
@pytest.mark.parametrize("does", [BUSY, closes, sleeps])
def test_what_is_not_idempotent_is_never_executed_twice(client, pair, records, method, does):
    p = pair(does, does)
    assert client.get(p.path, host="keep", method=method).status in (502, 503, 504)
    time.sleep(0.05)
    assert len(p.seen()) == 1
    assert records(p.path)[0]["not_retried"] == "method"


def test_unless_the_rule_says_so(client, pair):
    p = pair(BUSY)
    assert [r.status for r in twice(client, "post", p, "POST")] == [200, 200]
    p = pair(closes)
    assert [r.status for r in twice(client, "post", p, "POST")] == [200, 200]
    p = pair(BUSY)
    assert sorted(r.status for r in twice(client, "post", p, "GET")) == [200, 503], "it says POST alone"


def test_a_server_that_breaks_off_in_silence(client, pair, records):
    p = pair(closes)
    assert [r.status for r in twice(client, "reset", p)] == [200, 200]
    p.all_reached_the_other(2)
    assert "reset" in {r.get("retried") for r in records(p.path, 2)}
    p = pair(closes)
    assert sorted(r.status for r in twice(client, "status", p)) == [200, 502], "the rule does not name it"


def test_a_server_that_breaks_off_within_its_answer_is_not_asked_again(client, pair):
    def stutters(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-")
        return False
    p = pair(stutters)
    assert sorted(r.status for r in twice(client, "reset", p)) == [200, 502]
    assert len(p.seen()) == 2


def test_a_try_that_takes_too_long(client, pair, records):
    p = pair(sleeps)
    begun = time.monotonic()
    assert [r.status for r in twice(client, "timeout", p)] == [200, 200]
    assert 0.35 < time.monotonic() - begun
    p.all_reached_the_other(2)
    assert "timeout" in {r.get("retried") for r in records(p.path, 2)}


def test_the_time_of_a_try_holds_where_it_is_not_tried_again(client, pair, records):
    p = pair(sleeps)
    assert sorted(r.status for r in twice(client, "slow", p)) == [200, 504]
    assert {r["end"] for r in records(p.path, 2)} == {"complete", "server-timeout"}


def test_the_time_of_a_try_ends_when_the_response_begins(client, pair):
    def dawdles(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        time.sleep(0.8)
        peer.send(b"ok")
        return True
    assert [r.body for r in twice(client, "timeout", pair(dawdles))] == [b"ok", b"ok"]


def test_a_rule_that_does_not_name_connections_does_not_try_them_again(client, pair):
    p = pair(OK)
    assert sorted(r.status for r in twice(client, "gone", p)) == [200, 502]


@pytest.mark.parametrize("host, got", [
    ("once", [200, 503]), ("once-more", [200, 200]), ("never", [200, 503]), ("last", [200, 200])])
def test_a_clause_says_how_often(client, pair, host, got):
    """In place of the cluster, which still says on what; the clause that comes last has its say."""
    assert sorted(r.status for r in twice(client, host, pair(BUSY))) == got


@pytest.mark.parametrize("host, status", [("unsaid", 200), ("unsaid-once", 200), ("unsaid-never", 502)])
def test_a_clause_says_it_where_the_cluster_does_not(client, backend, host, status):
    time.sleep(1.1)  # so long is one that could not be reached avoided
    assert client.get(backend.script(), host=host).status == status


def test_a_server_that_stands_alone_is_asked_again(client, records):
    assert client.get("/alone", host="alone").status == 502
    [r] = records("/alone")
    assert (r["tries"], r["retried"], r["not_retried"]) == (3, "connect-failure", "tries")


# --- bodies --------------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [1, 5000, 16 * KiB])
@pytest.mark.parametrize("does", [BUSY, closes, sleeps], ids=["status", "reset", "timeout"])
def test_a_body_that_was_kept_is_sent_again(client, pair, size, does):
    body = pattern(size)
    p = pair(does)
    assert [r.status for r in twice(client, "keep", p, "PUT", body)] == [200, 200]
    p.all_reached_the_other(2, body)


def test_one_that_comes_in_pieces(site, pair):
    body, p = pattern(9000), pair(BUSY)
    for _ in range(2):
        with Client(site.port) as c:
            c.send(f"PUT {p.path} HTTP/1.1\r\nHost: keep\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            for i in range(0, len(body), 1000):
                c.send(body[i:i + 1000])
                time.sleep(0.01)
            assert c.response().status == 200
    p.all_reached_the_other(2, body)


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("does", [BUSY, closes], ids=["status", "reset"])
def test_one_of_a_stream_with_its_length_or_without(site, pair, length, does):
    """Its trailers too, which come with its end."""
    body, p = pattern(5000), pair(does)
    fields = [("content-length", str(len(body)))] if length else []
    with Speaker(site.port) as h2:
        for _ in range(2):
            stream = h2.ask(p.path, *fields, method="PUT", authority="keep", end=False)
            for at in range(0, len(body), 1000):
                h2.data(stream, body[at:at + 1000])
            if length:
                h2.data(stream, end=True)
            else:
                h2.send(h2.head([("x-sum", "6")], stream))
            assert h2.answer(stream).status == 200
    p.all_reached_the_other(2, body)
    assert all(r.trailers == (b"" if length else b"x-sum: 6\r\n") for r in p.seen())


def test_an_answer_that_comes_before_the_body_is_whole(site, pair):
    """The other server gets what has come, and what is still to come."""
    def early(peer, request):
        peer.send(BUSY)
        time.sleep(0.3)
        return False
    body, p = pattern(9000), pair(early)
    for _ in range(2):
        with Client(site.port) as c:
            c.send(f"PUT {p.path} HTTP/1.1\r\nHost: keep\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            c.send(body[:3000])
            time.sleep(0.1)
            c.send(body[3000:])
            assert c.response().status == 200
    assert [r.body for r in p.servers[1].of(p.path)] == [body] * 2


@pytest.mark.parametrize("host, size", [("keep", 16 * KiB + 1), ("keep", 200_000), ("status", 1)])
def test_one_that_was_not_kept_is_not(client, pair, records, host, size):
    p = pair(BUSY)
    assert sorted(r.status for r in twice(client, host, p, "PUT", pattern(size))) == [200, 503]
    assert len(p.seen()) == 2
    assert {r.get("not_retried") for r in records(p.path, 2)} == {None, "body"}


def test_one_in_chunks_is_not_kept(client, pair):
    p = pair(BUSY)
    got = [client.get(p.path, "Transfer-Encoding: chunked", host="keep", method="PUT",
                      body=chunked(b"12345", 2)).status for _ in range(2)]
    assert sorted(got) == [200, 503]


def test_what_follows_on_the_connection_is_not_taken_for_the_body(site, pair, backend):
    body, p = pattern(700), pair(BUSY)
    after = backend.script()
    head = f"PUT {p.path} HTTP/1.1\r\nHost: keep\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for size in [1, 100]:  # what follows may come with the body, or behind it
        with Client(site.port) as c:
            c.send(head + body + f"GET {after} HTTP/1.1\r\nHost: none\r\nX-Pad: {'x' * size}\r\n\r\n".encode())
            assert c.response().status == 200
            assert c.response().status == 200
    assert all(r.body == body for r in p.seen())


def test_a_request_whose_last_try_fails_too_leaves_the_connection_in_order(client, pair):
    p = pair(BUSY, BUSY)
    r = client.get(p.path, "Content-Length: 5", host="keep", method="PUT", body=b"12345")
    assert (r.status, r.body) == (503, b"busy")
    assert [r.body for r in p.seen()] == [b"12345"] * 3
    assert client.get(p.path, host="none").status == 503, "the next request is a request"


# --- what it may cost ----------------------------------------------------------------------------

def metric(site, name):
    return site.show("info")["metrics"][name]


def test_the_budget_bounds_what_retries_add(site, client, pair, records):
    p = pair(BUSY, BUSY)
    before = metric(site, "retries_over_budget")
    for _ in range(40):
        assert client.get(p.path, host="budget").status == 503
    assert 40 + 10 <= len(p.seen()) <= 40 + 2 * 10, "ten are free in the windows, which may end meanwhile"
    assert metric(site, "retries_over_budget") - before == 80 - len(p.seen())
    assert {r["not_retried"] for r in records(p.path, 40)} == {"tries", "budget"}


def test_a_pause_before_the_next_try(client, pair):
    p = pair(BUSY)
    begun = time.monotonic()
    assert [r.status for r in twice(client, "backoff", p)] == [200, 200]
    assert 0.29 < time.monotonic() - begun < 5


def test_a_client_that_leaves_in_the_pause_ends_it(site, pair, records):
    p = pair(BUSY, BUSY)
    with Client(site.port) as c:
        c.request(p.path, host="backoff")
        time.sleep(0.15)
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert records(p.path)[0]["end"] == "client-abort"
    time.sleep(0.9)
    assert len(p.seen()) == 1


def test_the_circuit_breaker_bounds_those_that_are_tried_again(site, pair, records):
    p = pair(BUSY, BUSY)
    clients = [Client(site.port) for _ in range(3)]
    for c in clients:
        c.request(p.path, host="breaker")
    assert [c.response().status for c in clients] == [503] * 3
    for c in clients:
        c.close()
    assert sorted(r["not_retried"] for r in records(p.path, 3)) == ["circuit-breaker"] * 2 + ["tries"]
    assert len(p.seen()) == 4
    assert first_segment(p.path) == p.path
