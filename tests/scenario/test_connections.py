"""Many clients at once: held, limited, and served when there is room again."""
import contextlib
import resource
import selectors
import socket
import time

import pytest

from harness import Client, Lbc, Origin, free_port, get, wait_for
from harness.watch import (ASAN_GIVES_BACK, IS_SLOW, UNDER_TOOL, cpu_s, descriptors, number,
                           report, rss_kib)

REQUEST = b"GET /b/100 HTTP/1.1\r\nHost: x\r\n\r\n"


pytestmark = pytest.mark.usefixtures("all_descriptors")


def connect(port, n):
    """n clients from several addresses: one has not enough ports for them all."""
    clients = []
    for i in range(n):
        s = socket.socket()
        s.bind((f"127.0.0.{2 + i % 8}", 0))
        s.settimeout(20)
        s.connect(("127.0.0.1", port))
        clients.append(s)
    return clients


def answered(clients, seconds=60):
    """Asks on all of them at once; how many were answered with a 200 and its 100 bytes."""
    selector = selectors.DefaultSelector()
    got = {}
    for s in clients:
        s.sendall(REQUEST)
        got[s] = b""
        selector.register(s, selectors.EVENT_READ)
    done, deadline = 0, time.monotonic() + seconds
    while selector.get_map() and time.monotonic() < deadline:
        for key, _ in selector.select(1):
            s = key.fileobj
            data = s.recv(65536)
            got[s] += data
            head, end, body = got[s].partition(b"\r\n\r\n")
            if end and len(body) >= 100 or not data:
                selector.unregister(s)
                done += head.startswith(b"HTTP/1.1 200 ") and len(body) == 100
    return done


def settle(lbc, key, value):
    wait_for(lambda: lbc.show("info")["metrics"][key] == value, f"{key} is {value}", 30)


