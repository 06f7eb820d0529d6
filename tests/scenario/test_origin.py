"""`lbc origin`: the other end of many tests has to be right itself."""
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from harness import LBC, free_ports

PATTERN = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n"


@pytest.fixture(scope="module")
def ports():
    ports = free_ports(2)
    process = subprocess.Popen([LBC, "origin", *map(str, ports)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", ports[1])).close()
            break
        except OSError:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline, "the origin does not listen"
            time.sleep(0.02)
    yield ports
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0, process.stderr.read()
    assert process.stderr.read() == ""


class Client:
    """One connection; reads exactly what it is asked for."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def get(self, path, *headers, method="GET", body=b"", version="HTTP/1.1"):
        lines = [f"{method} {path} {version}", "Host: x", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)
        return self.answer(method)

    def head(self):
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline().strip()):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return status, headers

    def answer(self, method="GET"):
        status, headers = self.head()
        body = b""
        if method == "HEAD" or status in (101, 204, 304):
            pass
        elif headers.get("transfer-encoding") == "chunked":
            parts = []
            while (size := int(self.file.readline(), 16)):
                parts.append(self.file.read(size))
                assert self.file.read(2) == b"\r\n"
            while (line := self.file.readline()) != b"\r\n":
                name, _, value = line.decode().partition(":")
                headers["trailer " + name.lower()] = value.strip()
            body = b"".join(parts)
        elif "content-length" in headers:
            body = self.file.read(int(headers["content-length"]))
        else:
            body = self.file.read()
        return status, headers, body

    def at_end(self):
        return self.file.read() == b""


@pytest.fixture
def client(ports):
    client = Client(ports[0])
    yield client
    client.socket.close()


def pattern(n):
    return (PATTERN * (n // len(PATTERN) + 1))[:n]


def test_each_port_names_itself(ports):
    for port in ports:
        status, headers, body = Client(port).get("/hello?x=1", method="PUT")
        assert (status, headers["x-origin"]) == (200, str(port))
        assert body == f"origin {port}: PUT /hello\n".encode()


@pytest.mark.parametrize("n", [0, 1, 64, 4096, 4097, 1 << 20, 50_000_001])
@pytest.mark.parametrize("kind", ["b", "chunked", "eof"])
def test_n_bytes_are_n_bytes_of_the_pattern(ports, kind, n):
    client = Client(ports[0])
    status, _, body = client.get(f"/{kind}/{n}")
    assert status == 200
    assert len(body) == n and body == pattern(n)
    if kind == "eof":
        assert client.at_end()
    else:
        assert client.get("/")[0] == 200, "the connection is kept"


def test_many_large_answers_at_once_share_the_loop(ports):
    clients = [Client(ports[0]) for _ in range(8)]
    for client in clients:
        client.send("GET /b/20000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert Client(ports[0]).get("/")[0] == 200, "nobody waits for those who do not read"
    for client in clients:
        assert len(client.answer()[2]) == 20_000_000


def test_pipelined_requests_are_answered_in_order(client):
    client.send(b"".join(b"GET /b/%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(300)))
    for n in range(300):
        assert client.answer()[2] == pattern(n)


def test_one_byte_at_a_time(client):
    for byte in b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":
        client.send(bytes([byte]))
    assert client.answer()[2].endswith(b"\r\n\r\nabc")


def test_slow_waits_and_does_not_hold_up_others(ports):
    slow, quick = Client(ports[0]), Client(ports[0])
    begun = time.monotonic()
    slow.send("GET /slow/300 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert quick.get("/")[0] == 200
    assert time.monotonic() - begun < 0.25
    assert slow.answer()[0] == 200
    assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize("status", [200, 204, 304, 404, 503, 599])
def test_status(client, status):
    assert client.get(f"/status/{status}")[0] == status
    assert client.get("/")[0] == 200


@pytest.mark.parametrize("path", ["/b/x", "/b/", "/b", "/b/-1", "/b/1073741825", "/status/99",
                                  "/status/600", "/fail/101", "/slow/9999999999"])
def test_a_number_that_is_none_is_400(client, path):
    assert client.get(path)[0] == 400


@pytest.mark.parametrize("path", ["/fail/30%", "/fail/30%25", "/fail/30"])
def test_fail_fails_about_as_often_as_told(client, path):
    failed = sum(client.get(path)[0] == 500 for _ in range(1000))
    assert 220 < failed < 380


def test_echo_of_a_body_of_known_length(client):
    _, headers, body = client.get("/echo", "X-Mine: 1", "Content-Length: 5", method="POST",
                                  body=b"hello")
    assert headers["content-type"] == "text/plain"
    assert body == (b"POST /echo HTTP/1.1\r\nHost: x\r\nX-Mine: 1\r\nContent-Length: 5\r\n\r\nhello")


def test_echo_of_a_chunked_body_with_trailers(client):
    body = client.get("/echo", "Transfer-Encoding: chunked", method="POST",
                      body=b"5;x=1\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n")[2]
    assert body.endswith(b"\r\n\r\nhello!X-T: 1\n")
    assert client.get("/")[0] == 200


def test_a_large_body_is_echoed_and_one_too_large_refused(ports):
    large = os.urandom(3_000_000)
    client = Client(ports[0])
    assert client.get("/echo", f"Content-Length: {len(large)}", method="PUT",
                      body=large)[2].endswith(large)
    client = Client(ports[0])
    client.send(b"PUT /echo HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n")
    try:
        client.send(bytes(20_000_000))
    except OSError:
        pass # it may close before all is sent
    assert client.head()[0] == 413


def test_a_body_nobody_wants_is_passed_over(client):
    assert client.get("/status/404", "Content-Length: 1000000", method="PUT",
                      body=bytes(1_000_000))[0] == 404
    assert client.get("/")[0] == 200


def test_100_continue(client):
    client.send("PUT /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert client.head()[0] == 100
    client.send("ok")
    assert client.answer()[2].endswith(b"ok")


def test_trailers(client):
    _, headers, body = client.get("/trailers")
    assert body == PATTERN
    assert headers["trailer x-trailer"] == "after the body"


@pytest.mark.parametrize("path", ["/b/100", "/chunked/100", "/trailers", "/echo", "/"])
def test_head_has_no_body(client, path):
    assert client.get(path, method="HEAD")[0] == 200
    assert client.get("/")[0] == 200


def test_http_1_0_closes_unless_asked_to_stay(ports):
    client = Client(ports[0])
    assert client.get("/chunked/100", version="HTTP/1.0")[2] == pattern(100)
    assert client.at_end()
    client = Client(ports[0])
    _, headers, _ = client.get("/", "Connection: keep-alive", version="HTTP/1.0")
    assert headers["connection"] == "keep-alive"
    assert client.get("/", version="HTTP/1.0")[0] == 200
    assert client.at_end()


@pytest.mark.parametrize("path, headers", [("/close", []), ("/", ["Connection: close"])])
def test_it_says_that_it_closes_and_does(client, path, headers):
    assert client.get(path, *headers)[1]["connection"] == "close"
    assert client.at_end()


def test_reset_comes_in_mid_body(client):
    client.send("GET /reset HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.head()[1]["content-length"] == "100000"
    with pytest.raises(ConnectionResetError):
        client.file.read(100000)


def test_short_sends_half_and_closes(client):
    client.send("GET /short/1000 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.head()[1]["content-length"] == "1000"
    assert client.file.read() == pattern(500)


def test_stall_sends_half_and_stays(client):
    client.send("GET /stall/1000 HTTP/1.1\r\nHost: x\r\n\r\n")
    client.head()
    assert client.file.read(500) == pattern(500)
    client.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.socket.recv(1)


def test_upgrade_echoes_from_the_first_byte(client):
    client.send("GET /upgrade HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nearly")
    status, headers = client.head()
    assert (status, headers["upgrade"]) == (101, "websocket")
    assert client.file.read(5) == b"early"
    client.send(bytes(range(256)))
    assert client.file.read(256) == bytes(range(256))


def test_upgrade_without_the_header_is_426(client):
    assert client.get("/upgrade")[0] == 426


@pytest.mark.parametrize("garbage", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n", b"\x00\xff\r\n\r\n",
    b"GET / HTTP/1.1\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
])
def test_what_is_no_request_is_400_and_closed(client, garbage):
    client.send(garbage)
    assert client.head()[0] == 400
    assert client.at_end()


def test_a_head_too_large_is_431(client):
    client.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 65536)
    assert client.head()[0] == 431


def run(*args):
    return subprocess.run([LBC, "origin", *args], capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("args", [[], ["x"], ["0"], ["65536"], ["--what", "1"], ["--bind"],
                                  ["--seed", "x", "9"]])
def test_wrong_usage_is_2_and_said(args):
    done = run(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.match(r"lbc origin: .+\nTry 'lbc origin --help'\.\n$", done.stderr)


def test_help_is_for_stdout():
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "/short/N" in done.stdout


def test_a_port_that_is_taken_is_1_and_said(ports):
    done = run(str(ports[0]))
    assert done.returncode == 1
    assert done.stderr == (f"lbc origin: cannot listen on 127.0.0.1 port {ports[0]}: "
                           "Address already in use\n")


def test_an_address_that_is_none_is_1_and_said():
    done = run("--bind", "nowhere", "9")
    assert (done.returncode, done.stderr) == (1, "lbc origin: not an IPv4 or IPv6 address: nowhere\n")
