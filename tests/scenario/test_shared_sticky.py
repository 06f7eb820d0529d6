"""`sticky … { shared }`: several processes keep a client at one server, by a real Redis, and none waits for it."""
import contextlib
import signal
import threading
import time

import pytest

from harness import Client, Lbc, Origin, free_port, wait_for
from harness.redis import Redis

NAMES = "abc"
PASSWORD = "correct-horse-battery-staple"
TABLE = "lbc:sticky:app:header=x-user"
STICKY = 'sticky header "X-User" { shared both }'


class Site:
    """Processes with the same cluster, and the Redis between them."""

    def __init__(self, start, tmp_path, sticky=STICKY, **redis):
        self.start, self.tmp_path, self.sticky, self.options = start, tmp_path, sticky, redis
        self.redis = Redis(tmp_path, **redis)
        self.servers = {name: start(Origin, name=name) for name in NAMES}
        self.all = []

    def text(self, port, sticky=None, settings="", secret="", timeout="2s"):
        servers = "; ".join(f"server {n} 127.0.0.1:{s.port}" for n, s in self.servers.items())
        return (f"lbconf 1\n{secret}\n"
                f"shared both {{ address 127.0.0.1:{self.redis.port}  timeout {timeout}  {settings} }}\n"
                f"cluster app {{ {servers}; {sticky or self.sticky} }}\n"
                f"listener front {{ bind 127.0.0.1:{port}; trusted-proxies 127.0.0.1; route site }}\n"
                f"route site {{ otherwise {{ forward app }} }}\n")

    def lbc(self, env=None, **more):
        port = free_port()
        lbc = self.start(Lbc, self.text(port, **more), name=f"lbc{len(self.all)}", port=port, env=env)
        self.all.append(lbc)
        return lbc

    def two(self, **more):
        made = [self.lbc(**more), self.lbc(**more)]
        for lbc in made:
            up(lbc)
        return made

    def ask(self, lbc, *headers):
        with Client(lbc.port) as client:  # a connection each: any worker may have it
            r = client.get("/", *headers)
        assert r.status == 200
        port = int(r.body.split()[1].rstrip(b":"))
        return next(n for n, s in self.servers.items() if s.port == port)

    def who(self, lbc, user):
        return self.ask(lbc, f"X-User: {user}")

    def everybody(self, lbc, users=range(12)):
        return {user: self.who(lbc, user) for user in users}

    def n_there(self):
        """Clients that the Redis has."""
        return int(self.redis.ask("ZCARD", f"{TABLE}:order"))

    def again(self):
        """It comes back, and has forgotten all."""
        self.redis = Redis(self.tmp_path, port=self.redis.port, **self.options)


@pytest.fixture
def site(start, tmp_path):
    with contextlib.ExitStack() as stack:
        def begin(*sticky, **redis):
            made = Site(start, tmp_path, *sticky, **redis)
            stack.callback(lambda: made.redis.stop())
            return made
        yield begin


def shared(lbc):
    return lbc.show("shared")[0]


def sticky(lbc):
    return lbc.show("sticky")[0]


def up(lbc):
    wait_for(lambda: shared(lbc)["up"], "its Redis answers")


def down(lbc):
    wait_for(lambda: not shared(lbc)["up"], "its Redis is missed")


def metric(lbc, name):
    return lbc.show("info")["metrics"][name]


def knows(n, *all):
    """So many clients are remembered by each of them."""
    for lbc in all:
        wait_for(lambda: sticky(lbc)["clients"] == n, f"{n} clients are known, of whom {sticky(lbc)} says")


def waits(lbc):
    """It asks every 20 ms, once it has been answered."""
    before = shared(lbc)["round_trips"]
    time.sleep(0.2)
    return shared(lbc)["round_trips"] == before


class Users(threading.Thread):
    """Some clients that come to one process again and again, as long as it is let."""

    def __init__(self, site, lbc, users):
        super().__init__(daemon=True)
        self.site, self.lbc, self.users = site, lbc, users
        self.over, self.n, self.failed = threading.Event(), 0, None
        self.start()

    def run(self):
        try:
            while not self.over.is_set():
                self.site.everybody(self.lbc, self.users)
                self.n += 1
        except Exception as failed:  # told by stop()
            self.failed = failed

    def stop(self):
        self.over.set()
        self.join(60)
        assert self.failed is None
        return self.n


