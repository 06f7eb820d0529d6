"""Servers that answer badly are left out for a while: what counts, how many, and what the log says of it."""
import contextlib
import re
import socket
import threading

import pytest

from harness import Client, Lbc, free_port, free_ports, wait_for
from scripted import Server, reply

BAD = reply(b"bad", status="500 Internal Server Error")


class Moody(Server):
    """A server that does what its mood is: the bytes of a response, or a function as scripts have."""

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.well = reply(name.encode())
        self.mood = self.well
        self.scripts["/"] = self.act

    def act(self, peer, request):
        mood = self.mood
        if callable(mood):
            return mood(peer, request)
        peer.body(request)
        peer.send(mood)
        return True


@pytest.fixture
def servers():
    made = [Moody(name) for name in "abc"]
    yield made
    for s in made:
        s.stop()
        assert not s.failures, s.failures


def text(port, servers, cluster, each=""):
    lines = "\n".join(f"  server {s.name} 127.0.0.1:{s.port} {each}" for s in servers)
    return f"""lbconf 1
cluster web {{
{lines}
  {cluster}
}}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward web }} }}
"""


@pytest.fixture
def site(start, servers):
    """site("outlier { … }"): an lbc in front of a, b and c."""
    def go(cluster, among=servers, workers=1):
        port = free_port()
        return start(Lbc, text(port, among, cluster), workers=workers, port=port)
    return go


def ask(lbc, path="/"):
    """What the answer says; None when there was no whole answer."""
    with Client(lbc.port) as c:
        try:
            r = c.get(path)
        except (OSError, AssertionError, EOFError, ValueError):
            return None
        return r.body.decode() if r.status == 200 else r.status


def events(lbc, about):
    return [line for line in lbc.said().splitlines() if about in line]


def event(lbc, about, n=1, seconds=20):
    """Waits for the n-th line about that."""
    return wait_for(lambda: len(events(lbc, about)) >= n and events(lbc, about)[n - 1], about, seconds)


def of(lbc, name):
    return next(s for s in lbc.show("servers") if s["server"] == name)


def reset(peer, request):
    peer.body(request)
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome")
    peer.reset()


def close(peer, request):
    peer.body(request)
    return False


def silent(peer, request):
    peer.body(request)
    peer.at_end()


MALFORMED = b"HTTP/1.1 huh\r\n\r\n"


@pytest.mark.parametrize("mood", [BAD, reset, close, silent, MALFORMED], ids=["500", "reset", "close", "silent", "malformed"])
def test_three_errors_in_a_row_eject(site, servers, mood):
    servers[1].mood = mood
    lbc = site("outlier { consecutive-errors 3  eject 1m }; timeout read 200ms")
    wait_for(lambda: [ask(lbc)] and len(servers[1].requests) >= 3, "b has had three", 30)
    said = event(lbc, "server web/b is ejected")
    assert said.endswith("server web/b is ejected for 60 s: 3 errors in a row")
    before = len(servers[1].requests)
    assert sorted(ask(lbc) for _ in range(10)) == ["a"] * 5 + ["c"] * 5
    assert len(servers[1].requests) == before == 3
    assert len(events(lbc, "ejected")) == 1


def test_connections_that_can_not_be_made_eject(start, servers):
    port, nobody = free_ports(2)
    lbc = start(Lbc, text(port, servers, f"server d 127.0.0.1:{nobody}; outlier {{ consecutive-errors 2 }}"),
                workers=1, port=port)
    wait_for(lambda: ask(lbc) and events(lbc, "web/d is ejected"), "d is ejected", 30)
    assert "2 errors in a row" in event(lbc, "web/d is ejected")


