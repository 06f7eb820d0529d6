"""Rules through sockets: each condition and each action. What they mean in full is tested without any."""
import socket

import pytest

from harness import Client

RULES = """
  when path under "/denied" { deny }
  when path == "/exactly" { respond 200 "exactly" }
  when path starts-with "/pre" { respond 200 "starts" }
  when path ends-with ".gif" { respond 200 "ends" }
  when path in { "/one", "/two" } { respond 200 "in" }
  when path under "/under" { respond 200 "under" }
  when host == "host.test" { respond 200 "host" }
  when host ends-with ".sub.test" { respond 200 "sub" }
  when header "x-a" == "b" { respond 200 "header" }
  when header "x-a" exists and not (header "x-a" starts-with "c") { respond 200 "not c" }
  when cookie "user" == "me" { respond 200 "cookie" }
  when query "q" == "1" or query "r" exists { respond 200 "query" }
  when method in { PUT, PATCH } { respond 200 "method" }
  when src in { 127.0.0.2/31 } { respond 200 "src" }
  when path == "/403" { deny }
  when path == "/405" { deny 405 with "Not like this.\\n" }
  when path == "/moved" { redirect 308 "http://new.test{uri}" }
  when path == "/found" { redirect 302 "/here" }
  when path == "/empty" { respond 204 "" }
  when path == "/json" { respond 200 "application/json" "{}" }
  when path under "/refuse" { deny 403 with "refused" }
"""


@pytest.mark.parametrize("what, target, fields, more, says", [
    ("path ==", "/exactly", (), {}, "exactly"),
    ("path == in its normal form", "/./x/../%65xactly", (), {}, "exactly"),
    ("path == without the query", "/exactly?x", (), {}, "exactly"),
    ("path == is exact", "/exactly/", (), {}, None),
    ("path starts-with", "/prefix", (), {}, "starts"),
    ("path ends-with", "/a/b.gif", (), {}, "ends"),
    ("path ends-with is not the query's end", "/a?b.gif", (), {}, None),
    ("path in", "/two", (), {}, "in"),
    ("path under", "/under/a/b", (), {}, "under"),
    ("path under itself", "/under", (), {}, "under"),
    ("path under is by segments", "/underneath", (), {}, None),
    ("host ==", "/", (), {"host": "host.test"}, "host"),
    ("host == in any case, with a port, with a final dot", "/", (), {"host": "HOST.test.:8080"}, "host"),
    ("host == of the absolute form", "http://host.test/", (), {"host": "host.test"}, "host"),
    ("host ends-with", "/", (), {"host": "a.b.sub.test"}, "sub"),
    ("header ==", "/", ("X-A: b",), {}, "header"),
    ("header == one of several", "/", ("x-a: c", "X-a:   b  "), {}, "header"),
    ("header exists and not", "/", ("X-A: d",), {}, "not c"),
    ("header starts-with", "/", ("X-A: cd",), {}, None),
    ("cookie ==", "/", ("Cookie: a=b; user=me; c=d",), {}, "cookie"),
    ("cookie == is exact", "/", ("Cookie: auser=me; user=met",), {}, None),
    ("query ==", "/?a=b&q=1", (), {}, "query"),
    ("query exists", "/?r", (), {}, "query"),
    ("query == is exact", "/?q=11&aq=1", (), {}, None),
    ("method in", "/", ("Content-Length: 0",), {"method": "PATCH"}, "method"),
    ("method is case-sensitive", "/", (), {"method": "patch"}, None),
    ("the first clause decides", "/exactly", ("X-A: b",), {"host": "host.test"}, "exactly")])
def test_a_condition(client, backend, what, target, fields, more, says):
    r = client.get(target, *fields, **more)
    assert r.status == 200
    assert r.body.decode() == (says or "ok"), what


def test_src_is_the_clients_address(site):
    with Client(site.port) as c:
        assert c.get("/").body == b"ok"
    c = Client.__new__(Client)
    c.socket = socket.create_connection(("127.0.0.1", site.port), 20, source_address=("127.0.0.3", 0))
    c.file = c.socket.makefile("rb")
    with c:
        assert c.get("/").body == b"src"


