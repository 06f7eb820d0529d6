"""Upgrade: after 101 the connection is a tunnel (RFC 9110 7.8)."""
import socket
import struct
import threading

import pytest

from harness import Client, wait_for
from scripted import pattern, reply

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\nX-A: b\r\n\r\n"
ASKS = ("Connection: upgrade", "Upgrade: chat")
MIB = 1024 * 1024


def echo(peer, request):
    peer.send(SWITCH)
    while data := peer.socket.recv(65536):
        peer.send(data)


def open_tunnel(c, path):
    c.request(path, *ASKS)
    assert c.head().status == 101


def test_bytes_go_both_ways(client, backend):
    path = backend.script(echo)
    client.request(path, "Connection: x-other, Upgrade", "Upgrade: chat", "X-Other: 1", "Upgrade: more")
    r = client.head()
    assert (r.status, r["connection"], r["upgrade"], r["x-a"]) == (101, "upgrade", "chat", "b")
    [seen] = backend.of(path)
    assert seen.all("connection") == ["upgrade"]
    assert seen.all("upgrade") == ["chat", "more"]
    assert seen.all("x-other") == []
    for message in (b"a", b"\x00\xff\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", pattern(100_000)):
        client.send(message)
        assert client.file.read(len(message)) == message


def test_the_origin_upgrades_too(client):
    client.request("/upgrade", "Connection: upgrade", "Upgrade: websocket", host="origin")
    assert client.head()["upgrade"] == "websocket"
    client.send(b"hello")
    assert client.file.read(5) == b"hello"


@pytest.mark.usefixtures("client_pace")
def test_bytes_right_behind_the_request_belong_to_the_tunnel(client, backend):
    client.send(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nearly"
                % backend.script(echo).encode())
    assert client.head().status == 101
    assert client.file.read(5) == b"early"
    client.send(b"late")
    assert client.file.read(4) == b"late"


@pytest.mark.usefixtures("server_pace")
def test_bytes_right_behind_the_101_belong_to_the_tunnel(client, backend):
    def speak_first(peer, request):
        peer.send(SWITCH + b"welcome")
        peer.send(peer.read(3))
    open_tunnel(client, backend.script(speak_first))
    assert client.file.read(7) == b"welcome"
    client.send(b"bye")
    assert client.file.read() == b"bye", "and the end"


@pytest.mark.usefixtures("client_pace")
@pytest.mark.parametrize("size", [48 * 1024 - 200, 48 * 1024, 100_000])
def test_many_bytes_right_behind_the_request(client, backend, size):
    client.send(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n%s"
                % (backend.script(echo).encode(), pattern(size)))
    assert client.head().status == 101
    assert client.file.read(size) == pattern(size)


@pytest.mark.usefixtures("server_pace")
@pytest.mark.parametrize("size", [48 * 1024 - len(SWITCH) - 1, 48 * 1024 - len(SWITCH), 48 * 1024 - len(SWITCH) + 1, 100_000])
def test_many_bytes_right_behind_the_101(client, backend, size):
    """They fill what lbc reads at once, just not, or more than that."""
    def speak_first(peer, request):
        peer.send(SWITCH + pattern(size))
        peer.send(peer.read(3))
    open_tunnel(client, backend.script(speak_first))
    assert client.file.read(size) == pattern(size)
    client.send(b"bye")
    assert client.file.read() == b"bye", "and the end"


def test_both_may_speak_before_they_have_heard_each_other(client, backend):
    def speak_first(peer, request):
        peer.send(SWITCH + b"welcome")
        peer.send(peer.read(5))
    for _ in range(5):
        with Client(client.socket.getpeername()[1]) as c:
            c.send(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nearly"
                   % backend.script(speak_first).encode())
            assert c.head().status == 101
            assert c.file.read() == b"welcomeearly"


@pytest.mark.usefixtures("client_pace")
def test_what_stands_behind_a_refused_upgrade_is_the_next_request(client, backend):
    refuses, next_one = backend.script(reply(b"no", status="403 Forbidden")), backend.script(reply(b"next"))
    client.send(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nGET %s HTTP/1.1\r\nHost: x\r\n\r\n"
                % (refuses.encode(), next_one.encode()))
    assert [client.response().status, client.response().body] == [403, b"next"]


