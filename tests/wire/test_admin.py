"""The admin port: what it answers, whom it answers, and how much of it anybody gets."""
import contextlib
import http.client
import json
import select
import socket
import time

import pytest

from harness import Lbc, Origin, free_port, free_ports, wait_for

TOKEN = "0123456789abcdef-a-token"

SITE = """lbconf 1
secret ops from env "ADMIN_TOKEN"
cluster web {{ server a 127.0.0.1:{origin}; server b 127.0.0.1:{nobody}; health http GET "/" {{ every 200ms }} }}
listener front {{ bind 127.0.0.1:{front}; route site }}
route site {{ otherwise {{ forward web }} }}
admin {{ {admin} }}
"""


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


def ask(port, path, method="GET", headers=None, body=None, address="127.0.0.1"):
    connection = http.client.HTTPConnection(address, port, timeout=30)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def origin(begin):
    return begin(Origin)


@pytest.fixture
def site(tmp_path, origin):
    """site(admin): one with this admin block; {0}, {1} in it are free ports."""
    with contextlib.ExitStack() as stack:
        def go(admin, n=1, **more):
            ports = free_ports(n + 2)
            values = {"origin": origin.port, "nobody": ports[n], "front": ports[n + 1]}
            text = SITE.format(admin=admin.format(*ports), **values)
            lbc = Lbc(tmp_path, text, workers=1, env={"ADMIN_TOKEN": TOKEN}, **more)
            stack.callback(lambda: lbc.popen.returncode == -9 or lbc.stop())
            lbc.ports, lbc.front = ports, ports[n + 1]
            lbc.with_admin = lambda other: SITE.format(admin=other.format(*ports), **values)
            return lbc
        yield go


@pytest.fixture(scope="module")
def shared(begin, origin):
    """One for the tests that only ask."""
    front, admin = free_ports(2)
    text = SITE.format(origin=origin.port, nobody=free_port(), front=front, admin=f"bind 127.0.0.1:{admin}")
    lbc = begin(Lbc, text, workers=1, env={"ADMIN_TOKEN": TOKEN})
    lbc.admin, lbc.front = admin, front
    return lbc


def counter(lbc, name):
    return lbc.show("info")["metrics"][name]


def grows(lbc, name, before, by=1):
    wait_for(lambda: counter(lbc, name) >= before + by, f"{name} grew by {by}")


# --- what is there -------------------------------------------------------------------------------

def test_health(shared):
    a = ask(shared.admin, "/health")
    assert (a.status, a.json()) == (200, {"status": "serving"})


def test_metrics_are_what_the_socket_says(shared):
    a = ask(shared.admin, "/metrics")
    assert a.status == 200
    assert a.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"

    def names(text):
        return {line.split(" ")[0].split("{")[0] for line in text.splitlines() if not line.startswith("#")}
    assert names(a.body.decode()) == names(shared.ctl("show", "metrics"))
    assert "lbc_admin_requests_total" in names(a.body.decode())


@pytest.mark.parametrize("what", ["info", "listeners", "clusters", "servers", "sources", "sticky", "limits", "shared",
                                  "certificates", "generations", "drift", "clauses", "log"])
def test_the_api_says_what_the_socket_says(shared, what):
    a = ask(shared.admin, f"/api/v1/{what}")
    assert a.status == 200 and a.headers["content-type"] == "application/json"
    told, shown = a.json(), shared.show({"log": "events"}.get(what, what))
    assert type(told) is type(shown)
    if what in ("listeners", "limits", "certificates"):  # nothing of it moves by itself
        assert told == shown
    elif isinstance(told, list):
        assert [sorted(row) for row in told] == [sorted(row) for row in shown]
    else:
        assert sorted(told) == sorted(shown)


NOT_BEGUN = ["history", "canary", "shadow"]  # what `shared` has none of


def test_the_api_lists_what_there_is(shared):
    listed = ask(shared.admin, "/api/v1").json()["endpoints"]
    for entry in listed:
        name = entry["path"].rpartition("/")[2]
        if name != "events":
            assert ask(shared.admin, entry["path"]).status == (404 if name in NOT_BEGUN else 200), entry


