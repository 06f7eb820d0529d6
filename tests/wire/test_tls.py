"""TLS towards clients: handshakes, certificates, sessions, and the same HTTP inside."""
import contextlib
import hashlib
import re
import selectors
import socket
import ssl
import struct
import subprocess
import time

import pytest

from harness import Client, Lbc, free_ports, get, wait_for
from frames import PREFACE
from harness.certificates import Authority
from scripted import pattern, reply

PORTS = ["public", "twelve", "asked", "wanted", "named", "short", "sessionless", "stapled", "plain"]
MB = 1 << 20


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """The authority that clients trust; `.of` has the operands of its certificates, `.clients` signs for clients."""
    ca = Authority(tmp_path_factory.mktemp("pki"))
    ca.of = {
        "first": ca.sign("first", "first.test"),
        "ec": ca.sign("ec", "both.test", "*.wild.test"),
        "rsa": ca.sign("rsa", "both.test", "*.wild.test", kind="rsa"),
        "deep": ca.sign("deep", "a.wild.test", kind="ec384"),
        "strict": ca.sign("strict", "strict.test")}
    ca.clients = Authority(ca.folder, "clients")
    ca.clients.sign("ann", subject="/C=DE/O=Shop/CN=ann")
    ca.others = Authority(ca.folder, "others")
    ca.others.sign("bob")
    return ca


@pytest.fixture(scope="module")
def site(begin, backend, pki):
    """One listener with a bind for each kind of block, `.ports`; the scripted server behind all."""
    ports = dict(zip(PORTS, free_ports(len(PORTS))))
    of, clients = pki.of, f'client-ca "{pki.clients.file}"'
    blocks = {
        "public": f'certificate {of["first"]}; certificate {of["rsa"]}; certificate {of["ec"]}; certificate {of["deep"]}',
        "twelve": f'certificate {of["first"]}; max-version 1.2; ciphers "ECDHE-ECDSA-AES256-GCM-SHA384"',
        "asked": f'certificate {of["first"]}; {clients}; client-verify optional',
        "wanted": f'certificate {of["strict"]}; {clients}; client-verify required',
        "named": f'certificate {of["first"]}; alpn http/1.1',
        "sessionless": f'certificate {of["first"]}; session-tickets off',
        "stapled": f'certificate {of["first"]}; ocsp-stapling on'}
    pki.staple("first")
    binds = "; ".join(f"bind 127.0.0.1:{ports[n]} tls {n}" for n in blocks)
    text = "\n".join([
        "lbconf 1", *(f"tls {n} {{ {b} }}" for n, b in blocks.items()),
        f"cluster scripted {{ server s 127.0.0.1:{backend.port} }}",
        f"listener front {{ {binds}; bind 127.0.0.1:{ports['plain']}; route site }}",
        f"listener hasty {{ bind 127.0.0.1:{ports['short']} tls public; route site; timeout header 300ms }}",
        """route site {
  when path == "/facts" {
    set response header "x-facts" "{scheme}|{port}|{tls.version}|{tls.sni}|{tls.client.subject}|{tls.client.fingerprint}"
    continue
  }
  when path == "/facts" and tls.client.verified { respond 200 "verified" }
  when path == "/facts" { respond 200 "unverified" }
  otherwise { forward scripted }
}"""])
    lbc = begin(Lbc, text, workers=1)
    lbc.ports, lbc.port = ports, ports["public"]
    return lbc


def context(pki, *, version=None, ciphers=None, certificate=None, alpn=None):
    c = ssl.create_default_context(cafile=str(pki.file))
    if version:
        c.minimum_version = c.maximum_version = version
    if ciphers:
        c.set_ciphers(ciphers)
    if certificate:
        c.load_cert_chain(pki.folder / f"{certificate}.crt", pki.folder / f"{certificate}.key")
    if alpn:
        c.set_alpn_protocols(alpn)
    return c


class Secure(Client):
    def __init__(self, port, of, host="first.test", session=None, **more):
        super().__init__(port, **more)
        self.socket = of.wrap_socket(self.socket, server_hostname=host, session=session)
        self.file = self.socket.makefile("rb")

    def facts(self, host="first.test"):
        r = self.get("/facts", host=host)
        return r["x-facts"].split("|"), r.body.decode()


def subject(client):
    return dict(pair for part in client.socket.getpeercert()["subject"] for pair in part)["commonName"]


