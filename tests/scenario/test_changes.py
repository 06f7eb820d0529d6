"""What operators change while lbc runs: for a while, or written into the file; and lists of a million networks."""
import os
import random
import re
import signal
import socket
import subprocess
import time

import pytest

from harness import LBC, Client, Lbc, ask_socket, free_port, get, wait_for
from harness.certificates import Authority
from harness.watch import number, report

SITE = """lbconf 1
# what may not come in
set banned : network from file "banned.txt"
set office : network = { 10.0.0.0/8 }   # and more
include "more.lbconf"
listener front { bind 127.0.0.1:PORT; route site }
route site {
  when src in banned { deny 403 }
  when src in office { deny 418 }
  otherwise { respond 200 "hello" }
}
"""
BANNED = "# by hand\n192.0.2.1   # a guest\n198.51.100.0/24\n"


@pytest.fixture
def lbc(start, tmp_path):
    port = free_port()
    (tmp_path / "banned.txt").write_text(BANNED)
    (tmp_path / "more.lbconf").write_text("const GREETING : string = \"hi\"\n")
    return start(Lbc, SITE.replace("PORT", str(port)), port=port)


def status(lbc):
    return get(lbc.port).status


def refused(lbc, *words):
    done = lbc.ctl(*words, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_an_entry_of_a_list_comes_and_goes(lbc):
    before = lbc.file.read_text()
    with Client(lbc.port) as held:
        assert held.get("/").status == 200
        lbc.ctl("change", "add", "banned", "127.0.0.0/8")
        assert held.get("/").status == 403  # on a connection that was there before
        lbc.ctl("undo", "1")
        assert held.get("/").status == 200
    assert lbc.file.read_text() == before
    assert (lbc.file.parent / "banned.txt").read_text() == BANNED
    assert "by uid 0: add banned 127.0.0.0/8" in lbc.said() or os.getuid() != 0


def test_one_of_a_literal_set_and_one_that_ends_by_itself(lbc):
    lbc.ctl("change", "for", "2s", "add", "office", "127.0.0.1")
    began = time.monotonic()
    assert status(lbc) == 418
    [change] = lbc.show("drift")
    assert change["sentence"] == "add office 127.0.0.1" and 0 < change["left_s"] <= 2 and change["fits"]
    wait_for(lambda: lbc.show("drift") == [], "it is over", 20)
    assert time.monotonic() - began > 1.5
    assert status(lbc) == 200
    assert "change 1 is over" in lbc.said()


def test_reloads_keep_changes_and_say_when_one_fits_no_more(lbc):
    lbc.ctl("change", "add", "banned", "127.0.0.1")
    lbc.ctl("change", "set", "GREETING", '"hello"')  # of a file that is included
    lbc.reload()
    assert status(lbc) == 403
    assert [c["fits"] for c in lbc.show("drift")] == [True, True]
    without = lbc.file.read_text().replace('include "more.lbconf"\n', "")
    lbc.reload(without)
    assert [c["fits"] for c in lbc.show("drift")] == [True, False]
    assert "no longer fits" in lbc.said()
    assert status(lbc) == 403
    lbc.ctl("undo", "2")
    assert [c["number"] for c in lbc.show("drift")] == [1]


def test_one_that_needs_another_does_not_keep_it(lbc):
    """What no longer compiles when a change is over is as one that fits nothing, and all others go on as they should."""
    lbc.ctl("change", "for", "6s", "add", "office", "127.0.0.1")
    lbc.ctl("change", "for", "3s", "add", "/", 'cluster tmp { server z 127.0.0.1:1; health tcp }')
    lbc.ctl("change", "add", "site", "before", "1", 'when path == "/tmp" { forward tmp }')
    lbc.ctl("change", "add", "banned", "203.0.113.9")
    wait_for(lambda: [c["fits"] for c in lbc.show("drift")] == [True, False, True], "the cluster goes", 20)
    assert status(lbc) == 418
    wait_for(lambda: status(lbc) == 200, "the address goes", 20)
    assert [(c["sentence"].split()[1], c["fits"]) for c in lbc.show("drift")] == [("site", False), ("banned", True)]
    lbc.reload()
    assert "reload refused" not in lbc.said(), lbc.said()


def test_the_file_may_have_changed_so_that_one_is_wrong(lbc):
    lbc.ctl("change", "add", "site", "before", "1", 'when src in office and path == "/x" { deny }')
    lbc.ctl("change", "add", "banned", "127.0.0.1")
    without = "".join(line for line in lbc.file.read_text().splitlines(True) if "office" not in line)
    lbc.reload(without)
    assert [c["fits"] for c in lbc.show("drift")] == [False, True]
    assert status(lbc) == 403


@pytest.mark.parametrize("text", ["127.0.0.0/8\r\n203.0.113.0/24\r\n", "  127.0.0.0/8  # home\n", "127.0.0.1/32\n127.0.0.1\n"])
def test_an_entry_is_found_as_it_was_written(lbc, text):
    (lbc.file.parent / "banned.txt").write_text(text, newline="")
    lbc.reload()
    assert status(lbc) == 403
    entry = "127.0.0.0/8" if "/8" in text else "127.0.0.1"
    assert "already in the list" in refused(lbc, "change", "add", "banned", entry)
    (lbc.file.parent / "banned.txt").write_text(text + "192.0.2.1\n", newline="")
    lbc.reload()
    lbc.ctl("commit", "remove", "banned", entry)
    assert status(lbc) == 200


def test_nothing_is_said_of_files_that_a_change_is_not_about(lbc):
    assert "error" not in lbc.ctl("change", "set", "GREETING", '"hello"')


def test_a_commit_that_a_shutdown_overtakes_is_taken_back(start, tmp_path):
    port = free_port()
    (tmp_path / "more.lbconf").write_text("")
    text = BANNED + "".join(f"{11 + i // 65536}.{i // 256 % 256}.{i % 256}.1\n" for i in range(300_000))
    (tmp_path / "banned.txt").write_text(text)
    lbc = start(Lbc, SITE.replace("PORT", str(port)), port=port)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(lbc.socket))
        s.sendall(b"commit add banned 203.0.113.7\n")
        time.sleep(0.1)
        lbc.signal(signal.SIGTERM)
        lbc.wait()
    told = "change 1 by" in lbc.said()
    assert (tmp_path / "banned.txt").read_text() == text + ("203.0.113.7\n" if told else "")


