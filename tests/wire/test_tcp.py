"""TCP listeners: bytes are passed on; the route decides once, by what a connection shows."""
import socket
import ssl
import struct
import threading
import time

import pytest

from harness import Client, Lbc, free_ports, wait_for
from scripted import pattern

MIB = 1024 * 1024


class Plain:
    """A TCP server: each connection is given to `does`, in a thread of its own."""

    def __init__(self, does):
        self.does, self.accepted = does, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.talk, args=(peer,), daemon=True).start()

    def talk(self, peer):
        with peer:
            try:
                self.does(peer)
            except OSError:
                pass

    def stop(self):
        self.listener.close()


def echo(name):
    def does(peer):
        peer.sendall(name)
        while data := peer.recv(65536):
            peer.sendall(data)
    return does


def quiet_echo(peer):
    while data := peer.recv(65536):
        peer.sendall(data)


def sink(name):
    """Says who it is once the client has said something."""
    def does(peer):
        peer.recv(65536)
        peer.sendall(name)
    return does


def reset(peer):
    peer.recv(1)
    peer.sendall(b"half")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.fixture
def serve():
    servers = []

    def begin(does):
        servers.append(Plain(does))
        return servers[-1]
    yield begin
    for s in servers:
        s.stop()


CONFIGURATION = """lbconf 1
cluster c {{ protocol tcp; {servers}; timeout connect 1s; {cluster} }}
listener l {{ protocol tcp; bind 127.0.0.1:{port}; {listener}; route r }}
route r {{ {route} }}
"""


@pytest.fixture
def relay(start):
    def begin(*servers, cluster="", listener="timeout header 1s", route="otherwise { forward c }", **more):
        [port] = free_ports(1)
        text = "; ".join(f"server s{i} 127.0.0.1:{getattr(s, 'port', s)}" for i, s in enumerate(servers))
        more.setdefault("workers", 1)
        return start(Lbc, CONFIGURATION.format(servers=text, port=port, cluster=cluster, listener=listener,
                                               route=route), port=port, **more)
    return begin


def test_a_server_may_speak_first(relay, serve):
    lbc = relay(serve(echo(b"welcome")))
    with Client(lbc.port) as c:
        assert c.file.read(7) == b"welcome"
        c.send(b"\x00\xff anything \r\n\r\n")
        assert c.file.read(16) == b"\x00\xff anything \r\n\r\n"
        c.socket.shutdown(socket.SHUT_WR)
        assert c.at_end()
    [record] = lbc.logged()
    assert (record["proto"], record["end"], record["listener"], record["cluster"], record["server"]) == \
        ("tcp", "complete", "l", "c", "s0")
    assert (record["received_bytes"], record["sent_bytes"], record["clause"]) == (16, 23, "r:1")
    assert "status" not in record and "method" not in record


def test_much_goes_both_ways_at_once(relay, serve):
    lbc = relay(serve(quiet_echo))
    data = pattern(8 * MIB)
    with Client(lbc.port) as c:
        sender = threading.Thread(target=lambda: (c.send(data), c.socket.shutdown(socket.SHUT_WR)))
        sender.start()
        assert c.file.read() == data
        sender.join()


def test_a_reader_that_stops_stops_the_sender(relay, serve):
    """Back-pressure: what nobody reads is not read, and costs a bounded amount here."""
    sent = [0]

    def flood(peer):
        peer.settimeout(1)
        try:
            while True:
                sent[0] += peer.send(bytes(65536))
        except TimeoutError:
            pass
        peer.recv(1)
    lbc = relay(serve(flood))
    with Client(lbc.port) as c:
        assert c.socket.recv(10)
        time.sleep(0.5)
        at = sent[0]
        time.sleep(1)
        assert sent[0] == at < 64 * MIB
        assert lbc.show("info")["metrics"]["buffers_in_use"] <= 2


def test_half_close_leaves_the_other_half(relay, serve):
    def answer_at_end(peer):
        data = b""
        while piece := peer.recv(65536):
            data += piece
        time.sleep(0.3)
        peer.sendall(b"got %d" % len(data))
    lbc = relay(serve(answer_at_end))
    with Client(lbc.port) as c:
        c.send(bytes(100_000))
        c.socket.shutdown(socket.SHUT_WR)
        assert c.file.read() == b"got 100000"


def test_an_end_that_was_none_looks_like_none(relay, serve):
    lbc = relay(serve(reset))
    with Client(lbc.port) as c:
        c.send(b"a")
        with pytest.raises(ConnectionResetError):
            while c.socket.recv(100):
                pass
    assert lbc.logged()[0]["end"] == "server-error"


def test_another_server_is_tried(relay, serve):
    [closed] = free_ports(1)
    lbc = relay(closed, serve(echo(b"b")))
    for _ in range(4):
        with Client(lbc.port) as c:
            assert c.file.read(1) == b"b"
    assert any(r["tries"] == 2 for r in lbc.logged(4))


def test_nobody_there(relay):
    closed = free_ports(2)
    lbc = relay(*closed)
    with pytest.raises(ConnectionResetError), Client(lbc.port) as c: # as early as it connects
        c.socket.recv(1)
    [record] = lbc.logged()
    assert (record["end"], record["tries"]) == ("connect-failed", 2)