def metric(site, name):
    return site.show("info")["metrics"][name]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_rules_know_of_a_tls_connection(site, pki, version):
    with Secure(site.port, context(pki, version=version)) as c:
        facts, body = c.facts()
        assert c.socket.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
    assert facts == ["https", "443", {"TLSv1_2": "1.2", "TLSv1_3": "1.3"}[version.name], "first.test", "", ""]
    assert body == "unverified"


def test_without_tls_there_is_nothing_to_know(site):
    facts, body = [(r := get(site.ports["plain"], "/facts", host="x"))["x-facts"].split("|"), r.body]
    assert facts == ["http", "80", "", "", "", ""] and body == b"unverified"


def test_servers_are_told_that_it_was_https(site, pki, backend, records):
    path = backend.script()
    with Secure(site.port, context(pki)) as c:
        assert c.get(path).status == 200
    [r] = backend.of(path)
    assert r["x-forwarded-proto"] == "https" and "proto=https" in r["forwarded"]
    [record] = records(path)
    assert record["scheme"] == "https"


@pytest.mark.parametrize("host, expected", [
    ("first.test", "first"), ("FIRST.test", "first"), ("both.test", "ec"), ("b.wild.test", "ec"), ("a.wild.test", "deep")])
def test_sni_chooses_the_certificate(site, pki, host, expected):
    with Secure(site.port, context(pki), host) as c:
        assert subject(c) == expected
        assert c.facts()[0][3] == host.lower()


@pytest.mark.parametrize("host", ["nobody.test", "wild.test", "x.y.wild.test", None])
def test_the_first_certificate_is_for_everybody_else(site, pki, host):
    of = context(pki)
    of.check_hostname = False
    with Secure(site.port, of, host) as c:
        assert subject(c) == "first"
        assert c.facts()[0][3] == (host or "")