def test_a_path_is_denied_however_it_is_spelt(client, backend):
    before = len(backend.requests)
    for target in ("/denied", "/denied/", "/denied/a", "//denied", "/x/../denied", "/%64enied", "/./denied",
                   "/denied?a", "/%2e/denied", "/a/%2e%2e/denied/", "http://x/denied"):
        assert client.get(target).status == 403, target
    assert len(backend.requests) == before


def test_actions(client, backend):
    before = len(backend.requests)
    r = client.get("/403")
    assert (r.status, r["content-type"]) == (403, "text/plain; charset=utf-8")
    assert r.body.startswith(b"403 Forbidden\n")
    r = client.get("/405")
    assert (r.status, r.body) == (405, b"Not like this.\n")
    r = client.get("/moved?a=/b")
    assert (r.status, r["location"]) == (308, "http://new.test/moved?a=/b")
    r = client.get("/found")
    assert (r.status, r["location"]) == (302, "/here")
    r = client.get("/empty")
    assert (r.status, r["content-length"], r["content-type"], r.body) == (204, None, None, b"")
    r = client.get("/json")
    assert (r["content-type"], r.body) == ("application/json", b"{}")
    assert len(backend.requests) == before


@pytest.mark.parametrize("target, status", [("/405", 405), ("/json", 200), ("/moved", 308)])
def test_the_answer_to_head_has_the_length_and_no_body(client, target, status):
    client.request(target, method="HEAD")
    r = client.response("HEAD")
    assert (r.status, int(r["content-length"]) > 0) == (status, True)
    assert client.get("/exactly").body == b"exactly"


@pytest.mark.parametrize("version, field, keeps", [
    ("HTTP/1.1", "X-B: c", True), ("HTTP/1.1", "Connection: close", False),
    ("HTTP/1.0", "X-B: c", False), ("HTTP/1.0", "Connection: keep-alive", True)])
def test_an_answer_of_ours_keeps_the_connection_as_asked(client, version, field, keeps):
    r = client.get("/405", field, version=version)
    if keeps:
        assert r["connection"] == (None if version == "HTTP/1.1" else "keep-alive")
        assert client.get("/405").status == 405
    else:
        assert r["connection"] == "close"
        assert client.at_end()


SMUGGLED = b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_small_body_of_a_refused_request_is_skipped(client):
    for size in (1, 100, 20_000):
        body = (SMUGGLED * 1000)[:size]
        r = client.get("/refuse", f"Content-Length: {size}", method="POST", body=body)
        assert (r.status, r["connection"]) == (403, None)
    assert client.get("/json").body == b"{}"


@pytest.mark.parametrize("fields, body", [
    (["Content-Length: 1000000"], SMUGGLED), (["Transfer-Encoding: chunked"], b"5\r\n12345\r\n0\r\n\r\n"),
    (["Content-Length: 10", "Expect: 100-continue"], b"")])
def test_a_body_that_is_not_all_there_ends_the_connection(client, fields, body):
    client.request("/refuse", *fields, method="POST", body=body)
    r = client.response()
    assert (r.status, r["connection"], r.body) == (403, "close", b"refused")
    assert client.at_end()


def test_a_client_that_sends_10_mb_to_be_refused_reads_why(site):
    """Closing at once would reset the connection, and the answer would be lost."""
    with Client(site.port) as c:
        c.request("/refuse", "Content-Length: 10000000", method="POST")
        for _ in range(100):
            c.send(bytes(100_000))
        assert c.response().status == 403


def test_the_clause_is_logged(client, records):
    client.get("/one")
    [r] = records("/one")
    assert (r["status"], r["end"], r["clause"], r["tries"]) == (200, "answered", "site:5", 0)
    assert "server" not in r and "cluster" not in r


def test_rules_see_fields_that_are_not_sent_on(proxy):
    """Hop-by-hop fields, and those that Connection names, are there for conditions, as `explain` has it."""
    lbc = proxy(route="""when header "upgrade" == "websocket" { respond 200 "upgrade" }
  when header "te" exists { respond 200 "te" }
  when header "x-zz" exists { respond 200 "named" }
  otherwise { respond 404 "none" }""", servers="server a 127.0.0.1:1", cluster="")
    with Client(lbc.port) as c:
        assert c.get("/", "Connection: upgrade", "Upgrade: websocket").body == b"upgrade"
        assert c.get("/", "TE: trailers", "Connection: te").body == b"te"
        assert c.get("/", "Connection: x-zz", "X-Zz: 1").body == b"named"
        assert c.get("/").body == b"none"
