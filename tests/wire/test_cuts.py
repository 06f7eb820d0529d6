"""Whoever leaves too early, says less or more than it promised, or what is no HTTP at all."""
import contextlib
import signal
import socket
import struct
import threading
import time

import pytest

from harness import Client, Lbc, free_port, wait_for
from scripted import OK, SlowClient, chunked, pattern, reply


def reset(c):
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()


# --- the server ----------------------------------------------------------------------------------

HALF = {
    "a length": reply(b"", "Content-Length: 100000", length=False) + pattern(50_000),
    "chunks, between two": reply(chunked(pattern(50_000), 5000)[:-5], "Transfer-Encoding: chunked",
                                 length=False),
    "chunks, within one": reply(b"c350\r\n" + pattern(40_000), "Transfer-Encoding: chunked", length=False),
    "chunks, within a size": reply(b"5\r\n12345\r\n1", "Transfer-Encoding: chunked", length=False),
    "chunks, within the trailers": reply(b"5\r\n12345\r\n0\r\nX-A: b\r\n", "Transfer-Encoding: chunked",
                                         length=False),
}


def broken_off(c):
    """What came, when it did not come to a proper end."""
    with pytest.raises((EOFError, ConnectionResetError)):
        r = c.response()
        assert r["transfer-encoding"] or r["content-length"], "the end must not look like one"
    return True


@pytest.mark.parametrize("half", HALF)
@pytest.mark.parametrize("how", ["closes", "resets"])
def test_a_server_that_leaves_in_mid_response_is_seen_to(client, backend, records, half, how):
    def leave(peer, request):
        peer.send(HALF[half])
        if how == "resets":
            time.sleep(0.02)  # for what was sent to arrive before
            peer.reset()
    path = backend.script(leave)
    client.request(path)
    assert broken_off(client)
    [r] = records(path)
    assert (r["status"], r["end"], r["server"]) == (200, "server-error", "s")


@pytest.mark.parametrize("half", [h for h in HALF if h != "a length"])
@pytest.mark.parametrize("how", ["closes", "resets"])
def test_a_client_of_1_0_sees_it_by_a_reset(client, backend, half, how):
    """The end of the connection is the end of its body, so only a reset is none."""
    def leave(peer, request):
        peer.send(HALF[half])
        if how == "resets":
            time.sleep(0.02)
            peer.reset()
    client.request(backend.script(leave), version="HTTP/1.0")
    with pytest.raises(ConnectionResetError):
        client.response()


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_a_reset_is_no_end_of_a_body_that_ends_by_closing(client, backend, version):
    def leave(peer, request):
        peer.send(reply(pattern(1000), length=False))
        time.sleep(0.05)
        peer.reset()
    client.request(backend.script(leave), version=version)
    with pytest.raises((ConnectionResetError, EOFError)):
        client.response()


@pytest.mark.parametrize("target", ["/short/100000", "/reset"])
def test_the_origin_that_breaks_off_is_seen_to(client, target):
    client.request(target, host="origin")
    assert broken_off(client)


def test_a_body_that_is_longer_than_its_length_is_cut_at_the_length(client, backend):
    path = backend.script(reply(b"12345", "Content-Length: 3", length=False))
    for _ in range(2):
        assert client.get(path).body == b"123"
    assert client.get(backend.script()).body == b"ok"


@pytest.mark.usefixtures("server_pace")
@pytest.mark.parametrize("what", [
    b"", b"\r\n", b"H", b"HTTP/1.1 200 OK\r\nX-A: b\r\n"])
def test_a_server_that_closes_before_a_whole_head_gets_502_for_the_client(client, backend, records, what):
    def leave(peer, request):
        peer.send(what)
    path = backend.script(leave)
    assert client.get(path, method="POST").status == 502
    assert client.get(backend.script()).body == b"ok", "the client's connection goes on"
    assert [(r["status"], r["end"]) for r in records(path)] == [(502, "server-error")]


@pytest.mark.usefixtures("server_pace")
@pytest.mark.parametrize("what", [
    b"garbage\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\r\nHTTP/1.1 200 OK\r\n\r\n", b"\x00" * 100, b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 099 X\r\n\r\n",
    b"HTTP/1.1 600 X\r\n\r\n", b"HTTP/1.1  200 OK\r\n\r\n", b"http/1.1 200 OK\r\n\r\n",
    b"HTTP/2.0 200 OK\r\n\r\n", b"HTTP/1.2 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\nX: y\n\n",
    b"HTTP/1.1 200 O\x00K\r\n\r\n"])
def test_garbage_for_a_response_is_502(client, backend, what):
    def say(peer, request):
        peer.send(what)
        peer.at_end()
    r = client.get(backend.script(say))
    assert r.status == 502
    assert what[:20] not in r.body or what == b""
    assert client.get(backend.script()).body == b"ok"


