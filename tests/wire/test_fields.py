"""Header fields on their way: what is removed, what is added, what stays as it was (RFC 9110 7.6)."""
import re

import pytest

from harness import Client, wait_for
from scripted import pattern, reply

RULES = """
  when header "x-edit" exists {
    set header "x-set" "set"
    set header "x-request-id" "mine"
    add header "x-add" "two"
    remove header "x-remove"
    remove header "cookie"
    set header "x-path" "{path}?{query}"
    continue
  }
  when header "x-host" exists { set header "host" "inner.test:81"; continue }
"""

HOP = ["Connection: keep-alive, X-Mine, x-other", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive",
       "TE: trailers", "Proxy-Authorization: Basic x", "HTTP2-Settings: x", "Upgrade: x", "X-Mine: 1",
       "X-Other: 2", "x-mine: 3"]
OWN = {"host", "x-request-id", "x-forwarded-for", "x-forwarded-proto", "forwarded"}


def names(request):
    return [n for n, _ in request.fields if n not in OWN]


def test_fields_of_one_connection_stay_on_it(client, backend):
    path = backend.script(reply(b"x", "Connection: keep-alive, x-mine", "Keep-Alive: timeout=9",
                                "Proxy-Authenticate: Basic", "X-Mine: 1", "X-Stays: 1", "Upgrade: h2c"))
    r = client.get(path, *HOP, "X-Stays: 1")
    assert names(backend.of(path)[0]) == ["x-stays"]
    assert [n for n, _ in r.fields] == ["x-stays", "content-length"]


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Cookie", "Authorization", "X-Forwarded-For",
                                  "X-Request-Id", "Forwarded"])
def test_connection_cannot_name_away_what_a_server_relies_on(client, backend, name):
    path = backend.script()
    client.get(path, f"Connection: {name}", "Content-Length: 3", "Cookie: a=b", "Authorization: x",
               method="POST", body=b"abc")
    [seen] = backend.of(path)
    assert seen[name.lower()] is not None
    assert seen.body == b"abc"


def test_what_a_server_is_told_about_the_client(client, backend):
    path = backend.script()
    client.get(path, host="Example.COM:8080")
    [seen] = backend.of(path)
    assert seen["host"] == "Example.COM:8080", "as it was"
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["forwarded"] == 'for=127.0.0.1;proto=http;host="Example.COM:8080"'
    assert re.fullmatch("[0-9a-f]{32}", seen["x-request-id"])


def test_what_a_client_claims_of_itself_is_replaced(client, backend):
    """test_proxies.py says what becomes of it when a trusted proxy says so."""
    path = backend.script()
    client.get(path, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "Forwarded: for=192.0.2.1",
               "X-Forwarded-For: 192.0.2.2, 192.0.2.3", "X-Request-Id: theirs", "X-Real-IP: 192.0.2.1",
               "X-Forwarded-Host: evil.example", "X-Forwarded-Port: 1", "X-Other: stays")
    [seen] = backend.of(path)
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["forwarded"] == "for=127.0.0.1;proto=http;host=x"
    assert seen["x-request-id"] != "theirs"
    assert (seen["x-real-ip"], seen["x-forwarded-host"], seen["x-forwarded-port"]) == (None, None, None)
    assert seen["x-other"] == "stays"


def test_each_request_has_its_own_id_and_the_log_has_it(client, backend, records):
    path = backend.script()
    for _ in range(3):
        client.get(path)
    ids = [r["x-request-id"] for r in backend.of(path)]
    assert len(set(ids)) == 3
    assert [r["request_id"] for r in records(path, 3)] == ids


def test_a_client_of_1_0_without_host_asks_for_the_servers_own(client, backend):
    """HTTP/1.1 wants a Host, and servers refuse an empty one; Forwarded tells that there was none."""
    path = backend.script()
    client.get(path, version="HTTP/1.0", host=None)
    [seen] = backend.of(path)
    assert seen["host"] == f"127.0.0.1:{backend.port}"
    assert seen["forwarded"] == "for=127.0.0.1;proto=http"


