"""What a service manager is told (sd_notify): a socket of ours stands in its place."""
import contextlib
import ctypes
import os
import signal
import socket

import pytest

from harness import Client, get, kept_back, wait_for

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000


class Manager:
    """Reads what comes, in order."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.told = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def look(self):
        """Takes what has come: (pid, variables)."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data, control, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(12), socket.MSG_DONTWAIT)
                pid = int.from_bytes(control[0][2][:4], "little")
                self.told.append((pid, dict(line.split("=", 1) for line in data.decode().splitlines())))

    def all(self, name):
        """Whoever has said it, and its values."""
        self.look()
        return [(pid, said[name]) for pid, said in self.told if name in said]

    def until(self, name, value=None, times=1, seconds=30):
        wait_for(lambda: len([v for _, v in self.all(name) if value in (None, v)]) >= times, f"{name}={value}", seconds)


@pytest.fixture(params=["a path", "abstract"])
def manager(request, tmp_path):
    path = str(tmp_path / "notify") if request.param == "a path" else f"@lbc-{os.getpid()}-{id(request)}"
    with Manager(path.replace("@", "\0", 1)) as m:
        m.env = {"NOTIFY_SOCKET": path}
        yield m


def test_ready_reloading_stopping(proxy, manager):
    lbc = proxy(env=manager.env, drain=60)
    manager.until("READY")
    lbc.reload()
    manager.until("READY", times=2)
    with Client(lbc.port) as c:
        c.request("/slow/60000")
        wait_for(lambda: lbc.show("info")["metrics"]["requests_in_flight"] == 1, "it waits")
        lbc.signal(signal.SIGTERM)
        manager.until("STOPPING")
        wait_for(lambda: any("1 request " in s for _, s in manager.all("STATUS")), "it says what is left")
        assert kept_back(c, lbc.origin).status == 200
    assert lbc.wait(30) == 0
    manager.look()
    order = [name for _, said in manager.told for name in said if name in ("READY", "RELOADING", "STOPPING")]
    assert order == ["READY", "RELOADING", "READY", "STOPPING"]
    assert all(int(v) > 0 for _, v in manager.all("MONOTONIC_USEC")) and manager.all("MONOTONIC_USEC")
    assert {pid for pid, _ in manager.told} == {lbc.pid}
    assert manager.all("STATUS")[0][1] == "Generation 1 serves, 2 workers"


def test_a_reload_that_is_refused_is_over_too(proxy, manager):
    lbc = proxy(env=manager.env)
    lbc.file.write_text("nonsense")
    assert lbc.ctl("reload", check=False).returncode == 1
    manager.until("READY", times=2)


def test_an_upgrade_changes_who_is_asked(proxy, manager):
    """The old one says who it is, for it is the one that is believed; then the new one speaks, and the old one does not: it
    would be the service that stops."""
    lbc = proxy(env={**manager.env, "WATCHDOG_USEC": "200000"}, drain=60)
    old = lbc.pid
    manager.until("WATCHDOG")
    with Client(lbc.port) as c:
        c.request("/upgrade", "Connection: upgrade", "Upgrade: websocket")
        assert c.head().status == 101
        lbc.upgrade()
        manager.until("MAINPID")
        assert manager.all("MAINPID") == [(old, str(lbc.pid))]
        seen = len(manager.all("WATCHDOG"))
        manager.until("WATCHDOG", times=seen + 3)
        at = [i for i, (_, s) in enumerate(manager.told) if "MAINPID" in s][0]
        assert {pid for pid, _ in manager.told[:at + 1]} == {old}
        assert {pid for pid, _ in manager.told[at + 1:]} == {lbc.pid}
        assert manager.all("READY")[-1][0] == lbc.pid and not manager.all("STOPPING")
    lbc.stop()
    assert {pid for pid, _ in manager.all("STOPPING")} == {lbc.pid}


@contextlib.contextmanager
def stopped(tid):
    """One thread, as a debugger stops it: SIGSTOP would stop all of them."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def ptrace(request):
        assert libc.ptrace(request, tid, None, None) == 0, os.strerror(ctypes.get_errno())
    ptrace(PTRACE_SEIZE)
    ptrace(PTRACE_INTERRUPT)
    os.waitpid(tid, WALL)
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH)


def test_the_watchdog_hears_nothing_when_a_worker_is_stuck(proxy, manager):
    lbc = proxy(env={**manager.env, "WATCHDOG_USEC": "400000"}, workers=2, access_log=False)
    manager.until("WATCHDOG", times=3)
    workers = [int(t) for t in os.listdir(f"/proc/{lbc.pid}/task") if int(t) != lbc.pid]
    assert len(workers) == 2
    with stopped(workers[1]):
        wait_for(lambda: lbc.said().count("the watchdog is not answered") >= 2, "it is noticed", 30)
        heard = len(manager.all("WATCHDOG"))
        wait_for(lambda: lbc.said().count("the watchdog is not answered") >= 6, "it goes on so", 30)
        assert len(manager.all("WATCHDOG")) == heard
    manager.until("WATCHDOG", times=heard + 3)


def test_a_watchdog_that_is_another_processs(proxy, manager):
    lbc = proxy(env={**manager.env, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"})
    for _ in range(3):
        lbc.reload()
    manager.until("READY", times=4)
    assert not manager.all("WATCHDOG")


def test_without_a_manager_nothing_is_missed(proxy):
    lbc = proxy(env={"NOTIFY_SOCKET": "/nothing/here", "WATCHDOG_USEC": "100000"})
    lbc.reload()
    lbc.upgrade()
    assert get(lbc.port).status == 200
