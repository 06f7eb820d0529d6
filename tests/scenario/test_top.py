"""`lbc top` on a terminal of its own: what a person sees and types."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest

from harness import LBC, Client, Lbc, wait_for


class Terminal:
    """`lbc top` with a terminal, as wide and high as told."""

    def __init__(self, *arguments, lines=24, columns=100, kind="xterm"):
        self.ours, theirs = pty.openpty()
        self.before = termios.tcgetattr(theirs)
        self.resize(lines, columns)
        self.popen = subprocess.Popen([LBC, "top", *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
                                      start_new_session=True, env={**os.environ, "TERM": kind})
        self.theirs = theirs
        self.all = ""

    def resize(self, lines, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, keys):
        os.write(self.ours, keys.encode())

    def read(self):
        while select.select([self.ours], [], [], 0.05)[0]:
            self.all += os.read(self.ours, 65536).decode()

    def page(self):
        """The last whole page, without its colours."""
        self.read()
        pages = self.all.split("\x1b[H")
        text = next((p for p in reversed(pages) if "\x1b[J" in p), "")
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "")

    def sees(self, what, seconds=20):
        wait_for(lambda: re.search(what, self.page()), f"{what} is seen: {self.page()}", seconds)

    def ended(self):
        code = self.popen.wait(20)
        self.read()
        assert self.all.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")  # the page of before, and a cursor
        assert termios.tcgetattr(self.theirs) == self.before
        return code

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def balancer(proxy):
    return proxy(servers="server one 127.0.0.1:1\n  server two 127.0.0.1:2", cluster="", listener="")


@pytest.fixture
def top(balancer):
    terminal = Terminal("--socket", balancer.socket)
    yield terminal
    terminal.close()


def test_a_server_is_drained_and_made_ready_by_keys(top, balancer):
    top.sees(r"one +unchecked")
    top.sees("generation 1")
    top.type("jd")
    top.sees("app/one drains: it gets nothing new")
    top.sees(r"one +drain")
    assert balancer.show("servers")[0]["state"] == "drain"
    top.type("m")
    top.sees(r"one +maintenance")
    top.type("r")
    top.sees(r"one +unchecked")
    top.type("\x1b[Bd")  # an arrow
    top.sees(r"two +drain")
    assert [s["state"] for s in balancer.show("servers")] == ["ready", "drain"]
    top.type("q")
    assert top.ended() == 0


def test_a_cluster_cannot_be_drained(top):
    top.sees("one")
    top.type("d")
    top.sees("choose a server first")


def test_requests_are_seen_as_rates(top, balancer):
    top.sees("one")

    def some():
        with Client(balancer.port) as client:
            client.get("/")
        return re.search(r"5xx 100.0%", top.page())
    wait_for(some, "a rate", 20)


def test_what_is_looked_for_and_the_order(top):
    top.sees("two")
    top.type("/tw")
    top.sees("find: tw_")
    wait_for(lambda: " one " not in top.page() and " two " in top.page(), "only the other")
    top.type("\x7f\x7f\r")
    top.sees(" one ")
    top.type("s")
    top.sees("sort: rate")


def test_a_terminal_of_another_size(top):
    top.sees("one")
    top.resize(9, 40)
    os.kill(top.popen.pid, signal.SIGWINCH)

    def fits():
        page = top.page().split("\n")
        return len(page) <= 9 and max(map(len, page)) <= 40
    wait_for(fits, "the page fits")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(top, number):
    top.sees("one")
    os.kill(top.popen.pid, number)
    assert top.ended() == -number


def test_an_lbc_that_goes_and_comes_back(start, top, balancer):
    top.sees("one")
    balancer.stop()
    top.sees(r"no answer \(.*\), trying again")
    start(Lbc, None, port=balancer.port)
    wait_for(lambda: "trying again" not in top.page(), "it is there again", 20)
    top.type("q")
    assert top.ended() == 0


def test_an_lbc_that_hangs(top, balancer):
    top.sees("  one ")
    balancer.signal(signal.SIGSTOP)
    try:
        top.sees(r"no answer \(no answer in time\), trying again")
        top.type("q")
        assert top.ended() == 0
    finally:
        balancer.signal(signal.SIGCONT)


def test_it_goes_on_when_lbc_does(top, balancer):
    balancer.signal(signal.SIGSTOP)
    try:
        top.sees("no answer")
    finally:
        balancer.signal(signal.SIGCONT)
    wait_for(lambda: "no answer" not in top.page(), "it is answered again", 20)
    top.sees("  one ")


@pytest.mark.parametrize("kind", ["dumb", ""])
def test_a_terminal_without_a_cursor_gets_one_page(balancer, kind):
    terminal = Terminal("--socket", balancer.socket, kind=kind)
    try:
        assert terminal.popen.wait(20) == 0
        terminal.read()
        assert "  one " in terminal.all and "\x1b" not in terminal.all
    finally:
        terminal.close()


def test_once_and_without_a_terminal(balancer):
    for more in (["--once"], []):
        done = subprocess.run([LBC, "top", "--socket", balancer.socket, *more], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "\x1b" not in done.stdout
        assert re.search(r"^app +2 of 2 .*\n  one ", done.stdout, re.M)


@pytest.mark.parametrize("arguments, code", [(["--interval", "0"], 2), (["--interval", "61"], 2), (["x"], 2),
                                             (["--nothing"], 2), (["--socket", "/nowhere"], 3), (["--help"], 0)])
def test_the_command_line(arguments, code):
    done = subprocess.run([LBC, "top", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == code
    assert "usage: lbc top" in (done.stdout if code == 0 else done.stderr) or code == 3