def test_of_a_tcp_cluster_connections_count(start):
    port, nobody = free_ports(2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        lbc = start(Lbc, f"""lbconf 1
cluster raw {{ protocol tcp; server a 127.0.0.1:{listening.getsockname()[1]}; server b 127.0.0.1:{nobody}
  outlier {{ consecutive-errors 2 }} }}
listener front {{ bind 127.0.0.1:{port}; protocol tcp; route site }}
route site {{ otherwise {{ forward raw }} }}
""", workers=1, port=port)

        def connect():
            with socket.create_connection(("127.0.0.1", port), timeout=20):
                listening.accept()[0].close()
            return events(lbc, "raw/b is ejected")
        wait_for(connect, "b is ejected", 30)
    assert not events(lbc, "raw/a is")


def test_a_tcp_connection_that_is_made_ends_the_row(start):
    """b refuses, takes one, refuses: no two in a row. Once more: two."""
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as a, socket.socket() as b:
        b.bind(("127.0.0.1", 0))
        lbc = start(Lbc, f"""lbconf 1
cluster raw {{ protocol tcp; server a 127.0.0.1:{a.getsockname()[1]}; server b 127.0.0.1:{b.getsockname()[1]}
  outlier {{ consecutive-errors 2 }} }}
listener front {{ bind 127.0.0.1:{port}; protocol tcp; route site }}
route site {{ otherwise {{ forward raw }} }}
""", workers=1, port=port)
        a.settimeout(0.05)

        def until(condition, what):
            def connect():
                with socket.create_connection(("127.0.0.1", port), timeout=20), contextlib.suppress(TimeoutError):
                    a.accept()[0].close()
                return condition()
            wait_for(connect, what, 30)

        def refused():
            return of(lbc, "b")["connect_errors"]
        until(lambda: refused() == 1, "b has refused one")
        b.listen()
        b.setblocking(False)

        def accepted():
            with contextlib.suppress(BlockingIOError):
                b.accept()[0].close()
                return True
        until(accepted, "b has taken one")
        b.close()
        until(lambda: refused() == 2, "b has refused another")
        assert of(lbc, "b")["ejections"] == 0
        until(lambda: refused() == 3, "b has refused a third")
        event(lbc, "raw/b is ejected")


def test_an_idle_connection_that_dies_is_no_error(site, servers):
    """Of each connection the second request is not answered: it is sent once more, elsewhere."""
    seen = {}

    def once(peer, request):
        seen[peer.number] = seen.get(peer.number, 0) + 1
        if seen[peer.number] == 2:
            return False
        peer.send(servers[1].well)
        return True
    servers[1].mood = once
    lbc = site("outlier { consecutive-errors 1 }")
    assert {ask(lbc) for _ in range(18)} == {"a", "b", "c"}
    assert max(seen.values()) == 2
    assert of(lbc, "b")["ejections"] == 0


def test_a_timeout_on_a_connection_in_use_before_is_one(site, servers):
    lbc = site("outlier { consecutive-errors 2 }; timeout read 300ms")
    for _ in range(6):
        ask(lbc)
    servers[1].mood = silent
    wait_for(lambda: ask(lbc) and of(lbc, "b")["ejections"] == 1, "b is ejected", 30)
    assert of(lbc, "b")["response_errors"] == 2


@pytest.mark.parametrize("status", ["501 Not Implemented", "505 HTTP Version Not Supported", "404 Not Found"])
def test_what_the_request_is_to_blame_for_is_no_error(site, servers, status):
    servers[1].mood = reply(b"no", status=status)
    lbc = site("outlier { consecutive-errors 1 }")
    for _ in range(12):
        ask(lbc)
    assert len(servers[1].requests) == 4
    assert of(lbc, "b")["ejections"] == 0


def test_a_good_answer_between_begins_anew(site, servers):
    turn = iter(range(100))

    def now_and_then(peer, request):
        peer.send(BAD if next(turn) % 3 else servers[1].well)
        return True
    servers[1].mood = now_and_then
    lbc = site("outlier { consecutive-errors 3 }")
    for _ in range(60):
        ask(lbc)
    assert len(servers[1].requests) == 20
    assert of(lbc, "b")["ejections"] == 0


def test_what_is_tried_again_counts(site, servers):
    servers[1].mood = BAD
    lbc = site("retry 1 on 500; outlier { consecutive-errors 3 }")
    wait_for(lambda: ask(lbc) in ("a", "c") and "web/b is ejected" in lbc.said(), "it is ejected")
    assert "errors in a row" in event(lbc, "web/b is ejected")
    asked = len(servers[1].requests)
    assert asked >= 3
    assert {ask(lbc) for _ in range(12)} == {"a", "c"}
    assert len(servers[1].requests) == asked


def test_it_comes_back_and_goes_for_longer(site, servers):
    servers[1].mood = BAD
    lbc = site("outlier { consecutive-errors 2  eject 1s }")

    def until(about, n=1):
        wait_for(lambda: ask(lbc) and len(events(lbc, about)) >= n, about, 30)
    until("web/b is ejected")
    shown = of(lbc, "b")
    assert (shown["ejections"], shown["ejected"]["times"], shown["ejected"]["reason"]) == (1, 1, "2 errors in a row")
    assert 0 < shown["ejected"]["for_s"] <= 1
    assert re.search(r"web/b .*ejected for 0\.\d+s .*2 errors in a row; times: 1", lbc.ctl("show", "servers"))
    until("server web/b is back: its time is over")
    until("web/b is ejected for 2 s: 2 errors in a row; the time in a row: 2")
    servers[1].mood = servers[1].well
    until("web/b is back", 2)
    wait_for(lambda: ask(lbc) == "b", "b is used again")
    assert of(lbc, "b").get("ejected") is None
    assert of(lbc, "b")["ejections"] == 2


def test_no_more_than_a_part_is_ejected_and_nobody_gets_a_503(site, servers):
    for s in servers:
        s.mood = BAD
    lbc = site("outlier { consecutive-errors 2  eject 1m  max-ejected 67% }")
    assert {ask(lbc) for _ in range(60)} == {500}
    event(lbc, "is ejected", 2)
    assert sum(s["ejections"] for s in lbc.show("servers")) == 2
    assert not events(lbc, "has no server")


def test_ejected_servers_are_better_than_none(site, servers):
    """b is ejected, then the others are drained: it is used again, at once, and says so."""
    servers[1].mood = BAD
    lbc = site("outlier { consecutive-errors 2  eject 1m }")
    wait_for(lambda: ask(lbc) and events(lbc, "web/b is ejected"), "b is ejected", 30)
    lbc.ctl("drain", "web/a")
    assert not events(lbc, "goes on with")
    lbc.ctl("drain", "web/c")
    assert "0 usable, 1 ejected, 0 down, 2 drained" in event(lbc, "cluster web goes on with servers that were ejected")
    servers[1].mood = servers[1].well
    assert ask(lbc) == "b"
    lbc.ctl("maintenance", "web/b")
    assert "0 usable, 0 ejected, 0 down, 3 drained" in event(lbc, "cluster web has no server left")
    assert ask(lbc) == 503
    lbc.ctl("ready", "web/a")
    assert "1 usable" in event(lbc, "cluster web serves again")
    assert ask(lbc) == "a"


def test_health_and_ejection_together(start, servers):
    """The one that is up is ejected when the other goes down, and serves all the same."""
    a, b, _ = servers
    port = free_port()
    for s in (a, b):
        s.scripts["/health"] = s.well
    lbc = start(Lbc, text(port, (a, b), """health http GET "/health" { every 500ms  timeout 500ms  rise 1  fall 2 }
  outlier { consecutive-errors 2  eject 1m }"""), workers=1, port=port)
    assert not events(lbc, "cluster web")
    b.mood = BAD
    wait_for(lambda: ask(lbc) and events(lbc, "web/b is ejected"), "b is ejected", 30)
    a.scripts["/health"] = BAD
    event(lbc, "server web/a is down")
    event(lbc, "goes on with servers that were ejected: 0 usable, 1 ejected, 1 down, 0 drained")
    b.mood = b.well
    assert {ask(lbc) for _ in range(5)} == {"b"}
    b.scripts["/health"] = BAD
    event(lbc, "cluster web has no server left: 0 usable, 0 ejected, 2 down, 0 drained")
    assert ask(lbc) == 503
    a.scripts["/health"] = a.well
    event(lbc, "cluster web serves again")
    assert ask(lbc) == "a"


def test_an_operator_returns_it(site, servers):
    servers[1].mood = BAD
    lbc = site("outlier { consecutive-errors 2  eject 1m }")
    wait_for(lambda: ask(lbc) and events(lbc, "web/b is ejected"), "b is ejected", 30)
    servers[1].mood = servers[1].well
    lbc.ctl("ready", "web/b")
    event(lbc, "server web/b is back: an operator says that it is ready")
    assert sorted(ask(lbc) for _ in range(9)) == sorted("abc" * 3)


def test_a_reload_keeps_it_and_one_without_the_rule_returns_it(site, servers):
    servers[1].mood = BAD
    lbc = site("outlier { consecutive-errors 2  eject 1m }")
    wait_for(lambda: ask(lbc) and events(lbc, "web/b is ejected"), "b is ejected", 30)
    servers[1].mood = servers[1].well
    lbc.reload(text(lbc.port, servers, "outlier { consecutive-errors 9 }"))
    assert sorted(ask(lbc) for _ in range(10)) == ["a"] * 5 + ["c"] * 5
    assert of(lbc, "b")["ejected"]["times"] == 1
    lbc.reload(text(lbc.port, servers, ""))
    event(lbc, "server web/b is back: its cluster has no outlier rule any more")
    told = [e["text"] for e in lbc.show("events")["events"] if e["kind"] == "server" and e["about"] == "web/b"]
    assert [re.match("server web/b is (ejected|back)", text)[1] for text in told] == ["ejected", "back"]
    assert sorted(ask(lbc) for _ in range(9)) == sorted("abc" * 3)


def test_without_the_rule_nobody_is_ejected(site, servers):
    servers[1].mood = BAD
    lbc = site("")
    assert [ask(lbc) for _ in range(60)].count(500) == 20
    assert not events(lbc, "ejected")


def test_the_file_s_states_are_events_too(site, servers):
    lbc = site("")
    lbc.reload(text(lbc.port, servers, "", "state drain"))
    for name in "abc":
        event(lbc, f"server web/{name} is set to drain: the file says so now")
    event(lbc, "cluster web has no server left")
    assert len(events(lbc, "is set to drain")) == 3
    lbc.reload(text(lbc.port, servers, ""))
    event(lbc, "server web/b is set to ready: the file says so now")
    event(lbc, "cluster web serves again")


def test_the_circuit_breaker_s_states_are_events_and_its_refusals_are_not(site, servers):
    let = threading.Event()

    def wait(peer, request):
        assert let.wait(60)
        peer.send(servers[0].well)
        return True
    servers[0].mood = wait
    lbc = site("circuit-breaker { connections 1 }", among=servers[:1])
    with Client(lbc.port) as held:
        held.request("/")
        wait_for(lambda: len(servers[0].requests) == 1, "it is under way")
        assert {ask(lbc) for _ in range(20)} == {503}
        event(lbc, "circuit breaker of web is open: its limit of connections is reached")
        let.set()
        assert held.response().status == 200
    assert event(lbc, "circuit breaker of web is closed").split(": ")[-1].startswith("it refused 20 in ")
    assert len(events(lbc, "circuit breaker")) == 2
    assert [e["kind"] for e in lbc.show("events")["events"] if e["about"] == "web"] == ["breaker"] * 2


def test_who_waits_is_called_when_an_ejection_ends(start, servers):
    """a is full, b is ejected: who waits gets b when its time is over, though nobody leaves a."""
    a, b, _ = servers
    port = free_port()
    lbc = start(Lbc, text(port, (a, b), "timeout queue 60s; outlier { consecutive-errors 2  eject 2s }",
                          "max-connections 1"), workers=1, port=port)
    b.mood = BAD
    wait_for(lambda: ask(lbc) and events(lbc, "web/b is ejected"), "b is ejected", 30)
    b.mood = b.well
    let = threading.Event()

    def wait(peer, request):
        assert let.wait(60)
        peer.send(a.well)
        return True
    a.mood = wait
    with Client(lbc.port) as held, Client(lbc.port) as waits:
        before = len(a.requests)
        held.request("/")
        wait_for(lambda: len(a.requests) > before, "a is busy")
        waits.request("/")
        wait_for(lambda: lbc.show("info")["metrics"]["requests_queued"] == 1, "it waits")
        assert waits.response().body == b"b"
        assert not let.is_set()
        let.set()
        assert held.response().body == b"a"
