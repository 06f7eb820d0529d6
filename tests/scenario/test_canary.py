"""`reload canary 5%`: two configurations serve at once, and a share of the clients gets the newer one."""
import collections
import json
import signal
import socket
import threading
import urllib.request

import pytest

from harness import Client, Lbc, Origin, accepts, ask_socket, free_port, free_ports, get, wait_for
from harness.load import Load

SITE = """lbconf 1
cluster web {{ server a 127.0.0.1:{server} }}
{more}
listener front {{ bind 127.0.0.1:{port}; trusted-proxies 127.0.0.0/8; route site }}
route site {{
  when path == "/which" {{ respond 200 "{name}" }}
  otherwise {{ forward {to} }}
}}
"""


@pytest.fixture
def site(start):
    server, port = free_port(), free_port()
    start(Origin, server)

    def text(name, to="web", more="", port=port):
        return SITE.format(name=name, port=port, server=server, to=to, more=more)
    lbc = start(Lbc, text("old"), port=port, workers=2)
    lbc.text, lbc.server = text, server
    return lbc


def canary(lbc, text, *share, check=True):
    lbc.file.write_text(text)
    return lbc.ctl("reload", "canary", *share, check=check)


def of(i):
    """The client of that number."""
    return f"X-Forwarded-For: 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"


def sides(lbc, clients=400, target="/which"):
    """What each client gets, asked on connections that several workers have."""
    got = {}
    with Client(lbc.port) as a, Client(lbc.port) as b, Client(lbc.port) as c:
        for i in range(clients):
            got[i] = {k.get(target, of(i)).body.decode() for k in (a, b, c)}
    return got


def names(got):
    return collections.Counter(next(iter(v)) for v in got.values())


def test_each_client_sees_one_of_them_and_a_share_the_new_one(site):
    assert "it serves beside generation 1" in canary(site, site.text("new"), "20%")
    first = sides(site)
    assert all(len(v) == 1 for v in first.values())
    assert 40 < names(first)["new"] < 130  # of 400
    assert sides(site) == first
    site.ctl("canary", "60%")
    wait_for(lambda: names(sides(site))["new"] > 150, "the share grows")
    more = sides(site)
    assert all(more[i] == {"new"} for i, v in first.items() if v == {"new"})
    assert {g["generation"]: g["current"] for g in site.show("generations")} == {1: True, 2: False}
    shown = site.show("canary")
    assert shown["percent"] == 60 and shown["stable"]["generation"] == 1 and shown["canary"]["generation"] == 2
    assert shown["canary"]["responses_2xx"] > 0 and shown["stable"]["responses_2xx"] > 0
    assert shown["compared"] == shown["differ"] == shown["canary"]["responses"] + shown["stable"]["responses"]
    assert site.show("info")["canary_percent"] == 60 and "60% of the clients" in site.ctl("show", "info")
    metrics = site.ctl("show", "metrics")
    assert "\nlbc_canary_share 0.6\n" in metrics and "\nlbc_shadow 1\n" in metrics
    kind, = site.show("shadow")["kinds"]
    assert kind["what"] == "answer"
    assert "canary" in site.ctl("show", "canary") and "60% of the clients" in site.ctl("show", "canary")


def test_promoted_it_serves_all_and_nothing_is_lost(site):
    with Client(site.port) as held, Load(site.port, connections=4) as load:
        assert held.get("/which").body == b"old"
        canary(site, site.text("new"), "30%")
        wait_for(lambda: names(sides(site, 50))["new"], "some get it")
        site.ctl("promote")
        wait_for(lambda: names(sides(site, 50)) == {"new": 50}, "all get it")
        assert held.get("/which").body == b"new"
        wait_for(lambda: len(site.show("generations")) == 1, "the others are gone")
    load.assert_clean()
    assert site.show("generations")[0]["current"]
    assert site.ctl("promote", check=False).returncode != 0
    site.reload(site.text("newer"))
    assert get(site.port, "/which").body == b"newer"


def test_reverted_nobody_has_it_and_nothing_is_lost(site):
    with Load(site.port, connections=4) as load:
        canary(site, site.text("new"), "100%")
        wait_for(lambda: names(sides(site, 20)) == {"new": 20}, "all get it")
        site.ctl("revert")
        wait_for(lambda: names(sides(site, 20)) == {"old": 20}, "nobody gets it")
        wait_for(lambda: len(site.show("generations")) == 1, "the others are gone")
    load.assert_clean()
    assert site.file.read_text() == site.text("new")  # the file is its writer's
    metrics = site.ctl("show", "metrics")
    assert "\nlbc_canary_share 0\n" in metrics and "\nlbc_shadow 0\n" in metrics
    assert "canary_percent" not in site.show("info")
    assert site.ctl("show", "canary", check=False).returncode != 0
    assert site.ctl("show", "shadow", check=False).returncode != 0
    site.reload()
    assert get(site.port, "/which").body == b"new"


