"""What is left over (bytes behind a response, a request cut short, a client that is gone) never becomes
somebody else's."""
import signal
import socket
import struct

from harness import Client, Lbc, Origin, free_port, get, wait_for
from scripted import OK, reply

BUFFER = 48 * 1024  # what lbc reads at once, at most


def test_bytes_behind_a_response_are_nobodys_answer(client, backend):
    """The response fills lbc's buffer exactly, so that what comes behind it has not been read yet."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    body = BUFFER - len(head % BUFFER)
    whole = head % body + b"x" * body
    assert len(whole) == BUFFER
    path = backend.script(whole + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL")
    good = backend.script(OK)
    for _ in range(10):
        with Client(client.socket.getpeername()[1]) as c:
            c.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\nGET {good} HTTP/1.1\r\nHost: x\r\n\r\n")
            assert len(c.response().body) == body
            assert c.response().body == b"ok"


def test_a_body_left_unread_is_said_to_end_the_connection(client, backend):
    def refuse(peer, request):
        peer.send(reply(b"too large", status="413 Content Too Large"))
        peer.read(1 << 20)
    client.request(backend.script(refuse), "Content-Length: 1000000", method="POST", body=b"x" * 1000)
    r = client.response()
    assert (r.status, r["connection"]) == (413, "close")
    client.socket.shutdown(socket.SHUT_WR)
    assert client.at_end()


def test_a_client_that_resets_while_the_server_works_is_noticed(site, backend):
    def slow(peer, request):
        assert peer.at_end()  # lbc closes the connection: nobody wants the answer
    path = backend.script(slow)
    c = Client(site.port)
    c.request(path)
    wait_for(lambda: backend.of(path), "the request reaches the server")
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
    wait_for(lambda: site.show("info")["metrics"]["requests_in_flight"] == 0, "it is let go", 5)


def test_a_client_that_only_has_no_more_to_say_gets_its_answer(site, backend):
    with Client(site.port) as c:
        c.request(backend.script())
        c.socket.shutdown(socket.SHUT_WR)
        assert c.response().body == b"ok"


def test_received_bytes_are_the_requests_head_and_body(client, records):
    request = b"POST /echo?received HTTP/1.1\r\nHost: origin\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
    client.send(request)
    assert client.response().status == 200
    [record] = [r for r in records("/echo") if r["uri"] == "/echo?received"]
    assert record["received_bytes"] == len(request)


def test_sighup_during_a_reload_is_not_lost(start):
    """Whatever the file says at the last signal is what is served in the end."""
    origin, port = start(Origin), free_port()

    def text(version):
        servers = "\n".join(f"server s{i} 127.0.0.1:{origin.port} weight {i % 200 + 1}"
                            for i in range(2000))
        return f"""lbconf 1
cluster many {{ balance weighted-round-robin
{servers} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ when path == "/version" {{ respond 200 "{version}" }}
otherwise {{ forward many }} }}"""
    lbc = start(Lbc, text("0"), port=port)
    for version in range(1, 6):
        lbc.signal(signal.SIGHUP)
        lbc.file.write_text(text(version))
        lbc.signal(signal.SIGHUP)
        wait_for(lambda v=version: get(port, "/version").body == b"%d" % v, "the last file is served")
