"""`sticky`: a client keeps its server, by its address or a header; what it falls back to, and what is forgotten."""
import socket
import threading

import pytest

from harness import Client, Lbc, free_ports, wait_for
from scripted import OK, Server, reply

NAMES = "abc"


@pytest.fixture
def servers():
    made = {}
    for name in NAMES:
        made[name] = Server()
        made[name].scripts["/"] = reply(name.encode())
    yield made
    for server in made.values():
        server.stop()


class Site:
    """An lbc whose cluster `app` has a `sticky`; who(user) is the server that a user's request came to."""

    def __init__(self, start, servers, sticky, trusted=""):
        self.servers, self.sticky, self.trusted = servers, sticky, trusted
        self.port, self.closed = free_ports(2)
        self.lbc = start(Lbc, self.text(), workers=2, port=self.port)

    def text(self, order=NAMES, more="", sticky=None):
        lines = [f"server {n} 127.0.0.1:{self.servers[n].port}" if n in self.servers else n for n in order]
        return (f"lbconf 1\ncluster app {{ {'; '.join(lines)}; {sticky or self.sticky}; {more} }}\n"
                f"listener front {{ bind 127.0.0.1:{self.port}; {self.trusted}; route site }}\n"
                f"route site {{ otherwise {{ forward app }} }}\n")

    def ask(self, *headers):
        with Client(self.port) as client:  # a connection each: any worker may have it
            r = client.get("/", *headers)
        assert r.status == 200
        return r.body.decode()

    def who(self, user):
        return self.ask(f"X-User: {user}")

    def everybody(self, n=12):
        return {user: self.who(user) for user in range(n)}

    def metric(self, name):
        return self.lbc.show("info")["metrics"][name]


def test_a_value_keeps_its_server_over_workers(start, servers):
    site = Site(start, servers, 'sticky header "X-User"')
    first = site.everybody()
    assert set(first.values()) == set(NAMES), "each was chosen by the balance"
    for _ in range(3):
        assert site.everybody() == first
    assert site.metric("sticky_misses") == 12 and site.metric("sticky_hits") == 36
    assert {site.ask() for _ in range(6)} == set(NAMES), "a request without the header goes by the balance"


def test_a_source_keeps_its_server_and_ipv6_goes_by_its_network(start, servers):
    site = Site(start, servers, "sticky src", trusted="trusted-proxies 127.0.0.1")
    def of(address):
        return site.ask(f"X-Forwarded-For: {address}")
    first = {n: of(f"203.0.113.{n}") for n in range(9)}
    assert set(first.values()) == set(NAMES)
    assert {n: of(f"203.0.113.{n}") for n in range(9)} == first
    home = of("2001:db8:1:2::7")
    assert {of(f"2001:db8:1:2:{n}::1") for n in range(1, 7)} == {home}
    before = site.metric("sticky_misses")
    of("2001:db8:1:3::7")
    assert site.metric("sticky_misses") == before + 1, "another network is another client"


def test_servers_that_come_go_and_change_places_move_only_their_own(start, servers):
    site = Site(start, servers, 'sticky header "x-user"')
    first = site.everybody()
    site.lbc.reload(site.text("cba"))
    assert site.everybody() == first
    site.lbc.reload(site.text("cb"))
    second = site.everybody()
    assert set(second.values()) == {"b", "c"}
    assert all(second[u] == s for u, s in first.items() if s != "a")
    assert site.metric("sticky_moved") == 0, "one that is not known any more is a miss"
    site.lbc.reload(site.text("abc", sticky='sticky header "x-user" { ttl 2h fallback return }'))
    assert site.everybody() == second, "how long it is remembered says nothing of whom"
    site.lbc.reload(site.text("abc", sticky='sticky header "x-other"'))
    before = site.metric("sticky_hits")
    site.everybody()
    assert site.metric("sticky_hits") == before, "other words are remembered anew"


