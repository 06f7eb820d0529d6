"""Workers, and what they write: any number of them, nothing while idle, every line whole."""
import collections
import fcntl
import json
import os
import resource
import signal
import subprocess
import time

import pytest

from harness import LBC, Client, Lbc, Origin, free_port, get, wait_for, wrapper
from harness.load import Load, Wrk
from harness.quickstart import Quickstart
from harness.watch import IS_SLOW, UNDER_TOOL, cpu_s, number, report


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers(start, workers):
    q = Quickstart(start, workers=workers)
    info = q.lbc.show("info")
    assert info["workers"] == workers
    with Load(q.port, connections=8) as load:
        q.lbc.reload(q.text.replace("weight 2", "weight 3"))
        time.sleep(0.3)
    load.assert_clean()
    n = len(load.all())
    by = collections.Counter(r["request_id"][:16] for r in q.lbc.logged(n))
    assert len(by) <= workers  # a worker's request ids begin alike
    with Load(q.port, connections=1) as load:
        for _ in range(200):
            assert get(q.port, "/b/10", "Connection: close").status == 200
    assert len({r["request_id"][:16] for r in q.lbc.logged(n + 200)}) == workers
    wait_for(lambda: q.lbc.show("info")["metrics"]["connections_open"] == 0, "all have left")
    q.lbc.stop()
    assert all(r["end"] == "complete" for r in q.lbc.log())


def test_the_turn_is_one_for_all_workers(start):
    """Exactly by weight, though each request comes by another worker."""
    q = Quickstart(start, workers=4)
    got = collections.Counter()
    for _ in range(100):
        got[get(q.port, "/b/1", "Connection: close")["x-origin"]] += 1
    assert [got[str(q.names[name])] for name in "abc"] == [50, 25, 25]


@pytest.mark.skipif(UNDER_TOOL, reason="a tool is not idle")
@pytest.mark.parametrize("connections", [0, 20])
def test_an_idle_lbc_uses_no_processor(proxy, connections):
    """Connections that wait have their timeouts looked after; that is all."""
    lbc = proxy(workers=4)
    clients = [Client(lbc.port) for _ in range(connections)]
    for c in clients:
        assert c.get("/b/10").status == 200
    time.sleep(0.5)
    before = cpu_s(lbc.pid)
    time.sleep(3)
    used = cpu_s(lbc.pid) - before
    report(connections=connections, cpu_s_in_3_s=used)
    assert used <= (0.25 if IS_SLOW else 0.1) if connections else used <= 0.02
    for c in clients:
        c.close()


# --- the access log -----------------------------------------------------------------------------------


def lines(*paths):
    """Of all of these files: whole, and JSON."""
    records = []
    for path in paths:
        text = path.read_bytes()
        assert text == b"" or text.endswith(b"\n")
        records += [json.loads(line) for line in text.splitlines()]
    return records


def test_every_request_is_logged_once_and_whole(proxy):
    lbc = proxy()
    with Load(lbc.port, connections=2), Wrk(lbc.port) as wrk:
        time.sleep(number("LOG_SECONDS", 1))
        wrk.finish()
    wait_for(lambda: lbc.show("info")["metrics"]["connections_open"] == 0, "all have left")
    lbc.stop()
    records = lines(lbc.log_path)
    assert len({r["request_id"] for r in records}) == len(records)
    assert len(records) >= wrk.requests
    assert "records lost" not in lbc.said()
    report(records=len(records))


def test_odd_requests_make_sound_lines(proxy):
    lbc = proxy()
    for data in (b"\x00\xff\r\n\r\n", b"GET /%22%5c\"\\ HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET /\xc3\x28\xf0 HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"G\"T / HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET /" + b"%e2%82%ac" * 500 + b" HTTP/1.1\r\nHost: " + b"h" * 200 + b"\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: \x7f\r\n\r\n"):
        with Client(lbc.port) as c:
            c.send(data)
            c.response()
    lbc.stop()
    assert len(lines(lbc.log_path)) == 6