@pytest.mark.parametrize("end", ["promote", "revert"])
def test_its_end_is_answered_once_all_workers_have_taken_it(site, end):
    """What it leaves behind is used by no worker then: asked in the same breath, on one connection."""
    for _ in range(5):
        canary(site, site.text("new", more=f"listener more {{ bind 127.0.0.1:{free_port()}; route site }}"), "50%")
        said = ask_socket(site.socket, f"{end}\nshow generations --json\n")
        first, shown = said.split("\nok\n")[:2]
        assert first == {"promote": "promoted: all clients get it", "revert": "reverted: no client gets it any more"}[end]
        generations = json.loads(shown)
        assert [g["pins"] for g in generations if not g["current"]] == [0] * (len(generations) - 1), generations


def test_the_damage_stays_with_the_share_and_ends_it(site, start):
    dead = free_port()
    broken = site.text("new", to="other", more=f"cluster other {{ server a 127.0.0.1:{dead} }}")
    canary(site, broken, "20%")
    failed, asked, over = set(), 0, False
    with Client(site.port) as client:
        while not over and asked < 20000:
            asked += 1
            if client.get("/b/10", of(asked % 500)).status >= 500:
                failed.add(asked % 500)
            if asked % 50 == 0:
                over = "the canary goes" in site.said()
    assert over and 40 < len(failed) < 170  # of 500 clients
    assert "too many of its responses were 5xx" in site.said()
    wait_for(lambda: get(site.port, "/b/10", of(min(failed))).status == 200, "they are served again")


def test_errors_of_both_sides_do_not_end_it(site):
    everywhere = site.text("new").replace("otherwise", 'when path == "/bad" { respond 503 "" }\n  otherwise')
    site.reload(everywhere.replace('"new"', '"old"'))
    canary(site, everywhere, "50%")
    with Client(site.port) as client:
        for i in range(600):
            assert client.get("/bad", of(i)).status == 503
    wait_for(lambda: site.show("canary")["canary"]["responses_5xx"] > 150, "they are counted")
    threading.Event().wait(1)  # some looks
    assert "the canary goes" not in site.said() and site.show("canary")["stable"]["responses_5xx"] > 150


def test_a_slow_one_goes_when_that_is_a_rule(site):
    slow = site.text("new").replace("otherwise", 'when path == "/b/10" { rewrite path "/slow/100"; forward web }\n  otherwise')
    for rule in ([], ["p99", "3x"]):
        canary(site, slow, "50%", *rule)
        clients = [Client(site.port) for _ in range(16)]
        for _ in range(40):
            for i, client in enumerate(clients):
                client.request("/b/10", of(i * 7919))
            for client in clients:
                assert client.response().status == 200
        if not rule:
            shown = site.show("canary")
            assert shown["canary"]["p99_ms"] > 60 and "the canary goes" not in site.said()
            site.ctl("revert")
        for client in clients:
            client.close()
    wait_for(lambda: "its responses took too long" in site.said(), "it goes", 20)


def test_it_goes_when_its_time_is_over(site):
    canary(site, site.text("new"), "100%", "for", "1s")
    assert site.show("canary")["left_s"] <= 1
    wait_for(lambda: get(site.port, "/which").body == b"old", "it went", 20)
    assert "nobody promoted it in time" in site.said()


def test_meanwhile_nothing_else_is_loaded(site):
    canary(site, site.text("new"), "5%")
    for words in (["reload"], ["reload", "canary", "5%"], ["reload", "confirm", "5s"], ["shadow", str(site.file)],
                  ["change", "set", "web", "timeout", "read", "5s"]):
        done = site.ctl(*words, check=False)
        assert done.returncode != 0 and "canary" in done.stdout + done.stderr
    site.signal(signal.SIGHUP)
    wait_for(lambda: "SIGHUP: a canary serves" in site.said(), "SIGHUP is told")
    site.ctl("revert")
    site.ctl("change", "set", "web", "timeout", "read", "5s")


def test_a_change_that_ends_meanwhile_ends_after_it(site):
    site.ctl("change", "for", "1s", "set", "web", "timeout", "read", "5s")
    canary(site, site.text("new"), "5%")
    wait_for(lambda: "it holds until the canary has ended" in site.said(), "that it waits is told")
    assert len(site.show("drift")) == 1
    site.ctl("revert")
    wait_for(lambda: not site.show("drift"), "it ends")


def is_well(port):
    return urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30).status == 200


def admin_at(port):
    return f"admin {{ bind 127.0.0.1:{port} }}"


def test_its_admin_waits_until_it_is_promoted(site):
    old, new = free_ports(2)
    site.reload(site.text("old", more=admin_at(old)))
    canary(site, site.text("new", more=admin_at(new)), "5%")
    assert is_well(old) and not accepts(new)
    site.ctl("promote")
    assert is_well(new)
    wait_for(lambda: not accepts(old), "the old one is closed")
    canary(site, site.text("newer", more=admin_at(old)), "5%")
    site.ctl("revert")
    assert is_well(new) and not accepts(old)


