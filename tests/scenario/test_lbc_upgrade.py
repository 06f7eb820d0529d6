"""`lbc upgrade`: another process in the place of the one that runs, and nobody notices."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from harness import LBC, Client, Lbc, Origin, accepts, free_port, free_ports, get, kept_back, wait_for, wrapper
from harness.load import Load, Wrk
from harness.watch import number
from wire.frames import Speaker

UPGRADES = number("UPGRADES", 4)


@pytest.fixture
def program(tmp_path):
    """program("…"): a shell script that is started in the place of lbc; "$@" are its arguments."""
    def write(text, name="program"):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)
    return write


class Each(Load):
    """A new connection for each request."""

    def run(self, into):
        while not self.done.is_set():
            one = Load(self.port, size=self.size)
            one.expected, one.done = self.expected, Once()
            one.run(into)


class Once:
    """Set after it has been looked at once."""
    looks = 0

    def is_set(self):
        self.looks += 1
        return self.looks > 1


class H2:
    """Connections of HTTP/2 with some requests at a time, that go elsewhere when they are told to."""

    def __init__(self, port, connections=2, at_once=5):
        self.port, self.at_once, self.done = port, at_once, threading.Event()
        self.answered, self.failed = 0, []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(connections)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for t in self.threads:
            t.join(30)
            assert not t.is_alive(), "a request is never answered"

    def run(self):
        while not self.done.is_set():
            try:
                with Speaker(self.port) as s:
                    while s.goaway is None and not self.done.is_set():
                        for stream in [s.ask("/b/1000") for _ in range(self.at_once)]:
                            got = s.answer(stream)
                            assert got.reset is None and got.status == 200 and len(got.body) == 1000, got.__dict__
                            self.answered += 1
            except Exception as e:  # whatever it is, it is told
                self.failed.append(repr(e))

    def assert_clean(self):
        assert not self.failed, f"{len(self.failed)} failed, first {self.failed[:3]}"
        assert self.answered > 0


def upgraded(lbc, times=1, *program):
    """And the process before has nothing left to do."""
    for _ in range(times):
        old = lbc.popen
        lbc.upgrade(*program)
        assert old.wait(60) == 0


# --- nobody notices -------------------------------------------------------------------------------------


def test_under_load_no_request_fails(proxy):
    lbc = proxy(drain=60, cluster='health http GET "/" { every 1s }; sticky src')
    with Load(lbc.port, connections=4) as kept, Each(lbc.port, connections=2) as fresh, H2(lbc.port) as h2, \
            Wrk(lbc.port, connections=20) as wrk:
        upgraded(lbc, UPGRADES)
        since = time.monotonic()
        wait_for(lambda: len(kept.since(since)) > 50 and len(fresh.since(since)) > 20, "the last one serves", 30)
        wrk.finish()
    for load in (kept, fresh, h2, wrk):
        load.assert_clean()
    assert lbc.show("info")["pid"] == lbc.pid
    lbc.stop()
    assert all(r["status"] == 200 for r in lbc.log())


@pytest.mark.parametrize("workers", [(1, 3), (3, 1), (3, 2), (2, 5)])
def test_with_another_number_of_workers(proxy, program, workers):
    """All sockets of the one before have somebody who accepts from them."""
    lbc = proxy(drain=60, workers=workers[0])
    with Each(lbc.port, connections=4) as load:
        upgraded(lbc, 1, program(f'exec {LBC} "$@" --workers {workers[1]}'))
        assert lbc.show("info")["workers"] == workers[1]
        upgraded(lbc)  # with the arguments of the last one
        since = time.monotonic()
        wait_for(lambda: len(load.since(since)) > 100, "all of them answer", 30)
    load.assert_clean()
    assert lbc.show("info")["workers"] == workers[1]


def test_who_waits_in_the_queue_is_served(proxy):
    """Connections that no process has accepted yet, at all sockets of the group."""
    lbc = proxy(drain=60, workers=3, listener="max-connections 1")
    with Client(lbc.port) as first:
        assert first.get("/b/10").status == 200
        waiting = [Client(lbc.port) for _ in range(20)]
        for c in waiting:
            c.request("/b/10", "Connection: close")
        lbc.upgrade()
        assert first.get("/b/10")["connection"] == "close"
    for c in waiting:
        assert c.response().status == 200
        c.close()


def test_a_client_is_told_before_its_connection_ends(proxy):
    lbc = proxy(drain=60)
    with Client(lbc.port) as idle, Client(lbc.port) as fresh, Client(lbc.port) as slow:
        assert idle.get("/b/10").status == 200
        slow.request("/slow/60000")
        wait_for(lambda: lbc.show("info")["metrics"]["requests_in_flight"] == 1, "it waits")
        lbc.upgrade()
        for c in (idle, fresh):
            r = c.get("/b/10")
            assert (r.status, r["connection"]) == (200, "close") and c.at_end()
        assert kept_back(slow, lbc.origin)["connection"] == "close"
    assert lbc.before[0].wait(30) == 0


def test_a_client_whose_answer_had_begun_may_ask_once_more(proxy):
    """Its answer's head did not say that the connection would end."""
    lbc = proxy(drain=60)
    size = 50_000_000
    with Client(lbc.port) as c:
        c.request(f"/b/{size}")
        r = c.head()
        lbc.upgrade()
        assert len(c.body(r)) == size and r["connection"] is None
        assert c.get("/b/10")["connection"] == "close"
        assert c.at_end()
    assert lbc.before[0].wait(30) == 0


