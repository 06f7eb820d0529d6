"""Instructions of `lbc run` per request, counted by callgrind: no clock, so a busy machine changes
nothing. A kind of request that takes more than 5 % above its line in instructions.json fails.

LBC_RECORD=1 writes the file anew; a change that makes it grow says why in its message.
"""
import dataclasses
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess

import h2.config
import h2.connection
import h2.events
import pytest

import harness
from harness.certificates import Authority

RECORDED = pathlib.Path(__file__).with_name("instructions.json")
ALLOWED = 1.05
# A large body comes in as many pieces as the kernel makes of it, which differs from run to run and from machine to
# machine: so the least of some runs counts, and may be more.
ALLOWED_IN_PIECES, RUNS_IN_PIECES = 1.4, 4
# One path through the libraries' copying and ciphers, whatever the processor can do.
SAME_EVERYWHERE = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,-ERMS,-FSRM,-BMI2",
                   "OPENSSL_ia32cap": "~0x0:~0xe0090128"} # neither AVX-512, AVX2, BMI, ADX nor SHA
FEW, MANY = 100, 400 # requests of two runs: what they differ by is the requests' alone

CONFIG = """lbconf 1
tls shown { certificate {certificate}; session-tickets off }
cluster origin {
  server a 127.0.0.1:{origin}
}
listener web { bind 127.0.0.1:{port}; bind 127.0.0.1:{tls} tls shown; route main; }
route main {
  when host == "old.example.com"      { redirect 308 "https://new.example.com{uri}" }
  when path under "/tagged"           { set header "x-tier" "api"; forward origin }
  otherwise                           { forward origin }
}
"""

FIELDS = (b"Host: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0)\r\n"
          b"Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n"
          b"Cookie: sid=0123456789abcdef; theme=dark\r\n")


def get(target, *more):
    return b"GET " + target + b" HTTP/1.1\r\n" + FIELDS + b"".join(more) + b"\r\n"


def chunked(pieces, size):
    piece = b"%x\r\n" % size + b"x" * size + b"\r\n"
    return (b"POST /echo HTTP/1.1\r\n" + FIELDS + b"Transfer-Encoding: chunked\r\n\r\n"
            + piece * pieces + b"0\r\n\r\n")


@dataclasses.dataclass
class Kind:
    request: bytes
    renew: bool = False # a connection each
    tls: bool = False
    h2: bool = False # on one connection, which knows beforehand


KINDS = {
    "1 KiB, keep-alive": Kind(get(b"/b/1024")),
    "1 KiB, a new connection": Kind(get(b"/b/1024", b"Connection: close\r\n"), renew=True),
    "1 MiB, keep-alive": Kind(get(b"/b/1048576")),
    "a header set by a rule": Kind(get(b"/tagged/b")),
    "an answer of our own": Kind(get(b"/x").replace(b"www.", b"old.")),
    "a chunked request of 4 KiB": Kind(chunked(4, 1024)),
    "TLS, 1 KiB, keep-alive": Kind(get(b"/b/1024"), tls=True),
    "TLS, 1 KiB, a full handshake": Kind(get(b"/b/1024", b"Connection: close\r\n"), renew=True, tls=True),
    "HTTP/2, 1 KiB": Kind(get(b"/b/1024"), h2=True),
}


def read_answer(sock):
    """Until the announced length, or the last chunk, is here."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += must_read(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    if length:
        left = int(length[1]) - len(body)
        while left > 0:
            left -= len(must_read(sock))
        return
    assert re.search(rb"(?i)transfer-encoding: chunked", head), head
    while not body.endswith(b"0\r\n\r\n"):
        body += must_read(sock)


def must_read(sock):
    got = sock.recv(1 << 20)
    assert got, "closed in the middle of an answer"
    return got


def connect(port, kind):
    sock = socket.create_connection(("127.0.0.1", port), timeout=60)
    if not kind.tls:
        return sock
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(sock)


def ask(port, kind, times):
    sock = None
    for _ in range(times):
        sock = sock or connect(port, kind)
        sock.sendall(kind.request)
        read_answer(sock)
        if kind.renew:
            sock.close()
            sock = None
    if sock:
        sock.close()


def as_h2(request):
    """The fields of a request that was written for HTTP/1."""
    first, *lines = request.decode().split("\r\n")[:-2]
    method, target, _ = first.split()
    fields = [tuple(line.split(": ", 1)) for line in lines]
    pseudo = [(":method", method), (":scheme", "http"), (":authority", dict(fields)["Host"]), (":path", target)]
    return pseudo + [(name.lower(), value) for name, value in fields if name != "Host"]


def ask_h2(port, kind, times):
    """One after the other. What is read is given back at once, so that windows cost the same each time."""
    fields = as_h2(kind.request)
    with connect(port, kind) as sock:
        peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        peer.initiate_connection()
        for _ in range(times):
            stream = peer.get_next_available_stream_id()
            peer.send_headers(stream, fields, end_stream=True)
            sock.sendall(peer.data_to_send())
            ended = False
            while not ended:
                for event in peer.receive_data(must_read(sock)):
                    assert not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), event
                    if isinstance(event, h2.events.DataReceived):
                        peer.acknowledge_received_data(event.flow_controlled_length, stream)
                    ended |= isinstance(event, h2.events.StreamEnded)


def instructions_of(folder, lbc, certificate, origin, kind, times):
    """All that the process executed, from its start to its end."""
    port, tls = harness.free_ports(2)
    config = folder / "counted.lbconf"
    values = {"certificate": certificate, "origin": origin.port, "port": port, "tls": tls}
    config.write_text(re.sub(r"{(certificate|origin|port|tls)}", lambda m: str(values[m[1]]), CONFIG))
    out = folder / "callgrind.out"
    process = subprocess.Popen(
        ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}", lbc, "run", config,
         "--workers", "1", "--access-log", "off", "--socket", folder / "counted.sock"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ | SAME_EVERYWHERE)
    try:
        harness.wait_for(lambda: all(map(harness.accepts, (port, tls))) or process.poll() is not None,
                         "lbc listens under callgrind", 60)
        assert process.poll() is None, process.stderr.read()
        (ask_h2 if kind.h2 else ask)(tls if kind.tls else port, kind, times)
    finally:
        process.terminate()
        process.wait(60)
    assert process.returncode == 0, process.stderr.read()
    return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)[1])


def measure(tmp_path, lbc, kind):
    certificate = Authority(tmp_path).sign("site", "127.0.0.1")
    origin = harness.Origin(tmp_path)
    try:
        few, many = (instructions_of(tmp_path, lbc, certificate, origin, KINDS[kind], n) for n in (FEW, MANY))
    finally:
        origin.stop()
    return (many - few) / (MANY - FEW)


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_request_takes_more_than_it_did(kind, tmp_path):
    lbc = os.environ.get("LBC_RELEASE")
    assert lbc, "LBC_RELEASE names the program as users run it: ./dev test bench sets it"
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    in_pieces = "MiB" in kind
    now = min(measure(tmp_path, lbc, kind) for _ in range(RUNS_IN_PIECES if in_pieces else 1))
    print(f"{kind}: {now:.0f} instructions, {recorded.get(kind)} recorded")
    if os.environ.get("LBC_RECORD"):
        recorded[kind] = round(now)
        RECORDED.write_text(json.dumps(recorded, indent=2) + "\n")
        return
    assert now <= recorded[kind] * (ALLOWED_IN_PIECES if in_pieces else ALLOWED)
