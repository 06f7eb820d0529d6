"""What rules make of requests and responses, through sockets. What each rule means in full is tested without any."""
import time

import pytest

from harness import Client, Lbc, Origin, free_port

CONFIGURATION = """lbconf 1
map tenants : string -> cluster = {{ "one" -> other, "two" -> origin }}
cluster origin {{ server o 127.0.0.1:{origin} }}
cluster other {{ server p 127.0.0.1:{origin} }}
listener front {{
  bind 127.0.0.1:{port}
  route site
  on response {{
    when status in 500..599 {{ set header "retry-after" "5"; continue }}
    when request header "x-kind" == "odd" {{ remove header "x-origin"; continue }}
    when cluster == "other" {{ set header "x-cluster" "{{{{cluster}}}}/{{{{server}}}}"; continue }}
  }}
}}
listener guarded {{
  bind 127.0.0.1:{guarded}
  route site
  on connect {{ when dst.port == {guarded} and src in 127.0.0.0/30 {{ drop }} }}
}}
route site {{
  when path under "/rewritten" {{ rewrite path "/echo{{{{path}}}}"; forward origin }}
  when path under "/strip" {{ strip prefix "/strip"; set header "x-path" "{{{{path}}}}"; continue }}
  when path == "/echo/then" {{ set query "a b" "c&d"; forward origin }}
  when path under "/old" {{ replace prefix "/old" "/echo"; forward origin }}
  when path matches /^\\/v[0-9]+\\// {{
    replace path /^\\/v([0-9]+)/ "/echo/{{{{1}}}}"
    remove query "key"
    forward origin
  }}
  when path == "/echo/host" {{ set host "elsewhere.test"; forward origin }}
  when path == "/marked" {{
    set response header "x-mark" "{{{{method}}}}"
    add response header "x-mark" "again"
    forward origin
  }}
  when path == "/answered" {{ set response header "content-type" "text/x-own"; respond 200 "hello" }}
  when path == "/refused" {{ deny 503 }}
  when path == "/bad" {{ rewrite path "/{{{{header "x"}}}}"; forward origin }}
  when path == "/slow/2000" {{ timeout read 200ms; forward origin }}
  when path == "/tagged" {{ tag "first"; tag "second"; forward origin }}
  when path == "/map" {{ forward map(tenants, query "t") else origin }}
  when path == "/split" {{ split by query "u" {{ 50% -> origin; 50% -> other }} }}
  when path == "/echo/goto" {{ set header "x-came" "by goto"; goto further }}
  when path == "/drop" {{ drop }}
  when path == "/tarpit" {{ tarpit 300ms }}
  when path under "/moved" {{ replace prefix "/moved" "/to"; redirect 308 "https://new.test:{{{{port}}}}{{{{uri}}}}" }}
  when path == "/many" and random < 50% {{ respond 200 "low" }}
  otherwise {{ forward origin }}
}}
route further {{
  when header "x-came" == "by goto" {{ forward other }}
  otherwise {{ allow shadowed; deny 404 }}
}}
""".replace("{{{{", "{{").replace("}}}}", "}}")


@pytest.fixture(scope="module")
def site(begin):
    origin, port, guarded = begin(Origin), free_port(), free_port()
    lbc = begin(Lbc, CONFIGURATION.format(origin=origin.port, port=port, guarded=guarded), workers=1, port=port)
    lbc.guarded = guarded
    return lbc


@pytest.mark.parametrize("what, target, line", [
    ("a rewritten path", "/rewritten/a?q=1", "GET /echo/rewritten/a?q=1 HTTP/1.1"),
    ("what a later clause sees", "/strip/echo/then", "GET /echo/then?a%20b=c%26d HTTP/1.1"),
    ("a changed path in a header", "/strip/echo/x", "x-path: /echo/x"),
    ("a prefix by another", "/old/x?y", "GET /echo/x?y HTTP/1.1"),
    ("all of a prefix", "/old", "GET /echo HTTP/1.1"),
    ("a group of a match", "/v12/x?a=1&key=2&b=3", "GET /echo/12/x?a=1&b=3 HTTP/1.1"),
    ("no query once it is empty", "/v1/x?key=2", "GET /echo/1/x HTTP/1.1"),
    ("another host", "/echo/host", "Host: elsewhere.test"),
    ("what another route sends", "/echo/goto", "x-came: by goto"),
    ("what nothing changes", "/echo/plain?x=1", "GET /echo/plain?x=1 HTTP/1.1")])
def test_the_server_gets(client, what, target, line):
    response = client.get(target)
    assert response.status == 200, what
    assert line in response.body.decode(), what


def test_a_path_that_is_none_is_refused(client):
    response = client.get("/bad", "x: a%zz")
    assert response.status == 400
    assert b"cannot be rewritten" in response.body


@pytest.mark.parametrize("target, fields, name, value", [
    ("/marked", (), "x-mark", "GET, again"),
    ("/answered", (), "content-type", "text/x-own"),
    ("/refused", (), "retry-after", "5"),
    ("/status/500", (), "retry-after", "5"),
    ("/status/200", (), "retry-after", None),
    ("/status/200", ("x-kind: odd",), "x-origin", None),
    ("/map?t=one", (), "x-cluster", "other/p"),
    ("/map?t=o%6ee", (), "x-cluster", "other/p"),
    ("/map?t=two", (), "x-cluster", None),
    ("/map?t=three", (), "x-cluster", None),
    ("/echo/goto", (), "x-cluster", "other/p"),
    ("/moved/a?b=c", (), "location", "https://new.test:80/to/a?b=c")])
def test_the_client_gets(client, target, fields, name, value):
    assert client.get(target, *fields)[name] == value


def test_a_split_keeps_its_choice(client):
    def cluster(user):
        return client.get(f"/split?u={user}")["x-cluster"]
    chosen = {user: cluster(user) for user in range(40)}
    assert 8 <= sum(c is not None for c in chosen.values()) <= 32
    assert all(cluster(user) == c for user, c in chosen.items())


def test_chance_is_drawn_for_each_request(client):
    low = sum(client.get("/many").body == b"low" for _ in range(200))
    assert 50 <= low <= 150


def test_a_clause_has_its_own_timeout(client):
    begun = time.monotonic()
    assert client.get("/slow/2000").status == 504
    assert time.monotonic() - begun < 1.5


def test_drop_says_nothing(site):
    with Client(site.port) as c:
        c.request("/drop")
        assert c.at_end()


def test_a_tarpit_holds_and_says_nothing(site):
    begun = time.monotonic()
    with Client(site.port) as c:
        c.request("/tarpit")
        assert c.at_end()
    assert time.monotonic() - begun >= 0.25


def test_a_connection_is_dropped_before_it_says_anything(site):
    with pytest.raises((ConnectionResetError, EOFError, BrokenPipeError)):
        with Client(site.guarded) as c:
            c.get("/")
    with Client(site.port) as c:
        assert c.get("/").status == 200


def test_what_was_dropped_and_tagged_is_logged(client, records):
    client.get("/tagged")
    [record] = records("/tagged")
    assert record["tags"] == "first,second"
    assert any(r["end"] == "dropped" for r in records("/drop"))