def test_who_asks_nothing_more_does_not_hold_it_up(proxy):
    lbc = proxy(drain=600)
    with Client(lbc.port) as c:
        assert c.get("/b/10").status == 200
        lbc.upgrade()
        assert lbc.before[0].wait(30) == 0
        assert c.at_end()


def test_tunnels_stay_with_the_old_one(proxy):
    lbc = proxy(drain=4)
    with Client(lbc.port) as c:
        c.request("/upgrade", "Connection: upgrade", "Upgrade: websocket")
        assert c.head().status == 101
        lbc.upgrade()
        old = lbc.before[0]
        before = wait_for(lambda: lbc.show("info").get("before"), "the new one knows of the old one")
        assert before["pid"] == old.pid and before["tunnels"] == 1 and 0 < before["left_s"] <= 4
        assert "before us   connections 1, requests" in lbc.ctl("show", "info")
        c.send(b"still here")
        assert c.file.read(10) == b"still here"
        assert old.wait(20) == 0
        assert c.at_end()
    wait_for(lambda: "before" not in lbc.show("info"), "it is over")
    assert f"process {old.pid}, which served before, has ended" in lbc.said()


def test_a_unix_socket(start, tmp_path):
    path, origin = str(tmp_path / "front.sock"), start(Origin)
    lbc = start(Lbc, f"""lbconf 1
cluster app {{ server a 127.0.0.1:{origin.port} }}
listener front {{ bind unix:{path}; route site }}
route site {{ otherwise {{ forward app }} }}
""")

    def ask():
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(path)
            s.sendall(b"GET /b/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return s.recv(100).split()[1]
    for _ in range(3):
        assert ask() == b"200"
        upgraded(lbc)
    assert ask() == b"200"
    lbc.stop()
    assert not os.path.exists(path) and not os.path.exists(lbc.socket)


def test_the_stats_socket_answers_throughout(proxy):
    lbc = proxy(drain=60)
    done, asked = threading.Event(), []

    def ask():
        while not done.is_set():
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(20)
                s.connect(lbc.socket)
                s.sendall(b"show info --json\n")
                said = b""
                while not said.endswith(b"\nok\n"):
                    got = s.recv(65536)
                    assert got, said
                    said += got
                asked.append(json.loads(said.splitlines()[0])["pid"])
    thread = threading.Thread(target=ask)
    thread.start()
    pids = [lbc.pid]
    with contextlib.ExitStack() as stack:
        stack.callback(thread.join)
        stack.callback(done.set)
        for _ in range(UPGRADES):
            upgraded(lbc)
            pids.append(lbc.pid)
            wait_for(lambda: asked and asked[-1] == lbc.pid or not thread.is_alive(), "the new one answers", 30)
    assert sorted(set(asked), key=asked.index) == pids


def test_the_admin_port(start):
    """It answers before and after."""
    port, admin, origin = free_port(), free_port(), start(Origin)
    lbc = start(Lbc, f"""lbconf 1
admin {{ bind 127.0.0.1:{admin} }}
cluster app {{ server a 127.0.0.1:{origin.port} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
""", port=port, drain=60)
    for _ in range(3):
        assert get(admin, "/metrics", host=f"127.0.0.1:{admin}").status == 200
        upgraded(lbc)
    assert get(admin, "/metrics", host=f"127.0.0.1:{admin}").status == 200 and get(port).status == 200


def test_the_next_one_is_of_the_same_program(proxy, tmp_path):
    lbc = proxy(drain=60)
    other = tmp_path / "other"
    other.symlink_to(LBC)

    def name():
        with open(f"/proc/{lbc.pid}/cmdline", "rb") as f:
            return f.read().split(b"\0")[0].decode()
    for program in ([str(other)], [], [LBC]):
        upgraded(lbc, 1, *program)
        assert name() == (program or [str(other)])[0]


def test_the_socket_for_haproxys_tools(proxy, program, tmp_path):
    """It goes along, as long as the next one is told of it."""
    path = tmp_path / "haproxy.sock"

    def asks():
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(path))
            s.sendall(b"show info\n")
            return next(int(line.split()[1]) for line in s.makefile() if line.startswith("Uptime_sec:"))
    lbc = proxy(drain=60, haproxy_socket=path)
    for _ in range(2):
        assert asks() >= 0
        upgraded(lbc)
    assert asks() >= 0
    upgraded(lbc, 1, program(f'exec {LBC} run {lbc.file} --socket {lbc.socket} --access-log off'))
    with pytest.raises(ConnectionRefusedError):
        asks()


