"""`cors`: what a browser is told about what pages of other origins may do (Fetch, 3.2)."""
import pytest

from frames import Speaker
from harness import Client, Lbc, free_port
from scripted import reply

SITE = """lbconf 1
cluster web {{ server s 127.0.0.1:{web}; timeout read 5s }}
limit few {{ rate 1/h }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{
  when path under "/named" {{
    cors {{
      origins "https://shop.example.com", "https://*.shop.example.com", "http://localhost:3000"
      methods PUT, DELETE
      headers "content-type", "x-trace"
      expose "x-total", "x-page"
      credentials
      max-age 10m
    }}
    forward web
  }}
  when path under "/any"     {{ cors {{ origins "*"; headers "*" }}; forward web }}
  when path under "/own"     {{ cors {{ origins "https://a.example" }}; respond 200 "mine" }}
  when path under "/twice"   {{ cors {{ origins "https://a.example" }}; cors {{ origins "https://b.example" }}; forward web }}
  when path under "/rules"   {{ cors {{ origins "*" }}; set response header "access-control-allow-origin" "x"; forward web }}
  when path under "/reflect" {{ cors {{ origins "https://a.example"; headers "*"; credentials }}; forward web }}
  when path under "/limited" {{ limit few; cors {{ origins "https://a.example" }}; forward web }}
  when path under "/logged"  {{ cors {{ origins "https://a.example" }}; forward web }}
  otherwise                  {{ forward web }}
}}
"""
SHOP, OTHER = "https://shop.example.com", "https://evil.example"
ASKS = "Access-Control-Request-Method: PUT"
ALLOW = "access-control-allow-"


@pytest.fixture(scope="module")
def site(begin, backend):
    port = free_port()
    return begin(Lbc, SITE.format(web=backend.port, port=port), workers=1, port=port)


@pytest.fixture
def client(site):
    with Client(site.port) as c:
        yield c


@pytest.fixture
def asked(backend):
    """What reaches the server; it says of itself that anybody may ask."""
    heads = []

    def serve(peer, request):
        heads.append(request)
        peer.send(reply(b"here", "Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true",
                        "Access-Control-Expose-Headers: x-secret", "Vary: Accept"))
        return True
    paths = ["/", *(f"/{path}" for path in ("named", "any", "twice", "rules", "reflect", "limited"))]
    backend.scripts.update(dict.fromkeys(paths, serve))
    yield heads
    for path in paths:
        del backend.scripts[path]


def said(response):
    """What it says of other origins."""
    return {name.removeprefix("access-control-"): value for name, value in
            ((n.lower(), v) for n, v in response.fields) if name.startswith("access-control-")}


def varies(response):
    return [v for n, v in response.fields if n.lower() == "vary"]


def preflight(client, path, origin, *more):
    return client.get(path, f"Origin: {origin}", ASKS, *more, method="OPTIONS")


@pytest.mark.parametrize("origin", [SHOP, "https://de.shop.example.com", "https://a.b.shop.example.com",
                                    "http://localhost:3000"])
def test_a_preflight_of_an_origin_that_is_named_is_answered(client, asked, origin):
    r = preflight(client, "/named", origin)
    assert (r.status, r.body) == (204, b"")
    assert said(r) == {"allow-origin": origin, "allow-credentials": "true", "allow-methods": "PUT, DELETE",
                       "allow-headers": "content-type, x-trace", "max-age": "600"}
    assert varies(r) == ["Origin"]
    assert client.get("/named").status == 200  # the connection goes on
    assert len(asked) == 1


@pytest.mark.parametrize("origin", [OTHER, "http://shop.example.com", "https://shop.example.com:8443", "null",
                                    "https://shop.example.com.evil.example", "https://evilshop.example.com",
                                    "https://.shop.example.com", "https://x/.shop.example.com",
                                    "https://x:1.shop.example.com",
                                    *(f"https://evil.example{mark}a.shop.example.com" for mark in "?#\\@ ")])
def test_another_origin_is_told_so_and_nobody_is_asked(client, asked, origin):
    r = preflight(client, "/named", origin)
    assert (r.status, said(r)) == (403, {})
    assert b"may not ask here" in r.body
    assert asked == []