def test_rotation_loses_and_doubles_nothing(proxy):
    lbc = proxy()
    old = [lbc.log_path.with_suffix(f".{i}") for i in range(4)]
    with Load(lbc.port, connections=4) as load:
        for path in old:
            time.sleep(0.2)
            lbc.log_path.rename(path)
            lbc.signal(signal.SIGUSR1)
            wait_for(lbc.log_path.exists, "there is a new one")
    load.assert_clean()
    lbc.stop()
    records = lines(*old, lbc.log_path)
    assert all(lines(path) for path in old)
    assert len(records) == len(load.all()) == len({r["request_id"] for r in records})


def test_a_log_that_cannot_be_opened_again_goes_on_where_it_was(proxy):
    lbc = proxy()
    assert get(lbc.port).status == 200
    lbc.logged(1)
    moved = lbc.log_path.with_suffix(".moved")
    lbc.log_path.rename(moved)
    lbc.log_path.mkdir()
    lbc.signal(signal.SIGUSR1)
    wait_for(lambda: "cannot be opened again" in lbc.said(), "it says so")
    assert get(lbc.port).status == 200
    wait_for(lambda: len(lines(moved)) == 2, "both are in the old file")


def test_a_log_nobody_reads_costs_records_and_nothing_else(proxy, tmp_path):
    """A full pipe: requests are served as before, what is lost is counted, and stopping is possible."""
    path = tmp_path / "lbc.log"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    lbc = proxy()
    with Load(lbc.port, connections=2) as load, Wrk(lbc.port):
        wait_for(lambda: lbc.show("info")["metrics"]["log_records_dropped"] > 0, "some are lost", 60)
        since = time.monotonic()
        time.sleep(0.5)
        assert len(load.since(since)) > 20
    load.assert_clean()

    lost = lbc.show("info")["metrics"]["log_records_dropped"]
    assert lost > 0
    said = b""

    def read():
        nonlocal said
        try:
            while piece := os.read(reader, 1 << 20):
                said += piece
        except BlockingIOError:
            pass
        return said
    wait_for(lambda: read().count(b"\n") >= 4096, "what was kept comes out")
    # Each worker has a ring of its own, and the other one's may still be full: ask until it is in.
    wait_for(lambda: get(lbc.port, "/b/7").status == 200 and b'"/b/7"' in read(), "and what is new")
    for line in said[:said.rindex(b"\n")].splitlines():  # the last one may still be on its way
        json.loads(line)

    with Load(lbc.port, connections=2):
        time.sleep(0.5)
    begun = time.monotonic()
    lbc.stop()  # nobody reads again
    assert time.monotonic() - begun < 10
    os.close(reader)


def test_a_log_without_a_reader_is_refused_and_does_not_hang(proxy, tmp_path):
    """Opening a FIFO for writing blocks until somebody reads; neither a start nor a rotation may."""
    lbc = proxy()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    done = subprocess.run([*wrapper(), LBC, "run", str(lbc.file), "--socket", "off",
                           "--access-log", str(fifo)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and str(fifo) in done.stderr

    lbc.log_path.unlink()
    os.mkfifo(lbc.log_path)
    lbc.signal(signal.SIGUSR1)
    wait_for(lambda: "cannot be opened again" in lbc.said(), "it says so")
    assert get(lbc.port).status == 200
    lbc.log_path.unlink()


@pytest.mark.skipif(UNDER_TOOL, reason="its own files have the limit, too")
def test_a_full_disk_costs_records_and_nothing_else(start, tmp_path):
    """A limit on the file's size says "no" as a full disk does."""
    port, origin = free_port(), start(Origin)
    lbc = start(Lbc, f"""lbconf 1
cluster app {{ server a 127.0.0.1:{origin.port} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
""")
    resource.prlimit(lbc.pid, resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
    with Load(port, connections=2) as load:
        wait_for(lambda: "records lost" in lbc.said(), "it says so")
    load.assert_clean()
    resource.prlimit(lbc.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert get(port, "/b/7").status == 200
    wait_for(lambda: b'"/b/7"' in lbc.log_path.read_bytes(), "it goes on")
