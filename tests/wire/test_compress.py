"""`compress`: which responses are sent in another coding, and what their heads and bytes then are (RFC 9110 8.4, 12.5)."""
import subprocess
import time
import zlib

import pytest

from frames import Speaker
from harness import Client, Lbc, free_ports, wait_for
from scripted import SlowClient, chunked, reply

SITE = """lbconf 1
cluster scripted {{ server s 127.0.0.1:{scripted}; timeout connect 5s; timeout read 5s }}
listener every {{ bind 127.0.0.1:{every};   route site; compress zstd, br, gzip }}
listener some  {{ bind 127.0.0.1:{some};  route site; compress gzip {{ min-size 10B  types "text/html", "application/*"  level 9 }} }}
listener none  {{ bind 127.0.0.1:{none};  route site }}
listener rules {{
  bind 127.0.0.1:{rules}
  route site
  compress gzip
  on response {{
    when response header "x-mark" == "etag" {{ set response header "etag" "\\"of-a-rule\\""; continue }}
    when response header "x-mark" == "plain" {{ set response header "cache-control" "no-transform"; continue }}
  }}
}}
route site {{
  when path == "/own" {{ respond 200 "{own}" }}
  when query "compress" == "yes" {{ compress; continue }}
  otherwise {{ forward scripted }}
}}
"""
LISTENERS = ("every", "some", "none", "rules")
TEXT = b"".join(b"<li>line %d of a page that is worth it</li>\n" % i for i in range(5000))
HTML = "Content-Type: text/html; charset=utf-8"


@pytest.fixture(scope="module")
def lbc(begin, backend):
    ports = dict(zip(LISTENERS, free_ports(4)))
    process = begin(Lbc, SITE.format(scripted=backend.port, own="o" * 2000, **ports), workers=1)
    process.ports = ports
    return process


def metric(lbc, name):
    return lbc.show("info")["metrics"][name]


def decoded(body, coding):
    if coding is None:
        return body
    if coding == "gzip":
        d = zlib.decompressobj(31)
        out = d.decompress(body)
        assert d.eof and not d.unused_data
        return out
    program = {"br": ["brotli", "-dc"], "zstd": ["zstd", "-dcq"]}[coding]
    return subprocess.run(program, input=body, capture_output=True, check=True).stdout


def get(lbc, path, *fields, listener="every", **more):
    with Client(lbc.ports[listener]) as c:
        return c.get(path, *fields, **more)


# --- which coding --------------------------------------------------------------------------------

@pytest.mark.parametrize("wanted, coding", [
    (None, None), ("", None), ("gzip", "gzip"), ("x-gzip", "gzip"), ("br", "br"), ("zstd", "zstd"),
    ("gzip, br, zstd", "zstd"), ("gzip, deflate, br", "br"), ("gzip;q=0.9, br;q=0.8", "gzip"), ("*", "zstd"),
    ("*, zstd;q=0", "br"), ("deflate", None), ("gzip;q=0", None), ("*;q=0", None), ("identity, gzip;q=0.5", None),
    ("identity;q=0.5, gzip;q=0.5", "gzip"), ("identity;q=0, gzip;q=0.001", "gzip"), ("GZIP", "gzip"),
    ("gzip;q=2", None)])
def test_the_coding_that_the_client_wants_most(lbc, backend, wanted, coding):
    path = backend.script(reply(TEXT, HTML))
    got = get(lbc, path, *([] if wanted is None else [f"Accept-Encoding: {wanted}"]))
    assert (got.status, got["content-encoding"], got["vary"]) == (200, coding, "accept-encoding")
    assert decoded(got.body, coding) == TEXT
    assert got["content-length"] == (None if coding else str(len(TEXT)))
    assert got["transfer-encoding"] == ("chunked" if coding else None)
    assert coding is None or len(got.body) < len(TEXT) / 5


@pytest.mark.parametrize("listener, coding", [("none", "zstd"), ("some", "gzip")])
def test_a_clause_compresses_as_its_listener_does_or_by_itself(lbc, backend, listener, coding):
    path = backend.script(reply(TEXT, HTML))
    both = "Accept-Encoding: zstd, gzip"
    assert get(lbc, path, both, listener="none")["content-encoding"] is None
    got = get(lbc, path + "?compress=yes", both, listener=listener)
    assert got["content-encoding"] == coding and decoded(got.body, coding) == TEXT


def test_several_lines_are_one_list(lbc, backend):
    path = backend.script(reply(TEXT, HTML))
    got = get(lbc, path, "Accept-Encoding: br;q=0.1", "Accept-Encoding: gzip")
    assert got["content-encoding"] == "gzip" and decoded(got.body, "gzip") == TEXT