BAD_FRAMING = {
    "a length and chunks": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "two lengths": ["Content-Length: 5", "Content-Length: 5"],
    "different lengths": ["Content-Length: 5", "Content-Length: 6"],
    "a list of lengths": ["Content-Length: 5, 5"],
    "a length with a sign": ["Content-Length: +5"],
    "no length": ["Content-Length: "],
    "a length that is no number": ["Content-Length: 0x5"],
    "a length beyond 63 bits": ["Content-Length: 9223372036854775808"],
    "another coding": ["Transfer-Encoding: gzip"],
    "another coding first": ["Transfer-Encoding: gzip, chunked"],
    "chunks twice": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    "chunks misspelt": ["Transfer-Encoding: xchunked"],
    "a folded line": ["X-A: b\r\n folded"],
    "a blank before the colon": ["Content-Length : 5"],
    "a bare LF": ["X-A: b\nX-B: c"],
    "a bare CR": ["X-A: b\rX-B: c"],
    "a NUL": ["X-A: b\0c"],
    "no name": [": b"],
    "no colon": ["nothing"],
}


@pytest.mark.usefixtures("server_pace")
@pytest.mark.parametrize("what", BAD_FRAMING)
def test_a_response_that_two_could_read_in_two_ways_is_502(client, backend, what):
    path = backend.script(reply(b"5\r\nhello\r\n0\r\n\r\n", *BAD_FRAMING[what], length=False))
    for _ in range(2):
        assert client.get(path).status == 502
    assert client.get(backend.script()).body == b"ok"


