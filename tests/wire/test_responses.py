"""What a server sends, byte for byte, and what the client then gets (RFC 9110 and 9112). Each also comes one byte at a time."""
import pathlib
import threading

import pytest

from harness import Client

OK = b"HTTP/1.1 200 OK\r\n"
TWO = b"Content-Length: 2\r\n\r\nok"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
OLD = {"version": "HTTP/1.0"}
HEAD = {"method": "HEAD"}
GZIP = b"\x1f\x8b\x08\0\r\n\r\n\0"


def ok(*lines, end=TWO):
    return OK + b"".join(line + b"\r\n" for line in lines) + end


def status(line, end=b"Content-Length: 0\r\n\r\n"):
    return b"HTTP/1.1 " + line + b"\r\n" + end


# A sentence, and what goes through as it is; how it is asked for where that matters.
UNCHANGED = [
    ("a response", ok()),
    ("a name in odd letters", OK + b"cOnTent-LEngth: 2\r\n\r\nok"),
    ("a name of every sign", ok(b"!#$%&'*+-.^_`|~09azAZ: x")),
    ("no blank behind the colon", ok(b"X-A:b")),
    ("many blanks around a value", ok(b"X-A: \t  b \t ")),
    ("an empty value", ok(b"X-A:")),
    ("a tab in a value", ok(b"X-A: a\tb")),
    ("bytes beyond ASCII in a value", ok(b"X-A: \xe4\xff\x80")),
    ("colons in a value", ok(b"X-A: a: b:c")),
    ("the same field twice, in order", ok(b"X-A: 1", b"X-A: 2")),
    ("two cookies, never joined", ok(b"Set-Cookie: a=b", b"Set-Cookie: c=d; Expires=Thu, 01 Jan 1970 00:00:00 GMT")),
    ("a challenge with commas", status(b"401 Unauthorized", b'WWW-Authenticate: Basic realm="x, y"\r\n' + TWO)),
    ("the order of fields", ok(b"Z: 1", b"A: 2", b"M: 3")),
    ("a Date of its own", ok(b"Date: Thu, 01 Jan 1970 00:00:00 GMT")),
    ("a Date that is none", ok(b"Date: yesterday")),
    ("a Server of its own", ok(b"Server: old/1")),
    ("a Via of others", ok(b"Via: 1.0 fred")),
    ("a Location with anything in it", status(b"302 Found", b"Location: //evil/\\a?b#c\r\n" + TWO)),
    ("caching fields", ok(b"Cache-Control: max-age=1, private", b"Age: 0", b"Vary: *", b'ETag: W/"a"')),
    ("a content coding is the body's", ok(b"Content-Encoding: gzip", end=b"Content-Length: 9\r\n\r\n" + GZIP)),
    ("a part of a range", status(b"206 Partial Content", b"Content-Range: bytes 0-1/9\r\n" + TWO)),
    ("several parts", status(b"206 Partial Content", b"Content-Type: multipart/byteranges; boundary=x\r\n" + TWO)),
    ("a range that cannot be", status(b"416 Range Not Satisfiable", b"Content-Range: bytes */9\r\n" + TWO)),
    ("another reason", status(b"200 Fine, thanks")),
    ("bytes beyond ASCII in a reason", status(b"200 \xe4\xff")),
    ("a tab in a reason", status(b"200 a\tb")),
    ("an empty reason", status(b"200 ")),
    ("the lowest of 2xx", status(b"200 OK")),
    ("201", status(b"201 Created", b"Location: /a\r\n" + TWO)),
    ("202", status(b"202 Accepted")),
    ("203", status(b"203 Non-Authoritative Information")),
    ("205", status(b"205 Reset Content")),
    ("a status nobody knows, of 2xx", status(b"299 x")),
    ("300", status(b"300 Multiple Choices")),
    ("301", status(b"301 Moved Permanently", b"Location: /b\r\n" + TWO)),
    ("307", status(b"307 Temporary Redirect", b"Location: /b\r\n" + TWO)),
    ("a status nobody knows, of 3xx", status(b"399 x")),
    ("404", status(b"404 Not Found")),
    ("408 of a server is a response like others", status(b"408 Request Timeout")),
    ("418", status(b"418 I'm a teapot")),
    ("429 with its Retry-After", status(b"429 Too Many Requests", b"Retry-After: 1\r\n" + TWO)),
    ("a status nobody knows, of 4xx", status(b"499 x")),
    ("500", status(b"500 Internal Server Error")),
    ("502 of the server", status(b"502 Bad Gateway")),
    ("503 with its Retry-After", status(b"503 Service Unavailable", b"Retry-After: 1\r\n" + TWO)),
    ("a status nobody knows, of 5xx", status(b"599 x")),
    ("204", status(b"204 No Content", b"X-A: b\r\n\r\n")),
    ("304", status(b"304 Not Modified", b'ETag: "a"\r\n\r\n')),
    ("304 with the length there would be", status(b"304 Not Modified", b"Content-Length: 77\r\n\r\n")),
    ("a length of nothing", ok(end=b"Content-Length: 0\r\n\r\n")),
    ("a body of line ends", ok(end=b"Content-Length: 8\r\n\r\n\r\n\r\n\r\n\r\n")),
    ("a body that looks like a response", ok(end=b"Content-Length: 19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")),
    ("a body of zeros", ok(end=b"Content-Length: 3\r\n\r\n\0\0\0")),
    ("chunks", ok(end=CHUNKED + b"2\r\nok\r\n0\r\n\r\n")),
    ("no chunk", ok(end=CHUNKED + b"0\r\n\r\n")),
    ("chunks of line ends", ok(end=CHUNKED + b"4\r\n\r\n\r\n\r\n0\r\n\r\n")),
    ("chunks that look like their end", ok(end=CHUNKED + b"5\r\n0\r\n\r\n\r\n0\r\n\r\n")),
    ("a trailer", ok(b"Trailer: X-T", end=CHUNKED + b"2\r\nok\r\n0\r\nX-T: a\r\n\r\n")),
    ("trailers", ok(end=CHUNKED + b"2\r\nok\r\n0\r\nX-T: a\r\nX-U: \xe4\r\n\r\n")),
    ("hints before", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok()),
    ("hints twice", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2 + ok()),
    ("102 before", b"HTTP/1.1 102 Processing\r\n\r\n" + ok()),
    ("100 that nobody waits for", b"HTTP/1.1 100 Continue\r\n\r\n" + ok()),
    ("a length for HEAD", ok(end=b"Content-Length: 1000\r\n\r\n"), HEAD),
    ("404 for HEAD", status(b"404 Not Found", b"Content-Length: 9\r\n\r\n"), HEAD),
    ("99 fields", ok(*[b"X-%d: y" % i for i in range(99)])),
    ("a field of 30 KiB", ok(b"X-Long: " + b"l" * 30 * 1024)),
]

