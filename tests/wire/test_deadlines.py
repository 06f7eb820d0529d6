"""Each configured timeout, with a peer that violates exactly that one: all others are far away."""
import select
import socket
import threading
import time

import pytest

from harness import Client, Lbc, free_ports, wait_for
from scripted import OK, SlowClient, pattern, reply

SHORT_MS = 300
SHORT_S = SHORT_MS / 1000
LISTENER = ["header", "idle", "read", "write", "request", "tunnel"]
CLUSTER = ["connect", "read", "write", "idle"]
MB = 1_000_000


def timeouts(names, short):
    return "; ".join(f"timeout {n} {SHORT_MS if n == short else 20_000}ms" for n in names)


@pytest.fixture(scope="module")
def full():
    """A server whose queue of connections is full: a new one gets no answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as s:
        waiting = []
        for _ in range(4):
            c = socket.socket()
            c.setblocking(False)
            c.connect_ex(s.getsockname())
            waiting.append(c)
        time.sleep(0.05)
        yield s.getsockname()[1]
        for c in waiting:
            c.close()


@pytest.fixture(scope="module")
def site(begin, backend, full):
    """A listener for each listener timeout, `.ports`, and a cluster for each cluster timeout, by host."""
    ports = dict(zip([*LISTENER, "none"], free_ports(len(LISTENER) + 1)))
    text = ["lbconf 1"]
    for name in [*CLUSTER, "none"]:
        servers = f"server s 127.0.0.1:{full if name == 'connect' else backend.port}"
        text.append(f"cluster c-{name} {{ {servers}; {timeouts(CLUSTER, name)} }}")
        text.append(f"cluster f-{name} {{ server f 127.0.0.1:{full}; {timeouts(CLUSTER, name)} }}")
    text.append(f"cluster c-both {{ server f 127.0.0.1:{full}; server s 127.0.0.1:{backend.port}; "
                f"{timeouts(CLUSTER, 'connect')} }}")
    for name, port in ports.items():
        text.append(f"listener l-{name} {{ bind 127.0.0.1:{port}; route site; {timeouts(LISTENER, name)} }}")
    rules = [f'when host == "{name}" {{ forward c-{name} }}' for name in [*CLUSTER, "both"]]
    rules += [f'when host == "full-{name}" {{ forward f-{name} }}' for name in [*CLUSTER, "none"]]
    text.append("route site { " + "\n ".join(rules) + "\n otherwise { forward c-none } }")
    lbc = begin(Lbc, "\n".join(text), workers=1)
    lbc.ports, lbc.port = ports, ports["none"]
    return lbc


class Clock:
    """Not before the timeout, and not long after it; a loaded machine may take its time."""

    def __enter__(self):
        self.begun = time.monotonic()

    def __exit__(self, kind, *_):
        took = time.monotonic() - self.begun
        assert kind or SHORT_S * 0.9 < took < 10, f"after {took:.3f} s"


def is_408(c):
    r = c.response()
    assert (r.status, r["connection"]) == (408, "close")
    assert c.at_end()


# --- the client's --------------------------------------------------------------------------------

@pytest.mark.parametrize("part", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", b"\r\n"])
def test_a_head_that_does_not_become_whole_is_408(site, part):
    with Clock(), Client(site.ports["header"]) as c:
        c.send(part)
        is_408(c)


def test_a_client_that_says_nothing_at_all_is_closed_silently(site):
    with Clock(), Client(site.ports["header"]) as c:
        assert c.at_end()


def test_the_header_timeout_runs_from_the_first_byte_and_not_from_the_last(site):
    with Clock(), Client(site.ports["header"]) as c:
        answered = threading.Event()

        def drip():
            for byte in b"GET / HTTP/1.1\r\nX: " + b"y" * 1000:
                try:
                    c.send(bytes([byte]))
                except OSError:
                    return
                if answered.wait(0.05):
                    return
        thread = threading.Thread(target=drip)
        thread.start()
        r = c.response()
        answered.set()
        thread.join()
        assert r.status == 408


def test_the_second_head_has_a_timeout_too(site, backend):
    with Client(site.ports["header"]) as c:
        assert c.get(backend.script()).status == 200
        time.sleep(SHORT_S * 2)  # being idle is another matter
        with Clock():
            c.send(b"GET / HTT")
            is_408(c)


def test_an_idle_connection_is_closed_silently(site, backend):
    with Client(site.ports["idle"]) as c:
        assert c.get(backend.script()).status == 200
        with Clock():
            assert c.at_end()


def test_a_head_that_comes_slowly_is_not_idle(site, backend):
    with Client(site.ports["idle"]) as c:
        assert c.get(backend.script()).status == 200
        c.send(b"GET / HTTP/1.1\r\n")
        time.sleep(SHORT_S * 1.5)
        c.send(b"Host: x\r\n\r\n")
        assert c.response().status == 200


@pytest.mark.parametrize("framing, part", [("Content-Length: 10", b"12345"), ("Content-Length: 10", b""),
                                           ("Transfer-Encoding: chunked", b"5\r\n12"),
                                           ("Transfer-Encoding: chunked", b"0\r\n")])
def test_a_body_that_stops_is_408(site, backend, records, framing, part):
    path = backend.script()
    with Clock(), Client(site.ports["read"]) as c:
        c.request(path, framing, method="POST", body=part)
        is_408(c)
    [r] = records(path)
    assert (r["status"], r["end"], r["listener"]) == (408, "client-timeout", "l-read")


def test_a_body_that_stops_when_the_answer_has_begun_breaks_it_off(site, backend):
    def early(peer, request):
        peer.send(reply(b"abc", "Content-Length: 10", length=False))
        peer.body(request)
    with Clock(), Client(site.ports["read"]) as c:
        c.request(backend.script(early), "Content-Length: 10", method="POST", body=b"12345")
        with pytest.raises(EOFError):
            c.response()


def test_a_body_that_stops_while_the_server_goes_on_answering_breaks_it_off(site, backend, records):
    """Each direction has its own deadline: what the one does is nothing to the other."""
    over = threading.Event()

    def talk(peer, request):
        peer.send(reply(b"", "Content-Length: 100000", length=False))
        for _ in range(60):  # an end, so that a failure is one and does not hang
            if over.wait(SHORT_S / 6):
                return
            peer.send(b"x")
    path = backend.script(talk)
    with Clock(), Client(site.ports["read"]) as c:
        c.request(path, "Content-Length: 10", method="POST", body=b"12345")
        with pytest.raises((EOFError, ConnectionResetError)):
            c.response()
    over.set()
    [r] = records(path)
    assert (r["status"], r["end"]) == (200, "client-timeout")


def test_a_client_that_does_not_read_but_goes_on_sending_is_cut_off(site, backend, records):
    def send(peer, request):
        def swallow():
            try:
                while peer.socket.recv(1000):
                    pass
            except OSError:
                pass
        threading.Thread(target=swallow, daemon=True).start()
        peer.send(reply(pattern(20 * MB)))
    path = backend.script(send)
    with SlowClient(site.ports["write"]) as c:
        with Clock():
            c.request(path, "Content-Length: 1000000", method="POST")
            stop = threading.Event()

            def drip():
                try:
                    while not stop.wait(SHORT_S / 6):
                        c.send(b"x")
                except OSError:
                    pass
            thread = threading.Thread(target=drip)
            thread.start()
            try:
                [r] = records(path)
            finally:
                stop.set()
                thread.join()
        assert (r["status"], r["end"]) == (200, "client-timeout")


def test_a_server_that_has_begun_to_answer_waits_for_a_slow_upload(site, backend):
    """It cannot answer what it has not got: what it gets starts its deadline again."""
    def echo(peer, request):
        peer.send(reply(b"", "Content-Length: 5", length=False))
        request.body = peer.read(5)
        peer.send(request.body)
    with Client(site.port) as c:
        c.request(backend.script(echo), "Content-Length: 5", host="read", method="POST")
        for i in range(5):
            time.sleep(SHORT_S / 2)
            c.send(b"%d" % i)
        assert c.response().body == b"01234"


def test_a_body_that_comes_slowly_is_waited_for(site, backend):
    path = backend.script()
    with Client(site.ports["read"]) as c:
        c.request(path, "Content-Length: 6", method="POST")
        for i in range(6):
            time.sleep(SHORT_S / 3)
            c.send(b"%d" % i)
        assert c.response().status == 200
    assert backend.of(path)[0].body == b"012345"


def test_a_server_that_thinks_is_not_the_clients_fault(site, backend):
    def think(peer, request):
        time.sleep(SHORT_S * 2)
        peer.send(OK)
        return True
    clients = {which: Client(site.ports[which]) for which in LISTENER if which != "request"}
    for c in clients.values():
        c.request(backend.script(think))
    for which, c in clients.items():
        assert c.response().status == 200, which
        c.close()


@pytest.mark.parametrize("version, framing", [
    ("HTTP/1.1", "length"), ("HTTP/1.1", "close"), ("HTTP/1.0", "length"), ("HTTP/1.0", "close")])
def test_a_client_that_does_not_read_is_cut_off(site, backend, records, version, framing):
    """And must not take what came for the whole: where the end is the connection's, it is reset."""
    def send(peer, request):
        peer.send(reply(pattern(20 * MB), length=framing == "length"))
    path = backend.script(send)
    with SlowClient(site.ports["write"]) as c:
        with Clock():
            c.request(path, version=version)
            [r] = records(path)
        assert (r["status"], r["end"]) == (200, "client-timeout")
        with pytest.raises((EOFError, ConnectionResetError)):
            c.response()