def test_a_port_that_the_file_has_no_more_is_refused(start):
    ports, origin = free_ports(2), start(Origin)
    text = """lbconf 1
cluster app {{ server a 127.0.0.1:{origin} }}
listener front {{ {binds}; route site }}
route site {{ otherwise {{ forward app }} }}
"""
    lbc = start(Lbc, text.format(origin=origin.port, binds="; ".join(f"bind 127.0.0.1:{p}" for p in ports)))
    lbc.file.write_text(text.format(origin=origin.port, binds=f"bind 127.0.0.1:{ports[0]}"))
    lbc.upgrade()
    wait_for(lambda: not accepts(ports[1]), "nobody listens there")
    assert get(ports[0]).status == 200


# --- what it knows --------------------------------------------------------------------------------------


def servers(lbc):
    return {s["server"]: s for s in lbc.show("servers")}


def test_what_operators_have_set_stays(start):
    a, b, port = start(Origin), start(Origin), free_port()
    text = f"""lbconf 1
cluster app {{ server a 127.0.0.1:{a.port} STATE; server b 127.0.0.1:{b.port} weight 3 }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
"""
    lbc = start(Lbc, text.replace("STATE", ""), port=port)
    lbc.ctl("drain", "app/a")
    lbc.ctl("set", "weight", "app/b", "7")
    lbc.upgrade()
    now = servers(lbc)
    assert (now["a"]["state"], now["b"]["state"]) == ("drain", "ready")
    assert (now["a"]["weight"], now["b"]["weight"]) == (1, 7)
    # Unless the file says something else than it did.
    lbc.file.write_text(text.replace("STATE", "weight 2").replace("weight 3", "weight 4"))
    lbc.upgrade()
    now = servers(lbc)
    assert (now["a"]["state"], now["a"]["weight"], now["b"]["weight"]) == ("drain", 2, 4)


def test_health_is_known_at_once(start):
    """Nobody waits for checks: the one that is up is used, the one that is down is not."""
    origin, port, dead = start(Origin), free_port(), free_port()
    lbc = start(Lbc, f"""lbconf 1
cluster app {{
  server up 127.0.0.1:{origin.port}
  server down 127.0.0.1:{dead}
  health http GET "/slow/900" {{ every 20s; timeout 19s; fall 1 }}
}}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
""", port=port)
    wait_for(lambda: servers(lbc)["up"]["health"] == "up", "it is checked", 30)
    with Load(port) as load:
        lbc.upgrade()
        now = servers(lbc)
        assert (now["up"]["health"], now["down"]["health"]) == ("up", "down")
        since = time.monotonic()
        wait_for(lambda: len(load.since(since)) > 20, "it serves")
    load.assert_clean()


