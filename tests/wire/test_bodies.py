"""Bodies in every framing and size, both ways, and what each version of HTTP is given (RFC 9112 6, 7)."""
import threading

import pytest

from harness import Client
from scripted import chunked, pattern, reply

KIB, MIB = 1024, 1024 * 1024
# None; least; some; what fits into a buffer of 48 KiB, and what does not; much; very much.
SIZES = [0, 1, 100, 48 * KIB - 1, 48 * KIB, 48 * KIB + 1, MIB, 10 * MIB]


def head_of(path, *fields, method="POST", version="HTTP/1.1"):
    return "\r\n".join([f"{method} {path} {version}", "Host: x", *fields, "", ""]).encode()


def send_aside(c, data):
    """Sends while the caller reads."""
    thread = threading.Thread(target=c.send, args=(data,), daemon=True)
    thread.start()
    return thread


# --- requests ------------------------------------------------------------------------------------

@pytest.mark.parametrize("size", SIZES)
def test_a_request_body_with_a_length_arrives_with_its_length(client, backend, size):
    path, body = backend.script(), pattern(size)
    assert client.get(path, f"Content-Length: {size}", method="POST", body=body).status == 200
    [r] = backend.of(path)
    assert r.body == body
    assert r.all("content-length") == [str(size)]
    assert r.all("transfer-encoding") == []


@pytest.mark.parametrize("size, piece", [
    (0, 1), (1, 1), (100, 7), (48 * KIB - 1, 48 * KIB), (48 * KIB, 1000), (48 * KIB + 1, 3),
    (MIB, MIB), (MIB, 17), (10 * MIB, 10 * MIB), (10 * MIB, 5000)])
def test_a_chunked_request_body_arrives_chunked(client, backend, size, piece):
    path, body = backend.script(), pattern(size)
    assert client.get(path, "Transfer-Encoding: chunked", method="POST",
                      body=chunked(body, piece)).status == 200
    [r] = backend.of(path)
    assert r.body == body
    assert r.all("transfer-encoding") == ["chunked"]
    assert r.all("content-length") == []


@pytest.mark.parametrize("framing, body", [
    ("Content-Length: 30", pattern(30)),
    ("Transfer-Encoding: chunked", b"5;a=b\r\n12345\r\n10 ; c\r\n" + pattern(16) +
     b"\r\n0000\r\nX-After: yes\r\n\r\n")])
def test_a_request_may_come_one_byte_at_a_time(client, backend, framing, body):
    path = backend.script()
    for byte in head_of(path, framing) + body:
        client.send(bytes([byte]))
    assert client.response().body == b"ok"
    [r] = backend.of(path)
    assert r.body == (body if "Length" in framing else b"12345" + pattern(16))
    assert client.get(backend.script()).status == 200, "the connection goes on"


@pytest.mark.parametrize("at", range(1, 40, 3))
def test_a_chunked_request_may_be_split_anywhere(client, backend, at):
    path = backend.script()
    body = b"5\r\n12345\r\nb\r\n67890123456\r\n0\r\nX-After: a\r\n\r\n"
    head = head_of(path, "Transfer-Encoding: chunked")
    client.send(head + body[:at])
    client.send(body[at:at + 1])
    client.send(body[at + 1:])
    assert client.response().status == 200
    [r] = backend.of(path)
    assert r.body == b"1234567890123456"
    assert r.trailers == b"X-After: a\r\n"


def test_a_get_may_have_a_body(client, backend):
    path = backend.script()
    assert client.get(path, "Content-Length: 5", body=b"12345").status == 200
    assert backend.of(path)[0].body == b"12345"


def test_a_request_of_1_0_is_sent_on_as_1_1(client, backend):
    path = backend.script()
    r = client.get(path, "Content-Length: 3", method="POST", body=b"abc", version="HTTP/1.0")
    assert (r.status, r.version, r.body) == (200, "HTTP/1.1", b"ok")
    assert client.at_end(), "1.0 closes unless it is asked to stay"
    [seen] = backend.of(path)
    assert (seen.version, seen.body) == ("HTTP/1.1", b"abc")


# --- responses -----------------------------------------------------------------------------------

@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_response_body_with_a_length_keeps_it(client, backend, size, version):
    path = backend.script(reply(pattern(size)))
    r = client.get(path, "Connection: keep-alive", version=version)
    assert r.body == pattern(size)
    assert (r["content-length"], r["transfer-encoding"]) == (str(size), None)
    assert r["connection"] == ("keep-alive" if version == "HTTP/1.0" else None)
    assert client.get(path).status == 200, "the connection goes on"


