"""`sticky cookie`: a client keeps its server by a cookie that we sign, or by one that servers set."""
import base64
import hashlib
import hmac
import struct
import time

import pytest

from frames import Speaker
from h2_scripted import H2Server, says
from harness import Client, Lbc, free_ports, wait_for
from scripted import Server, reply

NAMES = "abc"
KEY = "correct-horse-battery-staple"
SIGNED = 'sticky cookie "lb" { key lb-key }'


class Cookie:
    """What its value says; read and signed as the documentation has it, not as the code does."""

    def __init__(self, value):
        raw = base64.urlsafe_b64decode(value)
        assert len(value) == 32 and len(raw) == 24
        self.server, self.until = raw[:5], struct.unpack(">I", raw[5:9])[0]
        assert value == self.sign()

    def sign(self, key=KEY):
        def mac(k, text):
            return hmac.new(k, text, hashlib.sha256).digest()
        said = self.server + struct.pack(">I", self.until)
        return base64.urlsafe_b64encode(said + mac(mac(key.encode(), b"lbc sticky cookie 1"), said)[:15]).decode()


class Site:
    """An lbc whose cluster `app` sets a cookie. `client()` is a browser: it has what cookies it was given."""

    def __init__(self, start, servers, sticky, key=KEY, more=""):
        self.start, self.servers, self.sticky, self.more, self.key = start, servers, sticky, more, key
        self.port, self.closed = free_ports(2)
        self.lbc = self.run("lbc")

    def run(self, name):
        return self.start(Lbc, self.text(), workers=2, port=self.port, env={"LB_KEY": self.key}, name=name)

    def text(self, order=NAMES, sticky=None):
        lines = [f"server {n} 127.0.0.1:{self.servers[n].port}" if n in self.servers else n for n in order]
        return (f'lbconf 1\nsecret lb-key from env "LB_KEY"\n'
                f"cluster app {{ {'; '.join(lines)}; {sticky or self.sticky}; {self.more} }}\n"
                f"listener front {{ bind 127.0.0.1:{self.port}; route site }}\n"
                f"route site {{ otherwise {{ forward app }} }}\n")

    def again(self):
        """Another process with the same file."""
        self.lbc.stop()
        self.lbc = self.run("again")

    def ask(self, *headers, path="/"):
        with Client(self.port) as client:  # a connection each: any worker may have it
            return client.get(path, *headers)

    def client(self):
        return Browser(self)

    def metric(self, name):
        return self.lbc.show("info")["metrics"][f"sticky_{name}"]


class Browser:
    def __init__(self, site, name="lb"):
        self.site, self.name, self.value, self.line = site, name, None, None

    def get(self, *headers, path="/"):
        """Its answer; `line` is the Set-Cookie in it of the cookie's name, or None."""
        cookie = [f"Cookie: {self.name}={self.value}"] if self.value is not None else []
        response = self.site.ask(*cookie, *headers, path=path)
        lines = [v for v in response.all("set-cookie") if v.startswith(f"{self.name}=")]
        assert len(lines) <= 1
        self.line = lines[0] if lines else None
        if self.line:
            self.value = self.line.partition(";")[0].partition("=")[2]
        return response

    def who(self):
        return self.get().body.decode()


@pytest.fixture
def servers():
    made = {}
    for name in NAMES:
        made[name] = Server()
        made[name].scripts["/"] = reply(name.encode())
    yield made
    for server in made.values():
        server.stop()


@pytest.fixture
def site(start, servers):
    return lambda sticky=SIGNED, **more: Site(start, servers, sticky, **more)


# --- set and kept -----------------------------------------------------------------------------------------


def test_who_comes_without_one_gets_one_and_keeps_its_server(site):
    s = site()
    browsers = [s.client() for _ in range(6)]
    first = [b.who() for b in browsers]
    assert set(first) == set(NAMES), "each was chosen by the balance"
    for b in browsers:
        assert b.line == f"lb={b.value}; Path=/; HttpOnly; SameSite=Lax"
        assert Cookie(b.value).until == 0
    for _ in range(3):
        assert [b.who() for b in browsers] == first
        assert [b.line for b in browsers] == [None] * 6, "it is said once"
    assert (s.metric("misses"), s.metric("hits")) == (6, 18)
    assert len({b.value for b in browsers}) == 3, "it says which server, and nothing of the client"


