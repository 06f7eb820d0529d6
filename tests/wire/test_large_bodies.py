"""Bodies of many buffers, over every pair of sockets, to whoever reads at once and to whoever dawdles."""
import hashlib
import socket
import threading
import time

import pytest

from harness import Client, Lbc, free_ports
from scripted import Server, SlowClient, pattern, reply

BYTES = 6 << 20
BODY = pattern(BYTES)

CONFIGURATION = """lbconf 1
cluster inet {{ server s 127.0.0.1:{inet} }}
cluster local {{ server s unix:{local} }}
cluster echo {{ server s 127.0.0.1:{echo} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
listener raw {{ bind 127.0.0.1:{raw}; protocol tcp; route bytes }}
route site {{
  when host == "local" {{ forward local }}
  otherwise {{ forward inet }}
}}
route bytes {{ otherwise {{ forward echo }} }}
"""


class UnixServer(Server):
    def __init__(self, path):
        super().__init__()
        self.stop()
        self.__dict__.update(stopping=threading.Event(), listener=socket.socket(socket.AF_UNIX))
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()


def serve_echo():
    listener = socket.create_server(("127.0.0.1", 0))

    def echo(sock):
        while got := sock.recv(1 << 16):
            sock.sendall(got)
        sock.close()

    def accept():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(sock,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener


@pytest.fixture(scope="module")
def places(begin, backend, tmp_path_factory):
    path = tmp_path_factory.mktemp("sockets") / "s"
    local, echo = UnixServer(path), serve_echo()
    port, raw = free_ports(2)
    lbc = begin(Lbc, CONFIGURATION.format(inet=backend.port, local=path, port=port, raw=raw,
                                          echo=echo.getsockname()[1]), workers=1, port=port)
    lbc.raw, lbc.servers = raw, {"inet": backend, "local": local}
    yield lbc
    local.stop()
    echo.close()


def dawdle(sock, n):
    """Reads n bytes, with a pause now and then."""
    said = b""
    while len(said) < n and (got := sock.recv(1 << 18)):
        if len(said) // (1 << 20) != (len(said) + len(got)) // (1 << 20):
            time.sleep(0.02)
        said += got
    return said


def same(got, wanted):
    assert len(got) == len(wanted)
    assert hashlib.sha256(got).digest() == hashlib.sha256(wanted).digest()


@pytest.mark.parametrize("slow", [False, True], ids=["at once", "slowly"])
@pytest.mark.parametrize("where", ["inet", "local"])
def test_an_answer_of_many_buffers(places, where, slow):
    path = places.servers[where].script(reply(BODY))
    with (SlowClient if slow else Client)(places.port) as c:
        for _ in range(2): # the second on the same connections
            c.request(path, host=where)
            if slow:
                head = c.head()
                said = c.file.read1(1) or b""
                time.sleep(0.1)
                said += c.file.read(BYTES - len(said))
                assert head.status == 200
                same(said, BODY)
            else:
                same(c.response().body, BODY)
    assert len({r.connection for r in places.servers[where].of(path)}) == 1


@pytest.mark.parametrize("where", ["inet", "local"])
def test_what_comes_behind_a_large_answer_is_nobodys(places, where):
    server = places.servers[where]
    for _ in range(10):
        path, other = server.script(reply(BODY) + reply(b"evil")), server.script(reply(b"good"))
        with Client(places.port) as c:
            c.send("".join(f"GET {p} HTTP/1.1\r\nHost: {where}\r\n\r\n" for p in (path, other)).encode())
            same(c.response().body, BODY)
            assert c.response().body == b"good"


@pytest.mark.parametrize("where", ["inet", "local"])
def test_an_answer_that_ends_with_its_connection(places, where):
    def does(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
        return False
    with Client(places.port) as c: # of 1.0, so that the bytes go as they are
        c.request(places.servers[where].script(does), host=where, version="HTTP/1.0")
        same(c.response().body, BODY)


@pytest.mark.parametrize("where", ["inet", "local"])
def test_a_request_of_many_buffers_to_a_server_that_dawdles(places, where):
    def does(peer, request):
        time.sleep(0.2)
        peer.body(request)
        peer.send(reply(b"ok"))
        return True
    path = places.servers[where].script(does)
    with Client(places.port) as c:
        for _ in range(2): # the second is not taken for a part of the first
            assert c.get(path, f"Content-Length: {BYTES}", method="POST", body=BODY, host=where).status == 200
    for request in places.servers[where].of(path):
        same(request.body, BODY)


def test_bytes_both_ways_over_tcp(places):
    with socket.create_connection(("127.0.0.1", places.raw), timeout=20) as sock:
        writer = threading.Thread(target=lambda: (sock.sendall(BODY), sock.shutdown(socket.SHUT_WR)), daemon=True)
        writer.start()
        time.sleep(0.1)
        same(dawdle(sock, BYTES), BODY)
        assert sock.recv(1) == b""
        writer.join()