CHANGING = """lbconf 1
set banned : network = { 192.0.2.1 }
listener front { bind 127.0.0.1:PORT; route site }
route site { when src in banned { deny 403 } otherwise { respond 200 "ok" } }
"""


@pytest.mark.parametrize("kept", [False, True])
def test_changes_that_are_in_no_file_stay(start, tmp_path, kept):
    port = free_port()
    lbc = start(Lbc, CHANGING.replace("PORT", str(port)), port=port, state=tmp_path / "state" if kept else None)
    lbc.ctl("change", "for", "1h", "add", "banned", "127.0.0.1")
    assert get(port).status == 403
    for _ in range(2):
        lbc.upgrade()
        assert get(port).status == 403
        drift = lbc.show("drift")
        assert [(d["number"], d["sentence"]) for d in drift] == [(1, "add banned 127.0.0.1")] and drift[0]["left_s"] > 3000
    lbc.ctl("undo", "1")
    assert get(port).status == 200


def test_changes_that_the_disk_does_not_have_stay(start, tmp_path):
    """The process before us has them; and they are written as soon as they can be."""
    port, state = free_port(), tmp_path / "state"
    lbc = start(Lbc, CHANGING.replace("PORT", str(port)), port=port, state=state)
    (state / "changes").mkdir()  # nothing gets into its place
    assert "warning: it is so now, and changes are not kept over a restart" in lbc.ctl("change", "add", "banned", "127.0.0.1")
    assert "changes are not kept" in lbc.said()
    for _ in range(2):
        lbc.upgrade()
        assert get(port).status == 403 and [(d["number"], d["fits"]) for d in lbc.show("drift")] == [(1, True)]
    (state / "changes").rmdir()
    lbc.reload()
    lbc.kill()
    lbc = start(Lbc, None, port=port, state=state)
    assert get(port).status == 403


def test_the_state_goes_along_with_its_lock(start, tmp_path):
    port = free_port()
    lbc = start(Lbc, CHANGING.replace("PORT", str(port)), port=port, state=tmp_path / "state")
    upgraded(lbc)
    lbc.file.write_text(lbc.file.read_text() + "# another text\n")
    upgraded(lbc)
    assert [(r["number"], r["what"]) for r in lbc.show("history")] == [(2, "upgrade"), (1, "start")]
    other = subprocess.run([*wrapper(), LBC, "run", str(lbc.file), "--socket", "off", "--state", str(tmp_path / "state")],
                           capture_output=True, text=True, timeout=60)
    assert other.returncode == 1 and "another process does" in other.stderr
    lbc.ctl("change", "add", "banned", "127.0.0.1")
    assert get(port).status == 403


# --- what can go wrong ----------------------------------------------------------------------------------


def goes_on(lbc, done, *why):
    """As if nothing had happened."""
    assert done.returncode == 1
    for what in why:
        assert what in done.stderr, done.stderr
    assert lbc.show("info")["pid"] == lbc.pid and lbc.alive()
    assert get(lbc.port).status == 200
    assert os.path.exists(lbc.socket)


BROKEN = {"is no lbc": ("exit 3", "the new process ended with status 3"),
          "says why": ("echo out of luck >&2; exit 1", "out of luck", "status 1"),
          "is killed": ("kill -SEGV $$", "killed by signal 11"),
          "closes all": ("for fd in 3 4 5 6 7 8 9; do eval \"exec $fd>&-\"; done; exit 0", "status 0"),
          "closes all and lives on": (
              f"exec {sys.executable} -c 'import os, time; os.closerange(3, 100); time.sleep(100)'",
              "the new process closed its channel and did not begin to serve"),
          "leaves a child that has all": ("echo out of luck >&2; sleep 600 & exit 3", "out of luck",
                                          "the new process ended with status 3"),
          "leaves one and is killed": ("sleep 600 & kill -SEGV $$", "killed by signal 11"),
          "takes no such argument": (f'exec {LBC} "$@" --never', "unknown option --never", "status 2"),
          "has no file": (f"exec {LBC} run /nothing/here", "cannot read /nothing/here", "status 3")}


