"""`require auth`: what another server is asked about a request, and what its answer makes of it."""
import contextlib
import socket
import threading
import time

import pytest

from frames import Speaker, reset
from h2_scripted import H2Server, says
from harness import Client, Lbc, free_port, free_ports, get, wait_for
from scripted import pattern, reply

TEXT = """lbconf 1
cluster sso {{ server a 127.0.0.1:{sso}; timeout read 3s; health http GET "/up" {{ every 1h; assume up }} }}
cluster web {{ server a 127.0.0.1:{web} }}
cluster dead {{ server a 127.0.0.1:{dead} }}
cluster down {{ server a 127.0.0.1:{sso} state maintenance }}
cluster again {{ server a 127.0.0.1:{dead}; server b 127.0.0.1:{sso} }}
cluster statuses {{ server a 127.0.0.1:{sso}; retry 1 {{ on 503; methods GET }} }}
cluster hedged {{ server a 127.0.0.1:{sso}; server b 127.0.0.1:{sso}; retry 1 {{ hedge after 50ms }} }}
cluster timed {{ server a 127.0.0.1:{sso}; retry 1 {{ timeout 2s }} }}
cluster web-timed {{ server a 127.0.0.1:{web}; retry 1 {{ timeout 2s }} }}
cluster hashed {{ balance hash header "x-k"; server a 127.0.0.1:{web}; server b 127.0.0.1:{web}; server c 127.0.0.1:{web} }}
cluster narrow {{ server a 127.0.0.1:{sso} max-connections 1; timeout queue 20s }}
cluster sso2 {{ protocol h2c; server a 127.0.0.1:{sso2} }}
limit few     {{ key src   rate 3/h }}
limit of-user {{ key user  rate 2/h }}
listener front {{ bind 127.0.0.1:{front}; route site
  on response {{ when user exists {{ set header "x-let-in" "{{user}}"; continue }} }} }}
listener brief {{ bind 127.0.0.1:{brief}; route site; timeout request 500ms }}
listener behind {{ bind 127.0.0.1:{behind}; route site; trusted-proxies 127.0.0.0/8 }}
route site {{
  when host == "plain"    {{ require auth sso; forward web }}
  when host == "names"    {{ set header "x-tenant" "t1"; require auth sso {{ path "/verify?a=b"; host "sso.internal:81"; take "x-user", "X-Groups" }}; continue }}
  when host == "named"    {{ require auth sso {{ path "/verify"; take "x-user"; user "x-user" }}; forward web }}
  when host == "few"      {{ require auth sso {{ path "/verify"; send "cookie", "X-Key" }}; forward web }}
  when host == "removed"  {{ remove header "x-user"; require auth sso {{ path "/verify"; take "x-user" }}; set header "x-tier" "1"; forward web }}
  when host == "replaced" {{ require auth sso {{ path "/verify"; take "x-user" }}; set header "x-user" "rule"; forward web }}
  when host == "user"     {{ require auth sso {{ path "/verify"; user "x-user" }}; limit of-user; forward web }}
  when host == "before"   {{ limit few; require auth sso {{ path "/verify" }}; forward web }}
  when host == "own"      {{ require auth sso {{ path "/verify" }}; respond 200 "mine" }}
  when host == "token"    {{ require auth sso {{ path "/verify"; take "authorization" }}; forward web }}
  when host == "echo"     {{ require auth sso {{ path "/verify"; send "x-user"; take "x-user" }}; forward web }}
  when host == "both"     {{ require auth sso {{ path "/verify"; take "x-user" }}; require auth sso {{ path "/again"; take "x-groups" }}; forward web }}
  when host == "cors"     {{ cors {{ origins "https://a.example" }}; require auth sso {{ path "/verify" }}; forward web }}
  when host == "dead"     {{ require auth dead; forward web }}
  when host == "down"     {{ require auth down; forward web }}
  when host == "again"    {{ require auth again {{ path "/verify" }}; forward web }}
  when host == "statuses" {{ require auth statuses {{ path "/verify" }}; forward web }}
  when host == "hedged"   {{ require auth hedged {{ path "/verify" }}; forward web }}
  when host == "timed"    {{ require auth timed {{ path "/verify" }}; forward web-timed }}
  when host == "hashed"   {{ require auth sso {{ path "/verify" }}; forward hashed }}
  when host == "hash"     {{ forward hashed }}
  when host == "narrow"   {{ require auth narrow {{ path "/verify"; timeout 30s }}; forward web }}
  when host == "hurry"    {{ require auth sso {{ path "/verify"; timeout 300ms }}; forward web }}
  when host == "queued"   {{ require auth narrow {{ path "/verify"; timeout 300ms }}; forward web }}
  when host == "h2"       {{ require auth sso2 {{ path "{path2}"; take "x-user" }}; forward web }}
  when host == "refused2" {{ require auth sso2 {{ path "{no2}" }}; forward web }}
  when host == "long2"    {{ require auth sso2 {{ path "{long2}" }}; forward web }}
  when host == "quick"    {{ timeout read 400ms; require auth sso {{ path "/verify" }}; forward web }}
  when host == "spoofed"  {{ deny 418 }}
  otherwise               {{ forward web }}
}}
"""


