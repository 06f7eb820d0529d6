"""A worker that runs out of something leaves out what can be left out, says so, and comes back."""
import contextlib
import pathlib
import resource
import socket

import pytest

from harness import Client, free_ports, get, wait_for
from harness.watch import UNDER_TOOL

HALF = b"GET / HTTP/1.1\r\nHost: x\r\n"
LISTENER = "overload 50% 80%\n  timeout header 60s"


def limit(lbc, n):
    _, hard = resource.prlimit(lbc.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(lbc.pid, resource.RLIMIT_NOFILE, (n, hard))


def counters(lbc):
    return {n: v for n, v in lbc.show("info")["metrics"].items() if n.startswith("overload_") or n == "accept_errors"}


def crowd(lbc, stack, n):
    """Clients in the middle of their heads."""
    for _ in range(n):
        with contextlib.suppress(ConnectionError):
            stack.enter_context(Client(lbc.port)).send(HALF)


pytestmark = pytest.mark.skipif(UNDER_TOOL, reason="tools keep descriptors for themselves")


def test_few_descriptors_are_left(proxy):
    lbc = proxy(listener=LISTENER, workers=1)
    limit(lbc, 200)
    with contextlib.ExitStack() as stack:
        waits = stack.enter_context(Client(lbc.port))
        assert waits.get("/")["connection"] is None
        silent = stack.enter_context(Client(lbc.port))
        crowd(lbc, stack, 90)
        wait_for(lambda: counters(lbc)["overload_workers"] == 1, "it saves")
        assert waits.at_end() and silent.at_end()
        with Client(lbc.port) as c:
            got = c.get("/")
            assert (got.status, got["connection"]) == (200, "close") and c.at_end()
        assert counters(lbc)["overload_refused"] == counters(lbc)["overload_reset"] == 0
    wait_for(lambda: lbc.show("info")["metrics"]["connections_open"] == 0, "all have left")
    wait_for(lambda: counters(lbc)["overload_workers"] == 0, "it saves no more")
    with Client(lbc.port) as c:
        assert [c.get("/")["connection"] for _ in range(3)] == [None] * 3
    assert counters(lbc)["overload_closed"] >= 2
    said = [line.split("worker 0: ")[1] for line in lbc.said().splitlines() if "worker 0: " in line]
    assert len(said) == 2
    assert said[0].startswith("connections that wait are closed: ") and "of its descriptors are in use" in said[0]
    assert said[1].startswith("all is served again: ")


def test_hardly_any_descriptors_are_left(proxy):
    lbc = proxy(listener=LISTENER, workers=1)
    limit(lbc, 200)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Client(lbc.port))
        first.send(HALF)
        crowd(lbc, stack, 170)
        wait_for(lambda: counters(lbc)["overload_workers"] == 1, "that is noticed, now and then")
        crowd(lbc, stack, 2)
        wait_for(lambda: counters(lbc)["overload_reset"] > 0, "new ones are reset")
        first.send(b"\r\n")
        got = first.response()
        assert (got.status, got["retry-after"], got["connection"]) == (503, "1", "close")
        assert counters(lbc)["overload_refused"] == 1
    wait_for(lambda: lbc.show("info")["metrics"]["connections_open"] == 0, "all have left")
    assert get(lbc.port).status == 200
    assert "requests are refused, with 503" in lbc.said()
    assert [r["end"] for r in lbc.logged(1) if r.get("status") == 503] == ["overload"]


def used(lbc):
    return len(list(pathlib.Path(f"/proc/{lbc.pid}/fd").iterdir()))


def test_sockets_that_listen_are_counted(proxy):
    binds = [f"\n  bind 127.0.0.1:{port}" for port in free_ports(50)]
    lbc = proxy(listener=LISTENER + "".join(binds), workers=1)
    with contextlib.ExitStack() as stack:
        waits = stack.enter_context(Client(lbc.port))
        assert waits.get("/")["connection"] is None
        assert counters(lbc)["overload_workers"] == 0
        n = used(lbc)
        limit(lbc, n + 10)  # more than four fifths are in use, two of them by connections
        wait_for(waits.at_end, "connections that wait are closed")
        wait_for(lambda: "requests are refused, with 503" in lbc.said(), "it is told")
        assert counters(lbc)["accept_errors"] == 0
        limit(lbc, 5 * n)
        wait_for(lambda: counters(lbc)["overload_workers"] == 0, "there is room again")
    assert get(lbc.port).status == 200


def test_checks_of_servers_are_counted(proxy):
    """Many are probed, and none answers."""
    with socket.create_server(("0.0.0.0", 0), backlog=1000) as silent:
        port = silent.getsockname()[1]
        servers = "\n  ".join(f"server s{n} 127.0.1.{n}:{port}" for n in range(1, 121))
        lbc = proxy(servers=servers, workers=1, route="otherwise { respond 200 \"ok\" }",
                    cluster="health http GET \"/\" { every 30s  timeout 30s }", listener=LISTENER)
        wait_for(lambda: used(lbc) > 120, "all are asked")
        limit(lbc, 200)
        with Client(lbc.port) as waits:
            waits.send(HALF)
            wait_for(lambda: counters(lbc)["overload_workers"] == 1, "it saves")
            waits.send(b"\r\n")
            got = waits.response()
            assert (got.status, got["connection"]) == (200, "close")
        assert "connections that wait are closed: " in lbc.said() and "of its descriptors are in use" in lbc.said()


def test_more_at_once_than_were_counted_are_noticed_when_there_is_none_left(proxy):
    lbc = proxy(listener="overload 99% 99%\n  timeout header 60s", workers=1)
    with contextlib.ExitStack() as stack:
        waits = stack.enter_context(Client(lbc.port))
        assert waits.get("/")["connection"] is None
        n = used(lbc)
        limit(lbc, n + 4)
        crowd(lbc, stack, 10)
        wait_for(waits.at_end, "connections that wait are closed")
        wait_for(lambda: "requests are refused, with 503" in lbc.said(), "it is told")
    limit(lbc, 5 * n)
    wait_for(lambda: counters(lbc)["overload_workers"] == 0, "they have left")
    assert get(lbc.port).status == 200


def test_few_buffers_are_left(proxy):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 20_000:
        pytest.skip("so many descriptors would be as many percent")
    lbc = proxy(listener="overload 2% 2%\n  timeout header 60s", workers=1)
    limit(lbc, hard)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Client(lbc.port))
        first.send(HALF)
        crowd(lbc, stack, 350)  # of 16,384
        wait_for(lambda: counters(lbc)["overload_workers"] == 1, "it refuses")
        first.send(b"\r\n")
        assert first.response().status == 503
        assert "of its buffers are in use" in lbc.said()
    wait_for(lambda: lbc.show("info")["metrics"]["connections_open"] == 0, "all have left")
