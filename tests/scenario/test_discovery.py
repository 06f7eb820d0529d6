"""Servers that names and files list: they come and go, and no failure to ask takes anybody out."""
import os
import socket
import subprocess
import time

import pytest

from harness import LBC, Client, Lbc, Process, free_port, get, wait_for
from harness.load import Load
from harness.nameserver import Nameserver


class OriginAt(Process):
    def __init__(self, tmp_path, address, port):
        super().__init__(tmp_path, f"origin-{address}-{port}",
                         ["origin", "--bind", address, str(port)])
        self.at = f"{address}:{port}"


def config(port, servers, *, health="health tcp { every 200ms  rise 1  fall 2 }", more=""):
    return f"""lbconf 1
cluster app {{
  {servers}
  {health}
}}
listener front {{ bind 127.0.0.1:{port}  route site }}
route site {{ otherwise {{ forward app }} }}
{more}
"""


def resolver(nameserver, timeout="200ms"):
    return (f"resolver ours {{ nameserver 127.0.0.1:{nameserver.port}  timeout {timeout}  tries 1\n"
            "  min-ttl 1s  negative-ttl 1s }")


@pytest.fixture
def three(start):
    """Origins at three addresses of one port."""
    port = free_port()
    origins = {str(i): start(OriginAt, f"127.0.0.{i}", port) for i in (2, 3, 4)}
    wait_for(lambda: all(serves(o.at) for o in origins.values()), "the origins listen")
    return origins, port


def serves(at):
    address, port = at.rsplit(":", 1)
    try:
        socket.create_connection((address, int(port)), timeout=1).close()
        return True
    except OSError:
        return False


@pytest.fixture
def nameserver(tmp_path):
    made = []

    def begin(hosts=None, services=()):
        made.append(Nameserver(tmp_path, hosts, services))
        return made[-1]
    yield begin
    for n in made:
        n.stop()


def up(lbc):
    """The addresses' last numbers of the servers that are up, in order; a backup's with a b."""
    return "".join(sorted(s["endpoint"].rsplit(":", 1)[0][-1] + ("b" if s["backup"] else "")
                          for s in lbc.show("servers") if s["health"] == "up"))


def one(lbc):
    [source] = lbc.show("sources")
    return source


def addresses(*numbers):
    return {"app.here": [f"127.0.0.{n}" for n in numbers]}


def by_name(start, nameserver, port, own="hold 2s"):
    listener = free_port()
    return start(Lbc, config(listener, f'servers dns "app.here:{port}" {{ resolver ours  {own} }}',
                             more=resolver(nameserver)), port=listener)


def test_the_addresses_of_a_name_are_servers_that_come_and_go(start, three, nameserver):
    _, port = three
    names = nameserver(addresses(2, 3))
    lbc = by_name(start, names, port)
    assert get(lbc.port, "/").status == 200, "served from the first request on"
    with Load(lbc.port, connections=4) as load:
        assert up(lbc) == "23"
        names.tell(addresses(2, 3, 4))
        wait_for(lambda: up(lbc) == "234", "a third one is in use")
        names.tell(addresses(4))
        wait_for(lambda: one(lbc)["missing"] == 2, "two are missing")
        assert up(lbc) == "234", "those who are missing stay for a while"
        wait_for(lambda: up(lbc) == "4", "and then they go")
    load.assert_clean()
    said = lbc.said()
    assert f"server app/127.0.0.4:{port} comes: app.here lists it" in said
    assert f"server app/127.0.0.2:{port} goes: app.here lists it no more" in said


def test_no_failure_to_ask_takes_servers_out(start, three, nameserver):
    _, port = three
    names = nameserver(addresses(2, 3))
    lbc = by_name(start, names, port, own="hold 1s")
    with Load(lbc.port, connections=4) as load:
        for what, begin, end in [
                ("silent", names.pause, names.resume),
                ("gone", names.stop, names.begin),
                ("refusing", lambda: names.tell({}), lambda: names.tell(addresses(2, 3)))]:
            failures = one(lbc)["failures"]
            begin()
            if what != "refusing":
                wait_for(lambda: one(lbc)["failures"] > failures + 2, f"it is noticed: {what}", 20)
                assert up(lbc) == "23", what
            else:  # an empty answer is one, and the last server stays whatever is said
                wait_for(lambda: len(up(lbc)) == 1, "the last one stays", 20)
                time.sleep(2)
                assert len(up(lbc)) == 1 and one(lbc)["missing"] == 1
            end()
            wait_for(lambda: "reason" not in one(lbc) and up(lbc) == "23", f"it is over: {what}", 20)
    load.assert_clean()
    assert "servers of app stay as they are: app.here: no answer in time" in lbc.said()
    assert "servers of app: app.here lists them again" in lbc.said()


def test_who_starts_while_nobody_answers_serves_when_somebody_does(start, three, nameserver):
    _, port = three
    names = nameserver(addresses(2))
    names.pause()
    lbc = by_name(start, names, port)
    assert get(lbc.port, "/").status == 503, "it starts all the same"
    names.resume()
    wait_for(lambda: get(lbc.port, "/").status == 200, "and serves", 20)


