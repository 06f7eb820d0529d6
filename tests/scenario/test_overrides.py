"""What operators set of servers: at once, told by `show drift`, kept over reloads, restarts and upgrades, and over some day."""
import os
import socket
import threading
import time

import pytest

from harness import LBC, Lbc, Origin, ask_socket, free_port, get, wait_for

SITE = """lbconf 1
cluster app {
  server a 127.0.0.1:1
  server b 127.0.0.1:2 weight 3
  server c 127.0.0.1:3 { state drain }
}
listener front { bind 127.0.0.1:PORT; route site }
route site { otherwise { forward app } }
"""


@pytest.fixture
def lbc(start, tmp_path):
    return begin(start, tmp_path)


def begin(start, folder, text=SITE, port=None, **more):
    port = port or free_port()
    return start(Lbc, text and text.replace("PORT", str(port)), port=port, state=folder / "state", **more)


def again(start, folder, lbc, text=None):
    """Started once more, with the files and the state that are there."""
    if text:
        lbc.file.write_text(text.replace("PORT", str(lbc.port)))
    return begin(start, folder, text=None, port=lbc.port)


def servers(lbc):
    return {s["server"]: (s["state"], s["weight"]) for s in lbc.show("servers")}


def drift(lbc):
    return [(d["number"], d["sentence"], d["why"], d["fits"]) for d in lbc.show("drift")]


