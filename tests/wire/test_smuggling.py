"""What two readers could read in two ways is refused, and nothing of it reaches a server (RFC 9112 11.2)."""
import time

import pytest

from harness import Client, wait_for
from scripted import OK

SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def post(*fields, body="", line="POST / HTTP/1.1", host="Host: x"):
    return "\r\n".join([line, *([host] if host else []), *fields, "", ""]) + body


def chunks(body):
    return post("Transfer-Encoding: chunked", body=body)


# A sentence, the request, the status where it is not 400.
REFUSED = [
    # Two ways to find the end (RFC 9112 6.1, 6.3)
    ("length and chunks", post("Content-Length: 6", "Transfer-Encoding: chunked", body="0\r\n\r\nX")),
    ("chunks and length", post("Transfer-Encoding: chunked", "Content-Length: 4", body="0\r\n\r\nX")),
    ("two different lengths", post("Content-Length: 5", "Content-Length: 0", body="12345")),
    ("two equal lengths", post("Content-Length: 5", "Content-Length: 5", body="12345")),
    ("a list of equal lengths", post("Content-Length: 5, 5", body="12345")),
    ("a list of different lengths", post("Content-Length: 0, 5", body="12345")),
    ("a length with a plus", post("Content-Length: +5", body="12345")),
    ("a length with a minus", post("Content-Length: -5", body="12345")),
    ("an empty length", post("Content-Length:", body="")),
    ("a blank length", post("Content-Length:  ", body="")),
    ("a length with a blank within", post("Content-Length: 1 0", body="1234567890")),
    ("a length in hexadecimal", post("Content-Length: 0x5", body="12345")),
    ("a length with a leading zero", post("Content-Length: 05", body="12345")),
    ("a length with a letter", post("Content-Length: 5a", body="12345")),
    ("a length with a fraction", post("Content-Length: 5.0", body="12345")),
    ("a length beyond 63 bits", post("Content-Length: 9223372036854775808")),
    ("a length beyond 64 bits", post("Content-Length: 18446744073709551621", body="12345")),
    ("a length in quotes", post('Content-Length: "5"', body="12345")),
    # Transfer-Encoding
    ("chunks twice", post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body="0\r\n\r\n")),
    ("chunked, chunked", post("Transfer-Encoding: chunked, chunked", body="0\r\n\r\n")),
    ("chunked, identity", post("Transfer-Encoding: chunked, identity", body="0\r\n\r\n")),
    ("identity", post("Transfer-Encoding: identity")),
    ("an empty coding", post("Transfer-Encoding:", body="0\r\n\r\n")),
    ("xchunked", post("Transfer-Encoding: xchunked", body="0\r\n\r\n")),
    ("chunked with a vertical tab", post("Transfer-Encoding: \x0bchunked", body="0\r\n\r\n")),
    ("chunked with a form feed", post("Transfer-Encoding: chunked\x0c", body="0\r\n\r\n")),
    ("chunked in quotes", post('Transfer-Encoding: "chunked"', body="0\r\n\r\n")),
    ("chunked with a parameter", post("Transfer-Encoding: chunked;q=1", body="0\r\n\r\n")),
    ("a comma before chunked", post("Transfer-Encoding: ,chunked", body="0\r\n\r\n")),
    ("a comma behind chunked", post("Transfer-Encoding: chunked,", body="0\r\n\r\n")),
    ("a coding below chunked", post("Transfer-Encoding: gzip, chunked", body="0\r\n\r\n"), 501),
    ("chunked below a coding", post("Transfer-Encoding: chunked, gzip", body="0\r\n\r\n")),
    ("chunks in 1.0", post("Transfer-Encoding: chunked", body="0\r\n\r\n", line="POST / HTTP/1.0")),
    ("chunks in 1.0 with a length",
     post("Transfer-Encoding: chunked", "Content-Length: 5", body="0\r\n\r\n", line="POST / HTTP/1.0")),
    # Lines (2.2, 5)
    ("a folded line", post("X-A: b", " c: d")),
    ("a folded line with a tab", post("X-A: b", "\tTransfer-Encoding: chunked", body="0\r\n\r\n")),
    ("a blank before the first field", "GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
    ("a blank before the colon", post("Content-Length : 5", body="12345")),
    ("a tab before the colon", post("Transfer-Encoding\t: chunked", body="0\r\n\r\n")),
    ("an empty name", post(": x")),
    ("no colon", post("Content-Length 5", body="12345")),
    ("bare LF at the end of a field", post("X-A: b\nContent-Length: 5", body="12345")),
    ("bare LF everywhere", "GET / HTTP/1.1\nHost: x\n\n"),
    ("bare LF at the end of the first line", "GET / HTTP/1.1\nHost: x\r\n\r\n"),
    ("bare LF at the end of the head", "GET / HTTP/1.1\r\nHost: x\r\n\n"),
    ("bare CR in a value", post("X-A: b\rContent-Length: 5", body="12345")),
    ("CR CR LF", post("X-A: b\r")),
    ("a NUL in a value", post("X-A: b\0c")),
    ("a NUL in a name", post("X-\0A: b")),
    ("a NUL in the target", "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a NUL before the request", "\0GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a control character in a value", post("X-A: b\x01c")),
    ("DEL in a value", post("X-A: b\x7fc")),
    ("a name in brackets", post("X(A): b")),
    ("a name beyond ASCII", post("X-\xe4: b")),
    # The first line (3)
    ("two blanks behind the method", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a tab behind the method", "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("two blanks before the version", "GET /  HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a blank behind the version", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"),
    ("a blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a blank before the method", " GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("no version (HTTP/0.9)", "GET /\r\n\r\n"),
    ("a small version", "GET / http/1.1\r\nHost: x\r\n\r\n"),
    ("HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505),
    ("HTTP/2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    ("a preface of HTTP/2 with something wrong", "PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n", 505),
    ("HTTP/1.10", "GET / HTTP/1.10\r\nHost: x\r\n\r\n"),
    ("HTTP/01.1", "GET / HTTP/01.1\r\nHost: x\r\n\r\n"),
    ("a method in brackets", "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a method of 33 letters", "G" * 33 + " / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("CONNECT", "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", 501),
    ("a target without a slash", "GET x HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("an asterisk without OPTIONS", "GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a fragment", "GET /#a HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a backslash", "GET /\\a HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a byte beyond ASCII in the target", "GET /\xe4 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("another scheme", "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("an escaped slash", "GET /a%2fb HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("an escaped backslash", "GET /a%5cb HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("an escaped NUL", "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("an escaped line end", "GET /a%0d%0ab HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("half an escape", "GET /a%2 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("no escape", "GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n"),
    # Host (3.2)
    ("no Host", post(host=None)),
    ("two Hosts", post("Host: x")),
    ("two Hosts that differ", post("Host: y")),
    ("two Hosts in 1.0", post("Host: y", line="GET / HTTP/1.0")),
    ("an empty Host", post(host="Host:")),
    ("a Host with a blank", post(host="Host: x y")),
    ("a Host with a comma", post(host="Host: x, y")),
    ("a Host with user information", post(host="Host: a@x")),
    ("a Host with a slash", post(host="Host: x/y")),
    ("a Host with a bad port", post(host="Host: x:99999")),
    ("a Host with a port that is no number", post(host="Host: x:80a")),
    ("a Host with a bad address", post(host="Host: [::1")),
    ("a Host with an empty label", post(host="Host: a..b")),
    ("a Host of 300 bytes", post(host="Host: " + "h" * 300)),
    ("another Host than the absolute form's", post(line="GET http://y/ HTTP/1.1")),
    ("another port than the absolute form's", post(line="GET http://x:81/ HTTP/1.1")),
    ("user information in the absolute form", post(line="GET http://a@x/ HTTP/1.1")),
    ("the absolute form without a host", post(line="GET http:/// HTTP/1.1")),
    ("the absolute form without a path before the query", post(line="GET http://x?a HTTP/1.1")),
    # Connection
    ("Connection names no token", post("Connection: a b")),
    ("Connection has 33 options", post("Connection: " + ",".join(f"a{i}" for i in range(33)))),
    # Garbage
    ("a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x5a" * 32),
    ("binary garbage", "".join(map(chr, range(255, 0, -1)))),
    ("text that is no HTTP", "EHLO example.com\r\n"),
    ("three empty lines", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    # Too much
    ("101 fields", post(*[f"X-{i}: y" for i in range(100)]), 431),
    ("a field of 33 KiB", post("X-Long: " + "l" * 33 * 1024), 431),
    ("a target of 33 KiB", "GET /" + "a" * 33 * 1024 + " HTTP/1.1\r\nHost: x\r\n\r\n", 431),
    ("1 MiB of fields", post(*[f"X-{i}: {'y' * 1000}" for i in range(1040)]), 431),
    ("1 MiB without an end of line", "G" * (1 << 20), 400),
    ("1 MiB of one field", "GET / HTTP/1.1\r\nX: " + "y" * (1 << 20), 431),
]


def refused(c, status):
    """The answer is that, says that it closes, and closes."""
    r = c.response()
    assert (r.status, r["connection"]) == (status, "close")
    assert c.at_end(), "nothing behind it is answered"
    return r


def nothing_came(site, backend, before):
    """Nothing has reached the server: not the request, nor what it hid. One that comes later has."""
    path = backend.script()
    with Client(site.port) as c:
        assert c.get(path).status == 200
    assert [r.line for r in backend.requests[before:]] == [f"GET {path} HTTP/1.1"]


@pytest.mark.usefixtures("client_pace")
@pytest.mark.parametrize("what, request_text, status", [r if len(r) == 3 else (*r, 400) for r in REFUSED],
                         ids=[r[0].replace(" ", "-") for r in REFUSED])
def test_is_refused(site, client, backend, what, request_text, status):
    before = len(backend.requests)
    try:
        client.send(request_text.encode("latin-1") + SMUGGLED.encode())
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has heard enough; the answer is there all the same
    refused(client, status)
    nothing_came(site, backend, before)


# A head that is right, a body that is not: the head is on its way when the body comes, but the request
# never becomes whole, and what follows it is not read as another.
BAD_CHUNKS = [
    ("a size that is no number", "g\r\n\r\n"),
    ("a size with a sign", "+5\r\n12345\r\n0\r\n\r\n"),
    ("a negative size", "-1\r\n\r\n"),
    ("a size with a prefix", "0x5\r\n12345\r\n0\r\n\r\n"),
    ("no size", "\r\n12345\r\n0\r\n\r\n"),
    ("a blank before the size", " 5\r\n12345\r\n0\r\n\r\n"),
    ("a blank behind the size", "5 \r\n12345\r\n0\r\n\r\n"),
    ("a size of 17 digits", "00000000000000005\r\n12345\r\n0\r\n\r\n"),
    ("a size beyond 64 bits", "10000000000000005\r\n12345\r\n0\r\n\r\n"),
    ("a size of 2^63", "8000000000000000\r\n"),
    ("bare LF behind the size", "5\n12345\r\n0\r\n\r\n"),
    ("bare CR behind the size", "5\rX12345\r\n0\r\n\r\n"),
    ("bare LF behind the chunk", "5\r\n12345\n0\r\n\r\n"),
    ("a chunk that is longer than its size", "5\r\n123456\r\n0\r\n\r\n"),
    ("a chunk that is shorter than its size", "5\r\n1234\r\n0\r\n\r\n"),
    ("bare LF behind the last chunk", "5\r\n12345\r\n0\n\n"),
    ("an extension of 300 bytes", "5;" + "e" * 300 + "\r\n12345\r\n0\r\n\r\n"),
    ("bare LF in an extension", "5;a\nb\r\n12345\r\n0\r\n\r\n"),
    ("a NUL in an extension", "5;a\0b\r\n12345\r\n0\r\n\r\n"),
    ("an extension that has no end", "5;" + "e" * 100_000),
    ("a trailer that is none", "5\r\n12345\r\n0\r\nX-A\r\n\r\n"),
    ("a folded trailer", "5\r\n12345\r\n0\r\nX-A: b\r\n c\r\n\r\n"),
    ("bare LF in a trailer", "5\r\n12345\r\n0\r\nX-A: b\nX-B: c\r\n\r\n"),
    ("9 KiB of trailers", "5\r\n12345\r\n0\r\nX-A: " + "b" * 9 * 1024 + "\r\n\r\n"),
    ("101 trailers", "5\r\n12345\r\n0\r\n" + "".join(f"X-{i}: b\r\n" for i in range(101)) + "\r\n"),
]


@pytest.mark.usefixtures("client_pace")
@pytest.mark.parametrize("what, body", BAD_CHUNKS, ids=[b[0].replace(" ", "-") for b in BAD_CHUNKS])
@pytest.mark.parametrize("in_one", [True, False], ids=["with-the-head", "behind-the-head"])
def test_a_bad_chunk_is_refused(site, client, backend, what, body, in_one):
    seen = []

    def record(peer, request):
        try:
            seen.append(peer.file.read())
        except ConnectionResetError:
            seen.append(b"")
    path = backend.script(record)
    head = post("Transfer-Encoding: chunked", line=f"POST {path} HTTP/1.1").encode()
    if in_one:
        client.send(head + body.encode() + SMUGGLED.encode())
    else:
        client.send(head)
        wait_for(lambda: backend.of(path), "the head has arrived")
        try:
            client.send(body.encode() + SMUGGLED.encode())
        except (BrokenPipeError, ConnectionResetError):
            pass
    refused(client, 400)
    if backend.of(path):
        wait_for(lambda: seen, "the server's connection ends")
        assert not seen[0].endswith(b"0\r\n\r\n"), "it must not look whole"
        assert b"smuggled" not in seen[0]
    assert not backend.of("/smuggled")


ODD_BUT_RIGHT = [
    ("an extension", chunks("5;a=b;c=\"d e\"\r\n12345\r\n0;last\r\n\r\n"), b"12345"),
    ("an extension of 200 bytes", chunks("5;" + "e" * 200 + "\r\n12345\r\n0\r\n\r\n"), b"12345"),
    ("a blank before an extension", chunks("5 ;a\r\n12345\r\n0\r\n\r\n"), b"12345"),
    ("leading zeros of a size", chunks("0005\r\n12345\r\n000\r\n\r\n"), b"12345"),
    ("a size in capitals", chunks("A\r\n1234567890\r\n0\r\n\r\n"), b"1234567890"),
    ("Chunked", post("Transfer-Encoding: Chunked", body="5\r\n12345\r\n0\r\n\r\n"), b"12345"),
    ("blanks around a length", post("Content-Length:   5\t ", body="12345"), b"12345"),
    ("no blank behind the colon", post("Content-Length:5", body="12345"), b"12345"),
    ("an empty value", post("X-A:"), b""),
    ("bytes beyond ASCII in a value", post("X-A: \xe4\xff"), b""),
    ("a tab in a value", post("X-A: a\tb"), b""),
    ("99 fields besides Host", post(*[f"X-{i}: y" for i in range(99)]), b""),
    ("a Host with a port", post(host="Host: x:8080"), b""),
    ("a Host that is an address", post(host="Host: [::1]:80"), b""),
    ("no Host in 1.0", post("Connection: keep-alive", host=None, line="POST / HTTP/1.0"), b""),
    ("an unknown method", post(line="BREW / HTTP/1.1"), b""),
    ("a method in small letters", post(line="get / HTTP/1.1"), b""),
    ("the absolute form", post(line="GET http://x/ HTTP/1.1"), b""),
    ("the absolute form with another case", post(line="GET HTTP://X/ HTTP/1.1"), b""),
    ("the absolute form without a path", post(line="GET http://x HTTP/1.1"), b""),
    ("OPTIONS *", post(line="OPTIONS * HTTP/1.1"), b""),
    ("OPTIONS of the absolute form", post(line="OPTIONS http://x HTTP/1.1"), b""),
]


@pytest.mark.usefixtures("client_pace")
@pytest.mark.parametrize("what, text, body", ODD_BUT_RIGHT, ids=[o[0].replace(" ", "-") for o in ODD_BUT_RIGHT])
def test_odd_but_right_is_served(client, backend, what, text, body):
    before = len(backend.requests)
    client.send(text.encode("latin-1"))
    assert client.response().status == 200
    assert client.get(backend.script()).status == 200, "and the connection goes on"
    assert backend.requests[before].body == body


@pytest.mark.usefixtures("client_pace")
@pytest.mark.parametrize("target, seen", [
    ("http://x", "/"), ("http://x/a?b", "/a?b"), ("https://x/a", "/a"), ("http://X/", "/")])
def test_the_absolute_form_is_sent_on_as_the_origin_form(client, backend, target, seen):
    before = len(backend.requests)
    assert client.get(target).status == 200
    assert backend.requests[before].target == seen


@pytest.mark.usefixtures("client_pace")
@pytest.mark.parametrize("target", ["*", "http://x"])
def test_options_for_the_whole_server_stays_so(client, backend, target):
    before = len(backend.requests)
    assert client.get(target, method="OPTIONS").status == 200
    assert backend.requests[before].line == "OPTIONS * HTTP/1.1"


@pytest.mark.usefixtures("client_pace")
def test_a_refused_request_ends_the_pipeline_behind_it(site, client, backend):
    good, bad = backend.script(), backend.script()
    client.send(post(line=f"GET {good} HTTP/1.1") + post("Content-Length: x", line=f"GET {bad} HTTP/1.1") +
                post(line=f"GET {bad} HTTP/1.1"))
    assert client.response().status == 200
    refused(client, 400)
    assert backend.of(bad) == []


def test_the_page_of_a_refusal_says_what_was_wrong(client):
    client.send("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")
    r = refused(client, 400)
    assert r["content-type"] == "text/plain; charset=utf-8"
    assert b"Host is missing, repeated or malformed" in r.body
    assert r["date"].endswith("GMT")


def test_refusals_are_logged(site, client):
    before = len(site.log())
    client.send("GARBAGE\r\n\r\n")
    refused(client, 400)
    wait_for(lambda: any(r["end"] == "malformed-request" and r["status"] == 400 for r in site.log()[before:]),
             "the record")


def test_half_a_head_and_then_the_end_is_no_request(site, backend):
    before = len(backend.requests)
    for half in (b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r", b"GE", b"\r\n"):
        with Client(site.port) as c:
            c.send(half)
            c.socket.shutdown(1)
            assert c.at_end(), "no answer: nobody asked"
    nothing_came(site, backend, before)


def test_what_a_server_sends_too_late_is_nobodys_answer(client, backend):
    """A second response that comes with the first, on a connection that is kept."""
    path = backend.script(OK + OK.replace(b"ok", b"no"))
    assert client.get(path).body == b"ok"
    time.sleep(0.05)
    assert client.get(backend.script()).body == b"ok"
