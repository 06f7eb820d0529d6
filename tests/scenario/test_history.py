"""What outlives the process: changes that are in no file, and the configurations that were served."""
import os
import random
import signal
import subprocess
import time

import pytest

from harness import LBC, Lbc, free_port, get, wait_for

SITE = """lbconf 1
set banned : network from file "banned.txt"
include "more.lbconf"
listener front { bind 127.0.0.1:PORT; route site }
route site {
  when src in banned { deny 403 }
  otherwise { respond 200 GREETING }
}
"""
MORE = "const GREETING : string = \"%s\"\n"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "banned.txt").write_text("192.0.2.1\n")
    (tmp_path / "more.lbconf").write_text(MORE % "one")
    return tmp_path


@pytest.fixture
def lbc(start, place):
    port = free_port()
    return start(Lbc, SITE.replace("PORT", str(port)), port=port, state=place / "state")


def again(start, lbc):
    """Another process in its place, with the files and the state as they are."""
    if lbc.alive():
        lbc.stop()
    return start(Lbc, None, port=lbc.port, state=lbc.file.parent / "state")


def body(lbc):
    return get(lbc.port).body.decode()


def history(lbc):
    return [(r["number"], r["what"]) for r in lbc.show("history")]


def refused(lbc, *words):
    done = lbc.ctl(*words, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_changes_are_there_after_a_restart_until_they_end(start, lbc):
    lbc.ctl("change", "add", "banned", "127.0.0.1")
    lbc.ctl("change", "for", "1h", "set", "GREETING", '"two"')
    lbc.ctl("change", "for", "1h", "add", "banned", "192.0.2.7")
    lbc.ctl("undo", "3")
    lbc = again(start, lbc)
    assert get(lbc.port).status == 403
    drift = lbc.show("drift")
    assert [d["sentence"] for d in drift] == ["add banned 127.0.0.1", 'set GREETING "two"']
    assert "left_s" not in drift[0] and 3000 < drift[1]["left_s"] <= 3601
    lbc.ctl("undo", "1")
    assert body(lbc) == "two"
    assert "change 4, " in lbc.ctl("change", "add", "banned", "192.0.2.8")  # a number is given once
    lbc.ctl("change", "for", "1s", "set", "GREETING", '"three"')
    lbc.stop()
    time.sleep(1.1)  # it is over meanwhile
    lbc = start(Lbc, None, port=lbc.port, state=lbc.file.parent / "state")
    assert body(lbc) == "two"
    assert [d["number"] for d in lbc.show("drift")] == [2, 4]


def test_a_process_that_is_killed_forgets_nothing(start, lbc):
    for n in range(8):
        lbc.ctl("change", "add", "banned", f"198.51.100.{n}")
        if n % 3 == 2:
            lbc.kill()
            lbc = again(start, lbc)
        assert len(lbc.show("drift")) == n + 1


def test_killed_while_a_change_is_made(start, lbc):
    """What was answered is there; what was not is there whole, or not at all."""
    chance = random.Random(7)
    known = 0
    for n in range(12):
        asking = subprocess.Popen([LBC, "ctl", "--socket", lbc.socket, "change", "add", "banned", f"198.51.100.{n}"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(chance.uniform(0, 0.03))
        lbc.kill()
        told = "change " in asking.communicate()[0]
        lbc = again(start, lbc)
        there = len(lbc.show("drift"))
        assert there in ((known + 1,) if told else (known, known + 1))
        assert "is none" not in lbc.said()
        known = there


def test_a_change_that_cannot_be_kept_is_refused(lbc):
    state = lbc.file.parent / "state"
    lbc.ctl("change", "add", "banned", "192.0.2.5")
    os.mkdir(state / "changes.new")  # where it would be written
    assert "cannot write" in refused(lbc, "change", "add", "banned", "127.0.0.1")
    assert body(lbc) == "one"
    assert "cannot write" in refused(lbc, "undo", "1")
    os.rmdir(state / "changes.new")
    lbc.ctl("change", "add", "banned", "127.0.0.1")
    assert get(lbc.port).status == 403


@pytest.mark.parametrize("how", ["reload", "upgrade", "start"])
def test_what_is_kept_already_is_served_though_nothing_can_be_written(start, lbc, how):
    """And what is for a time ends."""
    lbc.ctl("change", "add", "banned", "127.0.0.1")
    lbc.ctl("change", "for", "2s", "set", "GREETING", '"two"')
    lbc.ctl("undo", "1")
    lbc.ctl("change", "add", "banned", "127.0.0.1")
    os.mkdir(lbc.file.parent / "state" / "changes.new")
    wait_for(lambda: len(lbc.show("drift")) == 1, "it has ended", 20)
    if how == "start":
        lbc.kill()
        lbc = again(start, lbc)
    elif how == "upgrade":
        lbc.upgrade()
    else:
        assert "warning: cannot write" in lbc.reload()
    assert get(lbc.port).status == 403
    assert [(d["number"], d["fits"]) for d in lbc.show("drift")] == [(3, True)]


def may_mount():
    return subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="a folder becomes read-only by a mount")
def test_a_folder_that_is_read_only_by_now_holds_up_no_start(start, lbc, monkeypatch, tmp_path):
    """As after errors of its disk: what is there holds, and what is new is refused, or warned of."""
    state, script = lbc.file.parent / "state", tmp_path / "in-a-place-of-its-own"
    lbc.ctl("change", "add", "banned", "127.0.0.1")
    lbc.kill()
    script.write_text("#!/bin/sh\nexec unshare --user --map-root-user --mount sh -c 'mount --bind \"$0\" \"$0\" && "
                      f"mount -o remount,bind,ro \"$0\" && exec \"$@\"' {state} \"$@\"\n")
    script.chmod(0o755)
    with monkeypatch.context() as m:
        m.setenv("LBC_WRAPPER", f"{script} {os.environ.get('LBC_WRAPPER', '')}")
        lbc = start(Lbc, None, port=lbc.port, state=state)
    assert get(lbc.port).status == 403
    assert "Read-only file system" in refused(lbc, "change", "set", "GREETING", '"two"')
    lbc.reload()
    assert [d["sentence"] for d in lbc.show("drift")] == ["add banned 127.0.0.1"]
    other = subprocess.run([LBC, "run", str(lbc.file), "--socket", "off", "--state", str(state)],
                           capture_output=True, text=True, timeout=60)
    assert other.returncode == 1 and "another process does" in other.stderr


def test_a_line_that_is_no_change_is_told(start, lbc):
    lbc.ctl("change", "set", "GREETING", '"two"')
    lbc.stop()
    with open(lbc.file.parent / "state" / "changes", "a") as f:
        f.write("nonsense\n")
    lbc = start(Lbc, None, port=lbc.port, state=lbc.file.parent / "state")
    assert body(lbc) == "two"
    assert "line 3 of the changes that were kept is none, and is left out: nonsense" in lbc.said()


def test_what_fits_no_more_after_a_restart_is_told_and_kept(start, lbc):
    lbc.ctl("change", "set", "GREETING", '"two"')
    lbc.stop()
    text = lbc.file.read_text()
    lbc.file.write_text(text.replace('include "more.lbconf"', 'const GREETING2 : string = "x"')
                        .replace("respond 200 GREETING", "respond 200 GREETING2"))
    lbc = start(Lbc, None, port=lbc.port, state=lbc.file.parent / "state")
    assert body(lbc) == "x"
    assert [d["fits"] for d in lbc.show("drift")] == [False]
    lbc.reload(text)
    assert body(lbc) == "two"


def test_every_configuration_is_a_revision(start, lbc):
    assert history(lbc) == [(1, "start")]
    lbc.ctl("commit", "set", "GREETING", '"two"')
    lbc.reload()  # the same texts
    lbc.ctl("change", "set", "GREETING", '"drift"')  # in no file
    (lbc.file.parent / "more.lbconf").write_text(MORE % "three")
    lbc.signal(signal.SIGHUP)
    wait_for(lambda: len(history(lbc)) == 3, "SIGHUP")
    (lbc.file.parent / "more.lbconf").write_text("nonsense")
    assert "refused" in refused(lbc, "reload")
    (lbc.file.parent / "more.lbconf").write_text(MORE % "three")
    assert history(lbc) == [(3, "reload"), (2, 'commit set GREETING "two"'), (1, "start")]
    shown = lbc.show("history")
    assert [r["current"] for r in shown] == [True, False, False]
    assert shown[0]["who"] == "SIGHUP" and shown[1]["who"] == f"uid {os.getuid()}"
    assert shown[0]["files"] == 3
    lbc = again(start, lbc)
    assert [n for n, _ in history(lbc)] == [3, 2, 1]  # nothing is new
    assert '-const GREETING : string = "one"\n+const GREETING : string = "two"\n' in lbc.ctl("show", "revision", "2")
    assert "+const GREETING" in lbc.ctl("show", "revision", "1")
    assert "there is no revision 4" in refused(lbc, "show", "revision", "4")


def test_back_to_what_was_served(start, lbc):
    folder = lbc.file.parent
    lbc.ctl("commit", "set", "GREETING", '"two"')
    (folder / "banned.txt").write_text("192.0.2.9\n")
    lbc.reload()
    answer = lbc.ctl("rollback", "1")
    assert "generation" in answer
    assert body(lbc) == "one"
    assert (folder / "more.lbconf").read_text() == MORE % "one"
    assert (folder / "banned.txt").read_text() == "192.0.2.1\n"
    assert history(lbc)[0] == (4, "rollback 1")
    lbc.reload()  # the files say the same
    assert body(lbc) == "one" and len(history(lbc)) == 4
    lbc.ctl("rollback", "3")
    assert body(lbc) == "two" and (folder / "banned.txt").read_text() == "192.0.2.9\n"
    assert "revision 5 is what is served" in refused(lbc, "rollback", "5")
    assert "there is no revision 9" in refused(lbc, "rollback", "9")


def test_changes_stay_when_it_goes_back(lbc):
    lbc.ctl("commit", "set", "GREETING", '"two"')
    lbc.ctl("change", "add", "banned", "127.0.0.1")
    lbc.ctl("rollback", "1")
    assert get(lbc.port).status == 403
    lbc.ctl("undo", "2")
    assert body(lbc) == "one"


def test_a_file_that_was_changed_meanwhile_is_not_written_over(lbc):
    more = lbc.file.parent / "more.lbconf"
    lbc.ctl("commit", "set", "GREETING", '"two"')
    more.write_text(MORE % "half a tho")
    assert "is not as it was loaded any more" in refused(lbc, "rollback", "1")
    assert body(lbc) == "two" and more.read_text() == MORE % "half a tho"


def test_a_file_of_then_comes_back_unless_another_is_in_its_place(lbc):
    extra = lbc.file.parent / "extra.lbconf"
    text = lbc.file.read_text()
    extra.write_text("const EXTRA : string = \"x\"\n")
    lbc.reload(text.replace('include "more', 'include "extra.lbconf"\ninclude "more').replace("GREETING", "EXTRA"))
    assert body(lbc) == "x"
    lbc.reload(text)
    extra.write_text("something else")
    assert "extra.lbconf is there and is not what is served" in refused(lbc, "rollback", "2")
    extra.unlink()
    lbc.ctl("rollback", "2")
    assert body(lbc) == "x" and extra.read_text() == "const EXTRA : string = \"x\"\n"


def test_a_file_that_a_pattern_finds_by_now_refuses(start, place):
    port = free_port()
    (place / "conf.d").mkdir()
    (place / "conf.d" / "a.lbconf").write_text(MORE % "one")
    text = SITE.replace("PORT", str(port)).replace("more.lbconf", "conf.d/*.lbconf")
    lbc = start(Lbc, text, port=port, state=place / "state")
    (place / "conf.d" / "b.lbconf").write_text("const MORE : string = \"x\"\n")
    lbc.reload()
    assert "b.lbconf is included, and was not then" in refused(lbc, "rollback", "1")
    (place / "conf.d" / "b.lbconf").unlink()
    assert "generation" in lbc.ctl("reload")


def test_what_cannot_be_served_any_more_leaves_the_files_alone(lbc):
    """A port that somebody else has by now."""
    import socket
    other = free_port()
    text = lbc.file.read_text()
    lbc.reload(text.replace("bind 127.0.0.1:", f"bind 127.0.0.1:{other}; bind 127.0.0.1:"))
    lbc.reload(text)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", other))
        taken.listen()
        assert "nothing was changed" in refused(lbc, "rollback", "2")
    assert lbc.file.read_text() == text
    assert history(lbc)[0][0] == 3
    lbc.ctl("rollback", "2")
    assert get(other).status == 200


def test_without_a_folder_nothing_is_kept(start, place):
    port = free_port()
    lbc = start(Lbc, SITE.replace("PORT", str(port)), port=port)
    assert "no revisions are kept" in refused(lbc, "show", "history")
    assert "no revisions are kept" in refused(lbc, "rollback", "1")


def test_the_folder_of_a_service_manager_is_taken(start, place):
    port = free_port()
    lbc = start(Lbc, SITE.replace("PORT", str(port)), port=port, env={"STATE_DIRECTORY": str(place / "given")})
    assert history(lbc) == [(1, "start")]


def test_a_folder_has_one_process(lbc):
    done = subprocess.run([LBC, "run", lbc.file, "--socket", "off", "--state", lbc.file.parent / "state"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "state: another process does" in done.stderr
