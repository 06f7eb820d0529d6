"""`lbc upgrade`: what the process that comes knows of clients and servers, from the one that goes."""
import contextlib
import os
import pathlib
import re
import subprocess

import pytest

from harness import LBC, Client, Lbc, Origin, free_port, free_ports, get, wait_for
from harness.certificates import Authority
from wire.scripted import Server, reply

SITE = """lbconf 1
cluster app {{ {servers}; {cluster} }}
{more}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
"""


@pytest.fixture
def site(start):
    """site(…): an lbc before three origins."""
    servers = "; ".join(f"server s{i} 127.0.0.1:{start(Origin).port}" for i in range(3))

    def run(cluster="", more="", **options):
        port = free_port()
        text = SITE.format(servers=servers, cluster=cluster, more=more, port=port)
        lbc = start(Lbc, text, port=port, workers=2, **options)
        lbc.text = text
        return lbc
    return run


def upgraded(lbc, *program):
    old = lbc.popen
    lbc.upgrade(*program)
    assert old.wait(60) == 0


def origin_of(port, *lines):
    got = get(port, "/b/1", *lines)
    assert got.status == 200
    return got["x-origin"]


# --- whose clients go where -----------------------------------------------------------------------------


@pytest.mark.parametrize("sticky", ['sticky header "X-User"', 'sticky header "X-User" { entries 10000; ttl 10m }'])
def test_clients_stay_with_their_servers(site, sticky):
    """Round robin by itself would send each elsewhere."""
    lbc = site(sticky)
    users = [f"X-User: {i}" for i in range(200)]
    before = {u: origin_of(lbc.port, u) for u in users}
    assert len(set(before.values())) == 3
    for _ in range(2):
        upgraded(lbc)
        assert {u: origin_of(lbc.port, u) for u in users[::-1]} == before
    assert "handed over: 200 clients of sticky clusters" in lbc.said()
    assert "taken over: 200 clients of sticky clusters" in lbc.said()


def test_who_is_told_apart_by_something_else_begins_anew(site):
    lbc = site('sticky header "X-User"')
    for i in range(20):
        origin_of(lbc.port, f"X-User: {i}")
    lbc.file.write_text(lbc.text.replace("X-User", "X-Session"))
    upgraded(lbc)
    assert "not taken over: sticky app: its clients are told apart by something else now" in lbc.said()
    lbc.file.write_text(lbc.text.replace("app", "other"))
    origin_of(lbc.port, "X-Session: 1")
    upgraded(lbc)
    assert "not taken over: sticky app: there is no such sticky cluster any more" in lbc.said()
    assert get(lbc.port).status == 200


def test_cookies_are_good_although_the_file_has_no_key(site):
    lbc = site('sticky cookie "where"')
    kept = {}
    for _ in range(6):
        with Client(lbc.port) as c:
            got = c.get("/b/1")
            kept[re.match(r"where=[^;]+", got["set-cookie"])[0]] = got["x-origin"]
    assert len(set(kept.values())) == 3
    for _ in range(2):
        upgraded(lbc)
        for cookie, origin in kept.items():
            with Client(lbc.port) as c:
                for _ in range(3):
                    assert c.get("/b/1", f"Cookie: {cookie}")["x-origin"] == origin


# --- what has been spent --------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", ["3/m", "3/d"])
def test_who_has_spent_a_limit_has_spent_it(site, rate):
    burst = "; burst 3" if rate == "3/m" else ""
    lbc = site("limit few", f'limit few {{ key header "X-User"; rate {rate}{burst} }}')
    ask = [get(lbc.port, "/b/1", "X-User: me").status for _ in range(4)]
    assert ask == [200, 200, 200, 429]
    assert get(lbc.port, "/b/1", "X-User: half").status == 200
    for _ in range(2):
        upgraded(lbc)
        assert get(lbc.port, "/b/1", "X-User: me").status == 429
        assert get(lbc.port, "/b/1", "X-User: half").status == 200
    assert get(lbc.port, "/b/1", "X-User: half").status == 429
    assert get(lbc.port, "/b/1", "X-User: other").status == 200
    assert "taken over: 0 clients of sticky clusters, 2 keys of limits" in lbc.said()


