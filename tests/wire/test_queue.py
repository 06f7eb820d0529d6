"""max-connections and the queue before it: never more than so many, first come first served, nobody forgotten."""
import socket
import struct
import threading
import time

import pytest

from harness import Client, Lbc, free_port, wait_for
from scripted import OK, Server, first_segment

RST = struct.pack("ii", 1, 0)


class Gate:
    """A path whose server answers a request when it is told, in the order they came."""

    def __init__(self, server):
        self.lock, self.open = threading.Lock(), threading.Semaphore(0)
        self.now = self.most = 0
        self.server, self.path = server, server.script(self.serve)

    def serve(self, peer, request):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.open.acquire(timeout=20)
        with self.lock:
            self.now -= 1
        peer.send(OK)
        return True

    def let(self, n=1):
        for _ in range(n):
            self.open.release()

    def seen(self):
        return [r.target.removeprefix(self.path) for r in self.server.of(self.path)]


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()
    assert not server.failures, server.failures


@pytest.fixture
def gate(server):
    return Gate(server)


def text(server, port, limits, more=""):
    return f"""lbconf 1
cluster web {{ server a 127.0.0.1:{server.port} {limits}; {more} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward web }} }}
"""


@pytest.fixture
def start(begin_each, server):
    def go(limits, more="", workers=1):
        port = free_port()
        return begin_each(Lbc, text(server, port, limits, more), workers=workers, port=port)
    return go


@pytest.fixture
def begin_each(tmp_path):
    started = []

    def go(kind, *arguments, **more):
        started.append(kind(tmp_path, *arguments, **more))
        return started[-1]
    yield go
    for process in started:
        process.stop()


def metric(lbc, name):
    return lbc.show("info")["metrics"][name]


def waiting(lbc, n):
    wait_for(lambda: metric(lbc, "requests_queued") == n, f"{n} requests wait")


def ask(lbc, gate, *names):
    """Requests on connections of their own, one after the other."""
    clients = []
    for name in names:
        before = metric(lbc, "requests_total")
        clients.append(Client(lbc.port))
        clients[-1].request(f"{gate.path}/{name}")
        wait_for(lambda: metric(lbc, "requests_total") > before, "it has come")
    return clients


def leave(client):
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    client.close()


def test_who_came_first_is_served_first(start, gate):
    lbc = start("max-connections 1")
    clients = ask(lbc, gate, *"abcdef")
    waiting(lbc, 5)
    for i, c in enumerate(clients):
        wait_for(lambda: len(gate.seen()) == i + 1, "the next one")
        gate.let()
        assert c.response().status == 200
    assert gate.seen() == [f"/{n}" for n in "abcdef"]
    assert gate.most == 1
    assert (metric(lbc, "queued_total"), metric(lbc, "requests_queued")) == (5, 0)


