"""What a listener's max-header-size, max-body-size and max-requests let through, and how the rest is refused."""
import pytest

from frames import MAX_HEADER_LIST_SIZE, NO_ERROR, Speaker
from harness import Client, Lbc, free_ports, wait_for
from scripted import chunked, pattern, reply

SITE = """lbconf 1
cluster scripted {{ server s 127.0.0.1:{scripted}; timeout connect 5s }}
listener heads  {{ bind 127.0.0.1:{heads};  route site; max-header-size 2KiB }}
listener bodies {{ bind 127.0.0.1:{bodies}; route site; max-body-size 1000B }}
listener few    {{ bind 127.0.0.1:{few};    route site; max-requests 3 }}
route site {{
  when path == "/here" {{ respond 200 "here" }}
  otherwise {{ forward scripted }}
}}
"""
LISTENERS = ("heads", "bodies", "few")


@pytest.fixture(scope="module")
def lbc(begin, backend):
    ports = dict(zip(LISTENERS, free_ports(3)))
    process = begin(Lbc, SITE.format(scripted=backend.port, **ports), workers=1)
    process.ports, process.backend = ports, backend
    return process


def counter(lbc, name):
    return lbc.show("info")["metrics"][name]


# --- heads ---------------------------------------------------------------------------------------

def head_of(size):
    """A request head of exactly that many bytes."""
    begin, end = b"GET /here HTTP/1.1\r\nHost: x\r\nX-Pad: ", b"\r\n\r\n"
    return begin + b"p" * (size - len(begin) - len(end)) + end


@pytest.mark.parametrize("size, status", [(2048, 200), (2049, 431), (8000, 431)])
def test_a_head_has_at_most_its_bytes(lbc, size, status):
    with Client(lbc.ports["heads"]) as c:
        c.send(head_of(size))
        assert c.response().status == status


def test_a_head_without_an_end_is_refused_when_there_is_too_much_of_it(lbc):
    with Client(lbc.ports["heads"]) as c:
        c.send(head_of(4000)[:2047])
        c.send(b"p")
        assert c.response().status == 431


def test_a_head_that_comes_in_pieces_may_be_as_long(lbc):
    with Client(lbc.ports["heads"]) as c:
        head = head_of(2048)
        for at in range(0, len(head), 500):
            c.send(head[at:at + 500])
        assert c.response().status == 200


def test_over_http2_the_limit_is_announced(lbc):
    with Speaker(lbc.ports["heads"]) as h2:
        h2.until(lambda: h2.settings)
        assert h2.settings[MAX_HEADER_LIST_SIZE] == 2048
        assert h2.get("/here", ("x-pad", "p" * 1000)).status == 200
        assert h2.get("/here", ("x-pad", "p" * 3000)).status == 431
        assert h2.get("/here").status == 200  # and the connection goes on


def test_a_limit_that_a_reload_raised_holds_for_streams_of_old_connections(lbc):
    with Speaker(lbc.ports["heads"]) as h2:
        h2.until(lambda: h2.settings)
        text = lbc.file.read_text()
        try:
            lbc.reload(text.replace("2KiB", "8KiB"))
            assert h2.get("/here", ("x-pad", "p" * 3000)).status == 431  # and does not wait for more
        finally:
            lbc.reload(text)


# --- bodies --------------------------------------------------------------------------------------

@pytest.mark.parametrize("size, status", [(1000, 200), (1001, 413), (10**12, 413)])
def test_a_length_above_the_limit_is_refused_at_once(lbc, backend, size, status):
    path, before = backend.script(), counter(lbc, "requests_too_large")
    with Client(lbc.ports["bodies"]) as c:
        body = pattern(size) if size < 2000 else b""
        c.request(path, f"Content-Length: {size}", method="POST", body=body)
        assert c.response().status == status
    assert len(backend.of(path)) == (status == 200)
    assert counter(lbc, "requests_too_large") == before + (status == 413)


def test_a_client_that_waits_to_continue_is_told_not_to(lbc, backend):
    path = backend.script()
    with Client(lbc.ports["bodies"]) as c:
        c.request(path, "Content-Length: 1001", "Expect: 100-continue", method="POST")
        got = c.response()
        assert (got.status, got["connection"]) == (413, "close")


@pytest.mark.parametrize("size, piece, status", [(1000, 1000, 200), (1000, 7, 200), (1001, 1001, 413),
                                                 (1001, 7, 413), (10**6, 10**5, 413)])