def test_a_change_does_not_bring_in_what_somebody_is_writing(lbc):
    text = lbc.file.read_text()
    lbc.file.write_text(text.replace("hello", "half-written").replace("deny 418", "deny"))
    lbc.ctl("change", "add", "office", "10.1.0.0/16")
    assert get(lbc.port).body == b"hello"
    assert "is not as it was loaded" in refused(lbc, "commit", "add", "office", "11.0.0.0/8")
    assert "half-written" in lbc.file.read_text()


@pytest.mark.parametrize(("sentence", "why"), [
    ("add banned 300.0.0.1", "is not a valid network"),
    ("add banned 192.0.2.1", "192.0.2.1 is already in the list"),
    ("remove banned 192.0.2.9", "192.0.2.9 is not in the list"),
    ("add nobody 10.0.0.1", "there is no `nobody`"),
    ("set site/1 when", "error"),
    ("remove front", "error"),
    ("for 5 add office 10.0.0.1", '"for" takes a time'),
    ("", "takes what is to be done"),
])
@pytest.mark.parametrize("verb", ["change", "commit"])
def test_what_cannot_be_done_is_said_and_changes_nothing(lbc, verb, sentence, why):
    if verb == "commit" and sentence.startswith("for"):
        why = "error"  # only what holds for a while has an end
    before = lbc.file.read_text(), lbc.show("info")["generation"]
    assert why in refused(lbc, f"{verb} {sentence}")
    assert (lbc.file.read_text(), lbc.show("info")["generation"]) == before
    assert (lbc.file.parent / "banned.txt").read_text() == BANNED
    assert lbc.show("drift") == []
    assert status(lbc) == 200


def test_what_is_committed_is_in_the_file_and_nothing_else_is(lbc):
    lbc.ctl("change", "add", "office", "127.0.0.1")
    lbc.ctl("commit", "add", "banned", "203.0.113.7")
    assert (lbc.file.parent / "banned.txt").read_text() == BANNED + "203.0.113.7\n"
    lbc.ctl("commit", "add", "office", "172.16.0.0/12")
    assert "{ 10.0.0.0/8, 172.16.0.0/12 }   # and more" in lbc.file.read_text()
    assert "127.0.0.1 }" not in lbc.file.read_text()
    assert status(lbc) == 418
    assert [c["sentence"] for c in lbc.show("drift")] == ["add office 127.0.0.1"]
    lbc.ctl("commit", "remove", "banned", "192.0.2.1")
    assert (lbc.file.parent / "banned.txt").read_text() == "# by hand\n198.51.100.0/24\n203.0.113.7\n"
    lbc.reload()
    assert status(lbc) == 418


def test_a_commit_may_be_about_a_file_that_is_included(lbc, tmp_path):
    (tmp_path / "more.lbconf").write_text("const GREETING : string = \"bye\"\n")
    assert "is not as it was loaded" in refused(lbc, "commit", "set", "GREETING", '"x"')
    lbc.reload()
    lbc.ctl("commit", "set", "GREETING", '"x"')
    assert (tmp_path / "more.lbconf").read_text() == "const GREETING : string = \"x\"\n"


