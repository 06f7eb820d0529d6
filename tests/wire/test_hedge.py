"""`hedge`: another server is asked too when the first is slow. Who is first is the answer, the other learns that
nobody waits any more; and what is asked twice is bounded."""
import contextlib
import socket
import ssl
import threading
import time

import pytest

from frames import CANCEL, Speaker
from h2_scripted import H2Server, says
from harness import Client, Lbc, free_port, wait_for
from harness.certificates import Authority
from scripted import OK, first_segment, pattern, reply

LONG = 10  # how long a slow server takes, if nobody ends it: no test waits so long

RULES = {  # the first server is always asked first
    "plain": "retry 0 { hedge after 100ms  budget 100% }",
    "late": "retry 0 { hedge after 5s  budget 100% }",
    "status": "retry 0 on 503 { hedge after 100ms  budget 100% }",
    "post": "retry 0 { hedge after 100ms  methods POST  buffer 16KiB  budget 100% }",
    "budget": "retry 0 { hedge after 20ms  budget 1% }",
    "breaker": "retry 0 { hedge after 100ms  budget 100% }; circuit-breaker { retries 1 }",
    "full": "retry 0 { hedge after 100ms  budget 100% }; circuit-breaker { connections 1 }",
    "timeout": "retry 0 { hedge after 100ms  timeout 1500ms  budget 100% }",
}


@pytest.fixture(scope="module")
def h2s():
    made = [H2Server(), H2Server()]
    yield made
    for s in made:
        s.stop()


@pytest.fixture(scope="module")
def site(begin, backend, second, h2s):
    port, text = free_port(), ["lbconf 1"]
    for name, rule in RULES.items():
        text.append(f"cluster {name} {{ balance first; server a 127.0.0.1:{backend.port}; "
                    f"server b 127.0.0.1:{second.port}; {rule} }}")
    text.append(f"cluster alone {{ server a 127.0.0.1:{backend.port}; {RULES['plain']} }}")
    text.append(f"cluster busy {{ balance first; server a 127.0.0.1:{backend.port}; "
                f"server b 127.0.0.1:{second.port} max-connections 1; {RULES['plain']} }}")
    text.append(f"cluster b-only {{ server b 127.0.0.1:{second.port} }}")
    text.append(f"cluster streams {{ balance first; protocol h2c; server a 127.0.0.1:{h2s[0].port}; "
                f"server b 127.0.0.1:{h2s[1].port}; {RULES['plain']} }}")
    names = [*RULES, "alone", "busy", "b-only", "streams"]
    text.append(f"listener front {{ bind 127.0.0.1:{port}; route site }}")
    text.append("route site {" + "\n".join(f'when host == "{n}" {{ forward {n} }}' for n in names) +
                "\notherwise { deny 404 } }")
    return begin(Lbc, "\n".join(text), workers=1, port=port)


class Slow:
    """Reads a request and says nothing for long; .gone is set when its connection ends before that."""

    def __init__(self, after=LONG, answer=None):
        self.after, self.answer = after, answer
        self.asked, self.gone = threading.Event(), threading.Event()

    def __call__(self, peer, request):
        peer.body(request)
        self.asked.set()
        peer.socket.settimeout(self.after)
        with contextlib.suppress(TimeoutError):
            if peer.socket.recv(1) == b"":
                self.gone_at = time.monotonic()
                self.gone.set()
                return False
        peer.socket.settimeout(None)
        if self.answer:
            peer.send(self.answer)
        return self.answer is not None


@pytest.fixture
def pair(backend, second):
    """pair(at the first, at the second): a path."""
    def make(one, other):
        path = backend.script(one)
        path = f"/hedge{path[1:]}"
        backend.scripts[path], second.scripts[path] = one, other
        return path
    yield make
    assert not second.failures, second.failures


def metrics(site):
    return site.show("info")["metrics"]


def test_the_fast_one_is_the_answer_and_the_slow_one_learns_of_it(site, client, pair, backend, second, records):
    slow, before = Slow(), metrics(site)
    path = pair(slow, reply(b"fast"))
    r = client.get(path, host="plain")
    assert (r.status, r.body) == (200, b"fast")
    assert slow.asked.is_set() and slow.gone.wait(5), "its connection is closed"
    assert len(backend.of(path)) == len(second.of(path)) == 1
    [record] = records(path)
    assert (record["server"], record["tries"], record["retried"], record["end"]) == ("b", 2, "hedge", "complete")
    now = metrics(site)
    assert (now["hedges"] - before["hedges"], now["hedges_won"] - before["hedges_won"]) == (1, 1)
    assert client.get(path, host="b-only").body == b"fast", "and the client's connection is in order"


def test_the_first_may_still_be_the_answer(site, client, pair, second):
    slow, before = Slow(), metrics(site)
    path = pair(Slow(0.6, reply(b"first")), slow)
    assert client.get(path, host="plain").body == b"first"
    assert slow.asked.is_set() and slow.gone.wait(5)
    now = metrics(site)
    assert (now["hedges"] - before["hedges"], now["hedges_won"] - before["hedges_won"]) == (1, 0)