def test_thousands_of_connections_are_held_and_each_is_answered(start):
    total = number("CONNECTIONS", 1000)
    active = total // 20
    port, origin = free_port(), start(Origin)
    lbc = start(Lbc, f"""lbconf 1
cluster app {{ server a 127.0.0.1:{origin.port} }}
listener front {{
  bind 127.0.0.1:{port}
  max-connections {total + 10}
  timeout header 10m
  timeout idle 10m
  route site
}}
route site {{ otherwise {{ forward app }} }}
""", env=ASAN_GIVES_BACK, access_log=False)
    with contextlib.ExitStack() as stack:
        def clients(n):
            new = [stack.enter_context(s) for s in connect(port, n)]
            everyone.extend(new)
            settle(lbc, "connections_open", len(everyone))
            return new
        everyone = []
        busy = clients(active)  # first: what they need once is then there
        for _ in range(5):
            assert answered(busy) == active
        rss_begin = rss_kib(lbc.pid)

        silent = clients((total - active) // 2)
        rss_silent = rss_kib(lbc.pid)

        kept = clients(total - len(everyone))
        for at in range(0, len(kept), active):
            batch = kept[at:at + active]
            assert answered(batch) == len(batch)
        rss_kept = rss_kib(lbc.pid)

        for _ in range(5):
            assert answered(busy) == active
        cpu = cpu_s(lbc.pid)
        time.sleep(1)
        idle_cpu = cpu_s(lbc.pid) - cpu
        held = lbc.show("info")["metrics"]

        # And those that have said nothing so far, and those that were served once.
        for at in range(0, total, active):
            assert answered(everyone[at:at + active]) == len(everyone[at:at + active])
    settle(lbc, "connections_open", 0)
    assert held["connections_open"] == total and held["buffers_in_use"] <= 2
    assert held["connections_refused"] == held["accept_errors"] == 0
    report(connections=total, active=active,
           bytes_per_silent_connection=1024 * (rss_silent - rss_begin) / len(silent),
           bytes_per_kept_connection=1024 * (rss_kept - rss_silent) / len(kept),
           rss_kib=rss_kept, cpu_per_second_holding_them=idle_cpu)
    assert IS_SLOW or 1024 * (rss_kept - rss_begin) / (len(silent) + len(kept)) < 1024
    assert idle_cpu < 0.2


def test_at_max_connections_the_next_waits_and_is_served(proxy):
    lbc = proxy(listener="max-connections 50")
    with contextlib.ExitStack() as stack:
        inside = [stack.enter_context(s) for s in connect(lbc.port, 50)]
        settle(lbc, "connections_open", 50)
        assert answered(inside) == 50
        waiting = [stack.enter_context(s) for s in connect(lbc.port, 20)]
        assert answered(waiting, seconds=0.5) == 0
        cpu = cpu_s(lbc.pid)
        time.sleep(1)
        assert cpu_s(lbc.pid) - cpu < 0.3  # it waits; it does not spin
        for s in inside[:20]:
            s.close()
        for s in waiting:
            s.settimeout(10)
            assert s.recv(12) == b"HTTP/1.1 200"
        assert lbc.show("info")["metrics"]["connections_open"] == 50
    settle(lbc, "connections_open", 0)


def test_clients_that_left_while_they_waited_do_no_harm(proxy):
    lbc = proxy(listener="max-connections 1")
    with Client(lbc.port) as c:
        assert c.get().status == 200
        for s in connect(lbc.port, 100):
            s.close()
    wait_for(lambda: get(lbc.port).status == 200, "the next is served")


FEW = 48  # descriptors: lbc needs some 20 itself


def limit(lbc, n):
    _, hard = resource.prlimit(lbc.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(lbc.pid, resource.RLIMIT_NOFILE, (n, hard))


@pytest.mark.skipif(UNDER_TOOL, reason="tools keep descriptors for themselves")
def test_out_of_descriptors_it_refuses_and_recovers(proxy):
    lbc = proxy(listener="timeout header 2s\n  timeout idle 2s\n  overload 1000% 1000%", workers=2)
    origin_open = descriptors(lbc.pid)
    limit(lbc, FEW)
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(s) for s in connect(lbc.port, 100)]
        wait_for(lambda: descriptors(lbc.pid) >= FEW - 1, "none is left")
        for s in crowd:
            with contextlib.suppress(OSError):
                s.sendall(REQUEST)
        cpu = cpu_s(lbc.pid)
        time.sleep(1)
        assert cpu_s(lbc.pid) - cpu < 0.5
        statuses = set()
        for s in crowd:  # each is answered, or told that there is too much to do, or closed
            s.settimeout(20)
            with contextlib.suppress(ConnectionError):
                statuses.add(s.recv(12)[9:])
            s.close()
        assert statuses <= {b"200", b"503", b"502", b"408", b""} and b"200" in statuses
    wait_for(lambda: get(lbc.port).status == 200, "it serves again", 20)
    metrics = lbc.show("info")["metrics"]
    assert metrics["accept_errors"] > 0
    limit(lbc, 1024)
    for _ in range(20):
        assert get(lbc.port).status == 200
    wait_for(lambda: descriptors(lbc.pid) <= origin_open + 2 + metrics["server_idle"] + 4,
             "none is kept")


@pytest.mark.skipif(UNDER_TOOL, reason="tools keep descriptors for themselves")
def test_a_shortage_of_descriptors_is_not_blamed_on_servers(proxy):
    """Neither by requests nor by checks: servers stay up."""
    lbc = proxy(cluster='health http GET "/" { every 200ms; timeout 200ms; rise 1; fall 2 }',
                listener="timeout idle 3s\n  overload 1000% 1000%", workers=1)
    assert lbc.show("servers")[0]["health"] == "up"
    limit(lbc, FEW)
    with contextlib.ExitStack() as stack:
        for s in connect(lbc.port, 60):
            stack.enter_context(s)
        wait_for(lambda: descriptors(lbc.pid) >= FEW - 1, "none is left")
        time.sleep(1)
    limit(lbc, 1024)
    wait_for(lambda: get(lbc.port).status == 200, "it serves again")
    assert "is down" not in lbc.said()
    assert lbc.show("servers")[0]["connect_errors"] == 0