def test_a_chunked_body_is_counted(lbc, size, piece, status):
    """No server gets more than the limit, and none takes what it got for a whole body."""
    whole = []

    def does(peer, request):
        peer.body(request)
        whole.append(request)
        peer.send(reply(b"ok"))
        return True
    backend = lbc.backend
    path = backend.script(does)
    with Client(lbc.ports["bodies"]) as c:
        c.request(path, "Transfer-Encoding: chunked", method="POST", body=chunked(pattern(size), piece))
        got = c.response()
        assert got.status == status
        assert got["connection"] == ("close" if status == 413 else None)
    assert len(whole) == (status == 200)
    assert all(len(r.body) <= 1000 for r in backend.of(path))


def test_a_chunked_body_that_grows_too_large_later_is_broken_off(lbc, backend):
    ended = []

    def does(peer, request):
        try:
            peer.body(request)
            ended.append("whole")
        except (EOFError, OSError):
            ended.append("broken off")
            raise
    path = backend.script(does)
    with Client(lbc.ports["bodies"]) as c:
        c.request(path, "Transfer-Encoding: chunked", method="POST", body=b"3e8\r\n" + pattern(1000) + b"\r\n")
        wait_for(lambda: backend.of(path), "the request is with the server")
        c.send(b"1\r\nx\r\n0\r\n\r\n")
        assert c.response().status == 413
    assert wait_for(lambda: ended, "the server sees the end") == ["broken off"]


def test_an_answer_that_has_begun_is_cut(lbc, backend):
    def does(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        peer.file.read()  # all that comes
    path = backend.script(does)
    with Client(lbc.ports["bodies"]) as c:
        c.request(path, "Transfer-Encoding: chunked", method="POST", body=b"1\r\nx\r\n")
        assert c.head().status == 200
        c.send(b"3e8\r\n" + pattern(1000) + b"\r\n")
        with pytest.raises((EOFError, ConnectionResetError)):
            c.chunks(None)
    record = wait_for(lambda: [r for r in lbc.log() if r.get("uri") == path], "its record")[0]
    assert (record["status"], record["end"]) == (200, "too-large")


@pytest.mark.parametrize("fields", [(), (("content-length", "1001"),)], ids=["counted", "told"])
def test_over_http2_too(lbc, backend, fields):
    path = backend.script()
    with Speaker(lbc.ports["bodies"]) as h2:
        stream = h2.ask(path, *fields, method="POST", end=False)
        h2.data(stream, pattern(1001), end=True)
        got = h2.answer(stream)
        assert (got.status, got.ended) == (413, True)
        assert h2.get("/here").status == 200  # and the connection goes on
        stream = h2.ask(path, method="POST", body=pattern(1000))
        assert h2.answer(stream).status == 200
    assert [r.body for r in backend.of(path) if r.body] in ([pattern(1000)], [b"", pattern(1000)])


def test_what_the_log_says(lbc, backend):
    path = backend.script()
    with Client(lbc.ports["bodies"]) as c:
        assert c.get(path + "//logged", "Content-Length: 5000", method="POST").status == 413
    record = wait_for(lambda: [r for r in lbc.log() if r.get("uri") == path + "/logged"], "its record")[0]
    assert (record["status"], record["end"]) == (413, "too-large")
    assert "clause" not in record  # no rule was asked


# --- requests ------------------------------------------------------------------------------------

def test_the_last_request_of_a_connection_is_told_so(lbc, backend):
    with Client(lbc.ports["few"]) as c:
        assert [c.get(p)["connection"] for p in ("/here", backend.script(), "/here")] == [None, None, "close"]
        assert c.at_end()


def test_requests_behind_the_last_are_not_served(lbc, backend):
    path = backend.script()
    with Client(lbc.ports["few"]) as c:
        c.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 5)
        got = [c.response() for _ in range(3)]
        assert [r["connection"] for r in got] == [None, None, "close"]
        assert c.at_end()
    assert len(backend.of(path)) == 3


def test_a_connection_of_http_1_0_is_closed_too(lbc):
    with Client(lbc.ports["few"]) as c:
        kept = [c.get("/here", "Connection: keep-alive", version="HTTP/1.0")["connection"] for _ in range(3)]
        assert kept == ["keep-alive", "keep-alive", "close"]
        assert c.at_end()


def test_over_http2_the_end_is_announced_and_no_request_is_lost(lbc, backend):
    with Speaker(lbc.ports["few"]) as h2:
        assert [h2.get("/here").status for _ in range(2)] == [200, 200]
        assert h2.goaway is None
        stream = h2.ask(backend.script())
        h2.until(lambda: h2.goaway is not None)
        late = h2.ask("/here")  # it was on its way
        assert h2.answer(stream).status == 200 and h2.answer(late).status == 200
        assert h2.end() == NO_ERROR