@pytest.mark.parametrize("size, piece", [
    (0, 1), (1, 1), (100, 7), (48 * KIB - 1, 48 * KIB), (48 * KIB + 1, 3), (MIB, 17), (MIB, MIB),
    (10 * MIB, 10 * MIB), (10 * MIB, 5000)])
def test_a_chunked_response_is_chunked_for_1_1(client, backend, size, piece):
    path = backend.script(reply(chunked(pattern(size), piece), "Transfer-Encoding: chunked", length=False))
    r = client.get(path)
    assert r.body == pattern(size)
    assert (r["content-length"], r["transfer-encoding"]) == (None, "chunked")
    assert client.get(path).status == 200, "the connection goes on"
    assert len({r.connection for r in backend.of(path)}) == 1, "the server's too"


@pytest.mark.parametrize("size", [0, 1, 100, 48 * KIB + 1, 10 * MIB])
def test_a_chunked_response_is_plain_for_1_0_and_ends_with_the_connection(client, backend, size):
    path = backend.script(reply(chunked(pattern(size), 999), "Transfer-Encoding: chunked", length=False))
    r = client.get(path, "Connection: keep-alive", version="HTTP/1.0")
    assert (r["content-length"], r["transfer-encoding"], r["connection"]) == (None, None, "close")
    assert r.body == pattern(size)
    assert client.at_end()


@pytest.mark.parametrize("size", [0, 1, 100, 48 * KIB + 1, 10 * MIB])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_response_that_ends_by_closing(client, backend, size, version):
    """is chunked for 1.1, which stays; and ends by closing for 1.0."""
    def close_after(peer, request):
        peer.send(reply(pattern(size), length=False))
    r = client.get(backend.script(close_after), version=version)
    assert r["transfer-encoding"] == ("chunked" if version == "HTTP/1.1" else None)
    assert r.body == pattern(size)
    if version == "HTTP/1.1":
        assert client.get(backend.script()).status == 200
    else:
        assert client.at_end()


def test_a_server_of_1_0_may_answer(client, backend):
    def old(peer, request):
        peer.send(b"HTTP/1.0 200 Fine\r\nX-A: b\r\n\r\nold body")
    r = client.get(backend.script(old))
    assert (r.version, r.status, r.body, r["x-a"]) == ("HTTP/1.1", 200, b"old body", "b")


@pytest.mark.parametrize("keep", [True, False])
def test_a_server_of_1_0_is_used_again_only_when_it_says_so(client, backend, keep):
    fields = ["Connection: keep-alive"] if keep else []
    path = backend.script(reply(b"x", *fields).replace(b"HTTP/1.1", b"HTTP/1.0"))
    for _ in range(3):
        assert client.get(path).body == b"x"
    assert len({r.connection for r in backend.of(path)}) == (1 if keep else 3)


@pytest.mark.parametrize("total", [48 * 1024 - 1, 48 * 1024, 48 * 1024 + 1])
def test_a_response_that_just_fills_a_buffer_is_followed_by_another(client, backend, total):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 49000\r\nX-Fill: \r\n\r\n"
    fill = b"f" * (total - 49000 - len(head))
    path = backend.script(head.replace(b"X-Fill: ", b"X-Fill: " + fill) + b"y" * 49000)
    for _ in range(3):
        assert len(client.get(path).body) == 49000
    assert len({r.connection for r in backend.of(path)}) == 1


def test_a_response_may_come_one_byte_at_a_time(client, backend):
    def slowly(peer, request):
        for byte in (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
                     b"3;x=y\r\nabc\r\n4\r\ndefg\r\n0\r\nX-After: t\r\n\r\n"):
            peer.send(bytes([byte]))
        return True
    r = client.get(backend.script(slowly))
    assert (r.body, r["x-a"], r.trailers) == (b"abcdefg", "b", [("x-after", "t")])
    assert client.get(backend.script()).status == 200


# --- what has no body ----------------------------------------------------------------------------

@pytest.mark.parametrize("says", [
    ("Content-Length: 1000",), ("Transfer-Encoding: chunked",), ()])
def test_the_answer_to_head_has_no_body_whatever_it_says(client, backend, says):
    path = backend.script(reply(b"", *says, length=False))
    client.request(path, method="HEAD")
    r = client.response("HEAD")
    assert r.status == 200
    assert r["content-length"] == ("1000" if says == ("Content-Length: 1000",) else None)
    assert client.get(backend.script()).body == b"ok"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_204_and_304_have_no_body(client, backend, status, version):
    path = backend.script(reply(b"", 'ETag: "a"', status=status, length=False))
    for _ in range(2):
        r = client.get(path, "Connection: keep-alive", version=version)
        assert (r.status, r["etag"], r["transfer-encoding"]) == (int(status[:3]), '"a"', None)
    assert len({r.connection for r in backend.of(path)}) == 1


