"""Sockets that a service manager hands over."""
import os
import socket
import subprocess

import pytest

from harness import LBC, Client, Lbc, Origin, free_port, get, wait_for, wrapper

TEXT = """lbconf 1
cluster app {{ server a 127.0.0.1:{origin} }}
listener front {{ {binds}; route site }}
route site {{ otherwise {{ forward app }} }}
"""


def listening(family=socket.AF_INET, at=("127.0.0.1", 0), only_v6=None):
    s = socket.socket(family)
    if only_v6 is not None:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_v6)
    s.bind(at)
    s.listen(50)
    return s


@pytest.fixture
def run(tmp_path, start):
    """lbc run with these sockets from descriptor 3 on; LISTEN_PID is told by the shell, which becomes lbc."""
    begun = []
    origin = start(Origin)

    def begin(binds, *sockets, workers=2):
        file, path = tmp_path / "a.lbconf", str(tmp_path / "ctl.sock")
        file.write_text(TEXT.format(origin=origin.port, binds=binds))
        err = open(tmp_path / "err", "wb")
        # The shell duplicates each to its place; lbc starts in the shell's process.
        high = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]
        moves = " ".join(f"{3 + i}<&{n}" for i, n in enumerate(high))
        line = f'exec {moves}; LISTEN_PID=$$ LISTEN_FDS={len(sockets)} exec "$@"'
        p = subprocess.Popen(["bash", "-c", line, "bash", *wrapper(), LBC, "run", str(file), "--workers",
                              str(workers), "--socket", path, "--access-log", "off"],
                             pass_fds=high, stderr=err)
        for n in high:
            os.close(n)
        p.said = lambda: (tmp_path / "err").read_text()
        begun.append(p)
        wait_for(lambda: " serves, " in p.said() or p.poll() is not None, "lbc serves", 30)
        return p
    yield begin
    for p in begun:
        p.terminate()
        assert p.wait(20) == 0 and "Sanitizer" not in p.said(), p.said()


@pytest.mark.parametrize("workers", [1, 3])
def test_a_socket_that_was_open_before_is_used(run, workers):
    with listening() as s:
        port = s.getsockname()[1]
        with Client(port) as early:  # waits in its queue since before there was an lbc
            early.request("/")
            run(f"bind 127.0.0.1:{port}", s, workers=workers)
            assert early.response().status == 200
        for _ in range(20):
            assert get(port).status == 200


def test_they_are_matched_by_address_and_others_are_opened(run):
    with listening() as a, listening() as b:
        ports = a.getsockname()[1], b.getsockname()[1], free_port()
        p = run("; ".join(f"bind 127.0.0.1:{n}" for n in (ports[1], ports[2], ports[0])), a, b)
        assert [get(n).status for n in ports] == [200] * 3
        assert "handed over" not in p.said()


def test_one_that_nobody_binds_is_said(run):
    with listening() as a, listening() as b:
        port, other = a.getsockname()[1], b.getsockname()[1]
        p = run(f"bind 127.0.0.1:{port}", a, b)
        wait_for(lambda: f"127.0.0.1:{other}, which no listener binds" in p.said(), "it is said")
        assert get(port).status == 200


def test_dual_stack(run):
    """What systemd makes of ListenStream=PORT: [::], for both families."""
    with listening(socket.AF_INET6, ("::", 0), only_v6=0) as s:
        port = s.getsockname()[1]
        run(f"bind [::]:{port}", s)
        assert get(port).status == 200
        with Client(port, address="::1") as c:
            assert c.get().status == 200


def test_a_unix_socket_stays_behind(run, tmp_path):
    path = str(tmp_path / "front.sock")
    with listening(socket.AF_UNIX, path) as s:
        p = run(f"bind unix:{path}", s)
        with socket.socket(socket.AF_UNIX) as c:
            c.connect(path)
            c.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert c.recv(100).startswith(b"HTTP/1.1 200")
        p.terminate()
        assert p.wait(20) == 0
        assert os.path.exists(path)  # whoever made it removes it


def test_they_go_along_when_another_process_takes_over(run, tmp_path):
    """They stay the manager's: their paths, and what nobody binds."""
    path = str(tmp_path / "front.sock")
    with listening(socket.AF_UNIX, path) as s, listening() as a, listening() as unbound:
        port, other = a.getsockname()[1], unbound.getsockname()[1]
        p = run(f"bind unix:{path}; bind 127.0.0.1:{port}", s, a, unbound)
        for n in range(2):
            done = subprocess.run([LBC, "upgrade", "--socket", str(tmp_path / "ctl.sock")], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert get(port).status == 200
            wait_for(lambda: p.said().count(f"{other}, which no listener binds") == n + 2, "it is said")
        assert p.wait(20) == 0
        subprocess.run([LBC, "ctl", "--socket", str(tmp_path / "ctl.sock"), "shutdown"], check=True)
        wait_for(lambda: not (tmp_path / "ctl.sock").exists(), "the last one ends")
        assert os.path.exists(path)


def test_both_families_without_a_manager(start):
    origin, port = start(Origin), free_port()
    start(Lbc, TEXT.format(origin=origin.port, binds=f"bind 0.0.0.0:{port}; bind [::]:{port}"), port=port)
    for address in ("127.0.0.1", "::1"):
        with Client(port, address=address) as c:
            assert c.get().status == 200


def test_a_server_behind_a_unix_socket(start, tmp_path):
    """Two of ours in a row, over a path."""
    origin, port, path = start(Origin), free_port(), tmp_path / "server.sock"
    start(Lbc, TEXT.format(origin=origin.port, binds=f'bind unix:{path} mode "0600" backlog 10'), name="back")
    start(Lbc, f"""lbconf 1
cluster app {{ server a unix:{path}; health http GET "/" {{ every 1s }} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
""", port=port)
    assert path.stat().st_mode & 0o777 == 0o600
    wait_for(lambda: get(port).status == 200, "it answers")