def test_the_server_is_asked_what_the_client_asked(lbc, backend):
    path = backend.script(reply(TEXT, HTML))
    get(lbc, path, "Accept-Encoding: gzip, br")
    assert backend.of(path)[0]["accept-encoding"] == "gzip, br"


# --- which responses -----------------------------------------------------------------------------

GZIP = "Accept-Encoding: gzip"


@pytest.mark.parametrize("answer", [
    reply(TEXT, "Content-Type: image/png"),
    reply(TEXT),
    reply(TEXT, "Content-Type: texts/html"),
    reply(b"x" * 1023, HTML),
    reply(TEXT, HTML, "Content-Encoding: br"),
    reply(TEXT, HTML, "Content-Encoding: identity"),
    reply(TEXT, HTML, "Cache-Control: max-age=5, No-Transform"),
    reply(TEXT, HTML, "Content-Range: bytes 0-1/9", status="206 Partial Content"),
    reply(TEXT, HTML, "Repr-Digest: sha-256=:x:"),
    reply(b"", HTML),
    b"HTTP/1.1 204 No Content\r\nContent-Type: text/html\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Type: text/html\r\nETag: \"a\"\r\n\r\n",
], ids=["another type", "no type", "nearly its type", "short", "coded already", "said to be as it is", "no-transform",
        "a part", "a digest of it", "empty", "204", "304"])
def test_what_is_left_alone(lbc, backend, answer):
    before = metric(lbc, "responses_compressed")
    path = backend.script(answer)
    with Client(lbc.ports["every"]) as c, Client(lbc.ports["none"]) as plain:
        got, wanted = c.get(path, GZIP), plain.get(path, GZIP)
    assert (got.status, got.fields, got.body) == (wanted.status, wanted.fields, wanted.body)
    assert metric(lbc, "responses_compressed") == before


def test_a_request_may_forbid_it(lbc, backend):
    got = get(lbc, backend.script(reply(TEXT, HTML)), GZIP, "Cache-Control: no-transform")
    assert (got["content-encoding"], got.body) == (None, TEXT)


@pytest.mark.parametrize("kind, coding", [
    ("text/html", "gzip"), ("TEXT/HTML ; q=1", "gzip"), ("application/json", "gzip"), ("application/x", "gzip"),
    ("text/plain", None), ("applications/x", None), ("application", None)])
def test_the_types_that_are_named(lbc, backend, kind, coding):
    got = get(lbc, backend.script(reply(b"y" * 10, f"Content-Type: {kind}")), GZIP, listener="some")
    assert got["content-encoding"] == coding
    assert decoded(got.body, coding) == b"y" * 10


@pytest.mark.parametrize("status", ["201 Created", "203 Non-Authoritative Information", "404 Not Found",
                                    "500 Internal Server Error"])
def test_other_statuses_have_bodies_too(lbc, backend, status):
    got = get(lbc, backend.script(reply(TEXT, HTML, status=status)), GZIP)
    assert (got.status, got["content-encoding"], decoded(got.body, "gzip")) == (int(status[:3]), "gzip", TEXT)


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\n" + HTML.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(TEXT, 999),
    b"HTTP/1.1 200 OK\r\n" + HTML.encode() + b"\r\nConnection: close\r\n\r\n" + TEXT,
    b"HTTP/1.1 200 OK\r\n" + HTML.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
], ids=["chunks", "until the close", "chunks without a byte"])
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_body_of_any_framing(lbc, backend, answer, coding):
    def does(peer, request):
        peer.send(answer)
        return b"close" not in answer
    path = backend.script(does)
    with Client(lbc.ports["every"]) as c:
        got = c.get(path, f"Accept-Encoding: {coding}")
        assert decoded(got.body, coding) == (TEXT if len(answer) > 200 else b"")
        assert c.get("/own").status == 200  # and the connection goes on


def test_trailers_come_behind_it(lbc, backend):
    path = backend.script(b"HTTP/1.1 200 OK\r\n" + HTML.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n" +
                          chunked(TEXT, 5000)[:-2] + b"X-Sum: 7\r\n\r\n")
    got = get(lbc, path, GZIP)
    assert (decoded(got.body, "gzip"), got.trailers) == (TEXT, [("x-sum", "7")])
    with Speaker(lbc.ports["every"]) as h2:
        got = h2.get(path, ("accept-encoding", "gzip"))
        assert (decoded(got.body, "gzip"), got.trailers) == (TEXT, [("x-sum", "7")])


