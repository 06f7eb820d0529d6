"""`download` and `upload`: never more than burst and rate, whole all the same, and who shares it with whom.

The first byte that is asked for comes after the clock has begun, and time only passes while what came is counted: so
there can be no more than burst + rate * time, however slow the machine is."""
import contextlib
import socket
import ssl
import subprocess
import threading
import time

import pytest

from frames import Speaker, reset
from h2_scripted import H2Server, says
from harness import LBC, Client, Lbc, free_ports, wait_for
from harness.certificates import Authority
from scripted import OK, chunked, pattern, reply

KIB = 1024
RATE, BURST, BODY = 256 * KIB, 64 * KIB, 256 * KIB
LONG = 40  # seconds for what takes one

TEXT = """lbconf 1
limit down    {{ key header "x-user"  download 256KiB/s burst 64KiB }}
limit up      {{ key header "x-user"  upload 256KiB/s burst 64KiB }}
limit crawl   {{ key header "x-user"  download 16KiB/s burst 4KiB  upload 16KiB/s burst 4KiB }}
limit drip    {{ key header "x-user"  upload 1KiB/s burst 1KiB }}
limit conn    {{ per connection  download 4KiB/s burst 64KiB }}
limit request {{ per request  download 4KiB/s burst 64KiB }}
limit keep    {{ download {keep} burst 64KiB }}
limit both    {{ per connection  download 256KiB/s burst 64KiB  upload 256KiB/s burst 64KiB }}
limit slower  {{ key src  download 1KiB/s burst 2KiB }}
limit loose   {{ download 1GiB/s }}
tls own       {{ {certificate} }}
cluster web   {{ server s 127.0.0.1:{server}; limit loose; timeout read 1s; timeout write 1s }}
cluster tries {{ server s 127.0.0.1:{server}; timeout read 1s; retry 1 on connect-failure {{ timeout 900ms }} }}
cluster mux   {{ server s 127.0.0.1:{h2}; protocol h2c }}
cluster plain {{ protocol tcp; server s 127.0.0.1:{plain} }}
listener front {{ bind 127.0.0.1:{front}; bind 127.0.0.1:{secure} tls own; route site
  min-rate 100KiB 1s; timeout read 1s; timeout write 1s; compress gzip }}
listener raw   {{ bind 127.0.0.1:{raw}; protocol tcp; route bytes; limit both }}
listener brief {{ bind 127.0.0.1:{brief}; protocol tcp; route bytes; limit slower; timeout tunnel 300ms }}
route site {{
  when query "limit" == "mux"     {{ limit crawl; forward mux }}
  when query "limit" == "free"    {{ forward mux }}
  when query "limit" == "down"    {{ limit down; limit down; forward web }}
  when query "limit" == "drip"    {{ limit drip; forward web }}
  when query "limit" == "up"      {{ limit up; forward web }}
  when query "limit" == "crawl"   {{ limit crawl; forward web }}
  when query "limit" == "tries"   {{ limit crawl; forward tries }}
  when query "limit" == "conn"    {{ limit conn; forward web }}
  when query "limit" == "request" {{ limit request; forward web }}
  when query "limit" == "keep"    {{ limit keep; forward web }}
  when query "limit" == "both"    {{ limit both; forward web }}
  otherwise                       {{ forward web }}
}}
route bytes {{ otherwise {{ forward plain }} }}
"""


class Allowance:
    """What may have come by now, of one key."""

    def __init__(self, rate=RATE, burst=BURST):
        self.rate, self.burst, self.total = rate, burst, 0
        self.lock, self.begun = threading.Lock(), time.monotonic()

    def count(self, n):
        with self.lock:
            self.total += n
            most = self.burst + self.rate * (time.monotonic() - self.begun)
            assert self.total <= most, f"{self.total} bytes where there could be {most}"


def take(file, n, allowance):
    """n bytes, each held against the allowance when it comes; or all there are."""
    data = b""
    while n is None or len(data) < n:
        piece = file.read1(65536 if n is None else min(65536, n - len(data)))
        if not piece:
            break
        allowance.count(len(piece))
        data += piece
    return data


class Echo:
    """A TCP server that counts what comes, and sends it back."""

    def __init__(self):
        self.allowance = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.talk, args=(self.listener.accept()[0],), daemon=True).start()

    def talk(self, sock):
        with sock, contextlib.suppress(OSError):
            while data := sock.recv(65536):
                if self.allowance:
                    self.allowance.count(len(data))
                sock.sendall(data)


@pytest.fixture(scope="module")
def echo():
    server = Echo()
    yield server
    server.listener.close()