def test_a_client_has_its_server_at_another_process_before_it_was_there(site):
    site = site()
    a, b = site.two()
    first = site.everybody(a)
    assert set(first.values()) == set(NAMES)
    knows(12, b)
    assert site.everybody(b) == first
    assert metric(b, "sticky_misses") == 0 and metric(b, "sticky_hits") == 12
    assert metric(b, "sticky_heard") >= 12
    late = site.lbc()  # one that begins reads all that there is
    knows(12, late)
    assert site.everybody(late) == first
    shown = sticky(b)
    assert shown["shared"] == "both" and shown["heard"] >= 12
    assert (shared(b)["clusters"], shared(b)["limits"], shared(b)["untold"]) == (1, 0, 0)
    title, row = (line.split() for line in b.ctl("show", "sticky").splitlines())
    assert dict(zip(title, row))["shared"] == "both"
    assert "its clients are remembered together" in b.said()


def many(lbc, n):
    with Client(lbc.port) as client:
        for first in range(0, n, 100):
            for user in range(first, first + 100):
                client.request("/", f"X-User: {user}")
            assert {client.response().status for _ in range(100)} == {200}


def test_what_finds_no_room_to_be_told_is_told_later(site):
    site = site()
    a, b = site.two(timeout="10s")
    site.redis.pause()
    many(a, 6000)
    wait_for(lambda: metric(a, "shared_untold") > 0 or not shared(a)["up"], "some found no room")
    site.redis.go_on()
    wait_for(lambda: site.n_there() == 6000, "all are told", 30)
    knows(6000, b)


def test_one_that_begins_reads_all_there_is(site):
    site = site()
    a, _ = site.two()
    many(a, 5000)
    wait_for(lambda: site.n_there() == 5000, "all are told", 30)
    late = site.lbc()
    knows(5000, late)
    assert metric(late, "shared_errors") == metric(a, "shared_errors") == 0
    assert site.everybody(late) == site.everybody(a)


def test_a_source_and_a_learnt_cookie_are_shared_too(site):
    site = site("sticky src { shared both }")
    a, b = site.two()
    home = site.ask(a, "X-Forwarded-For: 203.0.113.7")
    for _ in range(5):
        site.ask(a, "X-Forwarded-For: 2001:db8:1::7")
    knows(2, b)
    assert {site.ask(b, "X-Forwarded-For: 203.0.113.7") for _ in range(3)} == {home}
    for lbc in (a, b):
        lbc.reload(site.text(lbc.port, 'sticky cookie "sid" { learn  shared both }'))
    home = site.ask(a, "Cookie: sid=one")
    knows(1, b)
    assert {site.ask(b, "Cookie: sid=one") for _ in range(3)} == {home}


def test_of_two_that_choose_at_once_the_first_that_told_holds(site):
    site = site()
    a, b = site.two(timeout="10s")
    users = range(30)
    site.redis.pause()
    wait_for(lambda: waits(a) and waits(b), "both have asked, and tell nothing until they are answered")
    at_a, at_b = site.everybody(a, users), {u: site.who(b, u) for u in reversed(users)}
    assert at_a != at_b
    b.signal(signal.SIGSTOP)
    site.redis.go_on()
    wait_for(lambda: site.n_there() == 30, "the one has told")
    b.signal(signal.SIGCONT)
    wait_for(lambda: site.everybody(b, users) == at_a, "the other follows")
    assert site.everybody(a, users) == at_a


def test_one_that_moves_is_followed(site):
    site = site()
    a, b = site.two()
    home = site.who(a, "u")
    knows(1, b)
    assert site.who(b, "u") == home
    for lbc in (a, b):
        lbc.ctl("maintenance", f"app/{home}")
    before = metric(b, "sticky_heard")
    moved = site.who(a, "u")
    assert moved != home
    wait_for(lambda: metric(b, "sticky_heard") > before, "it has moved at the other, too")
    assert site.who(b, "u") == moved
    for lbc in (a, b):
        lbc.ctl("ready", f"app/{home}")
    assert {site.who(lbc, "u") for lbc in (a, b) for _ in range(3)} == {moved}