def test_two_origins_are_none(client, asked):
    r = client.get("/named", f"Origin: {SHOP}", f"Origin: {SHOP}", ASKS, method="OPTIONS")
    assert (r.status, said(r)) == (403, {})


@pytest.mark.parametrize("headers", [("Origin: " + SHOP,), (ASKS,), ()])
def test_options_that_is_no_preflight_reaches_the_server(client, asked, headers):
    assert client.get("/named", *headers, method="OPTIONS").status == 200
    assert len(asked) == 1


def test_an_answer_may_be_read_by_whom_the_rule_names(client, asked):
    r = client.get("/named", f"Origin: {SHOP}")
    assert (r.status, r.body) == (200, b"here")
    assert said(r) == {"allow-origin": SHOP, "allow-credentials": "true", "expose-headers": "x-total, x-page"}
    assert varies(r) == ["Accept", "Origin"]


@pytest.mark.parametrize("headers", [(f"Origin: {OTHER}",), ()])
def test_and_by_nobody_else_whatever_the_server_says(client, asked, headers):
    r = client.get("/named", *headers)
    assert (r.status, said(r)) == (200, {})
    assert "Origin" in varies(r)


def test_any_origin(client, asked):
    r = client.get("/any", f"Origin: {OTHER}")
    assert (said(r), varies(r)) == ({"allow-origin": "*"}, ["Accept"])
    r = client.get("/any")  # a cache keeps it for all
    assert (said(r), varies(r)) == ({"allow-origin": "*"}, ["Accept"])
    r = preflight(client, "/any", OTHER)
    assert said(r) == {"allow-origin": "*", "allow-headers": "*", "max-age": "5"}


def test_with_credentials_any_header_is_what_the_browser_names(client, asked):
    r = preflight(client, "/reflect", "https://a.example", "Access-Control-Request-Headers: x-a, x-b")
    assert said(r)["allow-headers"] == "x-a, x-b"
    assert "allow-headers" not in said(preflight(client, "/reflect", "https://a.example"))
    long = "Access-Control-Request-Headers: " + "x-a, " * 500 + "x-b"
    assert "allow-headers" not in said(preflight(client, "/reflect", "https://a.example", long))


def test_an_answer_of_ours_is_as_any_other(client, asked):
    assert said(client.get("/own", "Origin: https://a.example")) == {"allow-origin": "https://a.example"}
    r = preflight(client, "/own", "https://a.example")
    assert (r.status, r.body) == (200, b"mine")  # a rule that answers, answers


def test_what_is_refused_can_be_read_too(client, asked):
    statuses = [client.get("/limited", "Origin: https://a.example") for _ in range(2)]
    assert [r.status for r in statuses] == [200, 429]
    assert said(statuses[1]) == {"allow-origin": "https://a.example"}


def test_the_last_one_counts_and_rules_have_the_last_word(client, asked):
    assert said(client.get("/twice", "Origin: https://a.example")) == {}
    assert said(client.get("/twice", "Origin: https://b.example")) == {"allow-origin": "https://b.example"}
    assert said(client.get("/rules", "Origin: https://b.example")) == {"allow-origin": "x"}


def test_without_the_rule_the_server_has_its_own_way(client, asked):
    assert said(client.get("/", f"Origin: {SHOP}"))["allow-origin"] == "*"
    assert preflight(client, "/", SHOP).status == 200


def test_of_a_stream(site, asked):
    with Speaker(site.port) as s:
        stream = s.ask("/named", ("origin", SHOP), ("access-control-request-method", "PUT"), method="OPTIONS")
        answer = s.answer(stream)
    assert (answer.status, answer["access-control-allow-methods"]) == (204, "PUT, DELETE")


def test_the_log_says_what_it_was(client, records):
    preflight(client, "/logged", "https://a.example")
    preflight(client, "/logged", OTHER)
    assert [(r["status"], r["end"]) for r in records("/logged", 2)] == [(204, "preflight"), (403, "preflight")]