def test_who_is_in_time_is_not_hedged(client, pair, second):
    path = pair(OK, OK)
    for _ in range(5):
        assert client.get(path, host="late").status == 200
    assert not second.of(path)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_what_is_safe_is_hedged(client, pair, method):
    slow = Slow()
    client.request(pair(slow, OK), host="plain", method=method)
    assert client.response(method).status == 200 and slow.gone.wait(5)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_is_not_safe_is_not(client, pair, second, method):
    path = pair(Slow(0.5, reply(b"once")), OK)
    r = client.get(path, "Content-Length: 2", host="plain", method=method, body=b"hi")
    assert r.body == b"once" and not second.of(path)
    assert client.get(path, host="plain", method=method).body == b"once" and not second.of(path)


@pytest.mark.parametrize("size", [0, 1, 5000, 16 * 1024])
def test_unless_it_is_said_and_its_body_was_kept(client, pair, backend, second, size):
    slow, body = Slow(), pattern(size)
    path = pair(slow, reply(b"fast"))
    assert client.get(path, f"Content-Length: {size}", host="post", method="POST", body=body).body == b"fast"
    assert slow.gone.wait(5)
    assert [r.body for r in backend.of(path) + second.of(path)] == [body] * 2


@pytest.mark.parametrize("size", [5000, 16 * 1024])
def test_a_body_stays_in_order_when_the_first_answers_after_all(client, pair, size):
    path = pair(Slow(0.5, reply(b"first")), Slow())
    for _ in range(2):
        assert client.get(path, f"Content-Length: {size}", host="post", method="POST",
                          body=pattern(size)).body == b"first"
        assert client.get("/", host="b-only").status == 200


def test_a_body_that_was_not_kept_is_sent_once(client, pair, second):
    path, size = pair(Slow(0.5, reply(b"once")), OK), 16 * 1024 + 1
    r = client.get(path, f"Content-Length: {size}", host="post", method="POST", body=pattern(size))
    assert r.body == b"once" and not second.of(path)


def closes_after(seconds):
    def does(peer, request):
        time.sleep(seconds)
        return False
    return does


def test_when_the_first_fails_the_second_is_awaited(client, pair, records):
    path = pair(closes_after(0.3), Slow(0.6, reply(b"second")))
    assert client.get(path, host="plain").body == b"second"
    [record] = records(path)
    assert (record["status"], record["server"], record["tries"]) == (200, "b", 2)


def test_when_the_second_fails_the_first_is_awaited(client, pair, records):
    path = pair(Slow(0.6, reply(b"first")), closes_after(0))
    assert client.get(path, host="plain").body == b"first"
    [record] = records(path)
    assert (record["status"], record["server"], record["tries"]) == (200, "a", 2)


def test_when_both_fail_so_does_the_request(client, pair, records):
    path = pair(closes_after(0.3), closes_after(0.3))
    assert client.get(path, host="plain").status == 502
    assert records(path)[0]["tries"] == 2


def test_an_answer_that_would_be_tried_again_is_none_while_the_other_may_have_one(client, pair):
    busy = reply(b"busy", status="503 Service Unavailable")
    assert client.get(pair(Slow(0.6, reply(b"first")), busy), host="status").body == b"first"
    assert client.get(pair(Slow(0.6, busy), reply(b"second")), host="status").body == b"second"
    assert client.get(pair(Slow(0.6, reply(b"first")), busy), host="plain").status == 503, "where nobody says so"


def test_who_has_begun_to_answer_answers(client, pair):
    """Be it with 103 Early Hints."""
    def hints(peer, request):
        time.sleep(0.3)
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        time.sleep(1)
        peer.send(reply(b"first"))
        return False
    slow = Slow(0.6, reply(b"second"))
    client.request(pair(hints, slow), host="plain")
    assert client.response().status == 103
    assert client.response().body == b"first" and slow.gone.is_set()


def test_a_head_that_comes_in_pieces_is_awaited_as_any(client, pair):
    """The second one is faster, though the first said something first."""
    def dribbles(peer, request):
        time.sleep(0.2)
        with contextlib.suppress(OSError):
            for b in reply(b"first"):
                peer.send(bytes([b]))
                time.sleep(0.05)
        return False
    assert client.get(pair(dribbles, Slow(0.4, reply(b"second"))), host="plain").body == b"second"


def test_a_client_that_leaves_ends_both(site, pair):
    one, other = Slow(), Slow()
    with Client(site.port) as c:
        c.request(pair(one, other), host="plain")
        assert other.asked.wait(5)
        c.reset() if hasattr(c, "reset") else c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert one.gone.wait(5) and other.gone.wait(5)