def test_the_client_may_say_its_last_and_go_on_listening(client, backend):
    heard = []

    def answer_at_the_end(peer, request):
        peer.send(SWITCH)
        heard.append(peer.file.read())
        for _ in range(3):
            peer.send(b"still here;")
    open_tunnel(client, backend.script(answer_at_the_end))
    client.send(b"that is all")
    client.socket.shutdown(1)
    assert client.file.read() == b"still here;" * 3
    assert heard == [b"that is all"]


def test_the_server_may_say_its_last_and_go_on_listening(client, backend):
    heard = []

    def go_on_listening(peer, request):
        peer.send(SWITCH + b"that is all")
        peer.socket.shutdown(1)
        heard.append(peer.file.read())
    open_tunnel(client, backend.script(go_on_listening))
    assert client.file.read() == b"that is all"
    client.send(b"I see. ")
    client.send(b"Bye.")
    client.socket.shutdown(1)
    wait_for(lambda: heard, "the server hears the end")
    assert heard == [b"I see. Bye."]


def test_10_mib_go_both_ways_at_once(client, backend):
    heard = []

    def both(peer, request):
        peer.send(SWITCH)
        sender = threading.Thread(target=peer.send, args=(pattern(10 * MIB),))
        sender.start()
        heard.append(peer.read(10 * MIB) == pattern(10 * MIB))
        sender.join()
    open_tunnel(client, backend.script(both))
    sender = threading.Thread(target=client.send, args=(pattern(10 * MIB),))
    sender.start()
    assert client.file.read(10 * MIB) == pattern(10 * MIB)
    sender.join()
    assert client.at_end()
    assert heard == [True]


@pytest.mark.parametrize("leaves", ["client", "server"])
def test_whoever_resets_ends_it_for_both(site, backend, leaves):
    over = threading.Event()

    def stay(peer, request):
        peer.send(SWITCH)
        peer.read(1)
        if leaves == "server":
            peer.reset()
        else:
            assert peer.at_end()
        over.set()
    c = Client(site.port)
    open_tunnel(c, backend.script(stay))
    c.send(b"x")
    if leaves == "client":
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    else:
        assert c.at_end()
    c.close()
    assert over.wait(10)


@pytest.mark.parametrize("answer, status", [
    (reply(b"no", status="403 Forbidden"), 403),
    (reply(b"page"), 200),
    (b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: other\r\nConnection: upgrade\r\n"
     b"Content-Length: 0\r\n\r\n", 426)])
def test_a_refused_upgrade_is_an_ordinary_response(client, backend, answer, status):
    r = client.get(backend.script(answer), *ASKS)
    assert r.status == status
    assert r["upgrade"] == ("other" if status == 426 else None)
    assert client.get(backend.script()).body == b"ok", "and the connection goes on"


@pytest.mark.parametrize("why, fields, more", [
    ("Connection does not say so", ("Upgrade: chat",), {}),
    ("there is a body", (*ASKS, "Content-Length: 2"), {"method": "POST", "body": b"ab"}),
    ("1.0 knows no upgrade", (*ASKS, "Connection: keep-alive"), {"version": "HTTP/1.0"}),
    ("h2c is never tunnelled", ("Connection: upgrade", "Upgrade: h2c"), {}),
    ("nor with others", ("Connection: upgrade, HTTP2-Settings", "Upgrade: chat, H2C", "HTTP2-Settings: x"),
     {})])
def test_an_upgrade_that_may_not_be_is_not_asked_for(client, backend, why, fields, more):
    path = backend.script()
    assert client.get(path, *fields, **more).status == 200
    [seen] = backend.of(path)
    assert seen.all("upgrade") == seen.all("connection") == seen.all("http2-settings") == [], why


def test_a_101_that_nobody_asked_for_is_an_error(client, backend):
    assert client.get(backend.script(SWITCH)).status == 502


def test_a_tunnel_is_logged_when_it_ends(client, backend, records):
    path = backend.script(echo)
    open_tunnel(client, path)
    client.send(b"12345")
    assert client.file.read(5) == b"12345"
    client.socket.shutdown(1)
    assert client.at_end()
    [r] = records(path)
    assert (r["status"], r["end"], r["server"], r["clause"]) == (101, "tunnel", "s", "site:2")