def test_the_limit_holds_over_all_workers_and_nobody_is_forgotten(begin_each, server, gate):
    """More clients than the server may have, over and over, on four workers."""
    port = free_port()
    lbc = begin_each(Lbc, text(server, port, "max-connections 3", "timeout queue 20s"), workers=4, port=port)
    gate.let(400)
    bad = []

    def many():
        with Client(lbc.port) as c:
            bad.extend(r.status for r in (c.get(gate.path) for _ in range(20)) if r.status != 200)
    threads = [threading.Thread(target=many) for _ in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert bad == []
    assert len(gate.seen()) == 400
    assert gate.most <= 3
    assert metric(lbc, "requests_queued") == 0
    assert lbc.show("servers")[0]["in_flight"] == 0


def test_a_queue_that_is_full_refuses_at_once(start, gate):
    lbc = start("max-connections 1", "queue 2; timeout queue 20s")
    clients = ask(lbc, gate, *"abc")
    waiting(lbc, 2)
    with Client(lbc.port) as c:
        r = c.get(f"{gate.path}/d")
    assert (r.status, r["retry-after"]) == (503, "20")
    gate.let(3)
    assert [c.response().status for c in clients] == [200] * 3
    assert gate.seen() == ["/a", "/b", "/c"]
    assert metric(lbc, "queue_full") == 1
    assert "queue-full" in [r["end"] for r in lbc.logged(4)]


def test_no_queue_at_all(start, gate):
    lbc = start("max-connections 1", "queue 0")
    [first] = ask(lbc, gate, "a")
    with Client(lbc.port) as c:
        assert c.get(f"{gate.path}/b").status == 503
    gate.let()
    assert first.response().status == 200
    gate.let()
    with Client(lbc.port) as c:
        assert c.get(f"{gate.path}/c").status == 200, "there is room again"


def test_who_has_waited_too_long_is_told_so(start, gate):
    lbc = start("max-connections 1", "queue 5 { timeout 300ms }")
    begun = time.monotonic()
    first, second = ask(lbc, gate, *"ab")
    r = second.response()
    assert (r.status, r["retry-after"]) == (503, "1")
    assert 0.3 < time.monotonic() - begun < 10
    gate.let()
    assert first.response().status == 200
    time.sleep(0.05)
    assert gate.seen() == ["/a"]
    assert sorted(r["end"] for r in lbc.logged(2)) == ["complete", "queue-timeout"]
    assert (metric(lbc, "queue_timeouts"), metric(lbc, "requests_queued")) == (1, 0)


def test_a_client_that_leaves_leaves_the_queue(start, gate):
    lbc = start("max-connections 1", "queue 3")
    a, b, c, d = ask(lbc, gate, *"abcd")
    leave(b)
    leave(c)
    waiting(lbc, 1)
    [e] = ask(lbc, gate, "e")
    gate.let(3)
    assert [x.response().status for x in (a, d, e)] == [200] * 3
    assert gate.seen() == ["/a", "/d", "/e"]


@pytest.mark.parametrize("request_", [
    "GET {} HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n" + 30_000 * "b",
], ids=["a request", "one with a body that waits"])
def test_a_client_that_closes_its_connection_leaves_the_queue_too(start, gate, request_):
    lbc = start("max-connections 1", "queue 3")
    [a] = ask(lbc, gate, "a")
    with socket.create_connection(("127.0.0.1", lbc.port)) as s:
        s.sendall(request_.format(f"{gate.path}/b").encode())
        waiting(lbc, 1)
    if request_.startswith("GET"):
        waiting(lbc, 0)
    [c] = ask(lbc, gate, "c")
    gate.let(2)
    assert [x.response().status for x in (a, c)] == [200] * 2
    assert gate.seen() == ["/a", "/c"]
    assert sorted(r["end"] for r in lbc.logged(3)) == ["client-abort", "complete", "complete"]


def test_a_tcp_connection_that_waits_may_close_its_half(begin_each, server):
    """It has said all it had to say, and waits for what it is told."""
    port, seen, free = free_port(), [], threading.Event()

    def echo(peer):
        seen.append(peer.recv(100))
        assert free.wait(20)
        peer.sendall(seen[-1])
        peer.close()
    with socket.create_server(("127.0.0.1", 0)) as origin:
        def serve():
            for _ in range(2):
                threading.Thread(target=echo, args=(origin.accept()[0],), daemon=True).start()
        threading.Thread(target=serve, daemon=True).start()
        lbc = begin_each(Lbc, f"""lbconf 1
cluster db {{ protocol tcp; server a 127.0.0.1:{origin.getsockname()[1]} max-connections 1 }}
listener front {{ bind 127.0.0.1:{port}; protocol tcp; route r }}
route r {{ otherwise {{ forward db }} }}
""", port=port)
        with socket.create_connection(("127.0.0.1", port)) as a:
            a.sendall(b"one")
            wait_for(lambda: seen == [b"one"], "the first is served")
            with socket.create_connection(("127.0.0.1", port)) as b:
                b.sendall(b"two")
                b.shutdown(socket.SHUT_WR)
                waiting(lbc, 1)
                time.sleep(0.2)
                free.set()
                assert a.recv(100) == b"one"
                a.close()
                assert b.recv(100) == b"two"


def test_who_leaves_the_server_makes_room_too(start, gate):
    lbc = start("max-connections 1")
    a, b = ask(lbc, gate, *"ab")
    wait_for(lambda: gate.seen() == ["/a"], "the first one is served")
    leave(a)
    wait_for(lambda: gate.seen() == ["/a", "/b"], "the other one is")
    gate.let(2)
    assert b.response().status == 200


def test_a_reload_keeps_those_that_wait_and_more_room_is_theirs(start, server, gate):
    lbc = start("max-connections 1", workers=2)
    clients = ask(lbc, gate, *"abcd")
    waiting(lbc, 3)
    lbc.reload(text(server, lbc.port, "max-connections 1", "timeout read 50s"))
    waiting(lbc, 3)
    lbc.reload(text(server, lbc.port, "max-connections 3"))
    wait_for(lambda: len(gate.seen()) == 3, "three at a time")
    assert metric(lbc, "requests_queued") == 1
    lbc.reload(text(server, lbc.port, ""))
    wait_for(lambda: len(gate.seen()) == 4, "all of them")
    gate.let(4)
    assert [c.response().status for c in clients] == [200] * 4


def test_a_drained_server_takes_none_of_them(start, gate):
    lbc = start("max-connections 1")
    a, b = ask(lbc, gate, *"ab")
    waiting(lbc, 1)
    lbc.ctl("drain", "web/a")
    assert b.response().status == 503, "there is no server to wait for"
    gate.let()
    assert a.response().status == 200
    assert gate.seen() == ["/a"]


def test_a_shutdown_lets_them_finish(start, gate):
    lbc = start("max-connections 1")
    clients = ask(lbc, gate, *"abc")
    waiting(lbc, 2)
    lbc.ctl("shutdown")
    gate.let(3)
    assert [c.response().status for c in clients] == [200] * 3
    assert lbc.wait() == 0


def test_a_shutdown_that_is_over_closes_them(begin_each, server, gate):
    port = free_port()
    lbc = begin_each(Lbc, text(server, port, "max-connections 1"), workers=2, port=port, drain=1)
    clients = ask(lbc, gate, *"abcd")
    waiting(lbc, 3)
    lbc.stop()
    for c in clients:
        assert c.at_end()
    gate.let(4)


def test_tcp_connections_are_counted_too(begin_each, server):
    port = free_port()
    lbc = begin_each(Lbc, f"""lbconf 1
cluster web {{ server a 127.0.0.1:{server.port} max-connections 1; protocol tcp }}
listener front {{ bind 127.0.0.1:{port}; protocol tcp; route site }}
route site {{ otherwise {{ forward web }} }}
""", workers=1, port=port)
    path = server.script()
    with Client(port) as a:
        assert a.get(path).status == 200
        b = Client(port)
        b.request(path)
        waiting(lbc, 1)
        assert len(server.of(path)) == 1
    assert b.response().status == 200, "as soon as the other has left"
    b.close()


@pytest.mark.parametrize("own, all_of_them", [("max-connections 1", ""), ("", "max-connections 1")])
def test_servers_that_are_found_have_a_limit_too(begin_each, tmp_path, server, gate, own, all_of_them):
    port = free_port()
    (tmp_path / "servers.txt").write_text(f"127.0.0.1:{server.port}\n")
    lbc = begin_each(Lbc, f"""lbconf 1
cluster web {{ servers file "servers.txt" {own}; {all_of_them} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward web }} }}
""", workers=1, port=port)
    wait_for(lambda: lbc.show("servers"), "it is found")
    clients = ask(lbc, gate, *"ab")
    waiting(lbc, 1)
    gate.let(2)
    assert [c.response().status for c in clients] == [200] * 2


def test_the_circuit_breaker_refuses_what_is_too_much(start, gate):
    lbc = start("", "circuit-breaker { connections 2 }")
    clients = ask(lbc, gate, *"ab")
    with Client(lbc.port) as c:
        r = c.get(f"{gate.path}/c")
        assert (r.status, r["retry-after"]) == (503, "1")
    gate.let(3)
    assert [c.response().status for c in clients] == [200] * 2
    with Client(lbc.port) as c:
        assert c.get(f"{gate.path}/d").status == 200, "it closes again"
    [refused] = [r for r in lbc.logged(4) if r["status"] == 503]
    assert (refused["end"], refused["reason"]) == ("circuit-breaker", "connections")
    assert metric(lbc, "circuit_breaker_refusals") == 1
    assert gate.seen() == ["/a", "/b", "/d"]


def test_the_circuit_breaker_bounds_those_without_a_connection(start, gate):
    lbc = start("max-connections 1", "circuit-breaker { pending 2 }")
    clients = ask(lbc, gate, *"abc")
    waiting(lbc, 2)
    with Client(lbc.port) as c:
        assert c.get(f"{gate.path}/d").status == 503
    gate.let(4)
    assert [c.response().status for c in clients] == [200] * 3
    with Client(lbc.port) as c:
        assert c.get(f"{gate.path}/e").status == 200
    assert [r["reason"] for r in lbc.logged(5) if r["status"] == 503] == ["pending"]


def test_who_waits_for_room_does_not_break_the_circuit(start, gate):
    """The queue is before the connections: as many as there is room for are let through."""
    lbc = start("max-connections 2", "circuit-breaker { connections 2 }")
    clients = ask(lbc, gate, *"abcd")
    waiting(lbc, 2)
    gate.let(4)
    assert [c.response().status for c in clients] == [200] * 4


def test_the_room_of_a_server_that_cannot_be_reached_is_none(start, gate):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dead = taken.getsockname()[1]
    lbc = start("max-connections 1", f"server dead 127.0.0.1:{dead} max-connections 1; timeout queue 20s")
    clients = ask(lbc, gate, *"ab")
    waiting(lbc, 1)
    gate.let(2)
    assert [c.response().status for c in clients] == [200] * 2
    assert gate.seen() == ["/a", "/b"]


def test_a_request_whose_time_is_over_before_a_server_has_it_is_not_the_clients_fault(begin_each):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dead = taken.getsockname()[1]
    port = free_port()
    lbc = begin_each(Lbc, f"""lbconf 1
cluster web {{ server a 127.0.0.1:{dead}; retry 2 on connect-failure {{ backoff 30s }} }}
listener front {{ bind 127.0.0.1:{port}; timeout request 300ms; route site }}
route site {{ otherwise {{ forward web }} }}
""", workers=1, port=port)
    with Client(lbc.port) as c:
        assert c.get("/").status == 504


def test_when_no_server_is_left_it_is_503_and_says_why(start, gate):
    lbc = start("max-connections 1")
    lbc.ctl("drain", "web/a")
    with Client(lbc.port) as c:
        assert c.get(gate.path).status == 503
    [r] = lbc.logged()
    assert (r["end"], r["reason"]) == ("no-server", "every server of the cluster is down or drained")
    assert metric(lbc, "requests_without_server") == 1
    assert first_segment(r["uri"]) == gate.path


def test_who_waits_is_called_when_a_server_is_avoided_no_more(begin_each, server, gate):
    """`b` refuses a connection and is avoided for a second; `a` is full. Nobody leaves any server meanwhile."""
    port = free_port()
    with socket.socket() as late:
        late.bind(("127.0.0.1", 0))
        lbc = begin_each(Lbc, f"""lbconf 1
cluster web {{
  server a 127.0.0.1:{server.port} max-connections 1; server b 127.0.0.1:{late.getsockname()[1]} max-connections 5
  timeout queue 60s
}}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward web }} }}
""", workers=1, port=port)
        held = ask(lbc, gate, "held")[0]
        wait_for(lambda: len(gate.seen()) == 1, "it is at a")
        second = ask(lbc, gate, "second")[0]
        waiting(lbc, 1)
        late.listen()
        late.settimeout(20)
        with late.accept()[0] as at_b:
            assert b"/second" in at_b.recv(65536)
            at_b.sendall(OK)
            assert second.response().status == 200
        assert gate.now == 1
        gate.let()
        assert held.response().status == 200