def refused(lbc, *words):
    done = lbc.ctl(*words, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


AS_FILE = {"a": ("ready", 1), "b": ("ready", 3), "c": ("drain", 1)}


def test_what_is_set_is_told_with_who_and_why_and_ends_by_its_opposite(lbc):
    assert "app/a drains: it gets nothing new (change 1)" in lbc.ctl("drain", "app/a", "because", "its", "disk", "fails")
    lbc.ctl("set", "weight", "app/b", "7")
    lbc.ctl("ready", "app/c")
    assert drift(lbc) == [(1, "drain app/a", "its disk fails", True), (2, "set weight app/b 7", "", True),
                          (3, "ready app/c", "", True)]
    assert {(d["who"], d["server"], "left_s" in d) for d in lbc.show("drift")} == {(f"uid {os.getuid()}", True, False)}
    assert servers(lbc) == {"a": ("drain", 1), "b": ("ready", 7), "c": ("ready", 1)}
    assert f"change 1 by uid {os.getuid()}: drain app/a, because its disk fails" in lbc.said()
    lbc.ctl("maintenance", "app/a")  # in place of the one before
    assert [d[:2] for d in drift(lbc)] == [(2, "set weight app/b 7"), (3, "ready app/c"), (4, "maintenance app/a")]
    lbc.ctl("ready", "app/a", "because", "it", "has", "another", "disk")
    assert f"change 4 is ended by uid {os.getuid()}: maintenance app/a, because it has another disk" in lbc.said()
    lbc.ctl("set", "weight", "app/b", "3")
    assert lbc.ctl("drain", "app/c", "for", "1h") == "app/c drains: it gets nothing new, as the file says: that has no end\n"
    assert drift(lbc) == [] and servers(lbc) == AS_FILE
    assert "is the number" not in refused(lbc, "undo", "4")


def test_it_is_undone_by_its_number_and_has_its_place_among_changes(lbc):
    lbc.ctl("drain", "app/a")
    lbc.ctl("change", "set", "app/b", "weight", "9")
    lbc.ctl("set", "weight", "app/a", "5")
    assert [d[:2] for d in drift(lbc)] == [(1, "drain app/a"), (2, "set app/b weight 9"), (3, "set weight app/a 5")]
    assert "app/a is as the file says (change 1 is undone)" in lbc.ctl("undo", "1")
    assert f"change 1 is undone by uid {os.getuid()}: drain app/a" in lbc.said()
    lbc.ctl("undo", "3")
    assert servers(lbc)["a"] == ("ready", 1)
    lbc.ctl("undo", "2")
    assert drift(lbc) == [] and servers(lbc) == AS_FILE


def test_one_for_a_time_ends_by_itself(lbc):
    lbc.ctl("drain", "app/a", "for", "2s", "because", "of a test")
    lbc.ctl("set", "weight", "app/b", "5", "for", "1h")
    first, second = lbc.show("drift")
    assert 0 < first["left_s"] <= 2 and 3500 < second["left_s"] <= 3600
    wait_for(lambda: servers(lbc)["a"] == ("ready", 1), "it is over", 20)
    assert [d[0] for d in drift(lbc)] == [2]
    assert "change 1 is over: drain app/a" in lbc.said()


@pytest.mark.parametrize("how", ["stop", "kill", "upgrade"])
def test_it_outlives_the_process(start, tmp_path, lbc, how):
    lbc.ctl("drain", "app/a", "for", "1h", "because", "its disk")
    lbc.ctl("set", "weight", "app/b", "7")
    lbc.ctl("ready", "app/c")
    before, seen = drift(lbc), servers(lbc)
    lbc.reload()
    assert (drift(lbc), servers(lbc)) == (before, seen)
    if how == "upgrade":
        lbc.upgrade()
    else:
        getattr(lbc, how)()
        lbc = again(start, tmp_path, lbc)
    assert (drift(lbc), servers(lbc)) == (before, seen)
    assert 3000 < lbc.show("drift")[0]["left_s"] <= 3600
    if how != "upgrade":  # it is so before anything is served
        assert lbc.said().index("set to drain") < lbc.said().index("generation 1 serves")
    lbc.ctl("drain", "app/b")
    assert drift(lbc)[-1][:2] == (4, "drain app/b")  # no number twice
    lbc.ctl("undo", "1")
    assert servers(lbc)["a"] == ("ready", 1)
    lbc.kill()
    lbc = again(start, tmp_path, lbc)
    assert [d[0] for d in drift(lbc)] == [2, 3, 4]
    lbc.stop()


def test_what_is_taken_back_while_another_process_gets_ready_stays_so(start, tmp_path):
    """It has read by then what was set: what is not any more when it begins is as the file says."""
    origin, port, other = start(Origin), free_port(), tmp_path / "other.sock"
    lbc = begin(start, tmp_path, port=port)
    for words in (["drain", "app/a"], ["set", "weight", "app/b", "7"], ["ready", "app/c"]):
        lbc.ctl(*words)
    slow = 'health http GET "/slow/60000" { every 20s; timeout 15s }\n'  # so that it waits for a second
    lbc.file.write_text(SITE.replace("PORT", str(port)).replace("  server a 127.0.0.1:1\n", f"  {slow}  server a 127.0.0.1:{origin.port}\n"))
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\nexec {LBC} "$@" --socket {other}\n')
    program.chmod(0o755)
    upgrading = threading.Thread(target=lbc.upgrade, args=[str(program)])
    upgrading.start()
    wait_for(lambda: "change 3 holds" in lbc.said() and other.exists(), "it knows of them", 30)
    assert "refused: this process is about to take over\n" in ask_socket(other, "ready app/a\n")
    for words in (["undo", "1"], ["set", "weight", "app/b", "3"], ["maintenance", "app/c"]):
        lbc.ctl(*words)
    assert not lbc.before, "it had begun already"
    upgrading.join(60)
    assert servers(lbc) == {"a": ("ready", 1), "b": ("ready", 3), "c": ("maintenance", 1)}
    assert drift(lbc) == [(4, "maintenance app/c", "", True)]


def test_what_the_next_process_finds_in_the_file_is_over(lbc):
    text = lbc.file.read_text()
    lbc.ctl("drain", "app/a")
    lbc.file.write_text(text.replace("127.0.0.1:1\n", "127.0.0.1:1 { state drain }\n"))
    lbc.upgrade()
    assert drift(lbc) == [] and servers(lbc)["a"] == ("drain", 1)
    lbc.reload(text)
    assert servers(lbc)["a"] == ("ready", 1)


def test_without_a_state_it_outlives_an_upgrade_only(start):
    port = free_port()
    lbc = start(Lbc, SITE.replace("PORT", str(port)), port=port)
    lbc.ctl("drain", "app/a", "because", "x")
    lbc.upgrade()
    assert drift(lbc) == [(1, "drain app/a", "x", True)] and servers(lbc)["a"][0] == "drain"
    lbc.stop()
    lbc = start(Lbc, SITE.replace("PORT", str(port)), port=port)
    assert drift(lbc) == []


def test_what_is_over_while_no_process_runs_is_over(start, tmp_path, lbc):
    lbc.ctl("drain", "app/a", "for", "1s")
    lbc.kill()
    time.sleep(1.1)  # it is a moment of the calendar
    lbc = again(start, tmp_path, lbc)
    assert drift(lbc) == [] and servers(lbc) == AS_FILE


def test_the_file_may_say_something_else_by_now(lbc):
    """Who spoke last holds; and what was set holds again when the file says again what it said then."""
    text = lbc.file.read_text()
    lbc.ctl("drain", "app/a")
    lbc.ctl("set", "weight", "app/b", "7")
    lbc.reload(text.replace("127.0.0.1:1\n", "127.0.0.1:1 { state maintenance }\n").replace("weight 3", "weight 4"))
    assert servers(lbc)["a"] == ("maintenance", 1) and servers(lbc)["b"] == ("ready", 4)
    assert [d[3] for d in drift(lbc)] == [False, False]
    lbc.reload(text.replace("  server a 127.0.0.1:1\n", ""))
    assert [d[3] for d in drift(lbc)] == [False, True] and servers(lbc)["b"] == ("ready", 7)
    lbc.reload(text.replace("127.0.0.1:1\n", "127.0.0.1:9\n"))  # another address, and still app/a
    assert [d[3] for d in drift(lbc)] == [True, True] and servers(lbc)["a"] == ("drain", 1)
    lbc.ctl("undo", "1")
    lbc.reload(text)
    assert servers(lbc)["a"] == ("ready", 1)


def test_what_the_file_says_too_is_no_difference(start, tmp_path, lbc):
    text = lbc.file.read_text()
    lbc.ctl("drain", "app/a")
    lbc.ctl("set", "weight", "app/b", "7")
    lbc.ctl("commit", "set", "app/b", "weight", "7")
    assert [d[1] for d in drift(lbc)] == ["drain app/a"]
    lbc.file.write_text(text.replace("127.0.0.1:1\n", "127.0.0.1:1 { state drain }\n"))
    lbc.ctl("reload", "confirm", "60s")  # it may go again
    assert [d[1] for d in drift(lbc)] == ["drain app/a"]
    lbc.ctl("confirm")
    assert drift(lbc) == [] and servers(lbc)["a"] == ("drain", 1)
    lbc.kill()
    lbc = again(start, tmp_path, lbc)
    assert drift(lbc) == []
    lbc.ctl("ready", "app/a")
    lbc.kill()
    lbc = again(start, tmp_path, lbc, text)  # the file was changed meanwhile, to that
    assert drift(lbc) == [] and servers(lbc) == AS_FILE


def test_nothing_that_is_under_way_holds_it_up(lbc):
    lbc.ctl("reload", "confirm", "300s")
    assert "on trial" in refused(lbc, "change", "set", "app/a", "weight", "9")
    lbc.ctl("drain", "app/a")
    assert servers(lbc)["a"][0] == "drain"
    lbc.ctl("confirm")
    lbc.ctl("reload", "canary", "5%")
    lbc.ctl("maintenance", "app/b")
    lbc.ctl("undo", "1")
    assert (servers(lbc)["a"][0], servers(lbc)["b"][0]) == ("ready", "maintenance")
    lbc.ctl("promote")
    assert servers(lbc)["b"][0] == "maintenance" and [d[:2] for d in drift(lbc)] == [(2, "maintenance app/b")]


def test_a_canary_does_not_bring_a_drained_server_back_at_another_address(start, tmp_path):
    port, old, new, b = free_port(), *(start(Origin) for _ in range(3))
    text = f"""lbconf 1
cluster app {{ server a 127.0.0.1:{old.port}; server b 127.0.0.1:{b.port} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
"""
    lbc = start(Lbc, text, port=port, workers=1)

    def seen():
        return {int(get(port)["x-origin"]) for _ in range(20)}
    lbc.ctl("drain", "app/a")
    lbc.file.write_text(text.replace(str(old.port), str(new.port)))
    lbc.ctl("reload", "canary", "100%")
    assert seen() == {b.port}
    lbc.ctl("ready", "app/a")
    assert seen() == {new.port, b.port}
    lbc.ctl("drain", "app/a")
    assert seen() == {b.port}
    lbc.ctl("undo", "2")
    assert seen() == {new.port, b.port}
    lbc.ctl("drain", "app/a")
    lbc.ctl("promote")
    assert seen() == {b.port} and [d[:2] for d in drift(lbc)] == [(3, "drain app/a")]


def test_a_trial_that_goes_leaves_it(lbc):
    text = lbc.file.read_text()
    lbc.ctl("drain", "app/a")
    lbc.file.write_text(text.replace("127.0.0.1:1\n", "127.0.0.1:1 { state drain }\n"))
    lbc.ctl("reload", "confirm", "1s")
    wait_for(lambda: lbc.show("info")["generation"] >= 3, "what was before is back", 30)
    assert servers(lbc)["a"] == ("drain", 1) and drift(lbc) == [(1, "drain app/a", "", True)]


def test_a_disk_that_is_full_holds_up_nothing_and_is_told(lbc, tmp_path):
    (tmp_path / "state" / "overrides.new").mkdir()  # nothing can be written there
    said = lbc.ctl("drain", "app/a")
    assert "app/a drains" in said and "warning: it is so now, and is not kept over a restart: cannot write" in said
    assert servers(lbc)["a"][0] == "drain" and drift(lbc)[0][1] == "drain app/a"
    assert "what is set of servers is not kept: cannot write" in lbc.said()
    (tmp_path / "state" / "overrides.new").rmdir()
    assert "warning" not in lbc.ctl("drain", "app/b")
    assert (tmp_path / "state" / "overrides").read_text().count("drain app/") == 2 and "is kept again" in lbc.said()


def test_a_disk_that_does_not_answer_holds_up_an_upgrade_and_nothing_else(lbc, tmp_path):
    """It is as if the upgrade had not been asked for."""
    instead = tmp_path / "state" / "overrides.new"
    os.mkfifo(instead)  # whoever opens it waits for a reader
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(lbc.socket)
        s.sendall(b"drain app/a\n")
        wait_for(lambda: servers(lbc)["a"][0] == "drain", "it counts")
        upgrading = threading.Thread(target=lambda: seen.append(lbc.upgrade(check=False)))
        seen = []
        upgrading.start()
        wait_for(lambda: "is to take over" in lbc.said(), "it is started", 30)
        assert "about to take over" in refused(lbc, "reload") and servers(lbc)
        upgrading.join(60)
        assert "the disk does not answer" in seen[0].stderr
        with open(instead, "rb"):
            said = s.recv(65536).decode()
    assert said.startswith("app/a drains") and "warning: it is so now, and is not kept" in said
    instead.unlink(missing_ok=True)
    lbc.upgrade()
    assert [d[1] for d in drift(lbc)] == ["drain app/a"] and "drain app/a" in (tmp_path / "state" / "overrides").read_text()


def test_an_upgrade_waits_for_what_is_being_written(lbc, tmp_path):
    instead = tmp_path / "state" / "overrides.new"
    os.mkfifo(instead)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(lbc.socket)
        s.sendall(b"drain app/a\nset weight app/b 7\n")
        wait_for(lambda: servers(lbc)["a"][0] == "drain", "it counts")
        upgrading = threading.Thread(target=lbc.upgrade)
        upgrading.start()
        wait_for(lambda: lbc.said().count("change 1 holds") == 1, "it is ready, or nearly so", 30)
        time.sleep(0.5)
        with open(instead, "rb"):
            instead.unlink(missing_ok=True)
            upgrading.join(60)
            s.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: s.recv(65536), b"")).decode()
    assert len(lbc.before) == 1 and [d[1] for d in drift(lbc)] == ["drain app/a"]
    # Whether that file could be put in place, or was gone, was a matter of moments.
    assert said.startswith("app/a drains: it gets nothing new (change 1)\n") and "ok\nrefused: another process" in said