def test_our_own_answers_are_as_they_are(lbc):
    got = get(lbc, "/own", GZIP)
    assert (got["content-encoding"], got["vary"], len(got.body)) == (None, None, 2000)


def test_http_1_0_has_no_chunks_to_send_it_in(lbc, backend):
    got = get(lbc, backend.script(reply(TEXT, HTML)), GZIP, version="HTTP/1.0")
    assert (got["content-encoding"], got.body) == (None, TEXT)


def test_without_the_setting_nothing_is_said_of_it(lbc, backend):
    got = get(lbc, backend.script(reply(TEXT, HTML)), GZIP, listener="none")
    assert (got["content-encoding"], got["vary"], got.body) == (None, None, TEXT)


# --- what its head says --------------------------------------------------------------------------

@pytest.mark.parametrize("fields, name, value", [
    (['ETag: "abc"'], "etag", 'W/"abc"'),
    (['ETag: W/"abc"'], "etag", 'W/"abc"'),
    (['ETag: "' + "e" * 300 + '"'], "etag", None),
    (["Accept-Ranges: bytes"], "accept-ranges", None),
    (["Vary: Cookie"], "vary", "Cookie, accept-encoding"),
    (["Vary: Cookie, Accept-Encoding"], "vary", "Cookie, Accept-Encoding"),
    (["Vary: *"], "vary", "*"),
], ids=["a strong validator", "a weak one", "one that is too long", "ranges", "other fields vary it", "this one does",
        "all do"])
def test_fields_that_are_of_the_bytes(lbc, backend, fields, name, value):
    assert get(lbc, backend.script(reply(TEXT, HTML, *fields)), GZIP)[name] == value


def test_to_head_it_says_what_get_would_get(lbc, backend):
    path = backend.script(f"HTTP/1.1 200 OK\r\n{HTML}\r\nETag: \"a\"\r\nContent-Length: 5000\r\n\r\n".encode())
    with Client(lbc.ports["every"]) as c:
        got = c.get(path, GZIP, method="HEAD")
        assert (got["content-encoding"], got["etag"], got["vary"]) == ("gzip", 'W/"a"', "accept-encoding")
        assert (got["content-length"], got["transfer-encoding"]) == (None, None)
        assert c.get("/own").status == 200
    got = get(lbc, path, method="HEAD")
    assert (got["content-encoding"], got["etag"], got["content-length"]) == (None, '"a"', "5000")


@pytest.mark.parametrize("mark, name, value", [("etag", "etag", 'W/"of-a-rule"'), ("plain", "content-encoding", None)])
def test_rules_have_their_say_before(lbc, backend, mark, name, value):
    got = get(lbc, backend.script(reply(TEXT, HTML, f"X-Mark: {mark}")), GZIP, listener="rules")
    assert got[name] == value


# --- HTTP/2 --------------------------------------------------------------------------------------

@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_over_http2_alike(lbc, backend, coding):
    with Speaker(lbc.ports["every"]) as h2:
        got = h2.get(backend.script(reply(TEXT, HTML, 'ETag: "a"')), ("accept-encoding", coding))
        assert (got["content-encoding"], got["etag"], got["content-length"]) == (coding, 'W/"a"', None)
        assert got.ended and decoded(got.body, coding) == TEXT
        got = h2.get(backend.script(reply(TEXT, HTML)))
        assert (got["content-encoding"], got["vary"], got.body) == (None, "accept-encoding", TEXT)


# --- as it comes ---------------------------------------------------------------------------------

