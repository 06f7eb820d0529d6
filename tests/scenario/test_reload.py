"""Reloads: all or nothing, at once for new requests, and unnoticed by what is under way."""
import os
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import LBC, Client, Lbc, Origin, accepts, free_port, free_ports, get, kept_back, wait_for, wrapper
from harness.load import Load, Wrk
from harness.quickstart import Quickstart
from harness.watch import ASAN_GIVES_BACK, IS_SLOW, STRETCH, UNDER_TOOL, descriptors, number, report, rss_kib


def one_generation(lbc):
    generations = lbc.show("generations")
    return len(generations) == 1 and generations[0]


def settled(lbc):
    return wait_for(lambda: one_generation(lbc), "one generation is left")


def own_descriptors(lbc):
    """Without those of clients and of idle connections to servers."""
    metrics = lbc.show("info")["metrics"]
    return descriptors(lbc.pid) - metrics["connections_open"] - metrics["server_idle"]


def config(port, servers, cluster="", listener="", route="otherwise { forward app }", more=""):
    return f"""lbconf 1
cluster app {{
  {servers}
  {cluster}
}}
listener front {{
  bind 127.0.0.1:{port}
  {listener}
  route site
}}
route site {{
  {route}
}}
{more}
"""


@pytest.fixture
def pair(start):
    """Two origins and a port; `text(servers)` is the configuration, of "a" and "b" by name."""
    class Pair:
        def __init__(self):
            self.a, self.b = start(Origin), start(Origin)
            self.port = free_port()
            self.line = {"a": f"server a 127.0.0.1:{self.a.port}",
                         "b": f"server b 127.0.0.1:{self.b.port}"}

        def text(self, servers="a b", **more):
            return config(self.port, "\n  ".join(self.line[s] for s in servers.split()), **more)

        def run(self, servers="a b", workers=2, **more):
            self.lbc = start(Lbc, self.text(servers, **more), port=self.port, workers=workers)
            return self.lbc

        def reload(self, servers="a b", **more):
            return self.lbc.reload(self.text(servers, **more))

        def origins(self, client, n=8):
            return {client.get("/b/10")["x-origin"] for _ in range(n)}

        def server(self, name):
            return next(s for s in self.lbc.show("servers") if s["server"] == name)
    return Pair()


# --- under load -------------------------------------------------------------------------------------