def test_order_case_and_duplicates_stay(client, backend):
    fields = ["X-B: 1", "x-a: 2", "X-b: 3", "Accept: */*", "X-A:   4  ", "x-a: 5, 6", "Cookie: a=b",
              "Cookie: c=d", "X-Empty:", "X-Bytes: \xe4\xf6"]
    answer = ["Set-Cookie: a", "X-B: 1", "Set-Cookie: b", "x-B: 2", "Date: then", "Server: s", "X-Empty:",
              "X-Bytes: \xe4\xf6"]
    path = backend.script(reply(b"x", *answer))
    r = client.get(path, *fields)
    [seen] = backend.of(path)
    head = seen.head.decode("latin-1")
    assert "\r\n".join(fields) + "\r\n" in head, "byte by byte"
    assert head.startswith(f"GET {path} HTTP/1.1\r\nHost: x\r\n")
    expected = [(n.lower(), v.strip()) for n, _, v in (f.partition(":") for f in answer)]
    assert r.fields == [*expected, ("content-length", "1")]


def test_the_reason_stays(client, backend):
    client.request(backend.script(reply(b"x", status="299 As \xe4ver")))
    assert client.file.readline() == b"HTTP/1.1 299 As \xe4ver\r\n"


def test_rules_set_add_and_remove_what_the_server_gets(client, backend):
    path = backend.script()
    client.get(f"{path}/a?q=1", "X-Edit: 1", "X-Set: old", "x-set: older", "X-Add: one", "X-Remove: a",
               "X-REMOVE: b", "Cookie: a=b", "X-Stays: 1")
    [seen] = backend.of(path)
    assert seen.all("x-set") == ["set"]
    assert seen.all("x-add") == ["one", "two"]
    assert seen.all("x-remove") == seen.all("cookie") == []
    assert seen["x-path"] == f"{path}/a?q=1"
    assert seen["x-request-id"] == "mine", "rules have the last word"
    assert seen["x-stays"] == "1"


def test_a_rule_may_set_the_host(client, backend):
    path = backend.script()
    client.get(path, "X-Host: 1", host="outer.test")
    assert backend.of(path)[0].all("host") == ["inner.test:81"]


@pytest.mark.parametrize("sent, seen", [
    ("/a/./b", "/a/b"), ("/a/../b", "/b"), ("/../../b", "/b"), ("//a///b", "/a/b"), ("/a/b/..", "/a/"),
    ("/%61%62", "/ab"), ("/a%2d%5f%7e", "/a-_~"), ("/%3a%c3%a4", "/%3A%C3%A4"), ("/a%2e%2e/b", "/a../b"),
    ("/a/%2e%2e/b", "/b"), ("/a%252fb", "/a%252fb"), ("/%25%36%31", "/%2561"), ("/a;b=c/d", "/a;b=c/d"),
    ("/a?b/../c//%61?d", "/a?b/../c//%61?d"), ("/a/../b?q=/../x", "/b?q=/../x"), ("/a?", "/a?")])
def test_a_path_is_normalised_once_and_sent_as_it_was_matched(site, client, backend, sent, seen):
    before = len(backend.requests)
    assert client.get(sent).status == 200
    assert backend.requests[before].target == seen
    wait_for(lambda: site.log() and site.log()[-1]["uri"] == seen, "the same in the log")


def test_a_head_of_nearly_32_kib_gets_through_with_what_we_add(client, backend):
    path = backend.script(reply(b"x", "X-Long: " + "l" * 32_000))
    for _ in range(2):
        r = client.get(path, *[f"X-{i}: {'y' * 3000}" for i in range(10)], "Content-Length: 60000",
                       method="POST", body=pattern(60_000))
        assert (r.status, len(r["x-long"])) == (200, 32_000)
    assert backend.of(path)[1].body == pattern(60_000)


def test_the_client_sees_nothing_of_what_was_added_for_the_server(site, backend):
    with Client(site.port) as c:
        c.send(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % backend.script().encode())
        assert c.file.read() == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