def test_the_attributes_that_were_asked_for(site):
    s = site('sticky cookie "__Secure-lb" { key lb-key  ttl 90s  path "/app"  domain "example.com"'
             '  same-site none  secure  http-only off }')
    b = Browser(s, "__Secure-lb")
    b.who()
    assert b.line == f"__Secure-lb={b.value}; Path=/app; Domain=example.com; Max-Age=90; Secure; SameSite=None"


@pytest.mark.parametrize("cookies", [
    ["a=1; lb={}"], ["lb={}; a=1"], ["a=1;lb={};b=2"], ['a="x; lb=y"; lb={}'], ["a=1", "lb={}"], ['lb="{}"'],
    ["xlb=1; lb2=2; LB=3; lb={}"], ["lb=; lb={}"], ["lb=junk", "lb={}"], ["; ;; lb={} ;"]])
def test_it_is_found_among_others(site, cookies):
    s = site()
    b = s.client()
    home = b.who()
    for _ in range(4):
        r = s.ask(*[f"Cookie: {c.format(b.value)}" for c in cookies])
        assert (r.body.decode(), r["set-cookie"]) == (home, None)


@pytest.mark.parametrize("cookie", ["xlb={}", "lb2={}", "LB={}", "a=lb={}", "lb"])
def test_what_is_only_like_it_is_not_it(site, cookie):
    s = site()
    b = s.client()
    b.who()
    assert s.ask(f"Cookie: {cookie.format(b.value)}")["set-cookie"], "it gets one"
    assert s.metric("forged") == 0


# --- not believed -----------------------------------------------------------------------------------------


def test_a_forged_one_is_as_if_there_were_none(site):
    s = site()
    b = s.client()
    b.who()
    good = Cookie(b.value)
    other = Cookie(b.value)
    other.server = bytes(x ^ 1 for x in other.server)
    forged = ["", "a", "x" * 32, b.value[:-1], b.value + "A", good.sign("another key"),
              b.value[:-1] + ("A" if b.value[-1] != "A" else "B"), other.sign("")]
    for value in forged:
        r = s.ask(f"Cookie: lb={value}")
        assert r.status == 200
        Cookie(r["set-cookie"].partition(";")[0][3:])
    assert s.metric("forged") == len(forged)
    assert s.metric("hits") == 0


def test_one_whose_time_is_over_is_as_if_there_were_none(site):
    s = site('sticky cookie "lb" { key lb-key  ttl 1h }')
    b = s.client()
    home = b.who()
    assert "Max-Age=3600;" in b.line
    c = Cookie(b.value)
    assert abs(c.until - time.time() - 3600) < 60
    c.until = int(time.time()) - 1
    b.value = c.sign()
    b.who()
    assert Cookie(b.value).until > time.time() + 3000
    assert (s.metric("expired"), s.metric("forged"), s.metric("hits")) == (1, 0, 0)
    assert home in NAMES


def test_it_is_set_anew_once_half_of_its_time_is_over(site):
    s = site('sticky cookie "lb" { key lb-key  ttl 1h }')
    b = s.client()
    home = b.who()
    assert b.who() == home and b.line is None
    c = Cookie(b.value)
    c.until = int(time.time()) + 1700
    b.value = c.sign()
    assert b.who() == home
    assert Cookie(b.value).until > time.time() + 3000
    assert b.who() == home and b.line is None
    s.lbc.reload(s.text(sticky=SIGNED))
    assert b.who() == home
    assert Cookie(b.value).until == 0, "without a ttl it has no end any more"


# --- servers that go and come -----------------------------------------------------------------------------