@pytest.mark.parametrize("how", BROKEN)
def test_a_program_that_does_not_come_to_serve(proxy, program, how):
    lbc = proxy()
    script, *why = BROKEN[how]
    goes_on(lbc, lbc.upgrade(program(script), check=False), *why)
    upgraded(lbc)
    assert get(lbc.port).status == 200


def test_what_it_has_started_goes_with_it(start, program, tmp_path):
    """Else that would have our sockets and the state's lock for as long as it likes."""
    port = free_port()
    text = f"lbconf 1\nlistener front {{ bind 127.0.0.1:{port}; route site }}\nroute site {{ otherwise {{ respond 200 \"in\" }} }}\n"
    lbc = start(Lbc, text, port=port, state=tmp_path / "state")
    child = tmp_path / "child"
    refused = lbc.ctl("upgrade", program(f"sleep 600 & echo $! > {child}; exit 3"), check=False)
    assert refused.returncode == 1

    def is_gone():
        stat = pathlib.Path(f"/proc/{child.read_text().strip()}/stat")
        return not stat.exists() or " Z " in stat.read_text()  # or nobody has asked how it ended
    wait_for(is_gone, "its child is gone")
    lbc.kill()
    again = start(Lbc, None, port=port, state=tmp_path / "state")
    assert [get(port).status for _ in range(20)] == [200] * 20
    assert again.alive()


def test_a_program_that_is_not_there(proxy, tmp_path):
    lbc = proxy()
    goes_on(lbc, lbc.upgrade(str(tmp_path / "nothing"), check=False), "No such file or directory")
    goes_on(lbc, lbc.upgrade(str(lbc.file), check=False), "Permission denied")


def test_a_file_with_mistakes(proxy):
    lbc = proxy()
    good = lbc.file.read_text()
    lbc.file.write_text(good.replace("forward app", "forward apq"))
    goes_on(lbc, lbc.upgrade(check=False), "no cluster is called `apq`", "did you mean `app`?", "status 1")
    lbc.file.write_text(good)
    upgraded(lbc)


def test_a_port_that_cannot_be_had(proxy):
    lbc = proxy()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        good = lbc.file.read_text()
        lbc.file.write_text(good.replace("route site\n", f"bind 127.0.0.1:{port}\n  route site\n", 1))
        goes_on(lbc, lbc.upgrade(check=False), f"cannot listen on 127.0.0.1:{port}")


def test_one_that_is_killed_while_it_is_waited_for(proxy, program, tmp_path):
    """And nothing else is done meanwhile."""
    lbc = proxy()
    said = tmp_path / "pid"
    waiting = program(f"echo $$ > {said}.new; mv {said}.new {said}; exec sleep 60")
    with Load(lbc.port) as load:
        asked = subprocess.Popen([LBC, "upgrade", "--socket", lbc.socket, waiting], stderr=subprocess.PIPE, text=True)
        wait_for(said.exists, "it is started")
        pid = int(said.read_text())
        for command in (["reload"], ["upgrade"], ["change", "set", "app/a", "weight", "2"]):
            refused = lbc.ctl(*command, check=False)
            assert refused.returncode == 1 and "about to take over" in refused.stderr
        lbc.signal(signal.SIGHUP)  # it is not lost
        os.kill(pid, signal.SIGKILL)
        assert asked.wait(30) == 1 and "killed by signal 9" in asked.communicate()[1]
        wait_for(lambda: lbc.show("info")["reloads"] == 1, "it is reloaded")
        upgraded(lbc)
    load.assert_clean()


GOES = """#!{python}
import os, pathlib, socket, sys, time
lines = os.pread(int(os.environ["LBC_UPGRADE"]), 1 << 20, 0).decode().splitlines()
channel = socket.socket(fileno=next(int(line.split("\\t")[1]) for line in lines if line.startswith("channel\\t")))
channel.setblocking(True)
channel.send(b"ready")
assert channel.recv(100) == b"go"
pathlib.Path(sys.argv[0] + ".went").touch()
time.sleep(1.5)
{then}
"""


