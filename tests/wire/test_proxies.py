"""Who it is that connects: PROXY headers and X-Forwarded-For, from those who are trusted and others."""
import contextlib
import socket
import ssl
import struct
import subprocess
import time

import pytest

from harness import Client, Lbc, free_ports, wait_for

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"

CONFIGURATION = """lbconf 1
cluster plain  {{ server s 127.0.0.1:{backend} }}
cluster first  {{ server s 127.0.0.1:{backend}; proxy-protocol v1 }}
cluster second {{ server s 127.0.0.1:{backend}; proxy-protocol v2 }}
listener behind {{
  bind 127.0.0.1:{behind} proxy-protocol
  bind unix:{path} proxy-protocol mode "0600"
  trusted-proxies 127.0.0.1, 10.0.0.0/8
  timeout header 1s
  on connect {{ when src == 198.51.100.9 {{ drop }} }}
  route site
}}
listener stranger {{ bind 127.0.0.1:{stranger} proxy-protocol; trusted-proxies 10.0.0.0/8; route site }}
listener forwarded {{ bind 127.0.0.1:{forwarded}; trusted-proxies 127.0.0.1, 10.0.0.0/8; route site }}
listener one {{ bind 127.0.0.1:{one}; trusted-proxies 127.0.0.1; client-header forwarded; route site }}
listener other {{ bind 127.0.0.1:{other}; trusted-proxies 127.0.0.1; client-header x-forwarded-for; route site }}
route site {{
  when host == "v1" {{ forward first }}
  when host == "v2" {{ forward second }}
  otherwise {{ set header "x-facts" "{{src}} {{src.port}} {{dst}} {{dst.port}}"; forward plain }}
}}
"""


@pytest.fixture(scope="module")
def lbc(begin, backend, tmp_path_factory):
    ports = free_ports(5)
    path = tmp_path_factory.mktemp("proxies") / "front.sock"
    lbc = begin(Lbc, CONFIGURATION.format(backend=backend.port, behind=ports[0], stranger=ports[1],
                                          forwarded=ports[2], one=ports[3], other=ports[4], path=path),
                workers=1)
    lbc.behind, lbc.stranger, lbc.forwarded, lbc.one, lbc.other, lbc.path = *ports, path
    return lbc


def metric(lbc, name):
    return lbc.show("info")["metrics"][name]


def v1(src="192.0.2.7", sport=1234, dst="203.0.113.1", dport=443):
    return f"PROXY TCP4 {src} {dst} {sport} {dport}\r\n".encode()


def v2(src="192.0.2.7", sport=1234, dst="203.0.113.1", dport=443, tlv=b""):
    addresses = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack(">HH", sport, dport) + tlv
    return SIGNATURE + b"\x21\x11" + struct.pack(">H", len(addresses)) + addresses


NAMED = "192.0.2.7 1234 203.0.113.1 443"


@pytest.mark.parametrize("header", [v1(), v2(), v2(tlv=b"\x04\0\x02ab")], ids=["v1", "v2", "tlv"])
@pytest.mark.parametrize("cut", ["whole", "with the request", "byte by byte"])
def test_a_header_says_who_the_client_is(lbc, backend, header, cut):
    path = backend.script()
    with Client(lbc.behind) as c:
        if cut == "with the request":
            c.send(header + GET % path.encode())
        elif cut == "whole":
            c.send(header)
            c.request(path)
        else:
            for i in range(len(header)):
                c.send(header[i:i + 1])
                time.sleep(0.001)
            c.request(path)
        assert c.response().status == 200
        c.request(path)  # and says it once, for all of the connection
        assert c.response().status == 200
        own = c.socket.getsockname()[1]
    for seen in backend.of(path):
        assert seen["x-facts"] == NAMED
        assert seen["x-forwarded-for"] == "192.0.2.7"
    record = wait_for(lambda: [r for r in lbc.log() if r.get("uri") == path], "its record")[0]
    assert (record["client"], record["client_port"]) == ("192.0.2.7", 1234)
    assert (record["peer"], record["peer_port"]) == ("127.0.0.1", own)


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x20\0\0\0"], ids=["v1", "v2"])
def test_a_proxy_may_speak_for_itself(lbc, backend, header):
    path = backend.script()
    with Client(lbc.behind) as c:
        c.send(header + GET % path.encode())
        assert c.response().status == 200
        assert backend.of(path)[0]["x-facts"] == f"127.0.0.1 {c.socket.getsockname()[1]} 127.0.0.1 {lbc.behind}"