@pytest.mark.parametrize("fallback, comes_back", [("move", False), ("return", True)])
def test_whose_server_is_in_maintenance_goes_elsewhere(site, fallback, comes_back):
    s = site(f'sticky cookie "lb" {{ key lb-key  fallback {fallback} }}')
    b = s.client()
    home = b.who()
    s.lbc.ctl("maintenance", f"app/{home}")
    away = [b.who() for _ in range(4)]
    assert home not in away
    assert len(set(away)) == (2 if comes_back else 1), "who moves stays; who returns goes by the balance"
    assert s.metric("moved") == (4 if comes_back else 1)
    s.lbc.ctl("ready", f"app/{home}")
    assert {b.who() for _ in range(4)} == {home if comes_back else away[0]}


def test_the_server_that_answers_is_named_and_not_the_one_that_failed(site, servers):
    s = site(more="timeout connect 1s")
    b = s.client()
    home = b.who()
    servers[home].stop()
    s.lbc.reload(s.text().replace("timeout connect 1s", "timeout connect 2s; timeout idle 1s"))
    for other in set(NAMES) - {home}:
        servers[other].scripts["/"] = reply(other.encode())
    away = wait_for(b.who, "another server answers")
    assert b.line and away != home
    assert {b.who() for _ in range(4)} == {away}


def test_it_outlives_reloads_that_change_others_and_restarts_with_the_same_key(site):
    s = site()
    browsers = [s.client() for _ in range(6)]
    first = [b.who() for b in browsers]
    s.lbc.reload(s.text("cba"))
    assert [b.who() for b in browsers] == first
    s.lbc.reload(s.text(["server other 127.0.0.1:1 backup", *"cb"]))
    second = [b.who() for b in browsers]
    assert all(now == was for now, was in zip(second, first) if was != "a")
    assert "a" not in second and s.metric("moved") == 0, "one that is not known any more is a miss"
    s.again()
    assert [b.who() for b in browsers] == second
    assert (s.metric("hits"), s.metric("forged")) == (6, 0)


def test_without_a_key_reloads_keep_it_and_a_restart_does_not(site):
    s = site('sticky cookie "lb"')
    b = s.client()
    home = b.who()
    s.lbc.reload(s.text("cba"))
    assert b.who() == home and b.line is None
    s.again()
    b.who()
    assert b.line and s.metric("forged") == 1


def test_another_key_is_used_once_it_is_loaded(site):
    s = site('sticky cookie "lb"')
    b = s.client()
    b.who()
    s.lbc.reload(s.text(sticky=SIGNED))
    b.who()
    assert b.line and Cookie(b.value)


def test_the_same_server_of_another_cluster_is_another_one(start, servers, site):
    s = site()
    b = s.client()
    b.who()
    s.lbc.reload(s.text().replace("cluster app", "cluster web").replace("forward app", "forward web"))
    b.who()
    assert b.line and s.metric("forged") == 0


# --- what servers see -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent, seen", [
    (["lb={}"], []), (["a=1; lb={}; b=2"], ["a=1; b=2"]), (["lb={};a=1;  b=2"], ["a=1;  b=2"]),
    (["a=1", "lb={}", 'b="2";lb=junk'], ["a=1", 'b="2"']), (["xlb=1; lb=junk; lb2=2"], ["xlb=1; lb2=2"]),
    (["a=1;", "lb={}"], ["a=1;"]), (["a=1;  ;b"], ["a=1;  ;b"]),
    (["a=1; lb ={}", "lb\t= junk; b=2"], ["a=1", "b=2"])])
def test_servers_do_not_see_it_and_all_others_as_they_were(site, servers, sent, seen):
    s = site()
    b = s.client()
    home = b.who()
    lines = [f"Cookie: {c.format(b.value)}" for c in sent]
    for server in servers.values():
        server.requests.clear()
    s.ask(*lines)
    [asked] = [r for server in servers.values() for r in server.requests]
    assert asked.all("cookie") == seen
    assert home in NAMES