# A sentence, what the server sends, what the client gets.
CHANGED = [
    ("1.0 becomes 1.1", b"HTTP/1.0 200 OK\r\n" + TWO, ok()),
    ("1.0 that stays", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + TWO, ok()),
    ("no reason and no blank", b"HTTP/1.1 200\r\n" + TWO, b"HTTP/1.1 200 \r\n" + TWO),
    ("Connection is between two", ok(b"Connection: close"), ok()),
    ("Keep-Alive is between two", ok(b"Keep-Alive: timeout=5"), ok()),
    ("Proxy-Connection is between two", ok(b"Proxy-Connection: close"), ok()),
    ("TE is between two", ok(b"TE: trailers"), ok()),
    ("Upgrade is between two", ok(b"Upgrade: h2c"), ok()),
    ("what Connection names is between two", ok(b"X-Hop: a", b"Connection: x-hop, X-More", b"x-more: b", b"X-A: c"), ok(b"X-A: c")),
    ("Connection in two lines", ok(b"Connection: a", b"A: 1", b"Connection: b", b"B: 2"), ok()),
    ("a blank before an extension", ok(end=CHUNKED + b"2 ;x\r\nok\r\n0\r\n\r\n"), ok(end=CHUNKED + b"2\r\nok\r\n0\r\n\r\n")),
    ("extensions", ok(end=CHUNKED + b'2;x=y;z="a b"\r\nok\r\n0;end\r\n\r\n'), ok(end=CHUNKED + b"2\r\nok\r\n0\r\n\r\n")),
    ("zeros before a size", ok(end=CHUNKED + b"0002\r\nok\r\n000\r\n\r\n"), ok(end=CHUNKED + b"2\r\nok\r\n0\r\n\r\n")),
    ("a size in capitals", ok(end=CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n"), ok(end=CHUNKED + b"a\r\n0123456789\r\n0\r\n\r\n")),
    ("Chunked", ok(end=b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n"), ok(end=CHUNKED + b"0\r\n\r\n")),
    ("trailers that frame", ok(end=CHUNKED + b"0\r\nContent-Length: 9\r\nX-T: a\r\n\r\n"), ok(end=CHUNKED + b"0\r\nX-T: a\r\n\r\n")),
    ("204 with a length", status(b"204 No Content"), status(b"204 No Content", b"\r\n")),
    ("hints with fields between two", b"HTTP/1.1 103 Early Hints\r\nConnection: x\r\nX: 1\r\nLink: a\r\n\r\n" + ok(),
     b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + ok()),
    ("hints for 1.0", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + ok(),
     ok(end=b"Content-Length: 2\r\nConnection: close\r\n\r\nok"), OLD),
    ("chunks for 1.0", ok(end=CHUNKED + b"2\r\nok\r\n0\r\nX-T: a\r\n\r\n"), ok(b"Connection: close", end=b"\r\nok"), OLD),
    ("chunks for HEAD", ok(b"X-A: b", end=CHUNKED), ok(b"X-A: b", end=b"\r\n"), HEAD),
]

# What no client gets to see: 502 says so instead.
REFUSED = [
    ("no status line", b"\r\n\r\n"), ("a line that is none", b"hello\r\n\r\n"), ("a request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("1.2", b"HTTP/1.2 200 OK\r\n" + TWO), ("2.0", b"HTTP/2.0 200 OK\r\n" + TWO), ("0.9", b"HTTP/0.9 200 OK\r\n" + TWO),
    ("another protocol", b"ICY 200 OK\r\n" + TWO), ("a version of two digits", b"HTTP/1.10 200 OK\r\n" + TWO),
    ("a status of two digits", status(b"20 OK")), ("a status of four", status(b"2000 OK")), ("status 000", status(b"000 x")),
    ("status 099", status(b"099 x")), ("status 600", status(b"600 x")), ("status 999", status(b"999 x")),
    ("a status with a sign", status(b"+20 OK")), ("a status in hexadecimal", status(b"0x2 OK")), ("no status", status(b"OK")),
    ("two blanks before the status", status(b" 200 OK")), ("a tab before the status", b"HTTP/1.1\t200 OK\r\n" + TWO),
    ("a tab behind the status", status(b"200\tOK")), ("a NUL in the reason", status(b"200 O\0K")),
    ("a control character in the reason", status(b"200 O\x01K")), ("a bare CR in the reason", status(b"200 O\rK")),
    ("bare LF behind the status line", b"HTTP/1.1 200 OK\n" + TWO), ("bare LF behind a field", ok(b"X-A: b\nX-B: c")),
    ("bare LF at the end of the head", OK + b"Content-Length: 0\r\n\n"), ("a NUL in a value", ok(b"X-A: \0")),
    ("a NUL in a name", ok(b"X\0A: b")), ("a control character in a value", ok(b"X-A: \x1b[2J")), ("DEL in a value", ok(b"X-A: \x7f")),
    ("a blank in a name", ok(b"X A: b")), ("a blank before the colon", ok(b"X-A : b")), ("a bracket in a name", ok(b"X(A: b")),
    ("a name beyond ASCII", ok(b"X-\xe4: b")), ("a folded line", ok(b"X-A: b", b" c")), ("a fold before all fields", OK + b" X: a\r\n" + TWO),
    ("a length with a fraction", ok(end=b"Content-Length: 2.0\r\n\r\nok")), ("a length with a letter", ok(end=b"Content-Length: 2a\r\n\r\nok")),
    ("a negative length", ok(end=b"Content-Length: -2\r\n\r\nok")), ("a length in quotes", ok(end=b'Content-Length: "2"\r\n\r\nok')),
    ("a length with a blank", ok(end=b"Content-Length: 1 2\r\n\r\nok")), ("chunked in quotes", ok(end=b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n')),
    ("identity", ok(end=b"Transfer-Encoding: identity\r\n\r\nok")), ("no coding", ok(end=b"Transfer-Encoding:\r\n\r\nok")),
    ("chunked with a parameter", ok(end=b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n")),
    ("a comma behind chunked", ok(end=b"Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n")),
    ("101 that nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ("hints that are malformed", b"HTTP/1.1 103 Early Hints\r\nLink\r\n\r\n" + ok()),
]


def rows(table):
    return {"argvalues": [r if isinstance(r[-1], dict) else (*r, {}) for r in table], "ids": [r[0].replace(" ", "-") for r in table]}


def canonical(raw):
    """As raw, with each chunked body in one chunk: how a body is cut on its way is nobody's business."""
    head, end, rest = raw.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 1") and end:
        return head + end + canonical(rest)
    body = b""
    if b"transfer-encoding: chunked" not in head.lower() or not rest:
        return raw
    while (size := int(rest.split(b"\r\n")[0], 16)) > 0:
        start = rest.index(b"\r\n") + 2
        body, rest = body + rest[start:start + size], rest[start + size + 2:]
    return head + end + (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + rest


def exchange(site, backend, sent, how):
    """All that the client gets for a request, to the end of its connection."""
    def say(peer, request):
        peer.send(sent)
        return True
    with Client(site.port) as c:
        c.request(backend.script(say), **how)
        c.socket.shutdown(1)
        return c.file.read()


@pytest.mark.usefixtures("server_pace")
@pytest.mark.parametrize("what, sent, how", **rows(UNCHANGED))
def test_goes_through_as_it_is(site, backend, what, sent, how):
    assert canonical(exchange(site, backend, sent, how)) == canonical(sent)


@pytest.mark.usefixtures("server_pace")
@pytest.mark.parametrize("what, sent, got, how", **rows(CHANGED))
def test_is_changed(site, backend, what, sent, got, how):
    assert canonical(exchange(site, backend, sent, how)) == canonical(got)


@pytest.mark.usefixtures("server_pace")
@pytest.mark.parametrize("what, sent, how", **rows(REFUSED))
def test_is_refused(site, backend, what, sent, how):
    got = exchange(site, backend, sent, how)
    assert got.startswith(b"HTTP/1.1 502 Bad Gateway\r\n") and got.count(b"HTTP/1.1") == 1
    with Client(site.port) as c:
        assert c.get(backend.script()).body == b"ok", "and others are served"


@pytest.mark.usefixtures("server_pace")
@pytest.mark.parametrize("behind", [b"E", b"EXTRA", ok(), b"\r\n", GZIP])
def test_bytes_behind_a_response_end_the_servers_connection(site, backend, behind):
    closed = threading.Event()

    def say_too_much(peer, request):
        try:
            peer.send(ok() + behind)
            assert peer.at_end()
        finally:
            closed.set()  # perhaps before all was said
    with Client(site.port) as c:
        c.request(backend.script(say_too_much))
        assert c.file.read(len(ok())) == ok()
        assert closed.wait(10)
        assert c.get(backend.script()).body == b"ok"


def test_there_are_three_hundred_cases_a_byte_at_a_time(request):
    """Of the tables of this folder, in both directions."""
    here = pathlib.Path(__file__).parent
    ids = [item.nodeid for item in request.session.items if item.path.parent == here]
    if request.config.option.keyword or not all(any(name in i for i in ids) for name in ("test_smuggling", "test_cuts")):
        pytest.skip("not all of them are run")
    clients, servers = (sum(f"{who}-bytewise" in i for i in ids) for who in ("client", "server"))
    assert clients >= 150 and servers >= 150 and clients + servers >= 300, (clients, servers)