@pytest.mark.parametrize("arguments, expected", [
    (["-sigalgs", "RSA-PSS+SHA256"], "rsa"), (["-sigalgs", "ECDSA+SHA256:RSA-PSS+SHA256"], "ec"),
    (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "rsa"),
    (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ec")])
def test_a_client_gets_the_kind_of_certificate_that_it_can_verify(site, arguments, expected):
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", "-servername", "both.test", *arguments],
                       input="", capture_output=True, text=True, timeout=20)
    assert re.search(r"subject=CN ?= ?(\w+)", r.stdout)[1] == expected, r.stdout + r.stderr


def test_versions_and_ciphers_are_those_of_the_block(site, pki):
    with Secure(site.ports["twelve"], context(pki)) as c:
        assert (c.socket.version(), c.socket.cipher()[0]) == ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")
    before = metric(site, "tls_failed_protocol")
    with pytest.raises(ssl.SSLError):
        Secure(site.ports["twelve"], context(pki, version=ssl.TLSVersion.TLSv1_3))
    with pytest.raises(ssl.SSLError):
        Secure(site.ports["twelve"], context(pki, version=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"))
    assert metric(site, "tls_failed_protocol") == before + 2


def extension(kind, data):
    return struct.pack(">HH", kind, len(data)) + data


def hello(suite):
    """A greeting of TLS 1.2 that offers this suite alone: libraries of today don't know the old ones any more."""
    name, groups, signed_by = b"both.test", b"\0\x1d\0\x17", b"\4\3\x08\4\4\1"
    extensions = b"".join([
        extension(0, struct.pack(">HBH", len(name) + 3, 0, len(name)) + name),
        extension(10, struct.pack(">H", len(groups)) + groups), extension(11, b"\1\0"),
        extension(13, struct.pack(">H", len(signed_by)) + signed_by)])
    body = (b"\3\3" + bytes(32) + b"\0" + struct.pack(">HH", 2, suite) + b"\1\0" +
            struct.pack(">H", len(extensions)) + extensions)
    message = b"\1" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\3\1" + struct.pack(">H", len(message)) + message


HANDSHAKE, ALERT, FATAL, HANDSHAKE_FAILURE = 22, 21, 2, 40


@pytest.mark.parametrize("suite, what", [
    (0x0005, "RC4"), (0x000a, "3DES, RSA"), (0xc012, "3DES"), (0x002f, "AES-128-CBC, RSA"), (0x0035, "AES-256-CBC, RSA"),
    (0x009c, "AES-128-GCM, RSA"), (0x009d, "AES-256-GCM, RSA"), (0xc009, "ECDSA AES-128-CBC"), (0xc00a, "ECDSA AES-256-CBC"),
    (0xc013, "AES-128-CBC"), (0xc014, "AES-256-CBC"), (0xc027, "AES-128-CBC SHA256")])
def test_ciphers_without_forward_secrecy_or_aead_are_refused_unless_told(site, suite, what):
    with Client(site.port) as c:
        c.send(hello(suite))
        said = c.file.read(7)
        assert (said[0], said[5], said[6]) == (ALERT, FATAL, HANDSHAKE_FAILURE), what


@pytest.mark.parametrize("suite", [0xc02b, 0xc02c, 0xcca9, 0xc02f, 0xc030, 0xcca8])
def test_ciphers_with_forward_secrecy_and_aead_are_taken(site, suite):
    with Client(site.port) as c:
        c.send(hello(suite))
        assert c.file.read(1)[0] == HANDSHAKE


@pytest.mark.parametrize("offered, chosen", [(["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (None, None)])
def test_alpn(site, pki, offered, chosen):
    with Secure(site.ports["named"], context(pki, alpn=offered)) as c:
        assert c.socket.selected_alpn_protocol() == chosen
        assert c.get("/facts").status == 200


@pytest.mark.parametrize("offered", [["h2", "http/1.1"], None])
def test_http2_is_only_spoken_where_it_was_agreed_on(site, pki, offered):
    """RFC 9113 3.2: `alpn http/1.1` leaves HTTP/2 out, for those too who begin with it unasked."""
    with Secure(site.ports["named"], context(pki, alpn=offered)) as c:
        c.send(PREFACE)
        assert c.response().status == 505


def test_no_protocol_in_common_is_refused(site, pki):
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        Secure(site.ports["named"], context(pki, alpn=["spdy/1"]))


# --- sessions ------------------------------------------------------------------------------------

def resumes(site, pki, port, version, session=None, **more):
    """(was it resumed?, its session, to resume it by)."""
    of = more.pop("of", None) or context(pki, version=version)
    with Secure(port, of, session=session, **more) as c:
        assert c.get("/facts").status == 200  # and the tickets of TLS 1.3, which come with the first answer
        return c.socket.session_reused, c.socket.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_also_after_a_reload(site, pki, version):
    of = context(pki, version=version)
    before = metric(site, "tls_resumed")
    first, session = resumes(site, pki, site.port, version, of=of)
    second, session = resumes(site, pki, site.port, version, session, of=of)
    site.reload()
    third, _ = resumes(site, pki, site.port, version, session, of=of)
    assert (first, second, third) == (False, True, True)
    assert metric(site, "tls_resumed") == before + 2


def test_without_tickets_nothing_is_resumed(site, pki):
    of = context(pki, version=ssl.TLSVersion.TLSv1_2)
    _, session = resumes(site, pki, site.ports["sessionless"], None, of=of)
    assert session is None or resumes(site, pki, site.ports["sessionless"], None, session, of=of)[0] is False


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_not_resumed_where_clients_are_verified_otherwise(site, pki, version):
    of = context(pki, version=version)
    _, session = resumes(site, pki, site.port, version, of=of)
    assert resumes(site, pki, site.ports["asked"], version, session, of=of)[0] is False


# --- clients' certificates -----------------------------------------------------------------------

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("port", ["asked", "wanted"])
def test_a_client_that_shows_a_certificate(site, pki, version, port):
    der = ssl.PEM_cert_to_DER_cert((pki.folder / "ann.crt").read_text())
    of = context(pki, version=version, certificate="ann")
    of.check_hostname = False
    session = None
    for resumed in [False, True]:
        with Secure(site.ports[port], of, session=session) as c:
            facts, body = c.facts("first.test" if port == "asked" else "strict.test")
            assert (body, facts[4:]) == ("verified", ["CN=ann,O=Shop,C=DE", hashlib.sha256(der).hexdigest()])
            assert c.socket.session_reused == resumed
            session = c.socket.session


def test_a_client_that_shows_none(site, pki):
    with Secure(site.ports["asked"], context(pki)) as c:
        assert c.facts()[1] == "unverified"
    of = context(pki)
    of.check_hostname = False
    before = metric(site, "tls_failed_certificate")
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError, AssertionError)):
        with Secure(site.ports["wanted"], of) as c:
            c.facts()
    assert metric(site, "tls_failed_certificate") == before + 1


@pytest.mark.parametrize("extra,good", [(20, True), (100, False)])
def test_a_client_shows_32_kib_of_certificates_at_most(site, pki, extra, good):
    """The rest of its chain is of no use to anybody: some 440 bytes, again and again."""
    one = (pki.folder / "clients.crt").read_text()
    (pki.folder / "long.crt").write_text((pki.folder / "ann.crt").read_text() + one * extra)
    (pki.folder / "long.key").write_bytes((pki.folder / "ann.key").read_bytes())
    of = context(pki, certificate="long")
    of.check_hostname = False

    def failed():
        return sum(n for name, n in site.show("info")["metrics"].items() if name.startswith("tls_failed"))
    before = failed()
    with contextlib.nullcontext() if good else pytest.raises((ssl.SSLError, ConnectionError, EOFError, AssertionError)):
        with Secure(site.ports["wanted"], of) as c:
            assert c.facts("strict.test")[1] == "verified"
    assert failed() == before + (not good)


@pytest.mark.parametrize("port", ["asked", "wanted"])
def test_a_client_that_shows_one_of_somebody_else(site, pki, port):
    of = context(pki, certificate="bob")
    of.check_hostname = False
    before = metric(site, "tls_failed_certificate")
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError, AssertionError)):
        with Secure(site.ports[port], of) as c:
            c.facts()
    assert metric(site, "tls_failed_certificate") == before + 1


def test_a_host_that_verifies_clients_is_not_reached_by_another_name(site, pki):
    with Secure(site.port, context(pki)) as c:
        assert c.get("/facts", host="strict.test").status == 421
        assert c.get("/facts", host="nobody.test").status == 200, "any other mismatch is fine"


# --- what goes wrong -----------------------------------------------------------------------------

@pytest.mark.parametrize("request_", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"PROPFIND / HTTP/1.1\r\n", b"G"])
def test_plain_http_gets_an_answer_that_it_can_read(site, request_):
    before = metric(site, "tls_plain_requests")
    with Client(site.port) as c:
        c.send(request_)
        r = c.response()
        assert (r.status, r["connection"]) == (400, "close") and b"https://" in r.body
        assert c.at_end()
    assert metric(site, "tls_plain_requests") == before + 1


@pytest.mark.parametrize("garbage", [b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 100, b"\x80\x2e\x01\x00\x02" * 9, bytes(range(128, 256))])
def test_what_is_no_tls_is_closed(site, garbage):
    before = metric(site, "tls_failed_protocol")
    with Client(site.port) as c:
        c.send(garbage)
        c.socket.settimeout(10)
        assert len(c.file.read()) <= 7, "an alert at most"
    assert metric(site, "tls_failed_protocol") == before + 1


def test_a_client_that_trusts_nobody_is_counted(site):
    before = metric(site, "tls_failed_alert")
    with pytest.raises(ssl.SSLError):
        Secure(site.port, ssl.create_default_context())
    wait_for(lambda: metric(site, "tls_failed_alert") == before + 1, "the alert is counted")


@pytest.mark.parametrize("part", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"])
def test_a_handshake_has_the_header_timeout(site, part):
    before = metric(site, "tls_failed_closed")
    begun = time.monotonic()
    with Client(site.ports["short"]) as c:
        c.send(part)
        assert c.at_end()
    assert 0.25 < time.monotonic() - begun < 10
    assert metric(site, "tls_failed_closed") == before + 1


class Dripping:
    """A handshake in memory, whose bytes go out one at a time."""

    def __init__(self, port, of):
        self.raw = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.inside, self.outside = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = of.wrap_bio(self.inside, self.outside, server_hostname="first.test")

    def flush(self):
        for byte in self.outside.read():
            self.raw.send(bytes([byte]))

    def run(self, what):
        while True:
            try:
                return what()
            except ssl.SSLWantReadError:
                self.flush()
                data = self.raw.recv(100)
                assert data, "closed"
                self.inside.write(data)
            finally:
                self.flush()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_byte_by_byte(site, pki, version):
    d = Dripping(site.port, context(pki, version=version))
    d.run(d.tls.do_handshake)
    d.tls.write(b"GET /facts HTTP/1.1\r\nHost: first.test\r\n\r\n")
    d.flush()
    got = b""
    while not got.endswith(b"unverified"):
        got += d.run(lambda: d.tls.read(100))
    d.raw.close()


# --- bytes ---------------------------------------------------------------------------------------

def test_large_bodies_both_ways_at_once(site, pki, backend):
    def echo(peer, request):
        length = int(request["content-length"])
        peer.send(reply(b"", f"Content-Length: {length}", length=False))
        while length > 0:
            data = peer.file.read1(min(length, 65536))
            peer.send(data)
            length -= len(data)
        return True
    path, body = backend.script(echo), pattern(8 * MB)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with Secure(site.port, context(pki)) as c:
        got = both_at_once(c.socket, head + body, len(body))
        assert got.startswith(b"HTTP/1.1 200 OK\r\n") and got.endswith(b"\r\n\r\n" + body)
        assert c.get("/facts").status == 200, "the connection goes on"


def both_at_once(s, out, body_bytes):
    """Sends and receives as either is possible, until a response with a body that long is there. (Python's
    sockets of TLS may not be used by two threads.)"""
    s.setblocking(False)
    got, whole = bytearray(), None
    with selectors.DefaultSelector() as selector:
        selector.register(s, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while whole is None or len(got) < whole:
            assert selector.select(20)
            with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
                out = out[s.send(out[:65536]):] if out else out
            with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
                got += s.recv(1 << 20)
            if whole is None and b"\r\n\r\n" in got:
                whole = got.index(b"\r\n\r\n") + 4 + body_bytes
    s.settimeout(20)
    return bytes(got)


def test_a_client_that_reads_slowly_gets_all_of_it(site, pki, backend):
    body = pattern(6 * MB)
    path = backend.script(reply(body))
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    raw.settimeout(20)
    raw.connect(("127.0.0.1", site.port))
    with context(pki).wrap_socket(raw, server_hostname="first.test") as s:
        s.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        time.sleep(0.3)  # everything on the way is full by now
        got = b""
        while data := s.recv(65536):
            got += data
    assert got.endswith(body) and len(got) < len(body) + 1000


def test_many_requests_in_one_record(site, pki):
    with Secure(site.port, context(pki)) as c:
        c.send(b"GET /facts HTTP/1.1\r\nHost: first.test\r\n\r\n" * 200)
        for _ in range(200):
            assert c.response().body == b"unverified"


@pytest.mark.parametrize("length", [1, 16_383, 16_384, 16_385, 48_000, 65_536, 200_000])
def test_bodies_of_every_size(site, pki, backend, length):
    body = pattern(length)
    path = backend.script(reply(body))
    with Secure(site.port, context(pki)) as c:
        for _ in range(3):
            assert c.get(path).body == body
        r = c.get(path, f"Content-Length: {length}", method="POST", body=body)
        assert r.body == body
    assert [q.body for q in backend.of(path)] == [b"", b"", b"", body]


def test_the_end_is_told(site, pki, backend):
    """An orderly end is a close_notify; a response that was cut off has none."""
    of = context(pki)
    with Secure(site.port, of) as c:
        c.request("/facts", "Connection: close")
        assert c.response().status == 200
        c.socket.unwrap()  # or an error that says that there was none
    def cut(peer, request):
        peer.send(reply(b"abc", length=False))
        peer.reset()
    raw = socket.create_connection(("127.0.0.1", site.port), timeout=20)
    s = of.wrap_socket(raw, server_hostname="first.test", suppress_ragged_eofs=False)
    s.send(f"GET {backend.script(cut)} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        while s.recv(1000):
            pass
    s.close()


def test_an_upgraded_connection(site, pki, backend):
    def echo(peer, request):
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        while data := peer.socket.recv(100_000):
            peer.send(data)
    with Secure(site.port, context(pki)) as c:
        c.request(backend.script(echo), "Connection: upgrade", "Upgrade: x")
        assert c.head().status == 101
        for size in [1, 100, 16_384, 100_000]:
            data = pattern(size)
            c.send(data)
            assert c.file.read(size) == data


def test_a_staple_is_sent_along(site, pki):
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{site.ports['stapled']}", "-servername", "first.test",
                        "-status", "-CAfile", pki.file], input="", capture_output=True, text=True, timeout=20)
    assert "OCSP Response Status: successful" in r.stdout and "Cert Status: good" in r.stdout, r.stdout
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", "-status"], input="", capture_output=True,
                       text=True, timeout=20)
    assert "OCSP response: no response sent" in r.stdout


def test_curl(site, pki):
    r = subprocess.run(["curl", "-sS", "--cacert", pki.file, "--resolve", f"first.test:{site.port}:127.0.0.1",
                        f"https://first.test:{site.port}/facts"], capture_output=True, text=True, timeout=20)
    assert (r.stdout, r.stderr) == ("unverified", "")