@pytest.mark.parametrize("bad", [b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 1.2.3.4\r\n", b"P" * 200,
                                 SIGNATURE + b"\x21\x11\xff\xff", b"PROXY UNKNOWN" + b"x" * 200],
                         ids=["request", "short", "noise", "too long", "no end"])
def test_what_is_no_header_is_closed_and_counted(lbc, bad):
    before = metric(lbc, "proxy_headers_bad")
    with Client(lbc.behind) as c:
        c.send(bad)
        assert c.at_end()
    wait_for(lambda: metric(lbc, "proxy_headers_bad") == before + 1, "it is counted")


@pytest.mark.parametrize("part", [b"", b"PROXY TCP4 ", SIGNATURE], ids=["nothing", "v1", "v2"])
def test_a_header_that_does_not_come_in_time_is_closed_and_counted(lbc, part):
    before = metric(lbc, "proxy_headers_bad")
    with Client(lbc.behind) as c:
        c.send(part)
        c.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            c.socket.recv(1)
        c.socket.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert c.socket.recv(1) == b""
    wait_for(lambda: metric(lbc, "proxy_headers_bad") == before + 1, "it is counted")


def test_nobody_else_is_believed(lbc):
    before = metric(lbc, "proxy_untrusted")
    with contextlib.suppress(ConnectionResetError), Client(lbc.stranger) as c:
        c.send(v1())
        assert c.at_end()
    wait_for(lambda: metric(lbc, "proxy_untrusted") == before + 1, "it is counted")


def test_on_connect_is_asked_about_the_client(lbc):
    before = metric(lbc, "connections_dropped")
    with Client(lbc.behind) as c:
        c.send(v1(src="198.51.100.9"))
        assert c.at_end()
    assert metric(lbc, "connections_dropped") == before + 1


def test_a_unix_socket_trusts_who_may_connect(lbc, backend):
    path = backend.script()
    assert lbc.path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(lbc.path))
        s.sendall(v2() + GET % path.encode())
        assert s.recv(100).startswith(b"HTTP/1.1 200")
    assert backend.of(path)[0]["x-facts"] == NAMED


def test_a_client_on_a_unix_socket_is_unknown_to_servers(lbc, backend):
    """RFC 7239 6.2. It has no address, and `::` would be one."""
    path = backend.script()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(lbc.path))
        s.sendall(SIGNATURE + b"\x20\0\0\0" + GET % path.encode())
        assert s.recv(100).startswith(b"HTTP/1.1 200")
    [request] = backend.of(path)
    assert request["x-forwarded-for"] == "unknown" and request["forwarded"].startswith("for=unknown;")


# --- towards servers -----------------------------------------------------------------------------

@pytest.fixture
def server():
    """Accepts; gives each connection as (socket, what came first)."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        s.settimeout(20)
        yield s


def accept(server):
    peer, _ = server.accept()
    peer.settimeout(20)
    return peer


OUT = """lbconf 1
cluster c {{ server s 127.0.0.1:{server}; proxy-protocol {version}; {more} }}
listener l {{ bind 127.0.0.1:{port}; route r }}
route r {{ otherwise {{ forward c }} }}
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def begin_out(start, server, version, more=""):
    [port] = free_ports(1)
    return start(Lbc, OUT.format(server=server.getsockname()[1], port=port, version=version, more=more),
                 workers=1, port=port)


def introduced(c, lbc, version):
    sport = c.socket.getsockname()[1]
    return (v1 if version == "v1" else v2)("127.0.0.1", sport, "127.0.0.1", lbc.port)