def test_reloads_under_load_lose_nothing_and_keep_nothing(start):
    q = Quickstart(start, env=ASAN_GIVES_BACK, access_log=False)
    reloads = number("RELOADS", 20)
    open_before = own_descriptors(q.lbc)
    with Load(q.port) as load, Wrk(q.port) as wrk:
        took = []

        def reload(i):
            before = time.monotonic()
            said = q.lbc.reload(q.text.replace("weight 2", f"weight {2 + i % 3}"))
            took.append(time.monotonic() - before)
            assert said.startswith(f"generation {len(took) + 1}, in ")

        for i in range(max(5, reloads // 10)):
            reload(i)
        settled(q.lbc)
        rss_before = rss_kib(q.lbc.pid)
        for i in range(reloads):
            reload(i)
        generation = settled(q.lbc)
        rss_after = rss_kib(q.lbc.pid)
        wrk.finish()
    wrk.assert_clean()
    load.assert_clean()
    assert generation["generation"] == len(took) + 1 and generation["current"]
    report(reloads=len(took), requests=wrk.requests + len(load.all()),
           rss_kib_before=rss_before, rss_kib_after=rss_after,
           reload_ms_median=sorted(took)[len(took) // 2] * 1000)
    assert rss_after < rss_before * 1.1 + 512
    wait_for(lambda: own_descriptors(q.lbc) <= open_before, "no descriptor is kept")


def test_reloads_by_signal_under_load(pair):
    lbc = pair.run()
    with Load(pair.port) as load:
        for i in range(number("RELOADS", 20) // 4):
            lbc.signal(signal.SIGHUP)
            wait_for(lambda: lbc.show("generations")[0]["generation"] == i + 2, "the next generation")
        settled(lbc)
    load.assert_clean()


def test_new_connections_during_reloads_are_all_served(pair):
    """Each request on a connection of its own, so that there is always one in some queue."""
    lbc = pair.run()
    stop, failed, served = threading.Event(), [], []

    def connect():
        while not stop.is_set():
            try:
                served.append(get(pair.port, "/b/10", "Connection: close").status)
            except (OSError, EOFError) as e:
                failed.append(repr(e))
    threads = [threading.Thread(target=connect) for _ in range(4)]
    for t in threads:
        t.start()
    for i in range(number("RELOADS", 20) // 2):
        pair.reload("a b" if i % 2 else "a")
    stop.set()
    for t in threads:
        t.join()
    assert not failed and set(served) == {200}
    settled(lbc)


def test_checked_servers_can_be_replaced_under_load(pair):
    """The new one is unknown at first; requests wait for its first check rather than get a 503."""
    check = 'health http GET "/" { every 1s; timeout 500ms; rise 1; fall 1 }'
    pair.run("a", cluster=check)
    with Load(pair.port) as load:
        for i in range(8):
            pair.reload("b" if i % 2 == 0 else "a", cluster=check)
            time.sleep(0.05)
    load.assert_clean()


def test_checks_can_be_added_and_removed_under_load(pair):
    """A server in use stays in use until a check says otherwise."""
    check = 'health http GET "/" { every 1s; timeout 500ms; rise 1; fall 1 }'
    pair.run("a b")
    with Load(pair.port) as load:
        for i in range(8):
            pair.reload("a b", cluster=check if i % 2 == 0 else "")
            time.sleep(0.05)
        pair.reload("a b", cluster=check)
        wait_for(lambda: pair.server("b")["health"] == "up", "b is checked")
        pair.b.kill()
        wait_for(lambda: pair.server("b")["health"] == "down", "and found to be down")
    assert {a.what for a in load.failed()} <= {"status 502"} and len(load.failed()) <= 4


def test_a_reload_whose_new_servers_do_not_answer_still_ends(pair, start):
    """A start waits a second for first checks; so does a reload, and no longer."""
    check = 'health http GET "/" { every 30s; timeout 30s; rise 1; fall 1 }'
    with socket.create_server(("127.0.0.1", 0)) as silent:
        lbc = pair.run("a", cluster=check)
        pair.line["c"] = f"server c 127.0.0.1:{silent.getsockname()[1]}"
        begun = time.monotonic()
        pair.reload("a c", cluster=check)
        assert get(pair.port).status == 200
        assert time.monotonic() - begun < 0.9 * STRETCH  # a can serve
        assert pair.server("c")["health"] == "unknown"

        begun = time.monotonic()
        pair.reload("c", cluster=check)
        assert 0.9 < time.monotonic() - begun < 5
        assert get(pair.port).status == 503
        pair.reload("a", cluster=check)
        assert get(pair.port).status == 200

        lbc.file.write_text(pair.text("c", cluster=check))
        lbc.signal(signal.SIGHUP)
        time.sleep(0.3)
        lbc.stop()  # while it waits


# --- what changes, at once ----------------------------------------------------------------------------


def test_an_open_connection_gets_what_is_new_with_its_next_request(pair):
    lbc = pair.run("a", workers=1)
    with Client(pair.port) as c:
        assert pair.origins(c) == {str(pair.a.port)}
        pair.reload("a b")
        assert pair.origins(c) == {str(pair.a.port), str(pair.b.port)}
        pair.reload("b", route='when path == "/new" { respond 200 "new" }\n otherwise { forward app }')
        assert pair.origins(c) == {str(pair.b.port)}
        assert c.get("/new").body == b"new"
        pair.reload("b", route='when path == "/new" { deny 404 }\n otherwise { forward app }')
        assert c.get("/new").status == 404
    assert settled(lbc)["generation"] == 4
    assert {e["generation"] for e in lbc.logged(26)} == {1, 2, 3, 4}


def test_weights_change_exactly(pair):
    lbc = pair.run(cluster="balance weighted-round-robin", workers=1)

    def counts(client):
        got = [client.get("/b/1")["x-origin"] for _ in range(60)]
        return got.count(str(pair.a.port)), got.count(str(pair.b.port))
    with Client(pair.port) as c:
        assert counts(c) == (30, 30)
        pair.line["a"] += " weight 4"
        pair.reload(cluster="balance weighted-round-robin")
        assert counts(c) == (48, 12)
    assert settled(lbc)


def test_a_removed_server_keeps_no_connection(pair):
    lbc = pair.run("a b", workers=1)
    with Client(pair.port) as c:
        pair.origins(c)
    wait_for(lambda: pair.server("b")["idle"] == 1, "a connection to b is kept")

    def connected():
        """To b, by the kernel's list: established, and by us."""
        with open("/proc/net/tcp") as lines:
            return [f for f in map(str.split, lines)
                    if f[3] == "01" and f[2] == f"0100007F:{pair.b.port:04X}"]
    assert len(connected()) == 1
    pair.reload("a")
    wait_for(lambda: not connected(), "none is left", 2)
    with Client(pair.port) as c:
        assert pair.origins(c) == {str(pair.a.port)}
    assert settled(lbc)


def test_requests_at_a_removed_server_finish_there(pair):
    lbc = pair.run("b")
    with Client(pair.port) as c, Client(pair.port) as d:
        c.request("/slow/60000")
        d.request("/b/20000000")
        head = d.head()
        wait_for(lambda: pair.server("b")["in_flight"] == 2, "both are there")
        pair.reload("a")
        r = kept_back(c, pair.b)
        assert (r.status, r["x-origin"]) == (200, str(pair.b.port))
        assert len(d.body(head)) == 20_000_000
        assert c.get()["x-origin"] == str(pair.a.port)
        assert d.get()["x-origin"] == str(pair.a.port)
    assert settled(lbc)["generation"] == 2


def test_old_generations_live_as_long_as_their_requests(pair):
    lbc = pair.run("a", workers=2)
    clients = [Client(pair.port) for _ in range(3)]
    for i, c in enumerate(clients):
        c.request("/slow/60000")
        wait_for(lambda: lbc.show("info")["metrics"]["requests_in_flight"] == i + 1, "it waits")
        pair.reload("b" if i == 1 else "a")
    generations = lbc.show("generations")
    assert [(g["generation"], g["current"]) for g in generations] == [
        (4, True), (3, False), (2, False), (1, False)]
    assert [g["pins"] for g in generations] == [2, 1, 1, 1]  # the current one: each worker's own
    assert kept_back(clients[2], pair.b).status == 200
    wait_for(lambda: [g["generation"] for g in lbc.show("generations")] == [4, 2, 1], "the third has gone")
    assert kept_back(clients[1], pair.a).status == kept_back(clients[0], pair.a).status == 200
    assert settled(lbc)["generation"] == 4
    assert sorted(e["generation"] for e in lbc.logged(3)) == [1, 2, 3]
    for c in clients:
        c.close()


# --- what stays ---------------------------------------------------------------------------------------


def tunnel(port):
    c = Client(port)
    c.request("/upgrade", "Connection: upgrade", "Upgrade: websocket")
    assert c.head().status == 101
    return c


def echoes(c, text):
    c.send(text)
    return c.file.read(len(text)) == text


def test_tunnels_survive_and_pin_nothing(pair):
    lbc = pair.run("a b")
    tunnels = [tunnel(pair.port) for _ in range(4)]  # at both
    assert {s["in_flight"] for s in lbc.show("servers")} == {2}
    for i, servers in enumerate(["a b", "a", "b", "a b"]):
        pair.reload(servers)
        assert settled(lbc)["generation"] == i + 2
        assert all(echoes(t, b"generation %d" % i) for t in tunnels)
    for t in tunnels:
        t.close()
    wait_for(lambda: lbc.show("info")["metrics"]["tunnels_open"] == 0, "all have ended")
    assert all(e["end"] == "tunnel" for e in lbc.logged(4))


def test_health_counters_drains_and_idle_connections_are_carried_over(start):
    dead = free_port()
    q = Quickstart(start, workers=1)
    text = q.text.replace("server c", f"server dead 127.0.0.1:{dead}\n  server c")
    q.lbc.reload(text)
    wait_for(lambda: q.server("dead")["health"] == "down", "it is found to be down")
    q.lbc.ctl("drain", "web/b")
    with Client(q.port) as c:
        for _ in range(30):
            c.get("/b/10")
        c.get("/status/500")
        before = q.lbc.show("servers")
        metrics = q.lbc.show("info")["metrics"]
        q.lbc.reload(text.replace("weight 2", "weight 3"))
        after = q.lbc.show("servers")
        assert {s["server"]: s["weight"] for s in after} == {"a": 3, "b": 1, "c": 1, "dead": 1}
        for old, new in zip(before, after):
            assert {**old, "weight": 0} == {**new, "weight": 0}
        assert [s["idle"] for s in after if s["server"] == "a"] == [1]
        c.get("/b/10")
    now = q.lbc.show("info")["metrics"]
    assert now["requests_total"] == metrics["requests_total"] + 1
    assert now["server_connects"] == metrics["server_connects"]  # an idle connection was used
    assert now["server_reused"] == metrics["server_reused"] + 1
    assert {s["server"]: s["state"] for s in q.lbc.show("servers")}["b"] == "drain"


def test_max_connections_counts_on(pair):
    """Those that were open before a reload are still counted after it."""
    lbc = pair.run("a", listener="max-connections 2")
    with Client(pair.port) as one, Client(pair.port) as two:
        assert {one.get().status, two.get().status} == {200}
        pair.reload("a", listener="max-connections 2")
        with Client(pair.port) as three:
            three.request()
            three.socket.settimeout(0.5)
            with pytest.raises(TimeoutError):
                three.socket.recv(1)
            pair.reload("a", listener="max-connections 3")
            three.socket.settimeout(10)
            assert three.socket.recv(12) == b"HTTP/1.1 200"
    assert settled(lbc)


# --- refused ------------------------------------------------------------------------------------------


def test_a_file_with_errors_is_refused_and_nothing_changes(pair):
    lbc = pair.run("a")
    with Client(pair.port) as c:
        c.get()
        before = lbc.show("servers")
        lbc.file.write_text(pair.text("b", route="otherwise { forward ap }"))
        refusal = lbc.ctl("reload", check=False)
        assert refusal.returncode == 1
        assert f"{lbc.file}:" in refusal.stderr and "app" in refusal.stderr  # where, and what is near
        assert "refused: nothing was changed, generation 1 stays" in refusal.stderr
        lbc.file.unlink()
        assert "cannot read" in lbc.ctl("reload", check=False).stderr
        lbc.signal(signal.SIGHUP)
        wait_for(lambda: lbc.said().count("reload refused") == 3, "the log says so, each time")
        assert lbc.show("servers") == before
        assert len(lbc.show("generations")) == 1
        assert c.get()["x-origin"] == str(pair.a.port)
        assert pair.reload("b").startswith("generation 2, ")
        assert c.get()["x-origin"] == str(pair.b.port)


def listeners(first, *more):
    return "".join(f"listener l{i} {{ bind 127.0.0.1:{p}; route site }}\n" for i, p in
                   enumerate(more, first))


def test_a_listener_that_cannot_be_had_refuses_everything(pair):
    lbc = pair.run("a")
    free = free_port()
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        taken = theirs.getsockname()[1]
        lbc.file.write_text(pair.text("b", more=listeners(0, free, taken)))
        refusal = lbc.ctl("reload", check=False)
        assert refusal.returncode == 1
        assert f"cannot listen on 127.0.0.1:{taken}: Address already in use" in refusal.stderr
    assert not accepts(free)  # what was opened is closed again
    assert get(pair.port)["x-origin"] == str(pair.a.port)
    assert lbc.ctl("reload").startswith("generation 2, ")
    assert get(free)["x-origin"] == str(pair.b.port)


MIB = 1 << 20


def address_space_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


@pytest.mark.skipif(UNDER_TOOL, reason="the tool wants address space, too")
@pytest.mark.parametrize("cluster, more, said", [
    ("sticky src { entries 100000000 }", "", "cluster app: there is no memory for 100000000 entries"),
    ("limit each", "limit each { key src  rate 100/s  entries 100000000 }", "limit each: there is no memory for 100000000 entries")],
    ids=["sticky", "limit"])
def test_what_there_is_no_memory_for_is_refused(pair, start, cluster, more, said):
    """Address space is limited while it runs: to what it has by then, and some more."""
    allow = {f"{tool}_OPTIONS": os.environ.get(f"{tool}_OPTIONS", "") + ":allocator_may_return_null=1"
             for tool in ("ASAN", "TSAN")}
    lbc = start(Lbc, pair.text("a"), env=allow, port=pair.port)
    hard = resource.prlimit(lbc.pid, resource.RLIMIT_AS)[1]
    limit = address_space_bytes(lbc.pid) + 400 * MIB
    resource.prlimit(lbc.pid, resource.RLIMIT_AS, (limit, hard))
    lbc.file.write_text(pair.text("b", cluster=cluster, more=more))
    refusal = lbc.ctl("reload", check=False)
    assert refusal.returncode == 1
    assert said in refusal.stderr, refusal.stderr
    assert get(pair.port)["x-origin"] == str(pair.a.port)
    resource.prlimit(lbc.pid, resource.RLIMIT_AS, (hard, hard))
    assert lbc.ctl("reload").startswith("generation 2, ")
    assert get(pair.port)["x-origin"] == str(pair.b.port)


def test_listeners_come_and_go(pair):
    lbc = pair.run("a")
    one, two = free_ports(2)
    pair.reload("a", more=listeners(1, one, two))
    assert get(one).status == get(two).status == get(pair.port).status == 200

    with Client(one) as idle, Client(one) as busy, Client(one) as keeps, Load(two) as load:
        assert idle.get().status == keeps.get().status == 200
        keeps.request("/slow/60000")
        busy.request("/slow/60000")
        wait_for(lambda: pair.server("a")["in_flight"] >= 2, "they wait")
        pair.reload("a", more=listeners(2, two))
        wait_for(lambda: not accepts(one), "the port is closed, though requests are under way")
        assert len(lbc.show("generations")) == 2
        assert idle.at_end()
        assert kept_back(busy, pair.a).status == 200
        r = kept_back(keeps, pair.a)
        assert (r.status, r["connection"]) == (200, "close")

        pair.reload("a", more=listeners(1, one, two))  # and it can be had again
        assert get(one).status == 200
    load.assert_clean()
    assert settled(lbc)


def test_a_listener_comes_back_while_its_last_requests_finish(pair):
    lbc = pair.run("a")
    port = free_port()
    pair.reload("a", more=listeners(1, port))
    with Client(port) as c:
        c.request("/slow/60000")
        wait_for(lambda: pair.server("a")["in_flight"] == 1, "it waits")
        for _ in range(3):
            pair.reload("a")
            wait_for(lambda: not accepts(port), "closed")
            pair.reload("a", more=listeners(1, port))
            assert get(port).status == 200
        assert kept_back(c, pair.a).status == 200
    assert settled(lbc)


def test_unix_listeners_come_and_go(pair, tmp_path):
    lbc = pair.run("a")
    path = tmp_path / "front.sock"
    more = f"listener local {{ bind unix:{path}; route site }}"

    def ask():
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(path))
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return s.makefile("rb").readline()
    for _ in range(2):
        pair.reload("a", more=more)
        assert ask() == b"HTTP/1.1 200 OK\r\n"
        with Client(pair.port) as c:
            c.request("/slow/60000")
            wait_for(lambda: pair.server("a")["in_flight"] == 1, "it waits")
            pair.reload("a")
            wait_for(lambda: not path.exists(), "it is gone")
            pair.reload("a", more=more)
            assert ask() == b"HTTP/1.1 200 OK\r\n"
            assert kept_back(c, pair.a).status == 200
        settled(lbc)
        assert ask() == b"HTTP/1.1 200 OK\r\n"
        pair.reload("a")
    wait_for(lambda: not path.exists(), "it is gone")


def test_two_reloads_at_once(pair):
    lbc = pair.run("a")
    for _ in range(5):
        both = [subprocess.Popen([*wrapper(), LBC, "ctl", "--socket", lbc.socket, "reload"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for _ in range(4)]
        said = [p.communicate(timeout=60) for p in both]
        assert 0 in [p.returncode for p in both]
        for p, (out, err) in zip(both, said):
            assert p.returncode == 0 or "a reload is under way already" in err, (out, err)
    assert settled(lbc)


def test_a_reload_before_serving_begins(pair, tmp_path):
    """A start waits a second for first checks; a reload may come in between."""
    check = 'health http GET "/" { every 30s; timeout 30s }'
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pair.line["a"] = f"server a 127.0.0.1:{silent.getsockname()[1]}"
        file, control = tmp_path / "early.lbconf", str(tmp_path / "early.sock")
        file.write_text(pair.text("a b", cluster=check))
        popen = subprocess.Popen([*wrapper(), LBC, "run", str(file), "--socket", control,
                                  "--access-log", "off"], stderr=subprocess.PIPE, text=True)
        wait_for(lambda: os.path.exists(control), "it starts", 30)

        def ctl(*words):
            return subprocess.run([*wrapper(), LBC, "ctl", "--socket", control, *words],
                                  capture_output=True, text=True, timeout=60)
        assert ctl("reload").returncode == 0
        wait_for(lambda: accepts(pair.port) and get(pair.port).status == 200, "it serves")
        wait_for(lambda: len(ctl("show", "generations").stdout.splitlines()) == 2, "one generation")
        popen.send_signal(signal.SIGTERM)
        said = popen.communicate(timeout=20)[1]
        assert popen.returncode == 0, said


@pytest.mark.skipif(IS_SLOW, reason="measures")
def test_what_a_reload_costs(pair):
    pair.run("a b")
    took = []
    for _ in range(20):
        begun = time.monotonic()
        pair.reload("a b")
        took.append((time.monotonic() - begun) * 1000)
    report(reload_ms_median=sorted(took)[10])