class Site:
    def __init__(self, begin, server, echo, h2, folder, name="lbc"):
        self.authority = Authority(folder)
        operands = self.authority.sign("own", "localhost", "127.0.0.1")
        self.ports = dict(zip(("front", "secure", "raw", "brief"), free_ports(4)))
        self.rest = {"server": server.port, "plain": echo.port, "h2": h2.port,
                     "certificate": f"certificate {operands}"}
        self.lbc = begin(Lbc, self.text(), name=name, drain=LONG)

    def text(self, keep="1KiB/s"):
        return TEXT.format(keep=keep, **self.ports, **self.rest)

    def limit(self, name):
        return next(x for x in self.lbc.show("limits") if x["limit"] == name)

    def metric(self, name):
        return self.lbc.show("info")["metrics"][name]


@pytest.fixture(scope="module")
def h2():
    server = H2Server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def site(begin, backend, echo, h2, tmp_path_factory):
    return Site(begin, backend, echo, h2, tmp_path_factory.mktemp("tls"))


@pytest.fixture
def own(start, backend, echo, h2, tmp_path):
    return Site(start, backend, echo, h2, tmp_path)


@pytest.fixture
def user(request):
    """A key that no other test has spent anything of."""
    return f"X-User: {request.node.name}"


def sends(body):
    def does(peer, request):
        peer.body(request)
        peer.send(body)
        return True
    return does


# --- downloads ---------------------------------------------------------------------------------------

def by_close(peer, request):
    peer.send(reply(pattern(BODY), length=False))
    return False


BODIES = [pytest.param(sends(reply(pattern(BODY))), id="with a length"),
          pytest.param(sends(reply(b"", "Transfer-Encoding: chunked", length=False) + chunked(pattern(BODY), 50_000)),
                       id="in chunks"),
          pytest.param(by_close, id="to the end of the connection")]


@pytest.mark.parametrize("does", BODIES)
def test_a_download(site, backend, user, does):
    path, allowance = backend.script(does), Allowance()
    before = site.limit("down")
    with Client(site.ports["front"]) as c:
        c.request(path + "?limit=down", user)
        head = c.head()
        assert head.status == 200
        if head["transfer-encoding"] == "chunked":
            data = b""
            while size := int(c.file.readline(), 16):
                data += take(c.file, size, allowance)
                assert c.file.readline() == b"\r\n"
            assert c.file.readline() == b"\r\n"
        else:
            data = take(c.file, int(head["content-length"]) if head["content-length"] else None, allowance)
    assert data == pattern(BODY)
    seen = wait_for(lambda: (x := site.limit("down")) and x["bytes"] >= before["bytes"] + BODY and x, "it is counted")
    assert (seen["mode"], seen["delayed"], seen["refused"]) == ("delay", before["delayed"] + 1, 0)
    assert seen["bytes"] == before["bytes"] + BODY and seen["delayed_s"] > before["delayed_s"]


def test_a_download_over_tls(site, backend, user):
    path, allowance = backend.script(sends(reply(pattern(BODY)))), Allowance()
    context = ssl.create_default_context(cafile=str(site.authority.folder / "ca.crt"))
    with Client(site.ports["secure"]) as c:
        c.socket = context.wrap_socket(c.socket, server_hostname="localhost")
        c.file = c.socket.makefile("rb")
        c.request(path + "?limit=down", user)
        assert c.head().status == 200
        assert take(c.file, BODY, allowance) == pattern(BODY)


def test_what_is_compressed_counts_as_it_is_sent(site, backend, user):
    """A megabyte of nothing is few bytes, and goes at once."""
    before = site.limit("down")
    path = backend.script(sends(reply(b" " * 1_000_000, "Content-Type: text/plain")))
    with Client(site.ports["front"]) as c:
        answer = c.get(path + "?limit=down", user, "Accept-Encoding: gzip")
    assert answer["content-encoding"] == "gzip"
    seen = wait_for(lambda: (x := site.limit("down")) and x["bytes"] > before["bytes"] and x, "it is counted")
    assert seen["bytes"] - before["bytes"] == len(answer.body) < BURST
    assert seen["delayed"] == before["delayed"]


def in_threads(*work):
    failed = []

    def run(one):
        try:
            one()
        except Exception as e:  # noqa: BLE001: told below
            failed.append(e)
    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


