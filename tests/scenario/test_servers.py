"""Servers that die, pause, come back, or are taken out: what clients notice of it."""
import calendar
import os
import signal
import time

from harness import Client, Lbc, Origin, free_port, get, kept_back, wait_for
from harness.load import Load, Wrk
from harness.quickstart import Quickstart
from harness.watch import number, report

SECONDS = number("KILL_SECONDS", 1)  # of load before and after each event


def wall_s(record):
    """When a logged request began."""
    seconds, _, rest = record["time"].partition(".")
    return calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) + float("0." + rest.rstrip("Z"))


def shares(q, seconds):
    """The part of the traffic that each server gets during so many seconds."""
    def requests():
        return {s["server"]: s["requests"] for s in q.lbc.show("servers")}
    before = requests()
    time.sleep(seconds)
    after = requests()
    taken = {name: after[name] - before[name] for name in before}
    return {name: n / sum(taken.values()) for name, n in taken.items()}


def test_a_server_is_killed_under_load_and_comes_back(start):
    q = Quickstart(start)
    with Load(q.port) as load, Wrk(q.port) as wrk:
        time.sleep(SECONDS)
        load.assert_clean()
        q.origin["b"].kill()
        wait_for(lambda: q.server("b")["connect_errors"] > 0, "a connection to b failed")
        seen = time.time()  # by now everybody knows
        wait_for(lambda: q.server("b")["health"] == "down", "b is down")
        without = shares(q, SECONDS)

        q.restart("b")
        restarted = time.monotonic()
        wait_for(lambda: q.server("b")["health"] == "up", "b is up again")
        up_after = time.monotonic() - restarted
        again = shares(q, SECONDS)
        wrk.finish()

    assert without["b"] == 0
    for name, share in {"a": 0.5, "b": 0.25, "c": 0.25}.items():
        assert abs(again[name] - share) < 0.01, again
    assert up_after < 3.5  # rise 2, every 1s

    # In flight on b: broken off. Nothing else failed, and nothing at all from then on.
    failed = [r for r in q.lbc.log() if r["end"] not in ("complete", "client-abort")]  # wrk, as it is stopped
    assert {(r["status"], r["server"]) for r in failed} <= {(502, "b")}, failed
    assert len(failed) <= 64 + 4
    assert [r for r in failed if wall_s(r) > seen] == []
    assert {a.what for a in load.failed()} <= {"status 502"}
    assert wrk.not_2xx + len(load.failed()) == len(failed)
    assert wrk.socket_errors == 0
    report(requests=wrk.requests, answered_502=len(failed), up_again_after_s=up_after)


def test_a_server_that_pauses_is_taken_out_and_comes_back(start):
    """SIGSTOP: the kernel goes on accepting connections, and nobody answers on them."""
    q = Quickstart(start)
    with Client(q.port) as held, Load(q.port, connections=8) as load:
        time.sleep(0.5)
        os.kill(q.origin["b"].pid, signal.SIGSTOP)
        wait_for(lambda: q.server("b")["health"] == "down", "b is down")
        waiting = q.server("b")["in_flight"]
        since = time.monotonic()
        time.sleep(1)
        assert q.server("b")["in_flight"] == waiting  # nothing new
        assert {a.what for a in load.since(since)} <= {"ok"}
        assert held.get("/b/10").status == 200
        os.kill(q.origin["b"].pid, signal.SIGCONT)
        wait_for(lambda: q.server("b")["health"] == "up", "b is up again")
        wait_for(lambda: {a.origin for a in load.since(time.monotonic() - 0.5)} >=
                 {str(p) for p in q.ports}, "b gets requests again")
    load.assert_clean()  # those that waited were answered in the end


def told_s(lbc, about):
    """When the log said it, once it has."""
    def line():
        return next((said for said in lbc.said().splitlines() if about in said), None)
    said = wait_for(line, about, 20)
    return wall_s({"time": said.split()[0]})


def test_one_that_paused_gets_its_share_back_slowly(start):
    """Noticed within the interval, the check's timeout and a failure more; all of it told by the log."""
    ports, port = [free_port() for _ in range(3)], free_port()
    origins = [start(Origin, p) for p in ports]
    lbc = start(Lbc, "lbconf 1\ncluster web {\n" +
                "".join(f"  server {name} 127.0.0.1:{p} slow-start 8s\n" for name, p in zip("abc", ports)) +
                f"""  health http GET "/" {{ every 500ms  timeout 300ms  rise 1  fall 2 }}
}}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward web }} }}
""", port=port)

    def share(n=30):
        answers = [get(port)["x-origin"] for _ in range(n)]
        return answers.count(str(ports[1])) / n
    wait_for(lambda: share() > 0.3, "all have their share", 30)
    stopped = time.time()
    os.kill(origins[1].pid, signal.SIGSTOP)
    noticed = told_s(lbc, "server web/b is down: no answer within 300ms")
    assert noticed - stopped < 2 * 0.525 + 0.3 + 3  # the rest is for a machine that is busy
    assert share() == 0
    os.kill(origins[1].pid, signal.SIGCONT)
    back = told_s(lbc, "server web/b is up: status 200")
    early = share()
    if time.time() - back < 3:
        assert early < 0.2, early
    wait_for(lambda: share() > 0.3, "it has its share again", 30)
    assert time.time() - back > 4
    assert lbc.said().count("is down: no answer") == 1