def test_what_was_said_before_there_was_a_server_arrives(relay, serve):
    lbc = relay(serve(quiet_echo))
    with Client(lbc.port) as c:
        c.send(b"early")
        assert c.file.read(5) == b"early"


def test_a_silent_connection_ends(relay, serve):
    lbc = relay(serve(quiet_echo), listener="timeout tunnel 300ms")
    with Client(lbc.port) as c:
        c.send(b"a")
        assert c.file.read(1) == b"a"
        began = time.monotonic()
        assert c.at_end()
        assert time.monotonic() - began >= 0.25
    assert lbc.logged()[0]["end"] == "idle-timeout"


def test_a_silent_connection_holds_no_buffer(relay, serve):
    lbc = relay(serve(quiet_echo))
    clients = [Client(lbc.port) for _ in range(20)]
    for c in clients:
        c.send(b"a")
        assert c.file.read(1) == b"a"
    wait_for(lambda: lbc.show("info")["metrics"]["buffers_in_use"] == 0, "no buffer is in use")
    assert lbc.show("info")["metrics"]["tunnels_open"] == 20
    for c in clients:
        c.close()
    wait_for(lambda: lbc.show("info")["metrics"]["tunnels_open"] == 0, "all are closed")


@pytest.mark.parametrize("action, count", [("drop", "requests_dropped"), ("tarpit 300ms", "requests_dropped")])
def test_a_rule_may_close(relay, serve, action, count):
    server = serve(quiet_echo)
    lbc = relay(server, route="when src == 127.0.0.1 { %s } otherwise { forward c }" % action)
    with Client(lbc.port) as c:
        assert c.at_end()
    assert lbc.show("info")["metrics"][count] == 1
    assert server.accepted == 0
    assert lbc.logged()[0]["end"] == "dropped"


# --- by the name in TLS --------------------------------------------------------------------------

BY_NAME = """lbconf 1
cluster a {{ server s 127.0.0.1:{a} }}
cluster b {{ server s 127.0.0.1:{b} }}
cluster o {{ server s 127.0.0.1:{o} }}
listener l {{ protocol tcp; bind 127.0.0.1:{port}; timeout header 700ms; route r }}
listener plain {{ protocol tcp; bind 127.0.0.1:{plain}; timeout header 700ms; route first }}
route r {{
  when tls.sni == "a.example.com"           {{ forward a }}
  when tls.sni == "*.b.example.com" and tls {{ forward b }}
  otherwise                                 {{ forward o }}
}}
route first {{ otherwise {{ forward o }} }}
"""


@pytest.fixture(scope="module")
def by_name(begin):
    servers = [Plain(sink(n)) for n in (b"A", b"B", b"O")]
    port, plain = free_ports(2)
    lbc = begin(Lbc, BY_NAME.format(a=servers[0].port, b=servers[1].port, o=servers[2].port, port=port,
                                    plain=plain), workers=1, port=port)
    lbc.plain = plain
    yield lbc
    for s in servers:
        s.stop()


def hello(name, piece=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(come, go, server_hostname=name).do_handshake()
    record = go.read()
    if not piece:
        return record
    body = record[5:]
    return b"".join(record[:3] + struct.pack(">H", len(body[i:i + piece])) + body[i:i + piece]
                    for i in range(0, len(body), piece))


@pytest.mark.parametrize("name, who", [("a.example.com", b"A"), ("A.Example.COM", b"A"), ("x.b.example.com", b"B"),
                                       ("b.example.com", b"O"), ("other.example.com", b"O"), (None, b"O")])
@pytest.mark.parametrize("piece", [None, 50, 1])
def test_the_name_chooses(by_name, name, who, piece):
    with Client(by_name.port) as c:
        c.send(hello(name, piece))
        assert c.file.read(1) == who


def test_a_hello_may_come_slowly(by_name):
    data = hello("a.example.com")
    with Client(by_name.port) as c:
        for i in range(0, len(data), 40):
            c.send(data[i:i + 40])
            time.sleep(0.005)
        assert c.file.read(1) == b"A"
    wait_for(lambda: [r for r in by_name.log() if r.get("host") == "a.example.com"], "the name is recorded")


def test_what_is_not_tls_is_known_at_once(by_name):
    with Client(by_name.port) as c:
        began = time.monotonic()
        c.send(b"SSH-2.0-x\r\n")
        assert c.file.read(1) == b"O"
        assert time.monotonic() - began < 0.6


@pytest.mark.parametrize("part", [b"", hello("a.example.com")[:60]], ids=["nothing", "a part"])
def test_a_hello_that_does_not_come_is_not_waited_for(by_name, part):
    with Client(by_name.port) as c:
        began = time.monotonic()
        c.send(part)
        assert c.at_end()
        assert time.monotonic() - began >= 0.6
    wait_for(lambda: by_name.log()[-1]["end"] == "client-timeout", "it is recorded")


def test_a_client_that_leaves_meanwhile(by_name):
    before = len(by_name.log())
    with Client(by_name.port) as c:
        c.send(hello("a.example.com")[:60])
    wait_for(lambda: len(by_name.log()) > before and by_name.log()[-1]["end"] == "client-abort", "it is recorded")


def test_nobody_waits_for_a_name_that_is_not_asked_for(by_name):
    with Client(by_name.plain) as c:
        c.send(b"x")
        assert c.file.read(1) == b"O"