def test_servers_see_it_where_it_is_visible(site, servers):
    s = site('sticky cookie "lb" { key lb-key  visible }')
    b = s.client()
    home = b.who()
    b.who()
    assert servers[home].requests[-1]["cookie"] == f"lb={b.value}"


# --- what servers set -------------------------------------------------------------------------------------


@pytest.mark.parametrize("theirs", ["Set-Cookie: lb=theirs; Path=/", "SET-COOKIE:  lb = theirs", "set-cookie:lb\t=theirs"])
def test_the_name_is_ours_and_what_servers_set_under_it_goes(site, servers, theirs):
    s = site()
    for name, server in servers.items():
        server.scripts["/set"] = reply(name.encode(), theirs, "Set-Cookie: lb2=x")
    r = s.ask(path="/set")
    ours = [v for v in r.all("set-cookie") if v != "lb2=x"]
    assert len(ours) == 1 and "theirs" not in ours[0]
    assert "lb2=x" in r.all("set-cookie")
    b = s.client()
    b.who()
    assert b.get(path="/set").all("set-cookie") == ["lb2=x"], "although there is nothing to say"


def test_what_servers_set_is_preserved_and_in_place_of_ours(site, servers):
    s = site('sticky cookie "lb" { key lb-key  preserve }')
    for name, server in servers.items():
        server.scripts["/logout"] = reply(name.encode(), "Set-Cookie: lb=; Max-Age=0")
    assert s.ask(path="/logout").all("set-cookie") == ["lb=; Max-Age=0"], "a new client gets theirs alone"
    b = s.client()
    b.who()
    assert b.get(path="/logout").all("set-cookie") == ["lb=; Max-Age=0"]
    b.value = "theirs"
    b.who()
    assert Cookie(b.value) and s.metric("forged") == 1, "what they set says nothing of servers"


@pytest.mark.parametrize("said, seen", [
    ([], ["private"]), (["max-age=60"], ["max-age=60", "private"]), (["public, Private"], ["public, Private"]),
    (["no-cache", "NO-STORE"], ["no-cache", "NO-STORE"]), (['private="x-a"'], ['private="x-a"', "private"])])
def test_a_response_that_sets_it_is_no_shared_caches(site, servers, said, seen):
    s = site()
    for server in servers.values():
        server.scripts["/c"] = reply(b"x", *[f"Cache-Control: {c}" for c in said])
    b = s.client()
    assert b.get(path="/c").all("cache-control") == seen
    assert b.get(path="/c").all("cache-control") == said, "one that does not set it is as it was"