def test_a_length_in_304_says_what_get_would_have_got(client, backend):
    path = backend.script(reply(b"", "Content-Length: 77", status="304 Not Modified", length=False))
    assert client.get(path)["content-length"] == "77"
    assert client.get(backend.script()).body == b"ok"


def test_a_204_with_a_body_does_not_become_somebodys_answer(client, backend):
    """Its bytes would be read as the next response."""
    path = backend.script(reply(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
                                status="204 No Content"))
    assert client.get(path).status == 204
    assert client.get(backend.script()).body == b"ok"
    assert client.get(backend.script()).body == b"ok"


# --- trailers ------------------------------------------------------------------------------------

def test_trailers_of_a_request_reach_the_server(client, backend):
    path = backend.script()
    client.request(path, "Transfer-Encoding: chunked", "Trailer: X-Sum", method="POST",
                   body=b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\nContent-Length: 9\r\nHost: y\r\n\r\n")
    assert client.response().status == 200
    [r] = backend.of(path)
    assert r["trailer"] == "X-Sum"
    assert r.trailers == b"X-Sum: 1\r\nX-Sum: 2\r\n", "those that frame or route are dropped"


def test_trailers_of_a_response_reach_the_client(client, backend):
    path = backend.script(reply(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nTransfer-Encoding: x\r\n\r\n",
                                "Transfer-Encoding: chunked", length=False))
    r = client.get(path)
    assert (r.body, r.trailers) == (b"abc", [("x-sum", "1")])
    assert client.get(backend.script()).body == b"ok"


def test_trailers_are_left_out_for_1_0(client):
    r = client.get("/trailers", host="origin", version="HTTP/1.0")
    assert len(r.body) == 64
    assert client.at_end()


def test_a_response_of_the_origin_comes_with_its_trailers(client):
    r = client.get("/trailers", host="origin")
    assert (len(r.body), r.trailers) == (64, [("x-trailer", "after the body")])


@pytest.mark.parametrize("size", [0, 8000])
def test_trailers_up_to_8_kib_are_passed_on(client, backend, size):
    path = backend.script()
    trailer = b"X-T: " + b"t" * size + b"\r\n"
    client.request(path, "Transfer-Encoding: chunked", method="POST",
                   body=chunked(pattern(49000), 49000)[:-2] + trailer + b"\r\n")
    assert client.response().status == 200
    [r] = backend.of(path)
    assert (r.body, r.trailers) == (pattern(49000), trailer)


# --- both at once --------------------------------------------------------------------------------

def test_a_server_may_answer_while_it_reads(client, backend):
    """Each piece comes back before the next is sent: nothing waits for the end of a body."""
    def echo(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while (size := int(peer.file.readline(), 16)) > 0:
            data = peer.read(size)
            peer.read(2)
            peer.send(b"%x\r\n%s\r\n" % (size, data))
        peer.file.readline()
        peer.send(b"0\r\n\r\n")
        return True
    path = backend.script(echo)
    client.send(head_of(path, "Transfer-Encoding: chunked"))
    r = client.head()
    for i in range(20):
        piece = b"%02d" % i * (i + 1)
        client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        assert client.file.readline() == b"%x\r\n" % len(piece)
        assert client.file.read(len(piece) + 2) == piece + b"\r\n"
    client.send(b"0\r\n\r\n")
    assert client.chunks(r) == b""
    assert client.get(backend.script()).status == 200


def test_10_mib_go_up_while_10_mib_come_down(site, client, backend):
    def both(peer, request):
        answer = reply(pattern(10 * MIB))
        sender = threading.Thread(target=peer.send, args=(answer[:-1],))
        sender.start()
        peer.body(request)
        sender.join()
        peer.send(answer[-1:])  # a whole answer would end the request
        return True
    path = backend.script(both)
    sending = send_aside(client, head_of(path, f"Content-Length: {10 * MIB}") + pattern(10 * MIB))
    assert client.response().body == pattern(10 * MIB)
    sending.join()
    assert backend.of(path)[0].body == pattern(10 * MIB)


def test_many_connections_at_once_get_each_its_own(site, backend):
    def own(peer, request):
        peer.send(reply(peer.body(request) * 100, "X-Path: " + request.target))
        return True
    path, wrong = backend.script(own), []

    def one(i):
        with Client(site.port) as c:
            for k in range(5):
                body = b"%d.%d;" % (i, k)
                r = c.get(f"{path}/{i}/{k}", f"Content-Length: {len(body)}", method="PUT", body=body)
                if (r.body, r["x-path"]) != (body * 100, f"{path}/{i}/{k}"):
                    wrong.append((i, k))
    threads = [threading.Thread(target=one, args=(i,)) for i in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert len(backend.of(path)) == 100
