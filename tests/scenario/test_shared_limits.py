"""`limit … shared`: several processes count together in a real Redis, and none waits for it."""
import contextlib
import threading
import time

import pytest

from harness import Client, Lbc, free_port, get, wait_for
from harness.redis import Redis

PASSWORD = "correct-horse-battery-staple"


class Site:
    """Processes with the same limits, and the Redis between them."""

    def __init__(self, start, tmp_path, **redis):
        self.start, self.tmp_path, self.options = start, tmp_path, redis
        self.redis = Redis(tmp_path, **redis)
        self.all = []

    def text(self, port, settings="", limits="", at=None, secret=""):
        return (f"lbconf 1\n{secret}\n"
                f"shared counts {{ address 127.0.0.1:{at or self.redis.port}  timeout 2s  {settings} }}\n"
                f"limit fast {{ rate 100/s burst 50 shared counts {limits} }}\n"
                f"limit hourly {{ key header \"x-user\"  rate 10/h  rate 1000/s  shared counts }}\n"
                f"limit few {{ key header \"x-user\"  rate 6/m  burst 6  shared counts }}\n"
                f"listener front {{ bind 127.0.0.1:{port}; route site }}\n"
                f"route site {{\n"
                f"  when path == \"/fast\"   {{ limit fast; respond 200 \"ok\" }}\n"
                f"  when path == \"/hourly\" {{ limit hourly; respond 200 \"ok\" }}\n"
                f"  when path == \"/few\"    {{ limit few; respond 200 \"ok\" }}\n"
                f"  otherwise {{ respond 200 \"ok\" }}\n}}\n")

    def lbc(self, env=None, **more):
        port = free_port()
        lbc = self.start(Lbc, self.text(port, **more), name=f"lbc{len(self.all)}", port=port, env=env)
        self.all.append(lbc)
        return lbc

    def again(self):
        """It comes back, and has forgotten all."""
        self.redis = Redis(self.tmp_path, port=self.redis.port, **self.options)


@pytest.fixture
def site(start, tmp_path):
    with contextlib.ExitStack() as stack:
        def begin(**redis):
            made = Site(start, tmp_path, **redis)
            stack.callback(lambda: made.redis.stop())
            return made
        yield begin


def shared(lbc):
    return lbc.show("shared")[0]


def up(lbc):
    wait_for(lambda: shared(lbc)["up"], "its Redis answers")


def down(lbc):
    wait_for(lambda: not shared(lbc)["up"], "its Redis is missed")


def told(*all):
    """All that was counted until now has been told, and come back."""
    time.sleep(0.1)
    for lbc in all:
        wait_for(lambda: shared(lbc)["pending"] == 0, "all has been told")
    time.sleep(0.1)


def metric(lbc, name):
    return lbc.show("info")["metrics"][name]


class Asked(threading.Thread):
    """Asks one process, some hundred times a second, as long as it is let."""

    def __init__(self, lbc, target, seconds, each=0.002):
        super().__init__(daemon=True)
        self.port, self.target, self.seconds, self.each = lbc.port, target, seconds, each
        self.statuses, self.failed = [], None
        self.start()

    def run(self):
        try:
            with Client(self.port) as client:
                begun = time.monotonic()
                while (n := time.monotonic() - begun) < self.seconds:
                    self.statuses.append(client.get(self.target).status)
                    time.sleep(max(0.0, len(self.statuses) * self.each - n))
        except Exception as failed:  # told by admitted()
            self.failed = failed

    def admitted(self):
        self.join(60)
        assert self.failed is None
        assert set(self.statuses) <= {200, 429}
        return self.statuses.count(200)


def together(all, target, seconds):
    """How many get through at all of them, and how long it took."""
    begun = time.monotonic()
    asked = [Asked(lbc, target, seconds) for lbc in all]
    return sum(a.admitted() for a in asked), time.monotonic() - begun


def test_two_admit_together_what_one_would(site):
    site = site()
    two = [site.lbc(), site.lbc()]
    for lbc in two:
        up(lbc)
    n, seconds = together(two, "/fast", 3)
    want = 50 + 100 * seconds
    assert 0.95 * want <= n <= 1.05 * want, (n, want)
    assert metric(two[0], "shared_up") == 1
    assert metric(two[0], "shared_untold") == 0
    [view] = two[0].show("shared")
    assert view["limits"] == 3 and view["round_trips"] > 10 and view["told"] > 10
    assert "counts" in two[0].ctl("show", "shared") and "up" in two[0].ctl("show", "shared")


def test_one_sees_what_another_has_spent(site):
    site = site()
    a, b = site.lbc(), site.lbc()
    up(a), up(b)
    assert [get(a.port, "/few", "x-user: me").status for _ in range(5)] == [200] * 5
    told(a)
    assert get(b.port, "/few", "x-user: me").status == 200  # the sixth of six: and now it is told of the others
    told(b)
    assert get(b.port, "/few", "x-user: me").status == 429
    assert get(b.port, "/few", "x-user: you").status == 200


def test_an_hour_is_everybody_s_even_of_a_redis_that_forgot_it(site):
    site = site()
    left = 3600 - time.time() % 3600
    if left < 20:
        time.sleep(left)
    a, b = site.lbc(), site.lbc()
    up(a), up(b)
    assert [get(a.port, "/hourly", "x-user: me").status for _ in range(7)] == [200] * 7
    told(a)
    assert get(b.port, "/hourly", "x-user: me").status == 200
    told(b)
    site.redis.kill()
    down(a), down(b)
    site.again()
    up(a), up(b)
    c = site.lbc()
    up(c)
    assert get(b.port, "/hourly", "x-user: me").status == 200  # the ninth, and it tells of the eight
    told(b)
    assert get(c.port, "/hourly", "x-user: me").status == 200  # the tenth: nobody knows before the first
    told(c)
    assert get(c.port, "/hourly", "x-user: me").status == 429