@pytest.mark.parametrize("outside", [True, False])
def test_a_commit_that_comes_to_nothing_writes_over_nobody(start, tmp_path, outside):
    """The file is written before what it needs is read; by then it may have another author."""
    ca, port = Authority(tmp_path), free_port()
    ca.sign("one", "site.test")
    ca.sign("two", "site.test")
    (tmp_path / "one.key").chmod(0o600)
    chain = (tmp_path / "two.crt").read_text()
    (tmp_path / "two.crt").write_text(chain * (8_000_000 // len(chain)))  # takes a while to read
    lbc = start(Lbc, f"""lbconf 1
tls t {{ certificate "one.crt" "one.key" }}
listener front {{ bind 127.0.0.1:{port} tls t; route site }}
route site {{ otherwise {{ respond 200 "hello" }} }}
""")
    before, by_hand, written = lbc.file.read_text(), False, False
    for _ in range(20):  # until it is stopped in that while
        asked = subprocess.Popen([LBC, "ctl", "--socket", lbc.socket, "commit", "add", "tls:t", "certificate", '"two.crt"', '"one.key"'],
                                 stderr=subprocess.PIPE, text=True)
        while asked.poll() is None and "two.crt" not in lbc.file.read_text():
            pass
        os.kill(lbc.pid, signal.SIGSTOP)
        written = "two.crt" in lbc.file.read_text()
        if written and outside:
            lbc.file.write_text(before + "# by hand\n")
            by_hand = True
        os.kill(lbc.pid, signal.SIGCONT)
        assert asked.wait(60) == 1 and "two.crt" in asked.communicate()[1] + lbc.said()
        if written:
            break
    assert written and lbc.file.read_text() == before + ("# by hand\n" if by_hand else "")
    assert ("is left as it is" in lbc.said()) == outside


def test_there_may_be_256_of_them(lbc):
    lines = "".join(f"change add banned 10.0.0.{i}\n" for i in range(256)) + "change add banned 10.0.1.0\nshow info\n"
    answer = ask_socket(lbc.socket, lines)
    assert answer.count("\nok\n") == 256 + 1
    assert "refused: there are 256 changes already; undo some, or commit them\n" in answer
    assert len(lbc.show("drift")) == 256
    assert status(lbc) == 200


def test_whatever_kills_it_the_file_is_the_old_text_or_the_new_one(start, tmp_path):
    seed = int(os.environ.get("LBC_SEED", time.time_ns() & 0xffffffff))
    print(f"LBC_SEED={seed}")
    chance = random.Random(seed)
    (tmp_path / "more.lbconf").write_text("")
    met = set()
    for _ in range(number("COMMIT_KILLS", 15)):
        port = free_port()
        (tmp_path / "banned.txt").write_text(BANNED + "".join(f"10.{i // 256}.{i % 256}.1\n" for i in range(20000)))
        before = (tmp_path / "banned.txt").read_text()
        lbc = start(Lbc, SITE.replace("PORT", str(port)), port=port, name=f"lbc{port}")
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(lbc.socket))
            s.sendall(b"commit add banned 203.0.113.7\n")
            time.sleep(chance.random() * 0.15)
            lbc.kill()
        after = (tmp_path / "banned.txt").read_text()
        assert after in (before, before + "203.0.113.7\n")
        met.add(after == before)
    report(kept_the_old_one=int(True in met), had_the_new_one=int(False in met))


@pytest.mark.parametrize("seed", range(4))
def test_a_file_that_is_broken_changes_nothing_and_is_told(lbc, seed):
    """25 times each: a word less, a word twice, half of the text, a brace somewhere."""
    chance = random.Random(seed)
    good = lbc.file.read_text()
    generation, broken = lbc.show("info")["generation"], 0
    while broken < 25:
        words = re.split(r"(\s+)", good)
        at = chance.randrange(len(words))
        text = chance.choice([words[:at] + words[at + 1:], words[:at] + words[at:at + 1] * 2 + words[at + 1:],
                              words[:at], words[:at] + ["}"] + words[at:], words[:at] + ["\x01"] + words[at:]])
        lbc.file.write_text("".join(text))
        if subprocess.run([LBC, "check", lbc.file], capture_output=True).returncode == 0:
            continue  # a comment, say
        broken += 1
        done = lbc.ctl("reload", check=False)
        assert done.returncode != 0 and "error" in done.stdout + done.stderr
        info = lbc.show("info")
        assert (info["generation"], info["last_reload"], info["reloads_refused"]) == (generation, "refused", broken)
        assert status(lbc) == 200
    assert "\nlbc_last_reload_successful 0\n" in lbc.ctl("show", "metrics")
    lbc.reload(good)
    assert "\nlbc_last_reload_successful 1\n" in lbc.ctl("show", "metrics")


def test_a_million_networks_are_changed_while_requests_go_on(start, tmp_path):
    port = free_port()
    entries = 1_000_000 if "release" in os.environ["LBC"] else 100_000
    (tmp_path / "banned.txt").write_text("".join(
        f"{11 + i // 65536 % 80}.{i // 256 % 256}.{i % 256}.{i // 5242880 + 1}\n" for i in range(entries)))
    (tmp_path / "more.lbconf").write_text("")
    lbc = start(Lbc, SITE.replace("PORT", str(port)), port=port)
    began = time.monotonic()
    lbc.ctl("change", "add", "banned", "127.0.0.1")
    took = time.monotonic() - began
    assert status(lbc) == 403
    lbc.ctl("undo", "1")
    assert status(lbc) == 200
    report(entries=entries, change_s=took)