@pytest.fixture(scope="module")
def sso2():
    server = H2Server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def lbc(begin, backend, second, sso2):
    front, behind, brief, dead = free_ports(4)
    path2 = sso2.script(says(b"", ("x-user", "anna"), status="204"))
    no2 = sso2.script(says(b"not you", ("x-why", "because"), status="403"))
    long2 = sso2.script(says(b"x" * 5000))
    lbc = begin(Lbc, TEXT.format(front=front, behind=behind, brief=brief, dead=dead, web=backend.port, sso=second.port,
                                 sso2=sso2.port, path2=path2, no2=no2, long2=long2), workers=1, port=front)
    lbc.behind, lbc.brief = behind, brief
    return lbc


@pytest.fixture
def sso(second):
    """sso.says(bytes or a function): what is answered; sso.asked: the questions."""
    class Sso:
        asked = []

        def says(self, does, path="/verify"):
            def serve(peer, request):
                self.asked.append(request)
                if callable(does):
                    return does(peer, request)
                peer.send(does)
                return True
            second.scripts[path] = serve
    s = Sso()
    s.asked = []
    s.says(reply(b""))
    s.says(reply(b""), "/")
    s.says(reply(b""), "/again")
    yield s
    failures, second.failures = second.failures, []
    assert not failures, failures


@pytest.fixture
def seen(backend):
    """A path of the server, and what came for it."""
    class Seen:
        def __init__(self):
            self.requests = []
            self.path = backend.script(self.serve)

        def serve(self, peer, request):
            peer.body(request)
            self.requests.append(request)
            peer.send(reply(b"welcome"))
            return True
    return Seen()


def count(lbc, name):
    return lbc.show("info")["metrics"][name]


def record(lbc, path, n=1):
    """The n-th record of what was asked for at the path."""
    def of_path():
        found = [r for r in lbc.log() if r.get("uri") == path]
        return len(found) >= n and found[n - 1]
    return wait_for(of_path, f"{n} records of {path}")


def server(lbc, cluster):
    return next(s for s in lbc.show("servers") if s["cluster"] == cluster)


def test_who_is_let_in_goes_on_unchanged(lbc, sso, seen):
    questions = count(lbc, "auth_questions")
    assert get(lbc.port, seen.path, "X-Own: a", host="plain").body == b"welcome"
    assert [r.line for r in sso.asked] == ["GET / HTTP/1.1"]
    assert seen.requests[0]["x-own"] == "a" and seen.requests[0]["x-forwarded-method"] is None
    assert count(lbc, "auth_questions") == questions + 1
    r = record(lbc, seen.path)
    assert (r["end"], r["status"], r["cluster"], r["server"], r["tries"]) == ("complete", 200, "web", "a", 1)


CLAIMS = ["X-Forwarded-Method: DELETE", "X-Forwarded-Proto: https", "X-Forwarded-Host: bank.example",
          "X-Forwarded-Uri: /public", "X-Forwarded-For: 10.1.2.3", "X-Forwarded-User: root", "X-Forwarded-Port: 1",
          "X-Real-IP: 10.1.2.3", "X-Original-URL: /public", "X-Original-Method: GET", "X-Original-URI: /public",
          "X-Auth-Request-Redirect: https://evil.example", "Forwarded: for=10.1.2.3", "x-user: root", "X-GROUPS: wheel"]


def test_what_is_asked(lbc, sso, seen):
    body = b"the body"
    headers = ["Cookie: session=1", "Authorization: Bearer x", "Accept: text/html", f"Content-Length: {len(body)}",
               "Content-Type: text/plain", "Content-Encoding: identity", "If-None-Match: *", "If-Range: x", "Range: bytes=0-1",
               "Trailer: x"]
    assert get(lbc.port, seen.path + "/a%20b?c=d", *headers, *CLAIMS, method="POST", body=body, host="names").status == 200
    [q] = sso.asked
    assert q.line == "GET /verify?a=b HTTP/1.1"
    said = {n: q.all(n) for n, _ in q.fields}
    assert len(said.pop("x-request-id")) == 1
    assert said == {
        "host": ["sso.internal:81"], "cookie": ["session=1"], "authorization": ["Bearer x"], "accept": ["text/html"],
        "x-tenant": ["t1"], "x-forwarded-method": ["POST"], "x-forwarded-proto": ["http"], "x-forwarded-host": ["names"],
        "x-forwarded-uri": [seen.path + "/a%20b?c=d"], "x-forwarded-for": ["127.0.0.1"],
        "forwarded": ["for=127.0.0.1;proto=http;host=names"]}
    [r] = seen.requests  # and the server gets what the question left out
    assert r.body == body and r["content-type"] == "text/plain" and r["if-none-match"] == "*" and r["range"] == "bytes=0-1"
    assert r["x-user"] is None and r["x-groups"] is None


