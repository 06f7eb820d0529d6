"""`concurrent`: how many may be in flight, what the others are told, and that each way to end gives its place back."""
import contextlib
import random
import socket
import struct
import threading

import pytest

from frames import Speaker, reset
from harness import Client, Lbc, free_ports, get, wait_for
from scripted import OK, reply

RST = struct.pack("ii", 1, 0)

TEXT = """lbconf 1
limit two    {{ key src             concurrent {most} }}
limit each   {{ key header "x-user" concurrent 1  status 503 }}
limit watch  {{ concurrent 1  mode observe }}
limit both   {{ concurrent 1  rate 100/s }}
limit thrice {{ concurrent 1 }}
cluster web   {{ server a 127.0.0.1:{server}; limit two; timeout read {read} }}
cluster users {{ server a 127.0.0.1:{server}; limit each }}
cluster seen  {{ server a 127.0.0.1:{server}; limit watch }}
cluster mixed {{ server a 127.0.0.1:{server}; limit both }}
cluster same  {{ server a 127.0.0.1:{server}; limit thrice; limit thrice }}
listener front {{ bind 127.0.0.1:{front}; route site }}
listener gate  {{ bind 127.0.0.1:{gate}; route again; limit thrice }}
route site {{
  when path == "/free"         {{ respond 200 "ok" }}
  when header "x-user" exists  {{ forward users }}
  when query "watch" == "1"    {{ forward seen }}
  when query "both" == "1"     {{ forward mixed }}
  otherwise                    {{ forward web }}
}}
route again {{ otherwise {{ limit thrice; forward same }} }}
"""


class Site:
    def __init__(self, begin, server, read="20s"):
        self.front, self.gate = free_ports(2)
        self.server, self.read = server, read
        self.lbc = begin(Lbc, self.text(), port=self.front)

    def text(self, most=2):
        return TEXT.format(server=self.server.port, front=self.front, gate=self.gate, most=most, read=self.read)

    def limit(self, name="two"):
        return next(x for x in self.lbc.show("limits") if x["limit"] == name)

    def in_flight(self, n, name="two"):
        wait_for(lambda: self.limit(name)["in_flight"] == n, f"{n} in flight at {name}: {self.limit(name)}")


@pytest.fixture
def site(start, backend):
    return Site(start, backend)


class Held:
    """A path whose server answers when it is told."""

    def __init__(self, server):
        self.answer = threading.Semaphore(0)
        self.server, self.path = server, server.script(self.serve)

    def serve(self, peer, request):
        assert self.answer.acquire(timeout=20)
        peer.send(OK)
        return True

    def asked(self, port, n=1, *headers, query=""):
        clients = [Client(port) for _ in range(n)]
        seen = len(self.server.of(self.path))
        for client in clients:
            client.request(self.path + query, *headers)
        wait_for(lambda: len(self.server.of(self.path)) >= seen + n, f"{n} requests at the server")
        return clients

    def let(self, clients):
        for _ in clients:
            self.answer.release()
        for client in clients:
            assert client.response().status == 200
            client.close()


@pytest.fixture
def held(backend):
    return Held(backend)


def test_what_is_beyond_is_refused_until_one_is_over(site, held):
    first, second = held.asked(site.front, 2)
    refused = get(site.front, held.path)
    assert (refused.status, refused["retry-after"]) == (429, "1")
    assert refused["ratelimit-policy"] == '"two";q=2;qu="concurrent-requests"'
    assert refused["ratelimit"] == '"two";r=0'
    [record] = site.lbc.logged(1)
    assert (record["end"], record["limit"]) == ("limited", "two")
    seen = site.limit()
    assert (seen["admitted"], seen["refused"], seen["in_flight"], seen["keys"]) == (2, 1, 2, 1)
    assert "in flight" in site.lbc.ctl("show", "limits")
    held.answer.release()
    wait_for(lambda: site.limit()["in_flight"] == 1, "one is over")
    third, = held.asked(site.front)
    assert get(site.front, held.path).status == 429
    held.answer.release()
    held.answer.release()
    for client in (first, second, third):
        assert client.response().status == 200
        client.close()
    site.in_flight(0)


def test_each_key_has_its_own(site, held):
    anna = held.asked(site.front, 1, "X-User: anna")
    berta = held.asked(site.front, 1, "X-User: berta")
    assert get(site.front, held.path, "X-User: anna").status == 503
    assert get(site.front, "/free").status == 200
    held.let(anna + berta)
    site.in_flight(0, "each")


def test_observing_serves_all_and_counts(site, held):
    clients = held.asked(site.front, 3, query="?watch=1")
    seen = site.limit("watch")
    assert (seen["admitted"], seen["observed"], seen["refused"], seen["in_flight"]) == (1, 2, 0, 1)
    held.let(clients)
    site.in_flight(0, "watch")


def test_several_limits_of_one_are_told_apart(site, held):
    clients = held.asked(site.front, 1, query="?both=1")
    refused = get(site.front, held.path + "?both=1")
    assert refused["ratelimit-policy"] == '"both/s";q=100;w=1, "both/concurrent";q=1;qu="concurrent-requests"'
    assert refused["ratelimit"] == '"both/concurrent";r=0'
    held.let(clients)