@pytest.mark.parametrize("fallback, comes_back", [("move", False), ("return", True)])
def test_whose_server_is_in_maintenance_goes_elsewhere(start, servers, fallback, comes_back):
    site = Site(start, servers, f'sticky header "x-user" {{ fallback {fallback} }}')
    home = site.who("u")
    site.lbc.ctl("maintenance", f"app/{home}")
    away = [site.who("u") for _ in range(4)]
    assert home not in away
    assert len(set(away)) == (2 if comes_back else 1), "who moves stays; who returns goes by the balance"
    assert site.metric("sticky_moved") == (4 if comes_back else 1)
    site.lbc.ctl("ready", f"app/{home}")
    assert {site.who("u") for _ in range(4)} == {home if comes_back else away[0]}


def test_a_drained_server_keeps_whom_it_has_and_gets_nobody_new(start, servers):
    site = Site(start, servers, 'sticky header "x-user"')
    home = site.who("u")
    site.lbc.ctl("drain", f"app/{home}")
    assert {site.who("u") for _ in range(4)} == {home}
    assert home not in {site.who(f"new{n}") for n in range(6)}


def test_whose_server_cannot_be_reached_moves(start, servers):
    site = Site(start, servers, 'sticky header "x-user"')
    home = site.who("u")
    servers[home].stop()
    site.lbc.reload(site.text(more="timeout idle 1s"))
    away = {wait_for(lambda: site.who("u"), "another server answers") for _ in range(4)}
    assert len(away) == 1 and home not in away


def test_one_that_is_full_is_helped_out_and_not_replaced(start, servers):
    site = Site(start, servers, 'sticky header "x-user"; max-connections 1')
    home = site.who("u")
    go = threading.Event()

    def slowly(peer, request):
        go.wait(60)
        peer.send(OK)
        return True
    servers[home].scripts["/slow"] = slowly
    with Client(site.port) as busy:
        busy.request("/slow", "X-User: u")
        wait_for(lambda: servers[home].of("/slow"), "it is busy")
        assert home not in {site.who("u") for _ in range(3)}
        go.set()
        assert busy.response().status == 200
    wait_for(lambda: site.who("u") == home, "its client is back")


def test_no_more_are_remembered_than_entries(start, servers):
    site = Site(start, servers, 'sticky header "x-user" { entries 8 }')
    site.everybody(8)
    assert site.metric("sticky_evictions") == 0
    site.everybody(40)
    assert site.metric("sticky_evictions") >= 32


def test_a_tcp_connection_goes_by_its_source(start, servers):
    """Any of 127/8 is us, so that there are several sources."""
    port, = free_ports(1)
    lines = "; ".join(f"server {n} 127.0.0.1:{s.port}" for n, s in servers.items())
    start(Lbc, f"lbconf 1\ncluster app {{ {lines}; protocol tcp; sticky src }}\n"
               f"listener front {{ bind 0.0.0.0:{port}; protocol tcp; route site }}\n"
               f"route site {{ otherwise {{ forward app }} }}\n", workers=2, port=port)

    def who(source):
        with socket.create_connection(("127.0.0.1", port), 20, (f"127.0.0.{source}", 0)) as s:
            s.sendall(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            got = b""
            while not got.partition(b"\r\n\r\n")[2]:
                got += s.recv(4096)
            return got[-1:].decode()
    first = {n: who(n) for n in range(2, 8)}
    assert set(first.values()) == set(NAMES)
    assert {n: who(n) for n in range(2, 8)} == first


def test_a_cluster_that_is_not_sticky_beside_one_that_is(start, servers):
    """One worker, whose exchanges are used again for whatever comes next."""
    port, = free_ports(1)
    lines = "; ".join(f"server {n} 127.0.0.1:{s.port}" for n, s in servers.items())
    start(Lbc, f"lbconf 1\ncluster sticky {{ {lines}; sticky src }}\ncluster free {{ {lines} }}\n"
               f"listener front {{ bind 127.0.0.1:{port}; route site }}\n"
               f'route site {{ when header "x-user" exists {{ forward sticky }}\n otherwise {{ forward free }} }}\n',
          workers=1, port=port)
    with Client(port) as client:
        homes = set()
        for _ in range(4):
            homes.add(client.get("/", "X-User: u").body)
            assert {client.get("/").body.decode() for _ in range(3)} == set(NAMES), "each in turn"
    assert len(homes) == 1