@pytest.mark.parametrize("until", ["some time", "the end"])
def test_what_was_not_kept_is_kept_as_soon_as_it_can_be(start, lbc, tmp_path, until):
    kept, instead = tmp_path / "state" / "overrides", tmp_path / "state" / "overrides.new"
    instead.mkdir()
    assert "warning" in lbc.ctl("drain", "app/a")
    instead.rmdir()
    if until == "some time":
        wait_for(lambda: kept.exists() and "drain app/a" in kept.read_text(), "it is tried again", 40)
        lbc.kill()
    else:
        lbc.stop()
    lbc = again(start, tmp_path, lbc)
    assert servers(lbc)["a"][0] == "drain"


def test_what_is_kept_may_be_garbled(start, tmp_path, lbc):
    lbc.ctl("drain", "app/a")
    lbc.ctl("set", "weight", "app/b", "7")
    lbc.kill()
    kept = tmp_path / "state" / "overrides"
    first, *lines = kept.read_text().splitlines()
    kept.write_text("\n".join([first, "nonsense", lines[0].replace("drain", "paint"), *lines]) + "\n")
    lbc = again(start, tmp_path, lbc)
    assert [d[1] for d in drift(lbc)] == ["drain app/a", "set weight app/b 7"]
    assert "is none, and is left out: nonsense" in lbc.said() and "is not understood, and is left out: paint app/a" in lbc.said()