def test_a_client_that_reads_slowly_is_waited_for(site, backend):
    path = backend.script(reply(pattern(8 * MB)))
    with SlowClient(site.ports["write"]) as c:
        c.request(path)
        r, n = c.head(), 0
        while n < 8 * MB:
            n += len(c.file.read(min(MB, 8 * MB - n)))
            time.sleep(SHORT_S / 5)
        assert (r.status, n) == (200, 8 * MB)


# --- the whole request ---------------------------------------------------------------------------

def test_a_request_that_takes_too_long_is_504_though_nobody_stalls(site, backend, records):
    path = backend.script(lambda peer, request: peer.at_end())
    with Clock(), Client(site.ports["request"]) as c:
        assert c.get(path).status == 504
    [r] = records(path)
    assert (r["status"], r["end"]) == (504, "request-timeout")


def test_a_body_that_comes_steadily_but_too_long_is_408(site, backend, records):
    path = backend.script()
    with Clock(), Client(site.ports["request"]) as c:
        c.request(path, "Content-Length: 1000", method="POST")
        for _ in range(4):
            time.sleep(SHORT_S / 6)
            c.send(b"x")
        is_408(c)
    [r] = records(path)
    assert r["end"] == "request-timeout"


def test_a_response_that_flows_but_too_long_is_broken_off(site, backend, records):
    def drip(peer, request):
        peer.send(reply(b"", "Content-Length: 1000", length=False))
        for _ in range(60):
            time.sleep(SHORT_S / 6)
            peer.send(b"x")
    path = backend.script(drip)
    with Clock(), Client(site.ports["request"]) as c:
        c.request(path)
        with pytest.raises((EOFError, ConnectionResetError)):
            c.response()
    [r] = records(path)
    assert (r["status"], r["end"]) == (200, "request-timeout")