@pytest.mark.usefixtures("server_pace")
def test_chunks_in_a_response_of_1_0_are_502(client, backend):
    path = backend.script(reply(b"5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked", length=False)
                          .replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert client.get(path).status == 502


@pytest.mark.usefixtures("server_pace")
@pytest.mark.parametrize("fields", [["X-Long: " + "l" * 33_000], [f"X-{i}: y" for i in range(101)]])
def test_a_response_head_that_is_too_large_is_502(client, backend, fields):
    path = backend.script(reply(b"x", *fields))
    assert client.get(path).status == 502
    assert client.get(backend.script()).body == b"ok"


def test_a_response_head_of_a_mebibyte_is_502(client, backend):
    path = backend.script(reply(b"x", *[f"X-{i}: {'y' * 1000}" for i in range(1000)]))
    assert client.get(path).status == 502


@pytest.mark.usefixtures("server_pace")
def test_a_response_head_just_within_the_limits_is_passed_on(client, backend):
    fields = [f"X-{i}: {'y' * 300}" for i in range(99)]
    r = client.get(backend.script(reply(b"x", *fields)))
    assert (r.status, r["x-98"]) == (200, "y" * 300)


@pytest.mark.usefixtures("server_pace")
@pytest.mark.parametrize("chunks", [
    b"5;" + b"e" * 300 + b"\r\n12345\r\n0\r\n\r\n", b"g\r\n", b"-5\r\n12345\r\n", b"5\n12345\n0\n\n",
    b"5\r\n123456\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n", b"5\r\n12345\r\n0\r\nX: y\nZ\r\n\r\n"])
def test_bad_chunks_of_a_server_break_the_response_off(client, backend, chunks):
    """Or it is 502, where nothing of the response was on its way yet."""
    path = backend.script(reply(b"3\r\nabc\r\n" + chunks, "Transfer-Encoding: chunked", length=False))
    client.request(path)
    with contextlib.suppress(EOFError):
        assert client.response().status == 502


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("chunks", [b"g\r\n", b"5\r\n123456\r\n0\r\n\r\n"])
def test_a_body_that_is_bad_from_the_start_is_502_and_the_connection_goes_on(client, backend, records, chunks, method):
    path = backend.script(reply(chunks, "Transfer-Encoding: chunked", length=False))
    r = client.get(path, method=method)
    assert r.status == 502 and b"malformed" in r.body
    assert client.get(backend.script()).body == b"ok"
    assert [(x["status"], x["server_status"], x["end"]) for x in records(path)] == [(502, 200, "server-error")]


# --- the client ----------------------------------------------------------------------------------

def test_a_client_that_leaves_before_its_body_is_whole_takes_the_request_with_it(site, backend, records):
    seen = []

    def read_all(peer, request):
        seen.append(peer.file.read())
    path = backend.script(read_all)
    with Client(site.port) as c:
        c.request(path, "Content-Length: 1000", method="POST", body=b"only this")
        wait_for(lambda: backend.of(path), "the head arrives")
    wait_for(lambda: seen, "the server's connection ends")
    [r] = records(path)
    assert r["end"] == "client-abort"
    assert "status" not in r


@pytest.mark.parametrize("part", [b"5\r\n123", b"5\r\n12345\r\n", b"5\r\n12345\r\n0\r\n", b"5"])
def test_a_chunked_request_that_breaks_off_does_not_look_whole(site, backend, part):
    seen = []

    def read_all(peer, request):
        seen.append(peer.file.read())
    with Client(site.port) as c:
        c.request(backend.script(read_all), "Transfer-Encoding: chunked", method="POST", body=part)
    wait_for(lambda: seen, "the server's connection ends")
    assert not seen[0].endswith(b"0\r\n\r\n")


def test_a_client_that_leaves_in_mid_response_ends_the_servers_too(site, backend, records):
    ended = threading.Event()

    def send_on(peer, request):
        peer.send(reply(b"", "Content-Length: 1000000000", length=False))
        try:
            while True:
                peer.send(pattern(65536))
        except OSError:
            ended.set()
    path = backend.script(send_on)
    with Client(site.port) as c:
        c.request(path)
        c.file.read(100_000)
    assert ended.wait(10)
    [r] = records(path)
    assert (r["status"], r["end"]) == (200, "client-abort")


def test_a_client_that_has_only_closed_its_sending_side_gets_its_answer(client, backend):
    client.request("/slow/100", host="origin")
    client.socket.shutdown(socket.SHUT_WR)
    assert client.response().status == 200
    assert client.at_end()


@pytest.mark.parametrize("leave", [reset, Client.close])
@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n",
                                  b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"])
def test_clients_that_leave_do_no_harm(site, sent, leave):
    for _ in range(5):
        c = Client(site.port)
        c.send(sent)
        leave(c)
    with Client(site.port) as c:
        assert c.get("/b/1", host="origin").status == 200


def test_a_client_that_resets_while_its_answer_is_on_its_way_does_no_harm(site, backend):
    path = backend.script(reply(pattern(3_000_000)))
    for _ in range(5):
        c = SlowClient(site.port)
        c.request(path)
        c.head()
        reset(c)
    with Client(site.port) as c:
        assert c.get(backend.script()).body == b"ok"


# --- answers before the end of the request -------------------------------------------------------

@pytest.mark.parametrize("then", ["reads on", "closes", "resets"])
def test_a_server_may_answer_while_50_mb_are_still_coming(site, backend, then):
    def too_large(peer, request):
        peer.read(100_000)
        peer.send(reply(b"no more", "Connection: close", status="413 Content Too Large"))
        if then == "reads on":
            peer.file.read()
        elif then == "resets":
            time.sleep(0.05)
            peer.reset()
    with Client(site.port) as c:
        c.request(backend.script(too_large), "Content-Length: 50000000", method="POST")

        def upload():
            megabyte = pattern(1_000_000)
            try:
                for _ in range(50):
                    c.send(megabyte)
            except OSError:
                pass
        thread = threading.Thread(target=upload, daemon=True)
        thread.start()
        r = c.response()
        assert (r.status, r.body) == (413, b"no more")
        thread.join(10)
        assert not thread.is_alive()


def test_a_final_answer_that_leaves_the_body_unread_says_that_it_closes(client, backend):
    """RFC 9110 10.1.1: or the client would have to guess whether the body is still wanted."""
    def refuse(peer, request):
        peer.send(reply(b"no", status="417 Expectation Failed"))
        peer.at_end()
    client.request(backend.script(refuse), "Content-Length: 5", "Expect: 100-continue", method="POST")
    r = client.response()
    assert (r.status, r["connection"]) == (417, "close")
    assert client.at_end()


def test_a_response_may_come_before_the_request_has_been_sent(client, backend):
    """An answer to nobody yet: the whole request is behind it, so it counts."""
    def eager(peer, request):
        peer.send(OK)
        peer.body(request)
        return True
    path = backend.script(eager)
    for _ in range(3):
        with Client(client.socket.getpeername()[1]) as c:
            c.request(path, "Content-Length: 100000", method="POST", body=pattern(100_000))
            assert c.response().status == 200


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_a_response_that_a_shutdown_cuts_does_not_look_whole(start, backend, version):
    def never_end(peer, request):
        peer.send(reply(b"abc", length=False))
        peer.at_end()
    port = free_port()
    lbc = start(Lbc, f"""lbconf 1
cluster app {{ server a 127.0.0.1:{backend.port} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
""", drain=1)
    with Client(port) as c:
        c.request(backend.script(never_end), version=version)
        r = c.head()
        lbc.signal(signal.SIGTERM)
        with pytest.raises(ConnectionResetError if version == "HTTP/1.0" else EOFError):
            c.body(r)
    assert lbc.wait() == 0