@pytest.mark.parametrize("how", ["a folder", "a link", "too large"])
def test_what_is_kept_may_be_unreadable(start, tmp_path, lbc, how):
    """There is a configuration to serve."""
    lbc.ctl("drain", "app/a")
    lbc.kill()
    for name, most in (("overrides", 32 << 20), ("changes", 2 << 20)):
        kept = tmp_path / "state" / name
        kept.unlink(missing_ok=True)
        if how == "a folder":
            kept.mkdir()
        elif how == "a link":
            kept.symlink_to(lbc.file)
        else:
            kept.write_bytes(b"x" * (most + 1))
    lbc = again(start, tmp_path, lbc)
    assert drift(lbc) == [] and servers(lbc) == AS_FILE
    assert lbc.said().count(", what it has is left out: ") == 2
    if how == "a link":  # it is not what is written to
        lbc.ctl("drain", "app/a")
        assert lbc.file.read_text().startswith("lbconf 1\n") and (tmp_path / "state" / "overrides").is_file()


def test_tools_of_haproxy_say_the_same(start, tmp_path):
    path = tmp_path / "h.sock"
    lbc = begin(start, tmp_path, haproxy_socket=path)
    for line in ("set server app/a state maint", "set weight app/b 200%;set weight app/b 50%", "disable server nobody/x"):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(path))
            s.sendall(line.encode() + b"\n")
            answer = b"".join(iter(lambda s=s: s.recv(65536), b"")).decode()
    assert answer == "No such backend.\n\n"
    assert [d[1] for d in drift(lbc)] == ["maintenance app/a", "set weight app/b 2"]
    assert {d["who"] for d in lbc.show("drift")} == {f"uid {os.getuid()}"}
    wait_for(lambda: (tmp_path / "state" / "overrides").read_text().count("\n") == 3, "both are kept")


def test_there_may_be_4096_of_them(start):
    port, n = free_port(), 4096
    names = [f"s{i}" for i in range(n + 1)]
    lbc = start(Lbc, "lbconf 1\ncluster app {\n" + "".join(f"  server {name} 127.0.0.1:1\n" for name in names) +
                f"}}\nlistener front {{ bind 127.0.0.1:{port}; route site }}\nroute site {{ otherwise {{ forward app }} }}\n", port=port)
    lines = "".join(f"drain app/{name}\n" for name in names) + "maintenance app/s0\nshow info\n"
    answer = ask_socket(lbc.socket, lines)
    assert answer.count("\nok\n") == n + 2
    assert "refused: 4096 servers are set otherwise than the file says already; undo some, or commit them\n" in answer
    lbc.reload()
    states = [s["state"] for s in lbc.show("servers")]
    assert states[0] == "maintenance" and states.count("drain") == n - 1
