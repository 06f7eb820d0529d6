"""`reload confirm`: a configuration on trial goes again by itself, unless somebody says that it is well."""
import signal
import socket
import time

import pytest

from harness import Client, Lbc, Origin, free_port, get, wait_for
from harness.load import Load

SITE = """lbconf 1
cluster web {{ server a 127.0.0.1:{server} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{
  when path == "/which" {{ respond 200 "{name}" }}
  otherwise {{ forward web }}
}}
"""


@pytest.fixture
def site(start):
    server, port = free_port(), free_port()
    start(Origin, server)

    def text(name, to=server):
        return SITE.format(name=name, port=port, server=to)
    lbc = start(Lbc, text("old"), port=port)
    lbc.text = text
    return lbc


def which(lbc):
    return get(lbc.port, "/which").body.decode()


def on_trial(lbc, text, seconds):
    lbc.file.write_text(text)
    rule = [f"{seconds}s"] if isinstance(seconds, int) else seconds
    return lbc.ctl("reload", "confirm", *rule)


def test_what_is_confirmed_stays(site):
    on_trial(site, site.text("new"), 2)
    assert which(site) == "new"
    assert 0 < site.show("info")["trial_left_s"] <= 2
    site.ctl("confirm")
    assert "trial_left_s" not in site.show("info")
    time.sleep(2.5)
    assert which(site) == "new"
    assert site.ctl("confirm", check=False).returncode != 0


def test_what_nobody_confirms_goes(site):
    with Client(site.port) as held, Load(site.port, connections=4) as load:
        assert held.get("/which").body == b"old"
        on_trial(site, site.text("new"), 1)
        assert held.get("/which").body == b"new"
        wait_for(lambda: held.get("/which").body == b"old", "it came back", 20)
    load.assert_clean()
    assert "nobody confirmed it in time" in site.said()
    assert site.file.read_text() == site.text("new")  # the file is its writer's
    site.reload()
    assert which(site) == "new"


def test_meanwhile_nothing_else_is_loaded(site):
    on_trial(site, site.text("new"), 3)
    site.file.write_text(site.text("newer"))
    for words in (["reload"], ["reload", "confirm", "5s"], ["change", "set", "web", "timeout", "read", "5s"]):
        done = site.ctl(*words, check=False)
        assert done.returncode != 0 and "on trial" in done.stdout + done.stderr
    site.signal(signal.SIGHUP)
    wait_for(lambda: "SIGHUP: a configuration is on trial" in site.said(), "SIGHUP is told")
    assert which(site) == "new"
    wait_for(lambda: which(site) == "old", "it came back", 20)
    time.sleep(0.5)
    assert which(site) == "old"


def test_a_sighup_that_comes_while_it_is_loaded_is_told(start):
    port, silent = free_port(), free_port()
    text = f"""lbconf 1
cluster web {{ server a 127.0.0.1:{silent}; health http GET "/" {{ every 1s  timeout 1s }} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ when path == "/which" {{ respond 200 "old" }} otherwise {{ forward web }} }}
"""
    with socket.create_server(("127.0.0.1", silent)):  # it never answers: a load waits a second for it
        lbc = start(Lbc, text, port=port)
        lbc.file.write_text(text.replace("cluster web", "cluster other").replace("forward web", "forward other"))
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(lbc.socket))
            s.sendall(b"reload confirm 30s\n")
            time.sleep(0.4)
            lbc.signal(signal.SIGHUP)
            assert b"generation" in s.recv(1000)
        wait_for(lambda: "SIGHUP: a configuration is on trial" in lbc.said(), "it is told")
        lbc.ctl("confirm")


def test_errors_take_it_back_at_once(site):
    with Load(site.port, connections=8) as load:
        wait_for(lambda: len(load.since(0)) > 200, "there is traffic", 20)
        began = time.monotonic()
        on_trial(site, site.text("new", to=free_port()), 60)
        wait_for(lambda: which(site) == "old", "it came back", 20)
        assert time.monotonic() - began < 20
        back = time.monotonic() + 0.2
        wait_for(lambda: len(load.since(back)) > 100, "there is traffic again", 20)
        assert {a.what for a in load.since(back)} == {"ok"}
    assert "too many responses were 5xx" in site.said()


def test_a_few_errors_do_not(site):
    on_trial(site, site.text("new", to=free_port()), 60)
    for _ in range(50):  # of fewer than a hundred nothing is concluded
        assert get(site.port).status == 502
    time.sleep(1)
    assert which(site) == "new"
    site.ctl("confirm")


def test_one_that_is_refused_is_not_tried(site):
    done_before = site.show("info")["generation"]
    site.file.write_text("lbconf 1\nnonsense")
    assert site.ctl("reload", "confirm", "1s", check=False).returncode != 0
    time.sleep(1.5)
    assert site.show("info")["generation"] == done_before
    assert "on trial" not in site.said()
    for bad in ("0s", "soon", "5"):
        assert "takes a time" in site.ctl("reload", "confirm", bad, check=False).stderr


def test_a_cluster_that_became_slow_takes_it_back(site):
    slow = site.text("new").replace("otherwise", 'when path == "/b/10" { rewrite path "/slow/100"; forward web }\n  otherwise')
    clients = [Client(site.port) for _ in range(16)]

    def ask(times):
        for _ in range(times):
            for client in clients:
                client.request("/b/10")
            for client in clients:
                assert client.response().status == 200
    ask(20)
    on_trial(site, slow, "60s p99 3x".split())
    ask(10)
    wait_for(lambda: "the responses of a cluster took too long" in site.said(), "it goes", 20)
    wait_for(lambda: which(site) == "old", "it came back", 20)
    for client in clients:
        client.close()