def test_a_service_brings_its_ports_and_its_priorities(start, nameserver):
    ports = [free_port(), free_port()]
    for port in ports:
        start(OriginAt, "127.0.0.1", port)
    names = nameserver({"a.here": ["127.0.0.1"]},
                       [("_http._tcp.here", "a.here", ports[0], 1, 1000),
                        ("_http._tcp.here", "a.here", ports[1], 4, 10)])
    listener = free_port()
    lbc = start(Lbc, config(listener, 'servers srv "_http._tcp.here" { resolver ours }',
                            more=resolver(names)), port=listener)
    wait_for(lambda: len(lbc.show("servers")) == 2, "both are found")
    first, second = (f"127.0.0.1:{port}" for port in ports)
    seen = {s["endpoint"]: (s["priority"], s["standby"], s["weight"]) for s in lbc.show("servers")}
    assert seen == {first: (0, False, 256), second: (3, True, 2)}, "counted from the best"
    assert {get(listener, "/")["x-origin"] for _ in range(4)} == {str(ports[0])}
    lbc.ctl("drain", f"app/{first}")
    wait_for(lambda: get(listener, "/")["x-origin"] == str(ports[1]), "the second serves")


def by_file(start, file, own="hold 1s"):
    listener = free_port()
    return start(Lbc, config(listener, f'servers file "{file}" {{ {own} }}'), port=listener)


def test_a_file_lists_servers_and_a_wrong_one_changes_nothing(start, three, tmp_path):
    origins, port = three
    file = tmp_path / "servers.txt"
    file.write_text(f"# ours\n{origins['2'].at} weight 3\n{origins['3'].at} backup\n")
    lbc = by_file(start, file)
    with Load(lbc.port, connections=4) as load:
        wait_for(lambda: up(lbc) == "23b", "both are in use")
        assert {s["weight"] for s in lbc.show("servers")} == {3, 1}
        file.write_text("127.0.0.4\n")
        wait_for(lambda: "reason" in one(lbc), "the mistake is seen")
        assert one(lbc)["reason"] == "line 1: a server is an address with its port, or unix: and a path"
        os.unlink(file)
        wait_for(lambda: one(lbc)["reason"] == "No such file or directory", "that it is gone is seen")
        assert up(lbc) == "23b"
        file.write_text(f"{origins['4'].at}\n")
        wait_for(lambda: up(lbc) == "4", "the new list holds")
    load.assert_clean()


@pytest.mark.parametrize("own, few", [("slow-start 1h", True), ("", False)])
def test_who_is_found_may_start_slowly(start, three, tmp_path, own, few):
    """Beside one that has been there all the time."""
    origins, _ = three
    file, listener = tmp_path / "servers.txt", free_port()
    file.write_text(f"{origins['3'].at}\n")
    lbc = start(Lbc, config(listener, f"balance weighted-round-robin\n  server s {origins['2'].at} weight 1\n"
                            f'  servers file "{file}" {{ {own} }}'), port=listener)
    wait_for(lambda: up(lbc) == "23", "both are up")
    with Client(listener) as c:
        for _ in range(100):
            c.get("/")
    n = {s["endpoint"]: s["requests"] for s in lbc.show("servers")}[origins["3"].at]
    assert n < 20 if few else 40 <= n <= 60


def test_a_reload_keeps_what_is_known(start, three, nameserver):
    _, port = three
    names = nameserver(addresses(2, 3))
    lbc = by_name(start, names, port)
    with Load(lbc.port, connections=4) as load:
        wait_for(lambda: up(lbc) == "23", "both are up")
        names.pause()
        for _ in range(3):
            assert "generation" in lbc.reload()
            assert up(lbc) == "23", "known, and nobody could be asked"
        names.resume()
    load.assert_clean()


def test_a_reload_waits_for_names_that_are_new(start, three, nameserver):
    origins, port = three
    names = nameserver(addresses(3))
    listener = free_port()
    lbc = start(Lbc, config(listener, f"server a {origins['2'].at}"), port=listener)
    with Load(lbc.port, connections=4) as load:
        lbc.reload(config(listener, f'servers dns "app.here:{port}" {{ resolver ours }}',
                          more=resolver(names)))
        assert up(lbc) == "3"
    load.assert_clean()


def test_a_server_that_is_known_already_is_not_there_twice(start, three, nameserver):
    origins, port = three
    names = nameserver(addresses(2, 3))
    listener = free_port()
    lbc = start(Lbc, config(
        listener, f'server a {origins["2"].at}\n  servers dns "app.here:{port}" {{ resolver ours }}',
        more=resolver(names)), port=listener)
    wait_for(lambda: up(lbc) == "23", "both are up")
    assert [s["server"] for s in lbc.show("servers")] == ["a", f"127.0.0.3:{port}"]


def test_found_servers_can_be_drained_and_stay_so(start, three, nameserver):
    _, port = three
    names = nameserver(addresses(2, 3))
    lbc = by_name(start, names, port)
    wait_for(lambda: up(lbc) == "23", "both are up")
    lbc.ctl("drain", f"app/127.0.0.2:{port}")
    names.tell(addresses(2, 3, 4))
    wait_for(lambda: up(lbc) == "234", "another one is found")
    states = {s["endpoint"]: s["state"] for s in lbc.show("servers")}
    assert states[f"127.0.0.2:{port}"] == "drain" and states[f"127.0.0.3:{port}"] == "ready"


def test_explain_counts_servers_that_will_be_found(tmp_path):
    """As it takes those that are written down for up."""
    file = tmp_path / "c.lbconf"
    file.write_text(config(8080, f'servers file "{tmp_path}/none.txt"').replace(
        "{ otherwise", "{ when cluster.app.up < 1 { deny 503 }\n otherwise"))
    done = subprocess.run([LBC, "explain", file, "GET http://a/"], capture_output=True, text=True)
    assert "(is 1)" in done.stdout, done.stdout + done.stderr
    assert "forward app" in done.stdout
