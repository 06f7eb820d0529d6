"""A worker that runs out of something leaves out what can be left out, says so, and comes back."""
import contextlib
import pathlib
import resource

import pytest

from harness import Client, free_ports, get, wait_for
from harness.watch import UNDER_TOOL

HALF = b"GET / HTTP/1.1\r\nHost: x\r\n"
LISTENER = "overload 50% 80%\n  timeout header 60s"


def limit(lbc, n):
    _, hard = resource.prlimit(lbc.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(lbc.pid, resource.RLIMIT_NOFILE, (n, hard))


def counters(lbc):
    return {n: v for n, v in lbc.show("info")["metrics"].items() if n.startswith("overload_")}


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
        wait_for(lambda: counters(lbc)["overload_reset"] > 0, "new ones are reset")
        first.send(b"\r\n")
        got = first.response()
        assert (got.status, got["retry-after"], got["connection"]) == (503, "1", "close")
        assert counters(lbc)["overload_refused"] == 1
    wait_for(lambda: lbc.show("info")["metrics"]["connections_open"] == 0, "all have left")
    assert get(lbc.port).status == 200
    assert "requests are refused, with 503" in lbc.said()
    assert [r["end"] for r in lbc.logged(1) if r.get("status") == 503] == ["overload"]


def test_descriptors_that_are_not_of_connections_are_noticed_when_there_is_none_left(proxy):
    binds = [f"\n  bind 127.0.0.1:{port}" for port in free_ports(50)]
    lbc = proxy(listener=LISTENER + "".join(binds), workers=1)
    with contextlib.ExitStack() as stack:
        waits = stack.enter_context(Client(lbc.port))
        assert waits.get("/")["connection"] is None
        used = len(list(pathlib.Path(f"/proc/{lbc.pid}/fd").iterdir()))
        limit(lbc, used + 4)
        crowd(lbc, stack, 10)
        wait_for(lambda: waits.at_end(), "connections that wait are closed")
        wait_for(lambda: "requests are refused, with 503" in lbc.said(), "it is told")
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