def test_each_request_has_its_own_time_and_a_tunnel_none(site, backend):
    def echo(peer, request):
        peer.send(SWITCH)
        while data := peer.socket.recv(100):
            peer.send(data)
    with Client(site.ports["request"]) as c:
        for _ in range(2):
            assert c.get(backend.script()).status == 200
            time.sleep(SHORT_S * 1.2)
        c.request(backend.script(echo), "Connection: upgrade", "Upgrade: x")
        assert c.head().status == 101
        time.sleep(SHORT_S * 2)
        c.send(b"x")
        assert c.file.read(1) == b"x"


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"


def test_a_silent_tunnel_is_closed_and_a_talking_one_is_not(site, backend, records):
    ended = threading.Event()

    def echo(peer, request):
        peer.send(SWITCH)
        while data := peer.socket.recv(100):
            peer.send(data)
        ended.set()
    path = backend.script(echo)
    with Client(site.ports["tunnel"]) as c:
        c.request(path, "Connection: upgrade", "Upgrade: x")
        assert c.head().status == 101
        for _ in range(6):
            time.sleep(SHORT_S / 3)
            c.send(b"x")
            assert c.file.read(1) == b"x"
        with Clock():
            assert c.at_end()
    assert ended.wait(10)
    [r] = records(path)
    assert (r["status"], r["end"]) == (101, "tunnel")