def read_request(peer, header=b""):
    data = b""
    while not data.endswith(b"\r\n\r\n") or len(data) <= len(header):
        piece = peer.recv(65536)
        assert piece
        data += piece
    return data


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_servers_are_told_whose_connection_it_is(start, server, version):
    lbc = begin_out(start, server, version)
    with Client(lbc.port) as a, Client(lbc.port) as b:
        peers = []
        for c in (a, b):
            c.request("/")
            peer = accept(server)
            data = read_request(peer, introduced(c, lbc, version))
            header = introduced(c, lbc, version)
            assert data.startswith(header + b"GET / HTTP/1.1\r\n")
            peer.sendall(OK)
            assert c.response().body == b"ok"
            peers.append(peer)
        for c, peer in ((b, peers[1]), (a, peers[0])):  # each goes on with the connection it began
            c.request("/again")
            assert read_request(peer).startswith(b"GET /again")
            peer.sendall(OK)
            assert c.response().body == b"ok"
    for peer in peers:  # and it goes with its client
        assert peer.recv(1) == b""
        peer.close()


def test_a_kept_connection_that_dies_is_made_anew(start, server):
    lbc = begin_out(start, server, "v1")
    with Client(lbc.port) as c:
        for _ in range(3):
            c.request("/")
            with accept(server) as peer:
                assert read_request(peer, introduced(c, lbc, "v1")).startswith(b"PROXY TCP4 127.0.0.1")
                peer.sendall(OK)
                assert c.response().body == b"ok"
            time.sleep(0.05)


@pytest.mark.parametrize("version, first", [("v1", b"PROXY UNKNOWN\r\n"), ("v2", SIGNATURE + b"\x20\0\0\0")])
@pytest.mark.parametrize("health", ["tcp", "http GET \"/\""])
def test_health_checks_speak_for_themselves(start, server, version, first, health):
    lbc = begin_out(start, server, version, f"health {health} {{ every 5s; timeout 5s }}")
    with accept(server) as peer:
        data = b""
        while len(data) < len(first):
            data += peer.recv(65536)
        if health != "tcp":
            assert data.startswith(first + b"GET / HTTP/1.1\r\n")
            peer.sendall(OK)
        else:
            assert data == first
    wait_for(lambda: "up" in lbc.ctl("show", "servers"), "it is up")


# --- X-Forwarded-For -----------------------------------------------------------------------------

@pytest.mark.parametrize("fields, src", [
    ([], "127.0.0.1"),
    (["X-Forwarded-For: 192.0.2.1"], "192.0.2.1"),
    (["X-Forwarded-For: 198.51.100.1, 192.0.2.1"], "192.0.2.1"),
    (["X-Forwarded-For: 192.0.2.1, 10.0.0.9"], "192.0.2.1"),
    (["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 10.0.0.9, 10.1.1.1"], "192.0.2.1"),
    (["X-Forwarded-For: 10.0.0.8, 10.0.0.9"], "10.0.0.8"),
    (["X-Forwarded-For: 192.0.2.1, nonsense, 10.0.0.9"], "10.0.0.9"),
    (["X-Forwarded-For: [2001:db8::1]:80"], "2001:db8::1"),
    (["Forwarded: for=\"[2001:db8::1]:80\";proto=https, for=10.0.0.9"], "2001:db8::1"),
    (["Forwarded: for=unknown"], "127.0.0.1"),
])
def test_src_is_whom_trusted_proxies_speak_for(lbc, backend, fields, src):
    path = backend.script()
    with Client(lbc.forwarded) as c:
        assert c.get(path, *fields).status == 200
        own = c.socket.getsockname()[1]
    [seen] = backend.of(path)
    assert seen["x-facts"].split()[0] == src
    record = wait_for(lambda: [r for r in lbc.log() if r.get("uri") == path], "its record")[0]
    assert record["client"] == src
    if src != "127.0.0.1":
        assert "client_port" not in record and record["peer_port"] == own


@pytest.mark.parametrize("listener, src", [("forwarded", "192.0.2.2"), ("one", "192.0.2.1"), ("other", "192.0.2.2")])
def test_one_header_alone_may_be_believed(lbc, backend, listener, src):
    path = backend.script()
    with Client(getattr(lbc, listener)) as c:
        c.get(path, "Forwarded: for=192.0.2.1", "X-Forwarded-For: 192.0.2.2")
    [seen] = backend.of(path)
    assert seen["x-facts"].split()[0] == src