def test_the_time_of_a_try_begins_anew_for_both(client, pair, records):
    one, other = Slow(), Slow()
    path = pair(one, other)
    assert client.get(path, host="timeout").status == 504
    assert one.gone.wait(5) and other.gone.wait(5) and abs(one.gone_at - other.gone_at) < 1
    [record] = records(path)
    assert (record["tries"], record["end"]) == (2, "server-timeout")


# --- what it may cost ----------------------------------------------------------------------------

def test_the_budget_bounds_it(client, pair, second, records):
    """Ten in a few seconds, and one in a hundred."""
    path = pair(Slow(0.1, OK), OK)
    for _ in range(25):
        assert client.get(path, host="budget").status == 200
    found = records(path, 25)
    hedged = sum(r.get("retried") == "hedge" for r in found)
    assert 1 <= hedged <= 11 and len(second.of(path)) == hedged
    assert {r.get("not_retried") for r in found if r.get("retried") is None} <= {"budget", None}
    assert any(r.get("not_retried") == "budget" for r in found)


def at_once(site, host, path, n):
    clients = [Client(site.port) for _ in range(n)]
    for c in clients:
        c.request(path, host=host)
    got = [c.response().body for c in clients]
    for c in clients:
        c.close()
    return got


def test_the_circuit_breaker_bounds_it(site, pair, second):
    path = pair(Slow(0.6, reply(b"first")), Slow(0.9, reply(b"second")))
    assert at_once(site, "breaker", path, 3) == [b"first"] * 3
    assert len(second.of(path)) == 1
    wait_for(lambda: {c["cluster"]: c for c in site.show("clusters")}["breaker"]["breaker"]["retries"] == 0,
             "what was counted is given back")


def test_connections_are_counted_too(site, client, pair, second):
    path = pair(Slow(0.5, reply(b"first")), OK)
    assert client.get(path, host="full").body == b"first" and not second.of(path)
    assert client.get(path, host="full").body == b"first", "and given back"


def test_a_full_server_is_not_asked(site, pair, second):
    path = pair(Slow(0.6, reply(b"first")), Slow(0.9, reply(b"second")))
    assert at_once(site, "busy", path, 3) == [b"first"] * 3
    assert len(second.of(path)) == 1
    wait_for(lambda: all(s["in_flight"] == 0 for s in site.show("servers")), "all seats are given back")


def test_the_same_server_is_not_asked_twice(client, pair, backend):
    path = pair(Slow(0.5, reply(b"first")), OK)
    assert client.get(path, host="alone").body == b"first"
    assert len(backend.of(path)) == 1


# --- HTTP/2, TLS ---------------------------------------------------------------------------------

def test_a_stream_is_reset(site, h2s):
    def never(peer, stream, asked):
        pass
    for s, does in zip(h2s, (never, says(b"fast"))):
        s.scripts["/streams"] = does
    with Client(site.port) as c, Speaker(site.port) as h2:
        assert c.get("/streams", host="streams").body == b"fast"
        wait_for(lambda: getattr(h2s[0].asked["/streams"], "reset", None) == CANCEL, "the slow one's stream is reset")
        assert h2.answer(h2.ask("/streams", authority="streams")).body == b"fast"
    assert len(h2s[0].connections) == 1, "its connection stays"


def test_a_server_that_does_not_get_to_speak_tls(begin, tmp_path, silent):
    """The first attempt is still connecting when the other one is made; it may come to its end all the same."""
    ca = Authority(tmp_path)
    ca.sign("good", "never", "later")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "good.crt", tmp_path / "good.key")

    def serve(pause, body):
        listener = socket.create_server(("127.0.0.1", 0))

        def talk():
            with contextlib.suppress(OSError):
                while True:
                    c, _ = listener.accept()
                    with contextlib.suppress(OSError):
                        time.sleep(pause)
                        with context.wrap_socket(c, server_side=True) as t:
                            t.recv(4096)
                            t.sendall(reply(body, "Connection: close"))
        threading.Thread(target=talk, daemon=True).start()
        return listener.getsockname()[1]

    fast, dawdles, hopeless, port = serve(0, b"fast"), serve(0.5, b"dawdles"), serve(LONG, b""), free_port()
    text = ["lbconf 1"]
    for name, one, other in (("never", silent, fast), ("later", dawdles, hopeless)):
        text.append(f'cluster {name} {{ balance first; server a 127.0.0.1:{one}; server b 127.0.0.1:{other}; '
                    f'tls {{ ca "{ca.file}" }}; timeout connect 5s; {RULES["plain"]} }}')
    text += [f"listener front {{ bind 127.0.0.1:{port}; route site }}",
             'route site { when host == "never" { forward never } otherwise { forward later } }']
    begin(Lbc, "\n".join(text), name="tls", workers=1, port=port)
    for _ in range(2):
        with Client(port) as c:
            assert c.get("/", host="never").body == b"fast"
            assert c.get("/", host="later").body == b"dawdles"