# --- sessions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1_2", "1_3"])
def test_sessions_are_resumed(start, tmp_path, version):
    ca, port = Authority(tmp_path), free_port()
    lbc = start(Lbc, f"""lbconf 1
tls web {{ certificate {ca.sign("site", "localhost")} }}
listener front {{ bind 127.0.0.1:{port} tls web; route site }}
route site {{ otherwise {{ respond 200 "in" }} }}
""", port=port)

    def s_client(*more):
        done = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{port}", "-servername", "localhost", "-CAfile", ca.file,
                               f"-tls{version}", "-ign_eof", *more], input=b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                              capture_output=True, timeout=60)
        said = done.stdout.decode()
        assert "HTTP/1.1 200 OK" in said, said
        return bool(re.search(r"^Reused, TLS", said, re.M))
    assert not s_client("-sess_out", str(tmp_path / "session"))
    for _ in range(2):
        upgraded(lbc)
        assert s_client("-sess_in", str(tmp_path / "session"))


# --- servers --------------------------------------------------------------------------------------------


def ejected(lbc):
    return {s["server"] for s in lbc.show("servers") if s.get("ejected")}


@pytest.fixture
def moody(start):
    """An lbc that has ejected its server b, which answers well at /b/1."""
    bad, port = Server(), free_port()
    bad.scripts["/"] = lambda peer, request: peer.send(reply(b"bad", status="500 Internal Server Error")) or True
    bad.scripts["/b/1"] = lambda peer, request: peer.send(reply(b"good")) or True
    lbc = start(Lbc, f"""lbconf 1
cluster web {{
  server a 127.0.0.1:{start(Origin).port}
  server b 127.0.0.1:{bad.port}
  outlier {{ consecutive-errors 3; eject 10m }}
}}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward web }} }}
""", port=port)
    for _ in range(20):
        get(port, "/")
    wait_for(lambda: ejected(lbc) == {"b"}, "it is ejected")
    return lbc


def test_an_ejected_server_stays_ejected(moody):
    for _ in range(2):
        upgraded(moody)
        assert ejected(moody) == {"b"}
        assert all(get(moody.port, "/b/1").body != b"good" for _ in range(10))
    left = re.findall(r"server web/b stays ejected, for ([\d.]+) s", moody.said())
    assert len(left) == 2 and all(500 < float(s) <= 600 for s in left)
    moody.file.write_text(re.sub(r"outlier .*", "", moody.file.read_text()))
    upgraded(moody)
    assert not ejected(moody)


# --- what can be wrong with it --------------------------------------------------------------------------