def test_a_redis_that_dies_costs_no_request_and_all_converge_again(site):
    site = site()
    a, b = site.two()
    first = site.everybody(a)
    knows(12, b)
    users = [Users(site, a, range(8)), Users(site, b, range(4, 12))]
    site.redis.kill()
    down(a), down(b)
    assert site.everybody(b) == first, "each goes on with what it knows"
    assert site.everybody(a, range(100, 130)) != {u: site.who(b, u) for u in reversed(range(100, 130))}
    assert "each process remembers its clients alone" in a.said()
    site.again()
    up(a), up(b)
    wait_for(lambda: site.everybody(a, range(100, 130)) == site.everybody(b, range(100, 130)), "they agree")
    assert site.everybody(a) == site.everybody(b) == first
    assert all(u.stop() > 0 for u in users)
    late = site.lbc()  # the new Redis was told all
    knows(42, late)
    assert site.everybody(late) == first
    site.redis.ask("FLUSHALL")  # and is told again when it has forgotten it
    wait_for(lambda: site.n_there() == 42, "all are there again")


def test_it_is_forgotten_in_time_by_all(site):
    site = site('sticky header "X-User" { shared both  ttl 2s }')
    a, b = site.two()
    site.everybody(a)
    knows(12, b)
    assert 0 < int(site.redis.ask("PTTL", f"{TABLE}:at")) <= 3000
    knows(0, a, b)
    before = metric(b, "sticky_misses")
    site.who(b, 1)
    assert metric(b, "sticky_misses") == before + 1
    wait_for(lambda: site.n_there() == 1, "the others are gone")
    assert int(site.redis.ask("HLEN", f"{TABLE}:at")) == 1


def test_one_that_is_used_at_one_process_is_not_forgotten_by_the_others(site):
    site = site('sticky header "X-User" { shared both  ttl 4s }')
    a, b = site.two()
    home = site.who(a, "u")
    begun = time.monotonic()
    while time.monotonic() - begun < 6:
        assert site.who(a, "u") == home
        time.sleep(0.2)
    assert site.who(b, "u") == home
    assert metric(b, "sticky_misses") == 0


def test_no_more_are_kept_than_entries(site):
    site = site('sticky header "X-User" { shared both  entries 16 }')
    a, b = site.two()
    site.everybody(a, range(60))
    wait_for(lambda: site.n_there() == 16, "the oldest have gone")
    assert int(site.redis.ask("HLEN", f"{TABLE}:at")) == 16
    wait_for(lambda: sticky(b)["evicted"] > 0, "what is heard has no more room than that")
    assert sticky(b)["clients"] <= 16


def test_names_say_nothing_of_clients(site):
    site = site()
    lbc = site.lbc(settings='prefix "shop:"  database 3')
    up(lbc)
    site.who(lbc, "somebody")
    wait_for(lambda: shared(lbc)["told"] > 0, "it is told")
    keys = sorted(k for k in site.redis.keys(database=3) if k != "shop:probe")
    assert keys == ["shop:sticky:app:header=x-user:at", "shop:sticky:app:header=x-user:order"]
    [name] = site.redis.ask("ZRANGE", "shop:sticky:app:header=x-user:order", "0", "-1", database=3)
    assert len(name) == 16 and int(name, 16) >= 0


def test_with_another_password_nobody_is_the_same_client(site):
    site = site(password=PASSWORD)
    secret = 'secret redis-password from env "REDIS_PASSWORD"'
    lbc = site.lbc(settings="password redis-password", secret=secret, env={"REDIS_PASSWORD": PASSWORD})
    up(lbc)
    site.everybody(lbc)
    wait_for(lambda: site.n_there() == 12, "all are told")
    [*with_it] = site.redis.ask("ZRANGE", f"{TABLE}:order", "0", "-1")
    site.redis.ask("CONFIG", "SET", "requirepass", "")
    site.redis.password = None
    other = site.lbc()
    up(other)
    site.everybody(other)
    wait_for(lambda: site.n_there() == 24, "they are others")
    assert metric(other, "sticky_misses") == 12
    assert len(with_it) == 12 and PASSWORD not in lbc.said() + lbc.ctl("show", "sticky")


def test_a_reload_keeps_clients_and_connection(site):
    site = site()
    a, b = site.two()
    first = site.everybody(a)
    knows(12, b)
    b.reload(site.text(b.port, 'sticky header "X-User" { shared both  ttl 2h  fallback return }'))
    assert site.everybody(b) == first
    assert shared(b)["up"] and b.said().count("its clients are remembered together") == 1
    b.reload(site.text(b.port, 'sticky header "X-User"'))
    assert shared(b)["clusters"] == 0
    assert sticky(b)["clients"] == 0, "those that it remembers alone are others"
    b.reload(site.text(b.port))
    knows(12, b)
    assert site.everybody(b) == first