def test_connections_of_a_key_share_it(site, backend, user):
    path, allowance = backend.script(sends(reply(pattern(BODY)))), Allowance()
    done, at_the_first = [0] * 4, []

    def load(i):
        with Client(site.ports["front"], timeout=LONG) as c:
            c.request(path + "?limit=down", user)
            head, got = c.head(), b""
            assert head.status == 200
            while len(got) < BODY:
                got += take(c.file, min(8 * KIB, BODY - len(got)), allowance)
                done[i] = len(got)
            at_the_first.append(list(done))
            assert got == pattern(BODY)
    in_threads(*(lambda i=i: load(i) for i in range(4)))
    # Nobody had it for himself: when the first was through, the others had had their part.
    assert min(at_the_first[0]) > BODY // 8


def test_another_key_is_not_kept_waiting(site, backend, user):
    """The one has minutes before it."""
    path, small = backend.script(sends(reply(pattern(4 << 20)))), backend.script(sends(reply(pattern(BURST))))
    with Client(site.ports["front"]) as c, Client(site.ports["front"]) as other:
        c.request(path + "?limit=crawl", user)
        assert c.head().status == 200
        assert other.get(small + "?limit=down", user + " too").body == pattern(BURST)
        assert other.get(small).body == pattern(BURST)


def test_each_connection_has_its_own(site, backend):
    """With a rate that gives nothing back in the time of a test."""
    before = site.limit("conn")["delayed"]
    most, more = backend.script(sends(reply(pattern(60 * KIB)))), backend.script(sends(reply(pattern(40 * KIB))))
    with Client(site.ports["front"]) as c, Client(site.ports["front"]) as other:
        assert c.get(most + "?limit=conn").status == 200
        assert other.get(most + "?limit=conn").status == 200
        assert site.limit("conn")["delayed"] == before
        c.request(more + "?limit=conn")
        wait_for(lambda: site.limit("conn")["delayed"] == before + 1, "the second on it is delayed")


def test_each_request_has_its_own(site, backend):
    before = site.limit("request")
    path = backend.script(sends(reply(pattern(60 * KIB))))
    with Client(site.ports["front"]) as c:
        for _ in range(4):
            assert c.get(path + "?limit=request").body == pattern(60 * KIB)
        seen = site.limit("request")
        assert (seen["delayed"], seen["keys"]) == (before["delayed"], 0)
        c.request(backend.script(sends(reply(pattern(100 * KIB)))) + "?limit=request")
        wait_for(lambda: site.limit("request")["delayed"] == before["delayed"] + 1, "one of more than its burst is")


def test_what_does_not_go_is_given_back(site, backend):
    """Each of these asks for a kibibyte, and moves a hundredth of it."""
    before = site.limit("conn")
    path = backend.script(sends(reply(b"ten bytes.")))
    with Client(site.ports["front"]) as c:
        for _ in range(100):
            assert c.get(path + "?limit=conn").status == 200
    seen = wait_for(lambda: (x := site.limit("conn")) and x["bytes"] >= before["bytes"] + 1000 and x, "it is counted")
    assert (seen["bytes"], seen["delayed"]) == (before["bytes"] + 1000, before["delayed"])


# --- uploads -----------------------------------------------------------------------------------------

def counts(allowance, got):
    """The server's end of an upload."""
    def does(peer, request):
        if request["transfer-encoding"] == "chunked":
            while size := int(peer.line(), 16):
                got.append(take(peer.file, size, allowance))
                assert peer.line() == b"\r\n"
            assert peer.line() == b"\r\n"
        else:
            got.append(take(peer.file, int(request["content-length"]), allowance))
        peer.send(OK)
        return True
    return does


@pytest.mark.parametrize("in_chunks", [False, True], ids=["with a length", "in chunks"])
def test_an_upload(site, backend, user, in_chunks):
    got, allowance = [], Allowance()
    path, before = backend.script(counts(allowance, got)), site.limit("up")
    with Client(site.ports["front"], timeout=LONG) as c:
        if in_chunks:
            c.request(path + "?limit=up", user, "Transfer-Encoding: chunked", method="POST",
                      body=chunked(pattern(BODY), 50_000))
        else:
            c.request(path + "?limit=up", user, f"Content-Length: {BODY}", method="POST", body=pattern(BODY))
        assert c.response().status == 200
    assert b"".join(got) == pattern(BODY)
    seen = wait_for(lambda: (x := site.limit("up")) and x["bytes"] >= before["bytes"] + BODY and x, "it is counted")
    assert seen["delayed"] == before["delayed"] + 1


def test_who_sends_feels_it(site, backend, user):
    """What may not go on is not read: most of it stays with the client."""
    got, size = [], 64 << 20
    path = backend.script(counts(Allowance(16 * KIB, 4 * KIB), got))
    with Client(site.ports["front"]) as c:
        c.request(path + "?limit=crawl", user, f"Content-Length: {size}", method="POST")
        c.socket.settimeout(1)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < size:
                sent += c.socket.send(bytes(1 << 20))
        assert sent < size // 2