def test_the_host_of_a_question_is_the_requests_where_none_is_said(lbc, sso, seen):
    assert get(lbc.port, seen.path, host="plain").status == 200
    assert sso.asked[0]["host"] == "plain"


def test_what_a_trusted_proxy_tells_is_told_on(lbc, sso, seen):
    assert get(lbc.behind, seen.path, *CLAIMS, host="names").status == 200
    [q] = sso.asked
    assert (q["x-forwarded-proto"], q["x-forwarded-host"], q["x-forwarded-for"]) == (
        "https", "bank.example", "10.1.2.3, 127.0.0.1")
    assert (q["x-forwarded-method"], q["x-forwarded-uri"]) == ("GET", seen.path)
    assert q["x-original-url"] is None and q["x-user"] is None and q["x-auth-request-redirect"] is None


def test_only_what_is_named_is_sent(lbc, sso, seen):
    assert get(lbc.port, seen.path, "Cookie: a=b", "X-Key: k", "Authorization: x", "Accept: y", host="few").status == 200
    [q] = sso.asked
    assert {n for n, _ in q.fields} == {"host", "cookie", "x-key", "x-request-id", "forwarded", "x-forwarded-for",
                                        "x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"}


def test_what_is_taken_of_the_answer(lbc, sso, seen):
    sso.says(reply(b"some body", "X-User: anna", "X-Groups: a", "X-Groups: b", "X-Other: c"))
    assert get(lbc.port, seen.path, *CLAIMS, host="names").status == 200
    [r] = seen.requests
    assert r.all("x-user") == ["anna"] and r.all("x-groups") == ["a", "b"] and r["x-other"] is None


def test_credentials_may_be_exchanged(lbc, sso, seen):
    sso.says(reply(b"", "Authorization: Bearer inside"))
    assert get(lbc.port, seen.path, "Authorization: Bearer outside", host="token").status == 200
    assert sso.asked[0]["authorization"] == "Bearer outside" and seen.requests[0].all("authorization") == ["Bearer inside"]
    sso.says(reply(b""))
    assert get(lbc.port, seen.path, "Authorization: Bearer outside", host="token").status == 200
    assert seen.requests[1]["authorization"] is None
    assert get(lbc.port, seen.path, "X-User: root", host="echo").status == 200
    assert sso.asked[2]["x-user"] == "root" and seen.requests[2]["x-user"] is None


def test_a_rule_before_does_not_remove_what_is_taken_and_one_behind_replaces_it(lbc, sso, seen):
    sso.says(reply(b"", "X-User: anna"))
    assert get(lbc.port, seen.path, "X-User: root", host="removed").status == 200
    assert get(lbc.port, seen.path, "X-User: root", host="replaced").status == 200
    assert [r.all("x-user") for r in seen.requests] == [["anna"], ["rule"]]
    assert seen.requests[0]["x-tier"] == "1"


def test_several_are_asked_one_after_the_other(lbc, sso, seen):
    sso.says(reply(b"", "X-User: anna"))
    sso.says(reply(b"", "X-Groups: staff"), "/again")
    assert get(lbc.port, seen.path, host="both").status == 200
    assert [(r["x-user"], r["x-groups"]) for r in seen.requests] == [("anna", "staff")]
    assert sso.asked[1]["x-user"] == "anna"
    sso.says(reply(b"no", status="403 Forbidden"), "/again")
    assert get(lbc.port, seen.path, host="both").status == 403
    assert len(seen.requests) == 1


def test_too_much_to_take_lets_nobody_in(lbc, sso, seen):
    sso.says(reply(b"", "X-User: " + "a" * 9000))
    assert get(lbc.port, seen.path, host="names").status == 503
    sso.says(reply(b"", *["X-User: a"] * 33))
    assert get(lbc.port, seen.path, host="names").status == 503
    assert not seen.requests
    assert record(lbc, seen.path)["reason"] == "the headers to take from the answer are too long"
    sso.says(reply(b"", "X-User: " + "a" * 8000))
    assert get(lbc.port, seen.path, host="names").status == 200
    assert get(lbc.port, seen.path, host="named").status == 200  # what it is by is there once