def stepwise(events, step):
    """An answer of which the next event comes when the client has seen the one before."""
    def does(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in events:
            peer.send(b"%x\r\n%s\r\n" % (len(event), event))
            step.acquire()
        peer.send(b"0\r\n\r\n")
        return True
    return does


def test_events_are_not_held_back(lbc, backend):
    import threading
    events = [b"data: %d %s\n\n" % (i, b"e" * i * 50) for i in range(8)]
    step = threading.Semaphore(0)
    path = backend.script(stepwise(events, step))
    with Client(lbc.ports["every"]) as c:
        c.request(path, GZIP)
        assert c.head()["content-encoding"] == "gzip"
        d, out = zlib.decompressobj(31), b""
        for i, _ in enumerate(events):
            whole = b"".join(events[:i + 1])
            while len(out) < len(whole):
                out += d.decompress(c.file.read(int(c.file.readline(), 16)))
                assert c.file.readline() == b"\r\n"
            assert out == whole
            step.release()


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_events_over_http2_are_not_either(lbc, backend, coding):
    import threading
    events = [b"data: one\n\n", b"data: two\n\n", b"data: three\n\n"]
    step = threading.Semaphore(0)
    path = backend.script(stepwise(events, step))
    with Speaker(lbc.ports["every"]) as h2:
        stream = h2.ask(path, ("accept-encoding", coding))
        for n in range(len(events)):
            seen = len(h2.answers[stream].body) if stream in h2.answers else 0
            h2.until(lambda: stream in h2.answers and len(h2.answers[stream].body) > seen)
            step.release()
        assert decoded(h2.answer(stream).body, coding) == b"".join(events)


def test_an_idle_stream_holds_no_block(lbc, backend):
    import threading
    step = threading.Semaphore(0)
    path = backend.script(stepwise([b"data: 1\n\n"], step))
    with Client(lbc.ports["every"]) as c:
        c.request(path, GZIP)
        c.head()
        c.file.read(int(c.file.readline(), 16))
        # the request's head, which the session keeps
        wait_for(lambda: metric(lbc, "buffers_in_use") <= 2, "the block it was coded into is given back")
        step.release()


def test_a_client_that_reads_slowly_gets_all_of_it(lbc, backend):
    import random
    noise = random.Random(3).randbytes(2_000_000)
    path = backend.script(reply(noise, HTML))
    with SlowClient(lbc.ports["every"]) as c:
        c.request(path, GZIP)
        time.sleep(0.2)
        assert decoded(c.response().body, "gzip") == noise


def test_much_that_becomes_little(lbc, backend):
    """One turn of the worker does not do all of it: others are served meanwhile."""
    path = backend.script(reply(bytes(30_000_000), HTML))
    with Client(lbc.ports["every"]) as c:
        c.request(path, GZIP)
        for _ in range(5):
            assert get(lbc, "/own").status == 200
        assert decoded(c.response().body, "gzip") == bytes(30_000_000)


@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_body_that_is_cut_short_is_seen_to_be(lbc, backend, framing, version):
    def does(peer, request):
        piece = TEXT[:3000] if "Length" in framing else b"bb8\r\n" + TEXT[:3000] + b"\r\n"
        peer.send(f"HTTP/1.1 200 OK\r\n{HTML}\r\n{framing}\r\n\r\n".encode() + piece)
    path = backend.script(does)
    if version == 2:
        with Speaker(lbc.ports["every"]) as h2:
            assert h2.reset_of(h2.ask(path, ("accept-encoding", "gzip"))) != 0
        return
    with Client(lbc.ports["every"]) as c:
        c.request(path, GZIP)
        with pytest.raises((EOFError, ConnectionResetError)):
            c.response()


# --- what is told of it --------------------------------------------------------------------------

def test_the_log_and_the_counters(lbc, backend):
    names = ("responses_compressed", "compress_in_bytes", "compress_out_bytes")
    before = [metric(lbc, n) for n in names]
    path = backend.script(reply(TEXT, HTML))
    got = get(lbc, path, GZIP)
    record = wait_for(lambda: [r for r in lbc.log() if r.get("uri") == path], "its record")[0]
    assert (record["compressed"], record["plain_bytes"]) == ("gzip", len(TEXT))
    assert record["sent_bytes"] < len(TEXT) / 5
    assert [metric(lbc, n) - b for n, b in zip(names, before)] == [1, len(TEXT), len(got.body)]
    path = backend.script(reply(TEXT, HTML))
    get(lbc, path)
    record = wait_for(lambda: [r for r in lbc.log() if r.get("uri") == path], "its record")[0]
    assert "compressed" not in record and "plain_bytes" not in record


def test_beyond_so_many_at_a_time_they_are_sent_as_they_are(lbc, backend):
    import threading
    done = threading.Event()

    def does(peer, request):
        peer.send(f"HTTP/1.1 200 OK\r\n{HTML}\r\nContent-Length: 5000\r\n\r\n".encode() + b"x" * 2000)
        done.wait(30)
        peer.send(b"x" * 3000)
    path = backend.script(does)
    clients = [Client(lbc.ports["some"]) for _ in range(256)]
    try:
        for c in clients:
            c.request(path, GZIP)
        for c in clients:
            assert c.head()["content-encoding"] == "gzip"
        before = metric(lbc, "compress_refused")
        got = get(lbc, backend.script(reply(TEXT, HTML)), GZIP)
        assert (got["content-encoding"], got["vary"], got.body) == (None, "accept-encoding", TEXT)
        assert metric(lbc, "compress_refused") == before + 1
    finally:
        done.set()
        for c in clients:
            c.close()
    wait_for(lambda: get(lbc, backend.script(reply(TEXT, HTML)), GZIP)["content-encoding"] == "gzip", "there is room again")