@pytest.mark.parametrize("what", NOT_BEGUN)
def test_of_what_has_not_begun_the_api_says_so(shared, what):
    a = ask(shared.admin, f"/api/v1/{what}")
    refused = shared.ctl("show", what, check=False).stderr
    assert a.status == 404 and a.json()["detail"] in refused


def test_history_a_shadow_and_a_canary(site, tmp_path):
    lbc = site("bind 127.0.0.1:{0}", state=tmp_path / "state")
    lbc.ctl("shadow", str(lbc.file))
    lbc.ctl("reload", "canary", "5%")
    for what in NOT_BEGUN:
        a = ask(lbc.ports[0], f"/api/v1/{what}")
        assert a.status == 200 and type(a.json()) is type(lbc.show(what)), what


def test_the_page_and_its_parts(shared):
    page = ask(shared.admin, "/")
    assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert b"<script type=\"module\" src=\"main.js\">" in page.body and b"style=" not in page.body
    for path, kind in (("/main.js", "text/javascript; charset=utf-8"), ("/style.css", "text/css; charset=utf-8"),
                       ("/icon.svg", "image/svg+xml")):
        part = ask(shared.admin, path)
        assert (part.status, part.headers["content-type"]) == (200, kind)
        known = ask(shared.admin, path, headers={"If-None-Match": part.headers["etag"]})
        assert (known.status, known.body) == (304, b"")