def test_an_upgrade_sets_it_too(site, servers):
    def switch(peer, request):
        peer.send(b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n")
    s = site()
    for server in servers.values():
        server.scripts["/up"] = switch
    with Client(s.port) as c:
        c.request("/up", "Connection: upgrade", "Upgrade: chat")
        r = c.head()
        assert r.status == 101 and Cookie(r["set-cookie"].partition(";")[0][3:])


# --- HTTP/2 -----------------------------------------------------------------------------------------------


def test_a_client_of_http2_sends_it_in_crumbs(site, servers):
    s = site()
    with Speaker(s.port) as h2:
        first = h2.get("/")
        home = first.body
        value = first["set-cookie"].partition(";")[0][3:]
        assert Cookie(value)
        for _ in range(4):
            got = h2.get("/", ("cookie", "a=1"), ("cookie", f"lb={value}"), ("x-a", "1"), ("cookie", "b=2"))
            assert (got.body, got["set-cookie"]) == (home, None)
        assert servers[home.decode()].requests[-1]["cookie"] == "a=1; b=2"


def test_servers_of_http2(start):
    with_h2 = {name: H2Server() for name in NAMES}
    for name, server in with_h2.items():
        server.scripts["/"] = says(name.encode())
    try:
        b = Site(start, with_h2, SIGNED, more="protocol h2c").client()
        home = b.who()
        assert Cookie(b.value)
        assert {b.get("Cookie: a=1").body.decode() for _ in range(4)} == {home}
        assert [v for n, v in with_h2[home].asked["/"].heads[0] if n == "cookie"] == ["a=1"]
    finally:
        for server in with_h2.values():
            server.stop()


# --- learnt -----------------------------------------------------------------------------------------------

LEARN = 'sticky cookie "JSESSIONID" { learn }'


@pytest.fixture
def sessions(site, servers):
    """Servers that give each session an id of their own at /login."""
    def log_in(name):
        def does(peer, request):
            does.n += 1
            peer.send(reply(name.encode(), f"Set-Cookie: JSESSIONID={name}{does.n}.x=1; Path=/; HttpOnly"))
            return True
        does.n = 0
        return does
    for name, server in servers.items():
        server.scripts["/login"] = log_in(name)
    return lambda sticky=LEARN, **more: site(sticky, **more)


def test_whoever_brings_a_value_goes_to_who_gave_it_out(sessions, servers):
    s = sessions()
    browsers = [Browser(s, "JSESSIONID") for _ in range(6)]
    homes = [b.get(path="/login").body.decode() for b in browsers]
    assert set(homes) == set(NAMES)
    for _ in range(3):
        assert [b.who() for b in browsers] == homes
    assert (s.metric("learned"), s.metric("hits"), s.metric("misses")) == (6, 18, 0)
    assert servers[homes[0]].requests[-1]["cookie"].startswith("JSESSIONID="), "it is the servers' own"
    assert {s.ask().body.decode() for _ in range(6)} == set(NAMES), "without one: by the balance"
    s.lbc.reload(s.text("cba"))
    assert [b.who() for b in browsers] == homes
    away = homes[0]
    s.lbc.ctl("maintenance", f"app/{away}")
    moved = browsers[0].who()
    assert moved != away and s.metric("moved") == 1


def test_a_value_that_nobody_gave_out_is_remembered_where_it_came_to(sessions):
    s = sessions()
    b = Browser(s, "JSESSIONID")
    b.value = "before-the-restart"
    home = b.who()
    assert {b.who() for _ in range(4)} == {home}
    assert (s.metric("misses"), s.metric("hits")) == (1, 4)


def test_a_cookie_that_is_taken_back_teaches_nothing(sessions, servers):
    s = sessions()
    for server in servers.values():
        server.scripts["/logout"] = reply(b"x", "Set-Cookie: JSESSIONID=; Max-Age=0", "Set-Cookie: other=1")
    s.ask(path="/logout")
    assert s.metric("learned") == 0


# --- shown ------------------------------------------------------------------------------------------------


def test_what_became_of_them_is_shown_for_each_cluster(site):
    s = site()
    b = s.client()
    home = b.who()
    assert b.who() == home
    s.ask("Cookie: lb=junk")
    s.lbc.ctl("maintenance", f"app/{home}")
    b.who()
    [cluster] = s.lbc.show("clusters")
    counts = {"by": "cookie", "kept": 1, "new": 2, "moved": 1, "evicted": 0, "learned": 0, "forged": 1, "expired": 0}
    assert cluster["sticky"] == counts
    assert s.lbc.show("sticky") == [{"cluster": "app", "clients": 0, "entries": 0, **counts}]
    title, row = (line.split() for line in s.lbc.ctl("show", "clusters").splitlines())
    assert row[title.index("kept") - len(title)] == "1/4"
    title, row = (line.split() for line in s.lbc.ctl("show", "sticky").splitlines())
    assert dict(zip(title, row)) == {"cluster": "app", "by": "cookie", "clients": "-", "kept": "1", "new": "2",
                                     "moved": "1", "evicted": "0", "learned": "0", "forged": "1", "expired": "0",
                                     "heard": "0", "shared": "-"}
    s.lbc.reload(s.text(sticky="sticky src { entries 10 }"))
    s.ask()
    [shown] = s.lbc.show("sticky")
    assert (shown["by"], shown["clients"], shown["entries"], shown["kept"]) == ("src", 1, 10, 1)
    s.lbc.reload(s.text(sticky="balance first"))
    assert "sticky" not in s.lbc.show("clusters")[0] and s.lbc.show("sticky") == []