# --- the server's --------------------------------------------------------------------------------

def test_a_server_that_cannot_be_connected_to_in_time_is_504(site, records, backend):
    path = backend.script()
    with Clock(), Client(site.port) as c:
        assert c.get(path, host="connect").status == 504
        [r] = records(path)
    assert (r["status"], r["end"], r["tries"]) == (504, "connect-timeout", 1)
    assert backend.of(path) == []


def test_another_server_is_tried_when_a_connection_takes_too_long(site, records, backend):
    path = backend.script()
    with Client(site.port) as c:
        for _ in range(2):  # one of them begins at the server whose queue is full
            assert c.get(path, host="both").status == 200
    assert sorted(r["tries"] for r in records(path, 2)) == [1, 2]
    assert len(backend.of(path)) == 2


def test_a_server_that_does_not_answer_is_504_and_is_not_asked_again(site, records, backend):
    def think(peer, request):
        peer.at_end()
    path = backend.script(think)
    with Client(site.port) as c:
        assert c.get(backend.script(), host="read").status == 200
        with Clock():
            assert c.get(path, host="read").status == 504
        assert c.get(backend.script(), host="read").status == 200, "the client's connection goes on"
    [r] = records(path)
    assert (r["status"], r["end"], r["tries"]) == (504, "server-timeout", 1)
    assert len(backend.of(path)) == 1