def test_a_limit_that_is_named_often_counts_a_request_once(site, held):
    clients = held.asked(site.gate)
    assert site.limit("thrice")["in_flight"] == 1
    assert get(site.gate, held.path).status == 429
    held.let(clients)
    site.in_flight(0, "thrice")
    seen = site.limit("thrice")
    assert (seen["admitted"], seen["refused"]) == (1, 1)


def test_a_client_that_leaves_gives_its_place_back(site, held):
    closed, torn = held.asked(site.front, 2)
    torn.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    torn.close()
    site.in_flight(1)
    held.answer.release()
    held.answer.release()
    closed.close()
    site.in_flight(0)


def test_streams_of_http2_give_theirs_back(site, held):
    with Speaker(site.front) as speaker:
        a, b = speaker.ask(held.path), speaker.ask(held.path)
        site.in_flight(2)
        assert speaker.get(held.path).status == 429
        speaker.send(reset(a))
        site.in_flight(1)
        held.answer.release()
        held.answer.release()
        assert speaker.answer(b).status == 200
        site.in_flight(0)
        speaker.ask(held.path)
        site.in_flight(1)
    site.in_flight(0)  # the connection is gone
    held.answer.release()


def test_a_server_that_fails_or_says_nothing_gives_it_back(start, backend):
    site = Site(start, backend, read="300ms")
    silent = backend.script(lambda peer, request: peer.at_end() and False)
    rude = backend.script(lambda peer, request: False)
    assert get(site.front, silent).status == 504
    assert get(site.front, rude).status == 502
    site.in_flight(0)
    assert site.limit()["admitted"] == 2


def test_a_tunnel_is_in_flight_until_it_ends_whatever_is_reloaded(site, backend):
    def echo(peer, request):
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n")
        while data := peer.socket.recv(65536):
            peer.send(data)
    path = backend.script(echo)
    tunnels = [Client(site.front) for _ in range(2)]
    for tunnel in tunnels:
        tunnel.request(path, "Connection: upgrade", "Upgrade: chat")
        assert tunnel.head().status == 101
    site.in_flight(2)
    for _ in range(3):
        site.lbc.reload(site.text().replace("/free", f"/free{_}"))
    assert site.limit()["in_flight"] == 2
    assert get(site.front, path).status == 429
    site.lbc.reload(site.text().replace("concurrent 2", "rate 10/s"))  # counted by nobody now
    tunnels[0].send(b"hello")
    assert tunnels[0].file.read(5) == b"hello"
    tunnels[0].close()
    site.lbc.reload(site.text())
    site.in_flight(0)  # another limit: what was under way before is not in flight there
    tunnels[1].close()
    site.in_flight(0)


def test_a_changed_number_holds_for_those_under_way(site, held):
    clients = held.asked(site.front, 2)
    site.lbc.reload(site.text(most=1))
    assert site.limit()["in_flight"] == 2
    assert get(site.front, held.path).status == 429
    site.lbc.reload(site.text(most=3))
    clients += held.asked(site.front)
    assert get(site.front, held.path).status == 429
    held.let(clients)
    site.in_flight(0)


def test_nothing_leaks_whoever_breaks_off_when(start, backend):
    """Clients, streams and servers that end in every way, and reloads that change the limit."""
    site = Site(start, backend, read="2s")
    chance = random.Random(20)
    kinds = [backend.script(OK), backend.script(reply(b"x" * 200_000)), backend.script(lambda peer, request: False),
             backend.script(lambda peer, request: peer.send(reply(b"x" * 1000)[:-500]) and False),
             backend.script(lambda peer, request: peer.reset())]
    stop = threading.Event()

    def http1(seed):
        mine = random.Random(seed)
        while not stop.is_set():
            with contextlib.suppress(OSError, EOFError), Client(site.front, timeout=5) as client:
                for _ in range(mine.randrange(1, 4)):
                    client.request(mine.choice(kinds), body=b"", method="GET")
                    if mine.random() < 0.4:
                        client.file.read(mine.randrange(0, 300))
                        if mine.random() < 0.5:
                            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
                        break
                    client.response()

    def http2(seed):
        mine = random.Random(seed)
        while not stop.is_set():
            with contextlib.suppress(Exception), Speaker(site.front, timeout=5) as speaker:
                streams = [speaker.ask(mine.choice(kinds)) for _ in range(4)]
                for stream in streams:
                    if mine.random() < 0.5:
                        speaker.send(reset(stream))
                    elif mine.random() < 0.7:
                        speaker.answer(stream)

    threads = [threading.Thread(target=kind, args=(seed,)) for seed in range(3) for kind in (http1, http2)]
    for thread in threads:
        thread.start()
    for _ in range(25):
        site.lbc.reload(site.text(most=chance.choice([1, 2, 3, 50])))
        stop.wait(0.1)
    stop.set()
    for thread in threads:
        thread.join(20)
    site.in_flight(0)
    seen = site.limit()
    assert seen["admitted"] > 50 and seen["refused"] > 0, seen