def test_an_admin_that_cannot_be_opened_is_no_canary_s_and_is_not_promoted(site):
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        done = canary(site, site.text("new", more=admin_at(port)), "5%", check=False)
        assert done.returncode != 0 and f"127.0.0.1:{port}" in done.stdout + done.stderr
    canary(site, site.text("new", more=admin_at(port)), "5%")
    with socket.create_server(("127.0.0.1", port)):
        done = site.ctl("promote", check=False)
        assert done.returncode != 0 and f"127.0.0.1:{port}" in done.stdout + done.stderr
        assert site.show("canary")["percent"] == 5
    site.ctl("promote")
    assert is_well(port)


def test_a_wrong_file_and_a_wrong_share_are_refused(site):
    for share in ("0%", "101%", "5", "%", "5.123%", "5% soon", "5% for", "5% p99 1x", "5% p99"):
        assert canary(site, site.text("new"), *share.split(), check=False).returncode != 0
    assert canary(site, "lbconf 1\nnonsense\n", "5%", check=False).returncode != 0
    assert canary(site, site.text("new").replace("front {", f"front {{ bind 127.0.0.1:{site.server};"), "5%",
                  check=False).returncode != 0  # taken
    assert site.ctl("canary", "5%", check=False).returncode != 0
    assert len(site.show("generations")) == 1 and site.show("info")["generation"] == 1
    canary(site, site.text("new"), "5.25%")
    assert site.show("canary")["percent"] == 5.25


def test_listeners_that_only_one_has(site):
    extra, rear = free_ports(2)
    both = site.text("new").replace("front {", f"front {{ bind 127.0.0.1:{extra};")
    canary(site, both + f"listener rear {{ bind 127.0.0.1:{rear}; route site }}\n", "0.01%")
    assert {get(rear, "/which").body for _ in range(4)} == {b"new"}  # nobody else serves there
    assert get(extra, "/which").body == b"old" and get(site.port, "/which").body == b"old"
    with Client(rear) as held:
        assert held.get("/which").body == b"new"
        site.ctl("revert")
        wait_for(lambda: not accepts(rear) and not accepts(extra), "they are closed again")
        assert held.at_end()
    moved = site.text("newer", port=rear)
    canary(site, moved, "100%")
    with Client(site.port) as held:
        assert held.get("/which").body == b"newer"  # the same listener, whose old address is still there
        site.ctl("promote")
        wait_for(lambda: not accepts(site.port), "it is closed")
    assert get(rear, "/which").body == b"newer"


def test_servers_that_only_one_has(site, start):
    other = start(Origin)
    more = f'cluster other {{ server b 127.0.0.1:{other.port}; health http GET "/" {{ every 100ms }} }}'
    canary(site, site.text("new", to="other", more=more), "100%")
    assert get(site.port, "/b/10")["x-origin"] == str(other.port)
    with Client(site.port) as tunnel, Client(site.port) as client:
        for _ in range(10):
            assert client.get("/b/10")["x-origin"] == str(other.port)
        site.ctl("revert")
        wait_for(lambda: client.get("/b/10")["x-origin"] == str(site.server), "the stable one serves")
        assert tunnel.get("/which").body == b"old"
    assert [s["cluster"] for s in site.show("servers")] == ["web"]
    canary(site, site.text("new", to="other", more=more), "100%")
    site.ctl("promote")
    wait_for(lambda: [s["cluster"] for s in site.show("servers")] == ["web", "other"], "it is there")
    assert get(site.port, "/b/10")["x-origin"] == str(other.port)


def test_what_it_says_of_a_server_of_both_waits(site):
    drained = site.text("new").replace(f"127.0.0.1:{site.server} ", f"127.0.0.1:{site.server} {{ state drain }} ")
    canary(site, drained, "5%")
    assert get(site.port, "/b/10").status == 200
    assert site.show("servers")[0]["state"] == "ready"
    site.ctl("promote")
    wait_for(lambda: site.show("servers")[0]["state"] == "drain", "it is done now")


def test_tcp_connections_have_a_side_too(site):
    port = free_port()
    old, new = (f'lbconf 1\ncluster web {{ server a 127.0.0.1:{site.server} }}\nlistener tcp {{ bind 127.0.0.1:{port}; '
                f'protocol tcp; route {r} }}\nroute keep {{ otherwise {{ forward web }} }}\n'
                f'route drop {{ otherwise {{ drop }} }}\n' for r in ("keep", "drop"))
    site.reload(old)
    canary(site, new, "100%")
    with socket.create_connection(("127.0.0.1", port)) as s:
        assert s.recv(1) == b""
    site.ctl("revert")

    def serves():
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(b"GET /b/10 HTTP/1.0\r\n\r\n")
            return s.recv(4)
    wait_for(lambda: serves() == b"HTTP", "it is served again")


def test_the_process_ends_well_meanwhile(site):
    canary(site, site.text("new"), "50%")
    assert names(sides(site, 50))["new"] > 5
