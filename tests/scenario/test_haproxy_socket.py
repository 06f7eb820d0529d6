"""The socket for tools that were written for HAProxy, as they use it: a command, an answer, the end."""
import csv
import socket

import pytest

from harness import Client, Origin, Lbc, ask_socket, free_port, wait_for


def ask(path, line):
    return ask_socket(path, line + "\n")


def stat(path):
    """As HAProxy's own documentation has programs read it: by the names in the first line."""
    rows = csv.DictReader(ask(path, "show stat").lstrip("# ").splitlines())
    return {(row["pxname"], row["svname"]): row for row in rows if row["pxname"]}


@pytest.fixture
def lbc(start, tmp_path):
    origin, port = start(Origin), free_port()
    (tmp_path / "none.txt").write_text("")
    return start(Lbc, f"""lbconf 1
cluster empty {{ servers file "none.txt" }}
cluster app {{ server a 127.0.0.1:{origin.port} weight 4; server b [::1]:1 backup }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ when path under "/empty" {{ forward empty }} otherwise {{ forward app }} }}
""", port=port, haproxy_socket=tmp_path / "haproxy.sock")


def test_counters_are_those_of_the_traffic(lbc):
    path = lbc.haproxy_socket
    with Client(lbc.port) as client:
        for _ in range(3):
            assert client.get("/").status == 200
        wait_for(lambda: stat(path)["lbc", "FRONTEND"]["hrsp_2xx"] == "3", "three are counted")
        rows = stat(path)
        assert rows["lbc", "FRONTEND"]["scur"] == "1"
    assert rows["app", "a"]["stot"] == "3" and rows["app", "a"]["status"] == "no check"
    assert rows["app", "b"]["bck"] == "1"
    assert rows["app", "BACKEND"]["stot"] == "3" and rows["empty", "BACKEND"]["status"] == "DOWN"
    assert [k for k in rows][-1] == ("app", "BACKEND")
    assert rows["app", "a"]["iid"] == "3"


def test_a_script_drains_and_brings_back(lbc):
    path = lbc.haproxy_socket
    assert ask(path, "set server app/a state drain") == "\n"
    assert lbc.show("servers")[0]["state"] == "drain"
    [line] = [row for row in ask(path, "show servers state app").splitlines() if " a " in row]
    assert line.split()[:7] == ["3", "app", "1", "a", "127.0.0.1", "2", "8"]
    [line] = [row for row in ask(path, "show servers state").splitlines() if " b " in row]
    assert line.split()[4] == "::1" and line.split()[18] == "1"
    assert ask(path, "set server app/a state ready;set weight app/a 50%;get weight app/a") == "\n\n2 (initial 4)\n\n"
    assert lbc.show("servers")[0]["weight"] == 2
    assert "No such server" in ask(path, "disable server app/nobody")


def test_a_backend_has_the_weight_of_those_that_get_requests(lbc):
    path = lbc.haproxy_socket

    def backend():
        row = stat(path)["app", "BACKEND"]
        return row["weight"], row["act"], row["bck"]
    assert backend() == ("5", "1", "1")
    ask(path, "set server app/a state drain")
    assert backend() == ("1", "0", "1")
    ask(path, "set server app/b state maint")
    assert backend() == ("0", "0", "0")


def test_what_is_asked_for_is_shown_or_refused(lbc):
    path = lbc.haproxy_socket

    def shown(line):
        return [tuple(row.split(",")[:2]) for row in ask(path, line).splitlines() if row and row[0] != "#"]
    assert shown("show stat app 4 -1") == [("app", "a"), ("app", "b")]
    assert shown("show stat empty") == [("empty", "BACKEND")]
    ask(path, "set server app/a state maint")
    assert shown("show stat app 4 -1 no-maint") == [("app", "b")]
    for line in ("show stat json", "show stat -1 4 -1 typed", "show info json"):
        assert "is not spoken here" in ask(path, line)
    assert ask(path, "show servers state nope") == "Can't find backend.\n\n"
    assert "Uptime: 0d 0h00m" in ask(path, "show info")


def test_weight_0_is_a_drain_that_another_weight_ends(lbc):
    path = lbc.haproxy_socket

    def a():
        server = lbc.show("servers")[0]
        return server["state"], server["weight"]
    assert ask(path, "set weight app/a 0;get weight app/a") == "\n0 (initial 4)\n\n" and a()[0] == "drain"
    assert ask(path, "set weight app/a 100%;get weight app/a") == "\n4 (initial 4)\n\n" and a() == ("ready", 4)
    ask(path, "set weight app/a 0;set weight app/a 200%")
    assert a() == ("ready", 8)
    ask(path, "set server app/a state drain;set weight app/a 3")  # by somebody who wants it so
    assert a() == ("drain", 3)
    ask(path, "set server app/a state maint")
    assert "maintenance" in ask(path, "set weight app/a 0") and a() == ("maintenance", 3)


def test_a_session_stays_and_ours_is_not_spoken_here(lbc):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(lbc.haproxy_socket))
        heard = b""
        for line in (b"prompt", b"set timeout cli 3600", b"show info"):
            s.sendall(line + b"\n")
            before = len(heard)
            while not heard[before:].endswith(b"\n> "):
                heard += s.recv(65536)
        assert b"Name: lbc\n" in heard
        s.sendall(b"quit\n")
        while piece := s.recv(65536):
            heard += piece
    assert "Unknown command: 'shutdown'" in ask(lbc.haproxy_socket, "shutdown")
    assert lbc.alive()


def test_a_line_without_end(lbc):
    assert "at most" in ask(lbc.haproxy_socket, "x" * 100_000)


def test_a_line_of_many_commands_to_somebody_who_reads_late(lbc):
    """They are carried out as they are read: what nobody has read yet is not piled up here."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(lbc.haproxy_socket))
        s.sendall(b"prompt;" + b"show stat;" * 404 + b"show version\nquit\n")
        assert lbc.show("info")["generation"] == 1
        heard = b""
        while piece := s.recv(65536):
            heard += piece
    assert heard.count(b"# pxname") == 404 and heard.count(b"> ") == 1
    assert heard.split(b"\n> ")[0].splitlines()[-2].decode() in ask(lbc.haproxy_socket, "show version")