@pytest.mark.parametrize("then", ["os.kill(os.getpid(), 9)", "sys.exit(0)", "channel.send(b'what?'); time.sleep(60)"])
def test_one_that_ends_once_it_was_told_to_begin(start, tmp_path, then):
    """What is asked of us meanwhile is refused, for it would be lost; after that all is as it was."""
    port, state = free_port(), tmp_path / "state"
    text = f"""lbconf 1
cluster app {{ server a 127.0.0.1:1; server b 127.0.0.1:2 }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ respond 200 "in" }} }}
"""
    lbc = start(Lbc, text, port=port, state=state)
    other, went = tmp_path / "other", tmp_path / "other.went"
    other.write_text(GOES.format(python=sys.executable, then=then))
    other.chmod(0o755)
    lbc.ctl("drain", "app/a")
    lbc.ctl("maintenance", "app/b", "for", "1s")
    asked = subprocess.Popen([LBC, "upgrade", "--socket", lbc.socket, str(other)], stderr=subprocess.PIPE, text=True)
    wait_for(went.exists, "it was told", 30)
    for words in (["drain", "app/b"], ["undo", "1"], ["set", "weight", "app/a", "5"], ["change", "set", "app/a", "weight", "2"],
                  ["commit", "set", "app/a", "weight", "2"], ["reload"], ["upgrade"]):
        assert "another process is about to take over; ask again when it has" in lbc.ctl(*words, check=False).stderr
    assert asked.wait(60) == 1 and get(port).status == 200
    wait_for(lambda: "maintenance" not in (state / "overrides").read_text(), "what ended meanwhile is over", 20)
    lbc.ctl("undo", "1")
    lbc.ctl("drain", "app/b")
    lbc.kill()
    lbc = start(Lbc, None, port=port, state=state)
    assert [s["state"] for s in lbc.show("servers")] == ["ready", "drain"]


def test_one_that_is_never_ready(proxy, program):
    """This waits for as long as lbc does, which is not to be set: 25 s."""
    lbc = proxy()
    goes_on(lbc, lbc.upgrade(program("exec sleep 100"), check=False), "not ready in time")


def test_a_shutdown_meanwhile_ends_both(proxy, program, tmp_path):
    lbc = proxy()
    said = tmp_path / "pid"
    asked = subprocess.Popen([LBC, "upgrade", "--socket", lbc.socket,
                              program(f"echo $$ > {said}.new; mv {said}.new {said}; exec sleep 100")],
                             stderr=subprocess.PIPE, text=True)
    wait_for(said.exists, "it is started")
    pid = int(said.read_text())
    lbc.signal(signal.SIGTERM)
    assert lbc.wait(20) == 0
    assert asked.wait(20) != 0 and "shutting down" in asked.communicate()[1]
    assert not os.path.exists(f"/proc/{pid}") and not os.path.exists(lbc.socket)


@pytest.mark.parametrize("how, why, end", [
    (["reload", "canary", "5%"], "a canary serves beside it", "revert"),
    (["reload", "confirm", "600s"], "a configuration is on trial", "confirm")])
def test_not_while_two_configurations_may_be_meant(proxy, how, why, end):
    """The new process has one file to read, and this is not the time to say which."""
    lbc = proxy()
    lbc.ctl(*how)
    goes_on(lbc, lbc.upgrade(check=False), why)
    lbc.ctl(end)
    upgraded(lbc)
    assert get(lbc.port).status == 200


def test_from_standard_input(tmp_path):
    port, path = free_port(), str(tmp_path / "ctl.sock")
    p = subprocess.Popen([*wrapper(), LBC, "run", "-", "--socket", path, "--access-log", "off"], stdin=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
    p.stdin.write(CHANGING.replace("PORT", str(port)))
    p.stdin.close()
    wait_for(lambda: accepts(port), "it serves", 30)
    done = subprocess.run([LBC, "upgrade", "--socket", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "standard input" in done.stderr
    p.terminate()
    assert p.wait(20) == 0


def test_the_command_line(proxy):
    lbc = proxy()
    for words, status in ((["one", "two"], 2), (["--help"], 0), (["--never"], 2), (["--timeout", "0"], 2)):
        done = subprocess.run([LBC, "upgrade", "--socket", lbc.socket, *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == status
    gone = subprocess.run([LBC, "upgrade", "--socket", lbc.socket + "x"], capture_output=True, text=True, timeout=60)
    assert gone.returncode == 3 and "cannot connect" in gone.stderr