# --- who is not to suffer ----------------------------------------------------------------------------

def test_our_own_delay_is_nobodys_fault(site, backend, user):
    """Each of these waits for longer than `timeout write` and moves less than `min-rate`, because we let it."""
    path = backend.script(sends(reply(pattern(32 * KIB))))
    slow = [site.metric("requests_slow"), site.metric("responses_slow"), site.metric("requests_timed_out")]

    def load():
        with Client(site.ports["front"], timeout=LONG) as c:
            assert c.get(path + "?limit=crawl", user).body == pattern(32 * KIB)
    in_threads(*[load] * 6)
    assert slow == [site.metric("requests_slow"), site.metric("responses_slow"), site.metric("requests_timed_out")]


@pytest.mark.parametrize("to, early", [("crawl", False), ("crawl", True), ("tries", False)],
                         ids=["", "whose answer has begun", "in one of several tries"])
def test_an_upload_that_we_delay_goes_on(site, backend, user, to, early):
    """And the server, which hears little meanwhile, is not late."""
    allowance = Allowance(16 * KIB, 4 * KIB)

    def does(peer, request, got):
        if early:
            peer.send(reply(b"", "Transfer-Encoding: chunked", length=False) + b"1\r\nx\r\n")
        got.append(take(peer.file, 24 * KIB, allowance))
        peer.send(b"0\r\n\r\n" if early else OK)
        return True

    def load():
        got = []
        path = backend.script(lambda peer, request: does(peer, request, got))
        with Client(site.ports["front"], timeout=LONG) as c:
            c.request(f"{path}?limit={to}", user, f"Content-Length: {24 * KIB}", method="POST",
                      body=pattern(24 * KIB))
            assert c.response().status == 200
        assert b"".join(got) == pattern(24 * KIB)
    in_threads(*[load] * 6)


def test_who_resets_while_its_upload_waits_is_noticed_at_the_next_turn(site, backend, user):
    """And not when all that came before has dripped through, which is a minute of it."""
    def hears(peer, request):
        with contextlib.suppress(OSError):
            while peer.file.read(100):
                pass
    path, aborted = backend.script(hears), site.metric("requests_aborted")
    c = Client(site.ports["front"])
    c.request(path + "?limit=drip", user, f"Content-Length: {64 * KIB}", method="POST", body=pattern(60 * KIB))
    wait_for(lambda: site.limit("drip")["delayed"] > 0, "it waits")
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    c.close()
    wait_for(lambda: site.metric("requests_aborted") == aborted + 1, "it is noticed", 20)


def test_a_stream_does_not_hold_up_its_neighbours(site, backend, user):
    slow, fast = backend.script(sends(reply(pattern(8 << 20)))), backend.script(sends(reply(pattern(1 << 20))))
    field = tuple(user.lower().split(": "))
    with Speaker(site.ports["front"], timeout=LONG) as h2:
        first = h2.ask(slow + "?limit=crawl", field)
        h2.until(lambda: first in h2.answers and h2.answers[first].body)
        for _ in range(3):
            assert h2.get(fast).body == pattern(1 << 20)
        assert not h2.answers[first].ended
        h2.send(reset(first))
        assert h2.get(fast).status == 200


def test_a_stream_that_sends_does_not_hold_up_its_neighbours(site, backend, user):
    """Its window is not given back before its bytes may go; the connection's is."""
    got = []
    slow, fast = backend.script(counts(Allowance(16 * KIB, 4 * KIB), got)), backend.script()
    field = tuple(user.lower().split(": "))
    with Speaker(site.ports["front"], timeout=LONG) as h2:
        h2.obeys = True
        h2.hear()
        first = h2.ask(slow + "?limit=crawl", field, method="POST", body=b"", end=False)
        h2.data(first, bytes(h2.window(first)))
        h2.hear()
        for _ in range(3):
            assert h2.get(fast, method="POST", body=pattern(300_000)).status == 200
        assert first not in h2.answers or not h2.answers[first].ended


def test_a_response_does_not_hold_up_others_of_its_server_connection(site, h2, user):
    """It fills its stream's window; the connection's is given back."""
    slow, fast = h2.script(says(pattern(60_000))), h2.script(says(pattern(300_000)))
    h2.scripts |= {slow + "?limit=mux": h2.scripts[slow], fast + "?limit=free": h2.scripts[fast]}
    with Speaker(site.ports["front"], timeout=LONG) as client:
        first = client.ask(slow + "?limit=mux", tuple(user.lower().split(": ")))
        client.until(lambda: first in client.answers and client.answers[first].body)
        assert client.get(fast + "?limit=free").body == pattern(300_000)
        assert not client.answers[first].ended
        assert client.answer(first).body == pattern(60_000)
    assert len(h2.connections) == 1