def test_the_chain_of_a_trusted_proxy_is_kept(lbc, backend):
    path = backend.script()
    with Client(lbc.forwarded) as c:
        c.get(path, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "Forwarded: for=192.0.2.1",
              "X-Forwarded-For: 192.0.2.2, 192.0.2.3", "X-Real-IP: 192.0.2.1", "X-Forwarded-Host: h")
    [seen] = backend.of(path)
    assert seen["x-forwarded-for"] == "192.0.2.1, 192.0.2.2, 192.0.2.3, 127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"
    assert seen.all("forwarded") == ["for=192.0.2.1", "for=127.0.0.1;proto=http;host=x"]
    assert (seen["x-real-ip"], seen["x-forwarded-host"]) == ("192.0.2.1", "h")


def test_a_list_of_addresses_that_is_too_long_to_join_stays_and_gets_a_line(lbc, backend):
    path = backend.script()
    long = ", ".join(f"192.0.2.{i}" for i in range(200))
    with Client(lbc.forwarded) as c:
        c.get(path, f"X-Forwarded-For: {long}")
    [seen] = backend.of(path)
    assert ", ".join(seen.all("x-forwarded-for")) == long + ", 127.0.0.1"


# --- with TLS, which comes behind the header -----------------------------------------------------

SECRET = """lbconf 1
tls site {{ certificate "{pem}"; alpn http/1.1 }}
tls shared {{ certificate "{pem}" }}
cluster plain {{ server s 127.0.0.1:{backend} }}
cluster inside {{ server s 127.0.0.1:{front}; proxy-protocol {version}; tls {{ verify none }} }}
listener front {{
  bind 127.0.0.1:{front} tls site proxy-protocol
  bind 127.0.0.1:{h2} tls shared proxy-protocol
  trusted-proxies 127.0.0.1
  route site
}}
listener outside {{ bind 127.0.0.1:{outside}; route outside }}
route site {{ otherwise {{ set header "x-facts" "{{src}} {{src.port}} {{dst}} {{dst.port}}"; forward plain }} }}
route outside {{ otherwise {{ forward inside }} }}
"""


@pytest.fixture(scope="module", params=["v1", "v2"])
def secret(request, begin, backend, tmp_path_factory):
    folder, ports = tmp_path_factory.mktemp("secret"), free_ports(3)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=x", "-keyout", "key", "-out", "crt"], check=True, capture_output=True, cwd=folder)
    pem = folder / "site.pem"
    pem.touch(mode=0o600)
    pem.write_text((folder / "crt").read_text() + (folder / "key").read_text())
    lbc = begin(Lbc, SECRET.format(pem=pem, backend=backend.port, front=ports[0], h2=ports[1], outside=ports[2],
                                   version=request.param), workers=1, name=f"secret-{request.param}")
    lbc.front, lbc.h2, lbc.outside = ports
    return lbc


def test_a_header_stands_before_the_handshake(secret, backend):
    path = backend.script()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", secret.front), timeout=20) as plain:
        plain.sendall(v2())
        with context.wrap_socket(plain) as s:
            s.sendall(GET % path.encode())
            assert s.recv(100).startswith(b"HTTP/1.1 200")
    [seen] = backend.of(path)
    assert seen["x-facts"] == NAMED
    assert seen["x-forwarded-proto"] == "https"


def test_streams_are_their_connections_clients(secret, backend):
    path = backend.script()
    done = subprocess.run(["curl", "-sk", "--http2", "--haproxy-protocol", "-w", "%{http_version}",
                           f"https://127.0.0.1:{secret.h2}{path}"], capture_output=True, timeout=30, text=True)
    assert done.stdout == "ok2", done
    assert backend.of(path)[0]["x-facts"].startswith("127.0.0.1 ")


def test_servers_get_the_header_before_the_handshake(secret, backend):
    path = backend.script()
    with Client(secret.outside) as c:
        for _ in range(2):
            assert c.get(path).status == 200
        own = c.socket.getsockname()[1]
    assert [r["x-facts"] for r in backend.of(path)] == [f"127.0.0.1 {own} 127.0.0.1 {secret.outside}"] * 2