BROKEN = {"another version": ("lbc remembers 2\\n", "all of it: it is of another version"),
          "nothing of ours": ("\\0\\1\\2", "all of it: it is of another version"),
          "cut off": ("lbc remembers 1\\nsticky\\t160\\tapp\\t1\\t\\t5\\nshort", "the rest: it is broken"),
          "no end": ("lbc remembers 1\\n", "the rest: it is broken"),
          "of the future": ("lbc remembers 1\\nmoods\\t3\\tapp\\nxyzend\\t0\\t\\n", "moods part: this version does not know it"),
          "broken entries": ("lbc remembers 1\\nsticky\\t3\\tapp\\t1\\tx-user\\t5\\nxyzlimit\\t0\\tfew\\nend\\t0\\t\\n", "sticky app: it is broken"),
          "broken limits": ("lbc remembers 1\\nlimit\\t2\\tfew\\t1\\t2\\t3\\nxyend\\t0\\t\\n", "limit few: its keys or its times are others now"),
          "broken keys": ("lbc remembers 1\\ntickets\\t3\\t5\\nxyzcookies\\t1\\t\\nxend\\t0\\t\\n", "tickets keys: it is broken")}


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_not_understood_is_left_out_and_told(site, tmp_path, how):
    """The program in between puts another file in place of what is handed over."""
    lbc = site('sticky header "X-User"; limit few', more='limit few { key header "X-User"; rate 1000/s }')
    origin_of(lbc.port, "X-User: me")
    script = tmp_path / "program"
    script.write_text(f"""#!/usr/bin/python3
import os, sys
text = os.pread(int(os.environ["LBC_UPGRADE"]), 65536, 0).decode()
of = dict(line.split("\\t", 1) for line in text.splitlines() if line.startswith(("keys\\t", "memory\\t")))
fd = os.open({str(tmp_path / "broken")!r}, os.O_RDWR | os.O_CREAT, 0o600)
os.write(fd, b"{BROKEN[how][0]}")
for name in of:
    os.dup2(fd, int(of[name]))
os.execv({str(LBC)!r}, [{str(LBC)!r}, *sys.argv[1:]])
""")
    script.chmod(0o755)
    upgraded(lbc, str(script))
    assert get(lbc.port, "/b/1", "X-User: me").status == 200
    assert "what the process before us knew is not taken over: " + BROKEN[how][1] in lbc.said()


def held(lbc):
    """Files without a name that it has open."""
    names = []
    for fd in pathlib.Path(f"/proc/{lbc.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was open when we looked
            names.append(os.readlink(fd))
    return sorted(re.findall(r"memfd:(.*) \(deleted\)", "\n".join(names)))


def test_nothing_of_it_stays_open(site, tmp_path):
    """Not the keys; nor what the program in between has left open, beyond the next process."""
    lbc = site('sticky header "X-User"')
    origin_of(lbc.port, "X-User: me")
    assert held(lbc) == []
    script = tmp_path / "program"
    script.write_text(f"""#!/usr/bin/python3
import os, sys
os.memfd_create("of another version", 0)
os.execv({str(LBC)!r}, [{str(LBC)!r}, *sys.argv[1:]])
""")
    script.chmod(0o755)
    upgraded(lbc, str(script))
    assert held(lbc) == ["lbc hands over", "of another version"]
    upgraded(lbc, LBC)
    assert held(lbc) == ["lbc hands over"]


DIES = {"at once": "sys.exit(3)", "when it is told to begin": "channel.recv(100); sys.exit(3)",
        "says it again": "channel.send(b'ready'); channel.recv(100); channel.recv(100)",
        "serves before it is told to": "channel.send(b'serving'); time.sleep(600)"}


@pytest.mark.parametrize("how", DIES)
def test_one_that_is_ready_and_does_not_come_to_serve(site, tmp_path, how):
    """While what is remembered is gathered for it, or after that."""
    lbc = site('sticky header "X-User" { entries 5000000 }')
    before = {u: origin_of(lbc.port, u) for u in (f"X-User: {i}" for i in range(9))}
    script = tmp_path / "program"
    script.write_text(f"""#!/usr/bin/python3
import os, re, socket, sys, time
text = os.pread(int(os.environ["LBC_UPGRADE"]), 65536, 0).decode()
channel = socket.socket(fileno=int(re.search("^channel\t([0-9]+)$", text, re.M)[1]))
channel.setblocking(True)
channel.send(b"ready")
{DIES[how]}
""")
    script.chmod(0o755)
    for _ in range(3):
        refused = lbc.upgrade(str(script), check=False)
        assert refused.returncode == 1 and "this process goes on" in refused.stderr
        assert {u: origin_of(lbc.port, u) for u in before} == before
    upgraded(lbc)
    assert {u: origin_of(lbc.port, u) for u in before} == before
    assert lbc.said().count("upgrade refused") == 3