@pytest.mark.parametrize("what", [
    b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
def test_a_head_of_a_server_that_does_not_become_whole_is_504(site, backend, what):
    def stop(peer, request):
        peer.send(what)
        peer.at_end()
    with Clock(), Client(site.port) as c:
        c.request(backend.script(stop), host="read")
        r = c.response()
        assert (c.response() if r.status == 103 else r).status == 504


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("part", [
    reply(b"abc", "Content-Length: 10", length=False), reply(b"abc", length=False),
    reply(b"3\r\nabc\r\n", "Transfer-Encoding: chunked", length=False)])
def test_a_response_that_stops_is_broken_off(site, backend, records, part, version):
    def stop(peer, request):
        peer.send(part)
        peer.at_end()
    path = backend.script(stop)
    with Clock(), Client(site.port) as c:
        c.request(path, host="read", version=version)
        with pytest.raises((EOFError, ConnectionResetError)):
            c.response()
    [r] = records(path)
    assert (r["status"], r["end"]) == (200, "server-timeout")


def test_a_response_that_comes_slowly_is_waited_for(site, backend):
    def drip(peer, request):
        peer.body(request)
        peer.send(reply(b"", "Content-Length: 6", length=False))
        for i in range(6):
            time.sleep(SHORT_S / 3)
            peer.send(b"%d" % i)
        return True
    with Client(site.port) as c:
        assert c.get(backend.script(drip), host="read").body == b"012345"


def test_a_client_that_uploads_slowly_is_not_the_servers_fault(site, backend):
    with Client(site.port) as c:
        c.request(backend.script(), "Content-Length: 4", host="read", method="POST")
        for i in range(4):
            time.sleep(SHORT_S / 2)
            c.send(b"%d" % i)
        assert c.response().status == 200


def test_a_server_that_does_not_read_is_504(site, backend, records):
    over = threading.Event()

    def never_read(peer, request):
        over.wait(20)
    path = backend.script(never_read)
    with Clock(), Client(site.port) as c:
        c.request(path, "Content-Length: 50000000", host="write", method="POST")

        def upload():
            megabyte = bytes(MB)
            try:
                for _ in range(50):
                    c.send(megabyte)
            except OSError:
                pass
        thread = threading.Thread(target=upload)
        thread.start()
        assert c.response().status == 504
        over.set()
        thread.join()
    [r] = records(path)
    assert (r["status"], r["end"]) == (504, "server-timeout")


def test_a_pooled_connection_is_closed_when_nobody_needs_it(site, backend):
    path = backend.script()
    with Client(site.port) as c:
        assert c.get(path, host="idle").status == 200
        with Clock():
            assert backend.connections[backend.of(path)[0].connection].socket.fileno() != -1
            wait_for(lambda: backend.connections[backend.of(path)[0].connection].socket.fileno() == -1,
                     "lbc closes it")
        assert c.get(path, host="idle").status == 200
    assert len({r.connection for r in backend.of(path)}) == 2


# --- the table: who violates one, is held to that one alone --------------------------------------

def shows(c, seconds):
    """Does lbc say anything, or close?"""
    return bool(select.select([c.socket], [], [], seconds)[0])


def half_a_head(c, cell):
    c.send(f"GET / HTTP/1.1\r\nHost: {cell.host}\r\n")
    return lambda seconds: shows(c, seconds)


def silence_between_requests(c, cell):
    assert c.get(cell.backend.script(), host=cell.host).status == 200
    return lambda seconds: shows(c, seconds)


def half_an_upload(c, cell):
    c.request(cell.backend.script(), "Content-Length: 10", method="POST", body=b"12345", host=cell.host)
    return lambda seconds: shows(c, seconds)


def no_reading(c, cell):
    """The end stands behind what was not read, so that the client does not see it: the log does."""
    path = cell.backend.script(reply(pattern(4 * MB)))
    c.request(path, host=cell.host)

    def is_cut(seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if any(r.get("uri") == path for r in cell.site.log()):
                return True
            time.sleep(SHORT_S / 6)
        return False
    return is_cut


def drops_without_end(c, cell):
    def drip(peer, request):
        peer.send(reply(b"", "Content-Length: 1000", length=False))
        while not cell.over.wait(SHORT_S / 6):
            peer.send(b"x")
    c.request(cell.backend.script(drip), host=cell.host)
    c.head()

    def is_cut(seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not c.socket.recv(100):
                return True
        return False
    return is_cut


def a_silent_tunnel(c, cell):
    def switch(peer, request):
        peer.send(SWITCH)
        peer.at_end()
    c.request(cell.backend.script(switch), "Connection: upgrade", "Upgrade: x", host=cell.host)
    assert c.head().status == 101
    return lambda seconds: shows(c, seconds)


def a_server_without_room(c, cell):
    c.request("/", host="full-" + (cell.host if cell.host in CLUSTER else "none"))
    return lambda seconds: shows(c, seconds)


def a_server_that_thinks(c, cell):
    c.request(cell.backend.script(lambda peer, request: peer.at_end()), host=cell.host)
    return lambda seconds: shows(c, seconds)


def a_server_that_does_not_read(c, cell):
    c.request(cell.backend.script(lambda peer, request: cell.over.wait(20)), "Content-Length: 50000000", method="POST", host=cell.host)
    c.socket.setblocking(False)
    while select.select([], [c.socket], [], SHORT_S / 6)[1]:  # until nobody takes any more
        try:
            c.socket.send(bytes(MB))
        except (BlockingIOError, ConnectionError):
            break
    c.socket.settimeout(20)
    return lambda seconds: shows(c, seconds)


def a_server_nobody_needs(c, cell):
    path = cell.backend.script()
    assert c.get(path, host=cell.host).status == 200
    peer = cell.backend.connections[cell.backend.of(path)[0].connection]

    def is_closed(seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and peer.socket.fileno() != -1:
            time.sleep(SHORT_S / 20)
        return peer.socket.fileno() == -1
    return is_closed


# Which timeouts end it: the one it violates, and `request` where a request is under way, for that bounds all of it.
VIOLATIONS = [
    (half_a_head, {"listener header", "listener request"}),
    (silence_between_requests, {"listener idle"}),
    (half_an_upload, {"listener read", "listener request"}),
    (no_reading, {"listener write", "listener request"}),
    (drops_without_end, {"listener request"}),
    (a_silent_tunnel, {"listener tunnel"}),
    (a_server_without_room, {"cluster connect", "listener request"}),
    (a_server_that_thinks, {"cluster read", "listener request"}),
    (a_server_that_does_not_read, {"cluster write", "listener request"}),
    (a_server_nobody_needs, {"cluster idle"}),
]


class Cell(threading.Thread):
    """One violation against one short timeout; `ended` says whether it was held to it."""

    def __init__(self, site, backend, violate, which):
        super().__init__()
        scope, _, name = which.partition(" ")
        self.violate, self.which, self.over = violate, which, threading.Event()
        self.site, self.backend = site, backend
        self.host = name if scope == "cluster" and name != "connect" else "none"
        self.port = site.ports[name if scope == "listener" else "none"]
        if violate is a_server_without_room and scope == "cluster":
            self.host = name
        self.ended = None
        self.start()

    def run(self):
        kind = SlowClient if self.violate is no_reading else Client
        with kind(self.port) as c:
            self.ended = self.violate(c, self)(SHORT_S * 3)
            self.over.set()


@pytest.mark.parametrize("violate, held_to", VIOLATIONS, ids=[v.__name__ for v, _ in VIOLATIONS])
def test_a_violation_is_held_to_its_own_timeout_and_no_other(site, backend, violate, held_to):
    cells = [Cell(site, backend, violate, which)
             for which in [*(f"listener {n}" for n in LISTENER), *(f"cluster {n}" for n in CLUSTER)]]
    for cell in cells:
        cell.join()
    assert None not in {cell.ended for cell in cells}
    assert {cell.which for cell in cells if cell.ended} == held_to


# --- Expect: 100-continue ------------------------------------------------------------------------

def test_a_client_that_waits_for_100_does_not_stall(site, backend):
    """Until then it is the server's turn."""
    def think(peer, request):
        time.sleep(SHORT_S * 2)
        peer.send(CONTINUE)
        peer.body(request)
        peer.send(OK)
        return True
    with Client(site.ports["read"]) as c:
        c.request(backend.script(think), "Content-Length: 5", "Expect: 100-continue", method="POST")
        assert c.head().status == 100
        c.send(b"12345")
        assert c.response().status == 200


def test_a_client_that_stalls_after_its_100_is_408(site, backend):
    def let_it_come(peer, request):
        peer.send(CONTINUE)
        peer.body(request)
    with Client(site.ports["read"]) as c:
        c.request(backend.script(let_it_come), "Content-Length: 5", "Expect: 100-continue", method="POST")
        assert c.head().status == 100
        with Clock():
            is_408(c)


def test_a_server_that_neither_continues_nor_answers_is_504(site, backend, records):
    path = backend.script(lambda peer, request: peer.at_end())
    with Clock(), Client(site.port) as c:
        c.request(path, "Content-Length: 5", "Expect: 100-continue", method="POST", host="read")
        assert c.response().status == 504
    [r] = records(path)
    assert r["end"] == "server-timeout"