# --- tunnels -----------------------------------------------------------------------------------------

def test_a_tcp_connection_both_ways(site, echo):
    with socket.create_connection(("127.0.0.1", site.ports["raw"]), timeout=LONG) as c:
        echo.allowance, down = Allowance(), Allowance()
        try:
            in_threads(lambda: c.sendall(pattern(BODY)),
                       lambda: take_and_compare(c.makefile("rb"), down))
        finally:
            echo.allowance = None


def take_and_compare(file, allowance):
    assert take(file, BODY, allowance) == pattern(BODY)


def test_a_tunnel_that_we_delay_is_not_silent(site):
    """Each piece comes within `timeout tunnel`, but for us: five connections wait for one another."""
    allowance = Allowance(KIB, 2 * KIB)

    def talk():
        with socket.create_connection(("127.0.0.1", site.ports["brief"]), timeout=LONG) as c:
            c.sendall(pattern(2 * KIB))
            assert take(c.makefile("rb"), 2 * KIB, allowance) == pattern(2 * KIB)
    in_threads(*[talk] * 5)


def test_a_connection_that_was_upgraded(site, backend):
    allowance = Allowance()

    def does(peer, request):
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n")
        peer.send(pattern(BODY))
        return False
    with Client(site.ports["front"], timeout=LONG) as c:
        c.request(backend.script(does) + "?limit=both", "Connection: upgrade", "Upgrade: raw")
        assert c.head().status == 101
        take_and_compare(c.file, allowance)


# --- reload, and the end -----------------------------------------------------------------------------

def test_a_reload_keeps_what_was_spent(own, backend):
    path, more = backend.script(sends(reply(pattern(BURST)))), backend.script(sends(reply(pattern(32 * KIB))))
    with Client(own.ports["front"]) as c:
        assert c.get(path + "?limit=keep").status == 200
    assert own.limit("keep")["delayed"] == 0
    own.lbc.reload()
    with Client(own.ports["front"]) as c:
        c.request(more + "?limit=keep")
        wait_for(lambda: own.limit("keep")["delayed"] == 1, "it is delayed")
        own.lbc.reload(own.text(keep="1GiB/s"))  # those under way go on as they were
        with Client(own.ports["front"]) as other:
            assert other.get(more + "?limit=keep").body == pattern(32 * KIB)
    wait_for(lambda: own.metric("requests_in_flight") == 0, "who left is gone")


def test_what_is_delayed_goes_on_to_its_end(own, backend):
    """The process is to end meanwhile."""
    path, allowance = backend.script(sends(reply(pattern(BODY)))), Allowance()
    with Client(own.ports["front"], timeout=LONG) as c:
        c.request(path + "?limit=down")
        assert c.head().status == 200
        own.lbc.signal(15)
        assert take(c.file, BODY, allowance) == pattern(BODY)
    assert own.lbc.wait() == 0


# --- what is said of it ------------------------------------------------------------------------------

def test_explain_says_how_long_bodies_take(site):
    said = subprocess.run([LBC, "explain", site.lbc.file, "limit", "down"], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "  download 262144B/s: 65536 bytes at once, then up to 5242 at a time\n" in said.stdout
    assert "  a download of 64KiB  at once\n  a download of 1MiB  3.75s\n" in said.stdout
    assert "upload" not in said.stdout
    said = subprocess.run([LBC, "explain", site.lbc.file, "limit", "conn"], capture_output=True, text=True)
    assert "  each connection has it for itself\n" in said.stdout


def test_the_metrics_have_it(site, backend, user):
    path = backend.script(sends(reply(pattern(BURST + 16 * KIB))))
    with Client(site.ports["front"], timeout=LONG) as c:
        assert c.get(path + "?limit=down", user).status == 200

    def value(family):
        lines = site.lbc.ctl("show", "metrics").splitlines()
        return int(next(x for x in lines if x.startswith(f'lbc_limit_{family}{{limit="down"}}')).split()[-1])
    wait_for(lambda: value("bytes_total") >= BURST, "they are counted")
    assert value("delayed_total") >= 1 and value("delayed_bytes_total") >= 4096
    assert value("refused_total") == value("observed_total") == 0
    assert value("delayed_seconds_total") >= 0