def raw(port, request):
    """The whole answer of a connection that ends with it."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        s.sendall(request)
        said = b""
        while piece := s.recv(65536):
            said += piece
    return said


@pytest.mark.parametrize("headers, why", [
    ("", "HTTP/1.1 wants a Host header"),
    ("Host: localhost\r\nContent-Length: 0\r\nContent-Length: 42\r\n", "there are several Content-Length headers"),
    ("Host: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n", "there are several Content-Length headers")])
def test_a_head_that_is_wrong_ends_the_connection(shared, headers, why):
    said = raw(shared.admin, f"GET /health HTTP/1.1\r\n{headers}\r\nGET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and b"application/problem+json" in head
    assert json.loads(body)["detail"] == why and said.count(b"\r\n\r\n") == 1


def test_a_target_may_be_absolute(shared):
    for target, status in (("http://localhost/health", b"200"), ("HTTP://a.test", b"200"), ("http://a/none", b"404")):
        said = raw(shared.admin, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert said.split()[1] == status, target


def test_errors_are_problem_json(shared):
    for path, method, status in (("/nothing", "GET", 404), ("/README.md", "GET", 404), ("/../main.js", "GET", 404),
                                 ("/health", "POST", 405), ("/api/v1/info", "DELETE", 405)):
        a = ask(shared.admin, path, method)
        assert (a.status, a.json()["status"]) == (status, status), path
        assert a.headers["content-type"] == "application/problem+json"
        assert a.headers["allow"] == ("GET, HEAD" if status == 405 else None)


def test_head_is_get_without_the_body(shared):
    for path in ("/health", "/", "/metrics", "/api/v1/events"):
        a = ask(shared.admin, path, "HEAD")
        assert (a.status, a.body) == (200, b"")


def test_a_connection_is_kept(shared):
    connection = http.client.HTTPConnection("127.0.0.1", shared.admin, timeout=30)
    socks = set()
    for _ in range(5):
        connection.request("GET", "/health")
        assert connection.getresponse().read()
        socks.add(connection.sock)
    assert len(socks) == 1 and None not in socks
    connection.close()


def test_every_response_protects_itself(shared):
    for path in ("/", "/main.js", "/health", "/api/v1/servers", "/nothing"):
        headers = ask(shared.admin, path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] in ("no-store", "no-cache")
        assert headers["access-control-allow-origin"] is None


# --- events --------------------------------------------------------------------------------------

class Events:
    """Follows the events over a connection of its own."""

    def __init__(self, port, headers="", read=True, buffer=None):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(f"GET /api/v1/events HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1]) if read else None
        while read and self.file.readline().strip():
            pass

    def next(self):
        """The fields of the next event; a comment is none."""
        event = {}
        while True:
            line = self.file.readline().decode()
            assert line, "the stream ended"
            line = line.rstrip("\n")
            if not line and "data" in event:
                return event
            if not line:
                event = {**event}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = json.loads(value) if name == "data" else value

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


def test_events_begin_with_everything_and_go_on_with_changes(shared):
    wait_for(lambda: [s["health"] for s in shared.show("servers")] == ["up", "down"], "both were checked")
    with Events(shared.admin) as events:
        first = events.next()
        assert first["event"] == "all" and first["retry"] == "2000"
        data = first["data"]
        assert data["version"] and data["generation"] == 1 and data["totals"]["serving"] is True
        rows = [dict(zip(data["server_columns"], s["row"])) for s in data["servers"]]
        assert [s["name"] for s in data["servers"]] == ["a", "b"]
        assert [r["state"] for r in rows] == ["up", "down"]
        assert rows[1]["why"] == "connection refused" and time.time() - rows[1]["since"] < 3600
        assert rows[0]["rate"] is None or rows[0]["rate"] >= 0

        second = events.next()
        assert second["event"] == "changes" and int(second["id"]) == int(first["id"]) + 1
        shared.ctl("drain", "web/a")
        try:
            def drained():
                changed = events.next()["data"]["servers"].get("0")
                return changed and changed[0] == "drain"
            wait_for(drained, "an event says that it is drained")
        finally:
            shared.ctl("ready", "web/a")


def test_rates_are_of_a_second(shared):
    wait_for(lambda: shared.show("servers")[0]["health"] == "up", "a server is up")
    with Events(shared.admin) as events:
        columns = events.next()["data"]["server_columns"]
        events.next()
        for _ in range(50):
            assert ask(shared.front, "/").status == 200

        def busy():
            data = events.next()["data"]
            row = data["servers"].get("0") if isinstance(data["servers"], dict) else data["servers"][0]["row"]
            return row and dict(zip(columns, row))["rate"] and data
        data = wait_for(busy, "a rate above 0")
        assert data["totals"]["requests_s"] > 0
        assert data["totals"]["first_byte_p50_ms"] > 0


def test_a_reload_is_told_as_a_whole(shared):
    with Events(shared.admin) as events:
        assert events.next()["data"]["generation"] >= 1
        generation = shared.show("info")["generation"]
        shared.reload()
        told = wait_for(lambda: (lambda e: e["event"] == "all" and e["data"])(events.next()), "all of it again")
        assert told["generation"] == generation + 1


def test_two_followers_hear_the_same(shared):
    with Events(shared.admin) as one, Events(shared.admin) as other:
        one.next(), other.next()
        heard = {e["id"]: e["data"] for e in (one.next() for _ in range(3))}
        same = [e for e in (other.next() for _ in range(3)) if e["id"] in heard]
        assert same and all(heard[e["id"]] == e["data"] for e in same)


def test_followers_are_counted_and_limited(site):
    lbc = site("bind 127.0.0.1:{0}")
    with contextlib.ExitStack() as stack:
        for _ in range(32):
            assert stack.enter_context(Events(lbc.ports[0])).status == 200
        assert counter(lbc, "admin_streams") == 32
        a = ask(lbc.ports[0], "/api/v1/events")
        assert (a.status, a.headers["retry-after"]) == (503, "5")
        assert counter(lbc, "admin_streams_refused") == 1
        assert ask(lbc.ports[0], "/health").status == 200
    wait_for(lambda: counter(lbc, "admin_streams") == 0, "all have left")


# --- who may -------------------------------------------------------------------------------------

@pytest.mark.parametrize("host, status", [
    ("localhost", 200), ("localhost:{}", 200), ("LOCALHOST", 200), ("127.0.0.1", 200), ("127.9.9.9:1", 200),
    ("[::1]:{}", 200), ("evil.example.com", 421), ("localhost.evil.com", 421), ("10.0.0.1", 421), ("", 421)])
def test_without_a_token_only_names_that_nobody_else_can_give(shared, host, status):
    before = counter(shared, "admin_requests_refused")
    a = ask(shared.admin, "/api/v1/servers", headers={"Host": host.format(shared.admin)})
    assert a.status == status
    if status != 200:
        grows(shared, "admin_requests_refused", before)


def raw(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        s.sendall(data)
        return s.makefile("rb").read()


def test_two_hosts_are_one_too_many(shared):
    assert b" 421 " in raw(shared.admin, b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n"
                                         b"Connection: close\r\n\r\n").splitlines()[0]


@pytest.mark.parametrize("headers, page, api", [
    ({"Sec-Fetch-Site": "same-origin"}, 200, 200),
    ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200, 200),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403, 403),
    ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403, 403),
    ({"Origin": "https://evil.example.com"}, 403, 403),
    ({"Origin": "null"}, 403, 403),
    ({"Origin": "http://localhost", "Host": "localhost"}, 200, 200),
])
def test_pages_of_other_sites_get_nothing(shared, headers, page, api):
    assert ask(shared.admin, "/", headers=headers).status == page
    assert ask(shared.admin, "/api/v1/info", headers=headers).status == api


def test_a_token_is_asked_for(site):
    lbc = site("bind 127.0.0.1:{0}; token ops")
    port = lbc.ports[0]
    right = {"Authorization": f"Bearer {TOKEN}"}
    for path in ("/metrics", "/api/v1", "/api/v1/info", "/api/v1/events"):
        a = ask(port, path)
        assert (a.status, a.headers["www-authenticate"]) == (401, 'Bearer realm="lbc admin"'), path
        for wrong in (TOKEN[:-1], TOKEN + "x", TOKEN.upper(), ""):
            assert ask(port, path, headers={"Authorization": f"Bearer {wrong}"}).status == 401
        assert ask(port, path, headers={"Authorization": f"Basic {TOKEN}"}).status == 401
        assert ask(port, path, "HEAD", headers=right).status == 200
    assert counter(lbc, "admin_unauthorized") == 4 * 6
    assert ask(port, "/health").status == 200  # no secret, and probes have no token
    assert ask(port, "/").status == 200  # nor is the page; what it shows is
    assert ask(port, "/api/v1/info", headers={**right, "Host": "lbc.example.com"}).status == 200


@pytest.mark.parametrize("how", ["query", "bearer"])
def test_the_page_exchanges_a_token_for_a_cookie(site, how):
    lbc = site("bind 127.0.0.1:{0}; token ops")
    port = lbc.ports[0]
    if how == "query":
        a = ask(port, f"/?token={TOKEN}")
        assert (a.status, a.headers["location"]) == (303, "/")
        wrong = ask(port, "/?token=wrong")
        assert (wrong.status, wrong.headers["set-cookie"]) == (401, None)
    else:
        a = ask(port, "/", headers={"Authorization": f"Bearer {TOKEN}"})
        assert a.status == 200
    cookie, *attributes = a.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    assert TOKEN not in cookie
    assert ask(port, "/api/v1/info", headers={"Cookie": f"a=b; {cookie}; c=d"}).status == 200
    flipped = cookie[:-1] + ("0" if cookie[-1] != "0" else "1")
    assert ask(port, "/api/v1/info", headers={"Cookie": flipped}).status == 401
    assert ask(port, "/api/v1/info?token=" + TOKEN).status == 401  # only the page exchanges


@pytest.mark.parametrize("token, says", [
    ("tiny", "shorter than 16 characters"), ("with a blank in its middle", "can't stand in a header"),
    ("x" * 513, "longer than 512")])
def test_a_token_that_is_none_refuses_the_reload(site, tmp_path, token, says):
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o600)
    lbc = site("bind 127.0.0.1:{0}; token ops")
    text = lbc.file.read_text().replace('env "ADMIN_TOKEN"', f'file "{secret}"')
    lbc.reload(text)
    secret.write_text(token)
    done = lbc.ctl("reload", check=False)
    assert done.returncode != 0 and says in done.stdout + done.stderr and token not in done.stdout + done.stderr
    assert ask(lbc.ports[0], "/api/v1/info", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200


def closed(port, address="127.0.0.1"):
    """Was the connection closed before it could say anything?"""
    with socket.create_connection((address, port), timeout=30) as s:
        with contextlib.suppress(OSError):
            s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return s.recv(1) == b""
        return True


def test_who_may_connect(site):
    lbc = site("bind 0.0.0.0:{0}; allow-from 127.0.0.2, 127.1.0.0/16")
    port = lbc.ports[0]

    def from_address(source):
        with socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0)) as s:
            with contextlib.suppress(OSError):
                s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return s.makefile("rb").read()[9:12]
            return b""
    assert [from_address(a) for a in ("127.0.0.2", "127.1.2.3", "127.1.0.0")] == [b"200"] * 3
    assert [from_address(a) for a in ("127.0.0.1", "127.0.0.3", "127.2.0.0")] == [b""] * 3
    assert counter(lbc, "admin_connections_denied") == 3


def test_a_unix_socket(site, tmp_path):
    path = tmp_path / "admin"
    lbc = site(f"bind unix:{path} mode \"0600\"")
    assert path.stat().st_mode & 0o777 == 0o600
    lbc.reload(lbc.file.read_text().replace("0600", "0660"))
    assert path.stat().st_mode & 0o777 == 0o660
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(b"GET /health HTTP/1.1\r\nHost: whatever\r\nConnection: close\r\n\r\n")
        assert s.makefile("rb").read().startswith(b"HTTP/1.1 200")
    assert lbc.alive()


# --- how much ------------------------------------------------------------------------------------

def test_a_head_that_is_too_long(shared):
    before = counter(shared, "admin_requests_too_large")
    assert ask(shared.admin, "/health", headers={"X": "x" * 15000}).status == 200
    a = ask(shared.admin, "/health", headers={"X": "x" * 17000})
    assert (a.status, a.headers["content-type"]) == (431, "application/problem+json")
    assert b" 431 " in raw(shared.admin, b"GET / HTTP/1.1\r\nX: " + b"x" * 40000).splitlines()[0]
    grows(shared, "admin_requests_too_large", before)


@pytest.mark.parametrize("headers", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
                                     b"Content-Length: 99999999999\r\n"])
def test_no_body_is_taken(shared, headers):
    before = counter(shared, "admin_requests_too_large")
    answer = raw(shared.admin, b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n")
    assert b" 413 " in answer.splitlines()[0]
    grows(shared, "admin_requests_too_large", before)


def connect(port, source=None):
    return socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0) if source else None)


def is_closed(s):
    return bool(select.select([s], [], [], 10)[0]) and s.recv(1) == b""


def test_connections_of_an_address_and_in_all(site):
    lbc = site("bind 127.0.0.1:{0}")
    with contextlib.ExitStack() as stack:
        for source in ("127.0.0.1", "127.0.0.2"):
            for _ in range(64):
                stack.enter_context(connect(lbc.ports[0], source))
            wanted = 64 if source == "127.0.0.1" else 128
            wait_for(lambda n=wanted: counter(lbc, "admin_connections") == n, "they are connected")
        assert is_closed(stack.enter_context(connect(lbc.ports[0], "127.0.0.3")))
        grows(lbc, "admin_connections_refused", 0)
        assert ask(lbc.front, "/").status == 200  # clients never notice
    wait_for(lambda: counter(lbc, "admin_connections") == 0, "all have left")
    assert ask(lbc.ports[0], "/health").status == 200


def test_of_one_address_the_longest_idle_gives_its_place(site):
    lbc = site("bind 127.0.0.1:{0}")
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(lbc.ports[0])) for _ in range(64)]
        wait_for(lambda: counter(lbc, "admin_connections") == 64, "they are connected")
        assert ask(lbc.ports[0], "/health").status == 200
        grows(lbc, "admin_connections_over_source", 0)
        assert is_closed(idle[0])
        wait_for(lambda: counter(lbc, "admin_connections") == 63, "it has left")


def test_who_asks_too_slowly_is_closed(site):
    """Ten seconds for a head, whether nothing comes or a byte now and then."""
    lbc = site("bind 127.0.0.1:{0}")
    with connect(lbc.ports[0]) as silent, connect(lbc.ports[0]) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: ")

        def over():
            with contextlib.suppress(OSError):
                slow.sendall(b"x")
            return counter(lbc, "admin_connections_late") >= 2
        wait_for(over, "both are closed", seconds=60, every=0.5)
        assert is_closed(silent)
    wait_for(lambda: counter(lbc, "admin_connections") == 0, "nothing is left of them")


def test_a_follower_that_does_not_read_is_closed_and_harms_nobody(tmp_path, begin):
    port, front = free_ports(2)
    servers = "\n".join(f'  server s{i} 127.0.0.1:{20000 + i}' for i in range(3000))
    lbc = begin(Lbc, f"lbconf 1\ncluster many {{\n{servers}\n}}\nlistener l {{ bind 127.0.0.1:{front}; route r }}\n"
                     f"route r {{ otherwise {{ forward many }} }}\nadmin {{ bind 127.0.0.1:{port} }}\n",
                workers=1, name="many")
    with Events(port, read=False, buffer=4096) as deaf, Events(port) as other:
        assert len(other.next()["data"]["servers"]) == 3000
        seen = [other.next()["id"]]

        def over():
            seen.append(other.next()["id"])
            return counter(lbc, "admin_connections_late") == 1
        wait_for(over, "the one that does not read is closed", seconds=60, every=0)
        assert counter(lbc, "admin_streams") == 1
        assert seen == sorted(seen, key=int) and len(seen) > 5
        assert deaf.socket.fileno() != -1


# --- reloads -------------------------------------------------------------------------------------

def test_a_reload_moves_the_port_and_keeps_what_stays(site):
    lbc = site("bind 127.0.0.1:{0}", n=3)
    one, two, _ = lbc.ports[:3]
    with Events(one) as events:
        events.next()
        lbc.reload(lbc.with_admin("bind 127.0.0.1:{0}; bind 127.0.0.1:{1}"))
        assert ask(one, "/health").status == ask(two, "/health").status == 200
        wait_for(lambda: events.next()["data"].get("generation") == 2, "the stream goes on")
        lbc.reload(lbc.with_admin("bind 127.0.0.1:{1}; metrics off; pages off"))
        assert ask(two, "/metrics").status == ask(two, "/").status == ask(two, "/main.js").status == 404
        wait_for(lambda: not events.file.readline(), "the stream at the port that is gone ends")
    with pytest.raises(OSError):
        ask(one, "/health")
    lbc.reload(lbc.file.read_text().replace("admin {", "# admin {"))
    wait_for(lambda: _refused(two), "nobody is there any more")
    lbc.reload(lbc.with_admin("bind 127.0.0.1:{0}"))
    assert ask(one, "/health").status == 200


def _refused(port):
    try:
        ask(port, "/health")
    except OSError:
        return True
    return False


def test_a_bind_that_fails_refuses_the_reload(site):
    lbc = site("bind 127.0.0.1:{0}", n=2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = lbc.ctl("reload", check=False) if lbc.file.write_text(
            lbc.with_admin("bind 127.0.0.1:{1}; bind 127.0.0.1:" + str(port))) else None
        assert done.returncode != 0 and f"admin cannot listen on 127.0.0.1:{port}" in done.stdout + done.stderr
    assert ask(lbc.ports[0], "/health").status == 200
    assert _refused(lbc.ports[1])
    assert lbc.show("info")["generation"] == 1


def test_another_token_ends_who_follows_with_the_old_one(site, tmp_path):
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o600)
    lbc = site("bind 127.0.0.1:{0}; token ops")
    lbc.reload(lbc.file.read_text().replace('env "ADMIN_TOKEN"', f'file "{secret}"'))
    with Events(lbc.ports[0], f"Authorization: Bearer {TOKEN}\r\n") as events:
        events.next()
        lbc.reload()
        wait_for(lambda: events.next()["data"].get("generation") == 3, "the same token: it goes on")
        secret.write_text("another-token-0123456789")
        lbc.reload()
        wait_for(lambda: not events.file.readline(), "it ends")
    assert ask(lbc.ports[0], "/api/v1/info", headers={"Authorization": f"Bearer {TOKEN}"}).status == 401


def test_who_may_no_longer_connect_goes(site):
    lbc = site("bind 127.0.0.1:{0}; allow-from 127.0.0.0/8")
    with Events(lbc.ports[0]) as events, connect(lbc.ports[0]) as idle:
        events.next()
        lbc.reload(lbc.with_admin("bind 127.0.0.1:{0}; allow-from 127.0.0.9"))
        wait_for(lambda: not events.file.readline(), "the stream ends")
        assert is_closed(idle)


def test_draining_is_told(site):
    lbc = site("bind 127.0.0.1:{0}", drain=8)
    with connect(lbc.front) as client:
        client.sendall(b"GET /slow/3600000 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: counter(lbc, "requests_in_flight") == 1, "a request is under way")
        lbc.ctl("shutdown")
        a = ask(lbc.ports[0], "/health")
        assert (a.status, a.json()) == (503, {"status": "draining"})
        assert ask(lbc.ports[0], "/api/v1/info").json()["draining"] is True
    lbc.wait()