def test_a_server_that_is_not_checked_is_avoided_while_it_refuses_connections(start):
    port, dead = free_port(), free_port()
    origin = start(Origin)
    lbc = start(Lbc, f"""lbconf 1
cluster app {{
  server a 127.0.0.1:{origin.port}
  server b 127.0.0.1:{dead}
}}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
""", workers=1)
    with Client(port) as c:
        for _ in range(40):
            assert c.get("/b/10").status == 200
    b = next(s for s in lbc.show("servers") if s["server"] == "b")
    assert 1 <= b["connect_errors"] <= 3  # once a second
    second = start(Origin, dead)
    wait_for(lambda: get(port)["x-origin"] == str(second.port), "b is tried again")


def test_when_no_server_can_be_reached_it_is_502_and_when_none_may_be_asked_503(start):
    port, dead = free_port(), free_port()
    text = f"""lbconf 1
cluster app {{
  server a 127.0.0.1:{dead}
}}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
"""
    lbc = start(Lbc, text)
    assert get(port).status == 502
    lbc.ctl("drain", "app/a")
    assert get(port).status == 503


def test_a_drained_server_finishes_what_it_has_and_gets_nothing_new(start):
    q = Quickstart(start)
    with Load(q.port) as load:
        slow = [Client(q.port) for _ in range(8)]
        for c in slow:
            c.request("/slow/60000")
        wait_for(lambda: q.server("a")["in_flight"] >= 2, "some wait at a")
        assert q.lbc.ctl("drain", "web/a").startswith("web/a drains")
        assert q.server("a")["state"] == "drain"
        time.sleep(0.2)  # what was chosen before
        since = time.monotonic()
        time.sleep(1)
        assert str(q.names["a"]) not in {x.origin for x in load.since(since)}
        served_by = set()
        for c in slow:
            r = kept_back(c, *q.origin.values())
            served_by.add(r["x-origin"])
            assert r.status == 200
            c.close()
        assert str(q.names["a"]) in served_by
        wait_for(lambda: q.server("a")["in_flight"] == 0, "a has nothing left")

        q.lbc.ctl("ready", "web/a")
        since = time.monotonic()
        wait_for(lambda: str(q.names["a"]) in {x.origin for x in load.since(since)},
                 "a gets requests again")
    load.assert_clean()


def test_backups_serve_only_while_no_other_can(start):
    port, first, backup = free_port(), start(Origin), start(Origin)
    lbc = start(Lbc, f"""lbconf 1
cluster app {{
  server a 127.0.0.1:{first.port}
  server b 127.0.0.1:{backup.port} backup
}}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
""")
    with Client(port) as c:
        assert {c.get()["x-origin"] for _ in range(10)} == {str(first.port)}
        lbc.ctl("drain", "app/a")
        assert {c.get()["x-origin"] for _ in range(10)} == {str(backup.port)}
        lbc.ctl("ready", "app/a")
        assert {c.get()["x-origin"] for _ in range(10)} == {str(first.port)}


def test_the_lowest_priority_that_is_up_serves(start):
    """Servers of the second priority take over once the first are all down, and step back."""
    port = free_port()
    first, second, third = start(Origin, address="127.0.0.9"), start(Origin), start(Origin)
    lbc = start(Lbc, f"""lbconf 1
cluster app {{
  server a 127.0.0.9:{first.port}
  server b 127.0.0.1:{second.port} priority 1
  server c 127.0.0.1:{third.port} priority 2
  health http GET "/" {{ every 100ms timeout 100ms rise 1 fall 1 }}
}}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
""")

    def serves(origin):
        with Client(port) as c:
            return {c.get()["x-origin"] for _ in range(6)} == {str(origin.port)}

    def in_use():
        return {s["server"]: s["standby"] for s in lbc.show("servers") if s["health"] == "up"}

    wait_for(lambda: len(in_use()) == 3, "all are up")
    assert serves(first) and in_use() == {"a": False, "b": True, "c": True}
    cluster = lbc.show("clusters")[0]
    assert (cluster["usable"], cluster["in_use"], cluster["priority"]) == (3, 1, 0)
    first.kill()
    wait_for(lambda: in_use() == {"b": False, "c": True}, "b serves once a is down")
    assert serves(second) and lbc.show("clusters")[0]["priority"] == 1
    second.kill()
    wait_for(lambda: in_use() == {"c": False}, "c serves once both are down")
    assert serves(third)
    start(Origin, first.port, address="127.0.0.9")
    wait_for(lambda: in_use() == {"a": False, "c": True}, "a serves again as soon as it is up")
    assert serves(first)


def test_kills_at_random_never_fail_a_request_for_long(start):
    """Three servers in turn, again and again: only what was in flight may fail."""
    q = Quickstart(start)
    rounds = number("KILLS", 2)
    with Load(q.port, connections=8) as load:
        for i in range(rounds):
            name = "abc"[i % 3]
            q.origin[name].kill()
            time.sleep((0.3, 2.5)[i % 2])  # noticed by requests alone, or by checks too
            q.restart(name)
            wait_for(lambda: all(s["health"] == "up" for s in q.lbc.show("servers")), "all are up")
    assert {a.what for a in load.failed()} <= {"status 502"}
    assert len(load.failed()) <= 8 * rounds
    report(requests=len(load.all()), answered_502=len(load.failed()))