def test_what_only_looks_like_a_name_gets_through_to_nobody(lbc, sso, seen):
    """CGI makes one variable of x-user and x_user."""
    sso.says(reply(b"", "X-User: anna"))
    assert get(lbc.port, seen.path, "X_User: root", "X_Forwarded_Method: DELETE", "x_original-uri: /a", "X_Other: kept",
               host="names").status == 200
    [r], [q] = seen.requests, sso.asked
    assert r.all("x-user") == ["anna"] and r["x_user"] is None and r["x_other"] == "kept"
    assert q["x_user"] is None and q["x_forwarded_method"] is None and q["x_original-uri"] is None
    assert q["x_other"] == "kept"


@pytest.mark.parametrize("status, fields", [
    ("401 Unauthorized", ['WWW-Authenticate: Bearer realm="sso"']),
    ("403 Forbidden", ["X-Why: because"]),
    ("302 Found", ["Location: https://sso.example/login", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2"]),
    ("301 Moved Permanently", ["Location: /a"]), ("303 See Other", ["Location: /a"]),
    ("307 Temporary Redirect", ["Location: /a"]), ("308 Permanent Redirect", ["Location: /a"])])
def test_a_refusal_is_the_clients_answer(lbc, sso, seen, status, fields):
    sso.says(reply(b"why not", *fields, status=status))
    before = count(lbc, "requests_unauthorized")
    with Client(lbc.port) as c:
        for _ in range(2):  # the client's connection is kept
            answer = c.get(seen.path, host="names")
            assert (answer.status, answer.body) == (int(status.split()[0]), b"why not")
            for field in fields:
                name, value = field.split(": ", 1)
                assert value in answer.all(name.lower())
    assert not seen.requests
    assert count(lbc, "requests_unauthorized") == before + 2
    r = record(lbc, seen.path, 2)
    assert (r["end"], r["cluster"], r["server"], r["status"], r["server_status"]) == (
        "unauthorized", "sso", "a", int(status.split()[0]), int(status.split()[0]))


@pytest.mark.parametrize("status", ["500 Oh", "404 Not Found", "304 Not Modified", "300 Multiple", "305 Use Proxy",
                                    "400 Bad Request", "503 Busy", "429 Many"])
def test_what_says_neither_yes_nor_no_is_a_no(lbc, sso, seen, status):
    sso.says(reply(b"", "Location: /x", status=status))
    before = count(lbc, "auth_unavailable")
    answer = get(lbc.port, seen.path, host="names")
    assert answer.status == 503 and answer["location"] is None and not seen.requests
    assert count(lbc, "auth_unavailable") == before + 1
    r = record(lbc, seen.path)
    assert (r["end"], r["server_status"]) == ("auth-unavailable", int(status.split()[0]))
    assert r["reason"] == "the answer was none of 2xx, 401, 403 and a redirection"


@pytest.mark.parametrize("what, answer", [
    ("nothing", b""), ("a part of a head", b"HTTP/1.1 200 OK\r\nX-User"), ("no HTTP", b"yes\r\n\r\n"),
    ("a part of a body", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
    ("a bad chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"),
    ("another protocol", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ("too large a head", b"HTTP/1.1 200 OK\r\nX-User: " + b"a" * 40000 + b"\r\n\r\n")])
def test_an_answer_that_is_none_lets_nobody_in(lbc, sso, seen, what, answer):
    def serve(peer, request):
        peer.send(answer)
    sso.says(serve)
    assert get(lbc.port, seen.path, host="names").status == 503, what
    assert not seen.requests
    assert record(lbc, seen.path)["reason"] == "server-error"


@pytest.mark.parametrize("host, reason", [("dead", "connect-failed"),
                                          ("down", "every server of the cluster is down or drained")])
def test_where_nobody_can_be_asked_nobody_is_let_in(lbc, seen, host, reason):
    with Client(lbc.port) as c:
        answer = c.get(seen.path, host=host)
        assert answer.status == 503 and answer["connection"] is None
        assert c.get(seen.path, host="free").status == 200  # the connection goes on
    assert len(seen.requests) == 1
    r = record(lbc, seen.path)
    assert (r["end"], r["cluster"]) == ("auth-unavailable", host)
    assert reason in r["reason"]


def test_another_server_is_asked_where_one_cannot_be_reached(lbc, sso, seen):
    for _ in range(4):
        assert get(lbc.port, seen.path, host="again").status == 200
    assert len(sso.asked) == 4 and len(seen.requests) == 4


def test_a_status_is_retried_as_the_cluster_says(lbc, sso, seen):
    answers = [reply(b"", status="503 Busy"), reply(b"")]
    sso.says(lambda peer, request: peer.send(answers.pop(0)) or True)
    assert get(lbc.port, seen.path, method="POST", body=b"x", *["Content-Length: 1"], host="statuses").status == 200
    assert len(sso.asked) == 2 and seen.requests[0].body == b"x"


def test_an_answer_that_takes_too_long_is_not_waited_for(lbc, sso, seen):
    done = threading.Event()
    sso.says(lambda peer, request: done.wait(20) and False)
    errors = server(lbc, "sso")["response_errors"]
    answer = get(lbc.port, seen.path, host="hurry")
    done.set()
    assert answer.status == 503 and not seen.requests
    r = record(lbc, seen.path)
    assert (r["end"], r["reason"]) == ("auth-unavailable", "server-timeout")
    assert server(lbc, "sso")["response_errors"] == errors + 1


def test_a_body_that_does_not_end_is_not_waited_for(lbc, sso, seen):
    done = threading.Event()

    def serve(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        done.wait(20)
    sso.says(serve)
    answer = get(lbc.port, seen.path, host="hurry")
    done.set()
    assert answer.status == 503 and not seen.requests


def test_a_long_body_is_not_read_to_its_end(lbc, sso, seen):
    ends = []

    def serve(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 200000)
        ends.append(peer.at_end())
    sso.says(serve)
    assert get(lbc.port, seen.path, host="own").body == b"mine"
    wait_for(lambda: ends, "its connection is closed")


@pytest.mark.parametrize("answer", [
    reply(b"", status="204 No Content", length=False), reply(b"x" * 1000),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply(b"x")])
def test_connections_are_used_again(lbc, sso, seen, answer):
    def serve(peer, request):  # head and body one after the other
        at = answer.rfind(b"\r\n\r\n", 0, -4) + 4 if b"103" in answer else answer.find(b"\r\n\r\n") + 4
        peer.send(answer[:at])
        peer.send(answer[at:])
        return True
    sso.says(serve)
    with Client(lbc.port) as c:
        for _ in range(5):
            response = c.get(seen.path, host="names")
            assert (response.status, response.body) == (200, b"welcome")
    assert len({q.connection for q in sso.asked[1:]}) == 1 and len(sso.asked) == 5


def test_connections_of_refusals_are_used_again(lbc, sso, seen):
    sso.says(reply(b"no", status="401 Unauthorized"))
    with Client(lbc.port) as c:
        assert [c.get(seen.path, host="names").status for _ in range(5)] == [401] * 5
    assert len({q.connection for q in sso.asked[1:]}) == 1


def test_an_answer_that_ends_with_its_connection(lbc, sso, seen):
    sso.says(lambda peer, request: peer.send(b"HTTP/1.1 200 OK\r\nX-User: anna\r\n\r\nsome"))
    assert get(lbc.port, seen.path, host="names").status == 200
    assert seen.requests[0]["x-user"] == "anna"


def test_a_head_request_that_is_refused_gets_no_body(lbc, sso, seen):
    sso.says(reply(b"why not", status="401 Unauthorized"))
    with Client(lbc.port) as c:
        for _ in range(3):
            answer = c.get(seen.path, method="HEAD", host="names")
            assert (answer.status, answer["content-length"], answer.body) == (401, "7", b"")
        sso.says(reply(b"", "X-User: anna"))
        assert c.get(seen.path, host="names").body == b"welcome"
    assert [q.method for q in sso.asked] == ["GET"] * 4


def test_a_connection_whose_answer_was_left_is_not_used_again(lbc, sso, seen):
    ended = []

    def serve(peer, request):
        peer.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 7\r\n\r\n")
        ended.append(peer.at_end())
    sso.says(serve)
    assert get(lbc.port, seen.path, method="HEAD", host="names").status == 401
    wait_for(lambda: ended == [True], "it is closed")


def test_a_large_body_waits_and_comes_whole(lbc, sso, seen):
    body, go = pattern(3_000_000), threading.Event()
    sso.says(lambda peer, request: go.wait(20) and (peer.send(reply(b"", "X-User: anna")) or True))
    with Client(lbc.port) as c:
        c.request(seen.path, f"Content-Length: {len(body)}", method="POST", body=body[:100_000], host="names")
        wait_for(lambda: sso.asked, "it is asked about")
        sender = threading.Thread(target=c.send, args=[body[100_000:]])
        sender.start()
        go.set()
        assert c.response().status == 200
        sender.join()
        assert c.get(seen.path, host="names").status == 200
    assert seen.requests[0].body == body and seen.requests[0]["x-user"] == "anna"
    assert sso.asked[0]["content-length"] is None


def test_a_body_in_chunks(lbc, sso, seen):
    with Client(lbc.port) as c:
        c.request(seen.path, "Transfer-Encoding: chunked", method="POST", host="names")
        wait_for(lambda: sso.asked, "it is asked about")
        c.send(b"5\r\nhello\r\n0\r\n\r\n")
        assert c.response().status == 200
    assert seen.requests[0].body == b"hello"


def test_a_body_that_is_refused_is_no_request(lbc, sso, seen):
    sso.says(reply(b"no", status="403 Forbidden"))
    inner = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    with Client(lbc.port) as c:  # all of it is here: the connection goes on
        c.request(seen.path, f"Content-Length: {len(inner)}", method="POST", body=inner, host="names")
        assert c.response().status == 403
        assert c.get(seen.path, host="free").status == 200
    with Client(lbc.port) as c:  # it is not: the connection ends
        c.request(seen.path, "Content-Length: 100000", method="POST", body=b"x", host="names")
        answer = c.response()
        assert answer.status == 403 and answer["connection"] == "close"
        c.send(inner)
        assert c.at_end()
    assert [r.method for r in seen.requests] == ["GET"]
    assert not any("smuggled" in r.get("uri", "") for r in lbc.log())


def test_a_body_that_is_not_here_when_nobody_can_say(lbc, sso, seen):
    sso.says(reply(b"", status="500 Oh"))
    inner = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    with Client(lbc.port) as c:
        c.request(seen.path, "Content-Length: 100000", method="POST", body=b"x", host="names")
        answer = c.response()
        assert answer.status == 503 and answer["connection"] == "close"
        c.send(inner)
        assert c.at_end()
    with Client(lbc.port) as c:
        c.request(seen.path, f"Content-Length: {len(inner)}", method="POST", body=inner, host="names")
        assert c.response().status == 503
        assert c.get(seen.path, host="free").status == 200
    assert not any("smuggled" in r.get("uri", "") for r in lbc.log())


def test_a_body_of_a_request_that_could_not_be_asked_about(lbc, seen):
    inner = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    with Client(lbc.port) as c:
        c.request(seen.path, f"Content-Length: {len(inner)}", method="POST", body=inner, host="dead")
        assert c.response().status == 503
        assert c.get(seen.path, host="free").status == 200
    assert [r.method for r in seen.requests] == ["GET"]


def test_a_client_is_told_to_continue_once_it_is_let_in(lbc, sso, backend):
    go = threading.Event()
    sso.says(lambda peer, request: go.wait(20) and (peer.send(reply(b"")) or True))

    def serve(peer, request):
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.send(reply(peer.body(request)))
    path = backend.script(serve)
    with Client(lbc.port) as c:
        c.request(path, "Content-Length: 5", "Expect: 100-continue", method="POST", host="names")
        wait_for(lambda: sso.asked, "it is asked about")
        assert sso.asked[0]["expect"] is None
        c.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            c.socket.recv(1)
        c.socket.settimeout(20)
        go.set()
        assert c.head().status == 100
        c.send(b"hello")
        assert c.response().body == b"hello"
        sso.says(reply(b"no", status="401 Unauthorized"))
    with Client(lbc.port) as c:
        c.request(path, "Content-Length: 5", "Expect: 100-continue", method="POST", host="names")
        answer = c.response()
        assert answer.status == 401 and answer["connection"] == "close"


def test_interim_answers_are_not_the_clients(lbc, sso, seen):
    sso.says(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + reply(b"", "X-User: anna"))
    assert get(lbc.port, seen.path, host="names").status == 200
    assert seen.requests[0]["x-user"] == "anna"


def test_interim_answers_without_an_end_are_none(lbc, sso, seen):
    sso.says(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 101 + reply(b""))
    assert get(lbc.port, seen.path, host="names").status == 503


def test_a_question_is_not_hedged(lbc, sso, seen):
    sso.says(lambda peer, request: threading.Event().wait(0.3) or peer.send(reply(b"")) or True)
    assert get(lbc.port, seen.path, host="hedged").status == 200
    assert len(sso.asked) == 1


def test_a_try_has_its_own_time_behind_a_question(lbc, sso, backend):
    def slowly(peer, request):
        threading.Event().wait(1.2)
        peer.send(reply(b"welcome"))
        return True
    sso.says(slowly)
    path = backend.script(slowly)
    assert get(lbc.port, path, host="timed").body == b"welcome"
    assert len(sso.asked) == 1


def test_the_server_is_chosen_by_what_the_request_says(lbc, sso, seen):
    for i in range(12):
        assert {get(lbc.port, f"{seen.path}/{i}", f"X-K: {i}", host=host).status for host in ("hashed", "hash")} == {200}
    of_key = [{record(lbc, f"{seen.path}/{i}", n)["server"] for n in (1, 2)} for i in range(12)]
    assert all(len(servers) == 1 for servers in of_key) and len(set().union(*of_key)) > 1


def test_an_answer_of_our_own_is_asked_about_too(lbc, sso):
    assert get(lbc.port, "/own", host="own").body == b"mine"
    sso.says(reply(b"", status="403 Forbidden"))
    assert get(lbc.port, "/own", host="own").status == 403


def test_a_limit_before_counts_all_and_one_behind_who_was_let_in(lbc, sso, seen):
    sso.says(reply(b"", status="401 Unauthorized"))
    assert [get(lbc.port, "/", host="before").status for _ in range(5)] == [401, 401, 401, 429, 429]
    assert len(sso.asked) == 3
    assert [get(lbc.port, "/", host="user").status for _ in range(4)] == [401] * 4

    def who(peer, request):
        peer.send(reply(b"", "X-User: " + request["x-name"]))
        return True
    sso.says(who)
    for name in ("anna", "bert"):
        answers = [get(lbc.port, seen.path, f"X-Name: {name}", "X-User: carl", host="user") for _ in range(3)]
        assert [a.status for a in answers] == [200, 200, 429]
        assert [a["x-let-in"] for a in answers] == [name] * 3
    assert seen.requests[0]["x-user"] == "carl"  # it was not taken: the name is for us alone
    assert record(lbc, seen.path, 6)["user"] == "bert"


def test_nobody_is_somebody_where_the_answer_does_not_say_who(lbc, sso, seen):
    sso.says(reply(b"", "X-User:"))
    answers = [get(lbc.port, seen.path, host="user") for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 429] and answers[0]["x-let-in"] is None


def test_a_browsers_question_is_not_asked_about(lbc, sso, seen):
    origin = "Origin: https://a.example"
    assert get(lbc.port, "/", origin, "Access-Control-Request-Method: GET", method="OPTIONS", host="cors").status == 204
    assert not sso.asked
    sso.says(reply(b"", status="401 Unauthorized"))
    assert get(lbc.port, "/", origin, host="cors")["access-control-allow-origin"] == "https://a.example"


def test_an_upgrade_is_asked_about(lbc, sso, backend):
    ws = ["Connection: upgrade", "Upgrade: echo"]

    def serve(peer, request):
        assert request["x-user"] == "anna" and request["upgrade"] == "echo"
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        peer.send(peer.read(5))
    path = backend.script(serve)
    sso.says(reply(b"", "X-User: anna"))
    with Client(lbc.port) as c:
        c.request(path, *ws, host="names")
        assert c.head().status == 101
        c.send(b"hello")
        assert c.file.read(5) == b"hello"
    assert sso.asked[0]["upgrade"] is None
    sso.says(reply(b"no", status="403 Forbidden"))
    assert get(lbc.port, path, *ws, host="names").status == 403


def test_over_http2(lbc, sso, seen):
    sso.says(reply(b"", "X-User: anna"))
    with Speaker(lbc.port) as h2:
        assert h2.get(seen.path, ("x-user", "root"), authority="names").status == 200
        s = h2.ask(seen.path, method="POST", authority="names", body=pattern(60000))
        assert h2.answer(s).status == 200
        assert [r["x-user"] for r in seen.requests] == ["anna", "anna"] and seen.requests[1].body == pattern(60000)
        assert sso.asked[0]["x-forwarded-host"] == "names"
        sso.says(reply(b"go there", "Location: /login", "Set-Cookie: a=1", status="302 Found"))
        answer = h2.get(seen.path, authority="names")
        assert (answer.status, answer["location"], answer["set-cookie"], answer.body) == (302, "/login", "a=1", b"go there")
        assert h2.get(seen.path, method="HEAD", authority="names").body == b""
        sso.says(reply(b"", status="500 Oh"))
        assert h2.get(seen.path, authority="names").status == 503


def test_a_cluster_that_speaks_http2_is_asked(lbc, seen):
    for _ in range(3):
        assert get(lbc.port, seen.path, "x-user: root", host="h2").status == 200
        answer = get(lbc.port, seen.path, host="refused2")
        assert (answer.status, answer.body, answer["x-why"]) == (403, b"not you", "because")
    assert [r["x-user"] for r in seen.requests] == ["anna"] * 3
    assert get(lbc.port, seen.path, host="long2").status == 200  # a body whose length nobody says


def test_a_websocket_of_http2_is_asked_about_over_http2(lbc, backend):
    path = backend.script(reply(b"full", status="403 Forbidden"))
    with Speaker(lbc.port) as h2:
        s, h2.next_id = h2.next_id, h2.next_id + 2
        h2.send(h2.head([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", path),
                         (":authority", "h2"), ("sec-websocket-version", "13")], s, end=False))
        assert h2.answer(s).status == 403
    [r] = backend.of(path)
    assert (r["x-user"], r["upgrade"]) == ("anna", "websocket")


def linger(c):
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    c.close()


def test_a_client_that_leaves_takes_its_question_with_it(lbc, sso, seen):
    ended = []
    sso.says(lambda peer, request: ended.append(peer.at_end()))
    aborted = count(lbc, "requests_aborted")
    c = Client(lbc.port)
    c.request(seen.path, host="names")
    wait_for(lambda: sso.asked, "it is asked about")
    linger(c)
    wait_for(lambda: ended == [True], "the question is given up")
    wait_for(lambda: count(lbc, "requests_in_flight") == 0, "nothing is left")
    assert count(lbc, "requests_aborted") == aborted + 1 and not seen.requests
    with Speaker(lbc.port) as h2:
        s = h2.ask(seen.path, authority="names")
        wait_for(lambda: len(sso.asked) == 2, "the stream is asked about")
        h2.send(reset(s))
        wait_for(lambda: ended == [True, True], "that question is given up, too")
    assert server(lbc, "sso")["in_flight"] == 0


def test_a_client_that_leaves_while_its_bytes_wait_goes_no_further(lbc, sso, seen):
    go = threading.Event()
    sso.says(lambda peer, request: go.wait(20) and (peer.send(reply(b"")) or True))
    aborted = count(lbc, "requests_aborted")
    c = Client(lbc.port)
    c.request(seen.path, "Content-Length: 100000", method="POST", host="names")
    wait_for(lambda: sso.asked, "it is asked about")
    c.send(b"x" * 20000)
    time.sleep(0.2)  # it is seen to have come, so that nothing more is heard; or all at once, which is as well
    linger(c)
    go.set()
    wait_for(lambda: count(lbc, "requests_in_flight") == 0, "nothing is left")
    assert count(lbc, "requests_aborted") == aborted + 1 and not seen.requests
    assert record(lbc, seen.path)["cluster"] != "web"


def test_a_question_waits_for_its_turn(lbc, sso, seen):
    go = threading.Event()
    sso.says(lambda peer, request: go.wait(20) and (peer.send(reply(b"")) or True))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(lbc.port)) for _ in range(3)]
        for c in clients:
            c.request(seen.path, host="narrow")
        wait_for(lambda: count(lbc, "requests_queued") == 2, "two wait")
        wait_for(lambda: len(sso.asked) == 1, "one is asked about")
        assert get(lbc.port, seen.path, host="queued").status == 503
        assert record(lbc, seen.path, 1)["reason"] == "queue-timeout"
        go.set()
        assert [c.response().status for c in clients] == [200] * 3
    assert count(lbc, "requests_queued") == 0 and server(lbc, "narrow")["in_flight"] == 0


def test_the_time_a_request_has_goes_on_while_it_is_asked_about(lbc, sso, seen):
    done = threading.Event()
    sso.says(lambda peer, request: done.wait(20) and False)
    with Client(lbc.brief) as c:
        c.request(seen.path, "Content-Length: 5", method="POST", body=b"hello", host="names")
        answer = c.response()
        done.set()
        assert answer.status == 504 and not seen.requests
    assert record(lbc, seen.path)["end"] == "request-timeout"


def test_what_a_clause_says_of_the_request_is_not_about_the_question(lbc, sso, backend):
    sso.says(lambda peer, request: threading.Event().wait(0.8) or peer.send(reply(b"")) or True)
    done = threading.Event()
    path = backend.script(lambda peer, request: done.wait(20) and None)
    assert get(lbc.port, path, host="quick").status == 504  # 400ms to answer, behind a question of 800ms
    done.set()
    assert len(backend.of(path)) == 1


def test_questions_are_counted_as_requests_of_their_cluster(lbc, sso, seen):
    before = server(lbc, "sso")
    for _ in range(3):
        get(lbc.port, seen.path, host="names")
    sso.says(reply(b"", status="500 Oh"))
    get(lbc.port, seen.path, host="names")
    after = server(lbc, "sso")
    assert after["requests"] == before["requests"] + 4 and after["responses_5xx"] == before["responses_5xx"] + 1
    assert after["in_flight"] == 0


def test_a_reload_in_the_middle_keeps_a_question(start, backend, sso, second, seen):
    text = """lbconf 1
    cluster sso {{ server a 127.0.0.1:{sso} }}
    cluster web {{ server a 127.0.0.1:{web} }}
    listener front {{ bind 127.0.0.1:{front}; route site }}
    route site {{ when path under "/" {{ require auth sso {{ path "/verify"; take "x-user" }}; forward web }} otherwise {{ deny }} }}
    """.format(sso=second.port, web=backend.port, front=(front := free_port()))
    own = start(Lbc, text, workers=1, port=front)
    go = threading.Event()
    sso.says(lambda peer, request: go.wait(20) and (peer.send(reply(b"", "X-User: anna")) or True))
    with Client(front) as c:
        c.request(seen.path)
        wait_for(lambda: sso.asked, "it is asked about")
        own.reload(text.replace("require auth sso", "require auth sso2").replace("cluster sso", "cluster sso2"))
        go.set()
        assert c.response().status == 200
        assert c.get(seen.path).status == 200
    assert [r["x-user"] for r in seen.requests] == ["anna", "anna"]