def test_names_say_nothing_of_clients_and_go_in_time(site):
    site = site()
    lbc = site.lbc(settings='prefix "shop:"  database 3')
    up(lbc)
    get(lbc.port, "/few", "x-user: somebody")
    told(lbc)
    keys = [k for k in site.redis.keys(database=3) if k != "shop:probe"]
    assert len(keys) == 1 and keys[0].startswith("shop:few:") and "somebody" not in keys[0]
    assert len(keys[0]) == len("shop:few:") + 16
    assert 0 < int(site.redis.ask("PTTL", keys[0], database=3)) <= 12000
    assert site.redis.keys() == []


def test_a_redis_that_dies_costs_no_request_and_is_joined_again(site):
    site = site()
    two = [site.lbc(), site.lbc()]
    for lbc in two:
        up(lbc)
    asked = [Asked(lbc, "/fast", 3) for lbc in two]
    time.sleep(0.5)
    site.redis.kill()
    for lbc in two:
        down(lbc)
    for each in asked:
        assert each.admitted() > 200  # each has the rate for itself
    for lbc in two:
        assert "its limits are counted here alone" in lbc.said()
        assert metric(lbc, "shared_up") == 0 and metric(lbc, "shared_errors") > 0
        assert shared(lbc)["why"]
    site.again()
    for lbc in two:
        up(lbc)
        assert lbc.said().count("its limits are counted together") == 2
    told(*two)
    before = time.monotonic()
    n, _ = together(two, "/fast", 3)
    want = 100 * (time.monotonic() - before)
    assert 0.95 * want <= n <= 1.05 * want + 2 * 50, (n, want)


def test_one_that_does_not_answer_is_noticed_in_time(site):
    site = site()
    lbc = site.lbc(settings="when-down local")
    lbc.reload(lbc.file.read_text().replace("timeout 2s", "timeout 200ms"))
    up(lbc)
    assert lbc.said().count("its limits are counted together") == 1  # the connection went on
    site.redis.pause()
    assert get(lbc.port, "/fast").status == 200
    wait_for(lambda: "it does not answer in time" in lbc.said(), "it is missed")
    assert get(lbc.port, "/fast").status == 200
    site.redis.go_on()
    up(lbc)


@pytest.mark.parametrize("what, status", [("local", 200), ("allow", 200), ("deny", 429)])
def test_what_is_done_without_one(site, what, status):
    site = site()
    lbc = site.lbc(settings=f"when-down {what}", at=free_port())
    assert get(lbc.port, "/few").status == status
    assert get(lbc.port, "/").status == 200
    after = [get(lbc.port, "/few").status for _ in range(6)][-1]
    assert after == {"local": 429, "allow": 200, "deny": 429}[what]
    wait_for(lambda: "Connection refused" in lbc.said(), "the log says why")


def test_a_password_is_a_secret_and_a_wrong_one_is_told(site, tmp_path):
    site = site(password=PASSWORD)
    secret = 'secret redis-password from env "REDIS_PASSWORD"'
    good = site.lbc(settings="password redis-password", secret=secret, env={"REDIS_PASSWORD": PASSWORD})
    up(good)
    assert get(good.port, "/few").status == 200
    told(good)
    bad = site.lbc(settings="password redis-password", secret=secret, env={"REDIS_PASSWORD": "wrong-one"})
    wait_for(lambda: "WRONGPASS" in bad.said(), "the log says why")
    assert "WRONGPASS" in shared(bad)["why"]
    assert get(bad.port, "/few").status == 200
    none = site.lbc()
    wait_for(lambda: "NOAUTH" in none.said(), "the log says why")
    for lbc in (good, bad, none):
        said = lbc.said() + lbc.ctl("show", "shared") + lbc.ctl("show", "shared", "--json")
        assert PASSWORD not in said and "wrong-one" not in said


def test_one_that_may_only_be_read_is_none(site):
    site = site()
    site.redis.ask("REPLICAOF", "127.0.0.1", str(free_port()))
    lbc = site.lbc()
    wait_for(lambda: "READONLY" in lbc.said() or "MASTERDOWN" in lbc.said(), "the log says why")
    assert not shared(lbc)["up"]
    assert get(lbc.port, "/few").status == 200
    site.redis.ask("REPLICAOF", "NO", "ONE")
    up(lbc)


def test_a_reload_keeps_the_connection_and_the_counts(site):
    site = site()
    lbc = site.lbc()
    up(lbc)
    assert [get(lbc.port, "/few").status for _ in range(6)] == [200] * 6
    told(lbc)
    clients = site.redis.ask("INFO", "stats")
    connections = [line for line in clients.splitlines() if line.startswith("total_connections_received")]
    lbc.reload(lbc.file.read_text().replace("burst 50", "burst 60"))
    assert get(lbc.port, "/few").status == 429
    told(lbc)
    assert shared(lbc)["up"] and lbc.said().count("its limits are counted together") == 1
    after = site.redis.ask("INFO", "stats")
    [n] = [line for line in after.splitlines() if line.startswith("total_connections_received")]
    assert int(n.split(":")[1]) == int(connections[0].split(":")[1]) + 1  # ours
    lbc.reload(lbc.file.read_text().replace("shared counts {", "shared other {").replace(
        "shared counts", "shared other"))
    up(lbc)
    assert lbc.said().count("its limits are counted together") == 2
    text = lbc.file.read_text()
    lbc.reload("\n".join(line for line in text.splitlines() if not line.startswith("shared")).replace(
        "shared other", ""))
    assert lbc.show("shared") == []
    assert get(lbc.port, "/few").status == 200
