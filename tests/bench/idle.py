"""What a connection costs that waits for its next request: held after one request each."""
import pathlib
import socket
import ssl

import peers
from processes import Failed, descendants

CONNECTIONS = 8000
TLS_CONNECTIONS = 2000 # made by Python, one after the other: more would take minutes
REQUEST = b"GET /b/1024 HTTP/1.1\r\nHost: x\r\n\r\n"
PEERS = ("lbc", "haproxy", "nginx")


def resident_bytes(process):
    """Of all its processes; what they share with each other counts for each."""
    total = 0
    for pid in descendants(process.process.pid):
        fields = pathlib.Path(f"/proc/{pid}/statm").read_text().split()
        total += int(fields[1]) * 4096
    return total


def unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def hold(port, n, context):
    """n connections that have been answered once, and stay open."""
    held = []
    for _ in range(n):
        sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        if context:
            sock = context.wrap_socket(sock)
        held.append(sock)
        sock.sendall(REQUEST)
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < 1024:
            got = sock.recv(65536)
            if not got:
                raise Failed("a connection was closed that should have been held")
            answer += got
    return held


def measure_one(peer, port, n, context):
    """The first tenth is let go again before anything is read, so that what is made once is not
    counted."""
    for sock in hold(port, n // 10, context):
        sock.close()
    before = resident_bytes(peer)
    held = hold(port, n, context)
    after = resident_bytes(peer)
    for sock in held:
        sock.close()
    return {"before": before, "after": after, "each": (after - before) / n}


def measure(o, folder, cpus, problems):
    """{peer or "peer, TLS": {before, after, each}} in bytes; a process of its own for each."""
    proxy_cpus, other_cpus = cpus
    results = {}
    origin, origin_port = peers.start_origin(o.origin, folder, str(o.lbc), other_cpus)
    try:
        for name in PEERS:
            if name not in o.peers or peers.missing(name, str(o.lbc)):
                continue
            for n, context in ((CONNECTIONS, None), (TLS_CONNECTIONS, unverified())):
                peer, port, tls = peers.start_peer(name, folder, origin_port, str(o.lbc), proxy_cpus)
                try:
                    results[f"{name}, TLS" if context else name] = measure_one(
                        peer, tls if context else port, n, context)
                except (OSError, Failed) as failure:
                    problems.append(f"idle, {name}: {failure}")
                finally:
                    peer.stop()
    finally:
        origin.stop()
    return results


def print_results(results):
    print(f"\n{CONNECTIONS} connections that wait, or {TLS_CONNECTIONS} of TLS, after one request each")
    print(f"  {'':12} {'bytes each':>14}   {'in all':>9}")
    for name, r in results.items():
        print(f"  {name:14} {r['each']:>14.0f}   {r['after'] / 2**20:>5.1f} MiB")
