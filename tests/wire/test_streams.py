"""Bodies larger than anything lbc keeps, past readers and writers that are slow: its memory stays bounded."""
import threading
import time

import pytest

from harness import Client, wait_for
from harness.watch import rss_kib, unacknowledged
from scripted import SlowClient, pattern, reply

MB = 1_000_000
# Of twenty slow transfers of 20 MB at once, lbc may keep this much. Sanitizers keep what was freed.
GROWTH_KIB = 40_000


@pytest.fixture
def bounded(site):
    """lbc has not grown by more than a few buffers when the test ends."""
    with Client(site.port) as c:
        c.get("/b/1000000", host="origin")
    before = rss_kib(site.pid)
    yield
    assert rss_kib(site.pid) - before < GROWTH_KIB


def test_a_server_waits_for_clients_that_do_not_read(site, backend, bounded):
    sent = []

    def send_20_mb(peer, request):
        peer.send(reply(b"", f"Content-Length: {20 * MB}", length=False))
        for _ in range(20):
            peer.send(piece)
            sent.append(MB)
        return True
    piece, path = pattern(MB), backend.script(send_20_mb)
    clients = [SlowClient(site.port) for _ in range(20)]
    for c in clients:
        c.request(path)
        c.head()
    settled = wait_until_still(lambda: sum(sent))
    assert settled < 20 * 20 * MB, "not everything has gone through"
    for c in clients[1:]:
        c.close()
    assert clients[0].file.read(20 * MB) == piece * 20
    assert clients[0].get(backend.script()).body == b"ok"
    clients[0].close()


def test_the_kernel_keeps_little_for_clients_that_do_not_read(site, backend):
    """Its buffers would grow to megabytes each, and a few hundred such clients take all the memory it has for TCP."""
    path = backend.script(reply(pattern(8 * MB)))
    with Client(site.port) as quick:
        assert quick.get(path).body == pattern(8 * MB)
    clients = [SlowClient(site.port) for _ in range(10)]
    for c in clients:
        c.request(path)
        c.head()
    assert wait_until_still(lambda: unacknowledged(site.port)) < 10 * 300_000
    for c in clients:
        assert c.file.read(8 * MB) == pattern(8 * MB)
        c.close()


def test_a_client_waits_for_servers_that_do_not_read(site, backend, bounded):
    go, sent = threading.Event(), []

    def read_late(peer, request):
        assert go.wait(20)
        peer.body(request)
        peer.send(reply(b"%d" % len(request.body)))
        request.body = b""
        return True
    piece, path = pattern(MB), backend.script(read_late)
    clients = [Client(site.port) for _ in range(4)]

    def upload(c):
        c.request(path, f"Content-Length: {20 * MB}", method="POST")
        for _ in range(20):
            c.send(piece)
            sent.append(MB)
    threads = [threading.Thread(target=upload, args=(c,)) for c in clients]
    for t in threads:
        t.start()
    assert wait_until_still(lambda: sum(sent)) < 4 * 20 * MB, "not everything has gone through"
    go.set()
    for c, t in zip(clients, threads):
        t.join()
        assert c.response().body == b"%d" % (20 * MB)
        c.close()


def test_a_tunnel_waits_for_who_does_not_read(site, backend, bounded):
    sent = []

    def flood(peer, request):
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        for _ in range(20):
            peer.send(piece)
            sent.append(MB)
    piece = pattern(MB)
    with SlowClient(site.port) as c:
        c.request(backend.script(flood), "Connection: upgrade", "Upgrade: x")
        assert c.head().status == 101
        assert wait_until_still(lambda: sum(sent)) < 20 * MB
        assert c.file.read() == piece * 20


def test_a_body_that_comes_in_drops_goes_on_in_drops(client, backend):
    """Nothing is held back until there is more of it."""
    arrived = []

    def note(peer, request):
        while (size := int(peer.file.readline(), 16)) > 0:
            arrived.append(peer.read(size + 2))
        peer.file.readline()
        peer.send(reply(b"x"))
        return True
    client.request(backend.script(note), "Transfer-Encoding: chunked", method="POST")
    for i in range(5):
        client.send(b"1\r\n%d\r\n" % i)
        wait_for(lambda: len(arrived) > i, "the drop arrives")
    client.send(b"0\r\n\r\n")
    assert client.response().body == b"x"


def test_many_idle_connections_hold_next_to_nothing(site):
    before = rss_kib(site.pid)
    clients = [Client(site.port) for _ in range(500)]
    for c in clients:
        assert c.get("/b/10", host="origin").status == 200
    # A buffer each would be 48 KiB. Sanitizers keep what is freed for a while, so that it is far more
    # than what tests/scenario measures without them.
    assert rss_kib(site.pid) - before < 500 * 24
    for c in clients:
        assert c.get("/b/10", host="origin").status == 200
        c.close()


def test_one_busy_pair_does_not_keep_others_waiting(site, backend):
    """20 MB at the speed of loopback, and small requests beside it on the same worker."""
    stop = threading.Event()

    def endless(peer, request):
        peer.send(reply(b"", "Content-Length: 100000000000", length=False))
        while not stop.is_set():
            peer.send(piece)
    piece = bytes(MB)
    with Client(site.port) as busy, Client(site.port) as other:
        busy.request(backend.script(endless))

        def swallow():
            while not stop.is_set():
                busy.socket.recv(MB)
        thread = threading.Thread(target=swallow)
        thread.start()
        begun = time.monotonic()
        for _ in range(20):
            assert other.get("/b/10", host="origin").status == 200
        took = time.monotonic() - begun
        stop.set()
        thread.join()
    assert took < 5


def wait_until_still(count):
    """Waits until the count has not changed for a while, and returns it."""
    last, since = count(), time.monotonic()
    while time.monotonic() - since < 0.3:
        time.sleep(0.02)
        if count() != last:
            last, since = count(), time.monotonic()
    return last
