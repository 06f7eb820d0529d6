"""A Redis that is there, and not as it should be: it is noticed, told and counted, and no request waits or fails."""
import contextlib
import socket
import threading
import time

import pytest

from harness import Client, Lbc, free_port, get, wait_for
from harness.redis import Redis

LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"


class Pretended(threading.Thread):
    """Answers as a Redis would, but for what `instead` says of a command, by its name; "*" is any."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.instead, self.number = {}, 0
        self.piece, self.pause = None, 0
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.socket.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with contextlib.suppress(OSError, ValueError), peer, peer.makefile("rb") as file:
            while line := file.readline():
                words = []
                for _ in range(int(line[1:])):
                    n = int(file.readline()[1:])
                    words.append(file.read(n + 2)[:-2])
                name = words[0].decode()
                answer = self.instead.get(name, self.instead.get("*")) or self.answer(name, words)
                for i in range(0, len(answer), self.piece or len(answer)):
                    peer.sendall(answer[i:i + (self.piece or len(answer))])
                    time.sleep(self.pause)

    def answer(self, name, words):
        if name == "SCRIPT":
            return b"$40\r\n" + b"a" * 40 + b"\r\n"
        if name != "EVALSHA":
            return b"+OK\r\n"
        keys = int(words[2])
        n = 1 if b"sticky:" in words[3] else 3 * keys * int(words[3 + keys])
        return b"*%d\r\n" % n + b":%d\r\n" % (self.number if n > 1 else 0) * n

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.fixture
def pretended():
    made = Pretended()
    yield made
    made.stop()


@pytest.fixture
def begin(start):
    def at(redis):
        port = free_port()
        return start(Lbc, f"lbconf 1\nshared counts {{ address 127.0.0.1:{redis.port}  timeout 10s }}\n"
                          f"limit mine {{ key header \"x-user\"  rate 1000/s  rate 10000/h  shared counts }}\n"
                          f"cluster app {{ server a 127.0.0.1:{port}; sticky src {{ shared counts }} }}\n"
                          f"listener front {{ bind 127.0.0.1:{port}; limit mine; route site }}\n"
                          f"route site {{ when path == \"/app\" {{ forward app }}\n"
                          f"  otherwise {{ respond 200 \"ok\" }} }}\n", port=port, workers=1, access_log=False)
    return at


def shared(lbc):
    return lbc.show("shared")[0]


def metric(lbc, name):
    return lbc.show("info")["metrics"][name]


def all_is_well(lbc):
    assert [get(lbc.port, "/", "x-user: u").status for _ in range(3)] == [200] * 3


def recovers(lbc, pretended):
    pretended.instead = {}
    wait_for(lambda: shared(lbc)["up"], "it answers again", 30)
    n = shared(lbc)["round_trips"]
    wait_for(lambda: shared(lbc)["round_trips"] > n + 2, "it goes on")
    all_is_well(lbc)


def test_one_that_loads_is_asked_again_until_it_has(pretended, begin):
    pretended.instead = {"*": LOADING}
    lbc = begin(pretended)
    wait_for(lambda: "LOADING Redis is loading" in lbc.said(), "the log says why")
    all_is_well(lbc)
    assert not shared(lbc)["up"] and "LOADING" in shared(lbc)["why"]
    wait_for(lambda: metric(lbc, "shared_errors") >= 2, "it is asked again")
    assert lbc.said().count("LOADING Redis is loading") == 1, "the same reason is told once"
    recovers(lbc, pretended)


def test_one_that_loads_again_while_it_is_asked(pretended, begin):
    lbc = begin(pretended)
    wait_for(lambda: shared(lbc)["up"], "it answers")
    pretended.instead = {"EVALSHA": LOADING}
    all_is_well(lbc)
    wait_for(lambda: "LOADING Redis is loading" in lbc.said(), "the log says why")
    all_is_well(lbc)
    recovers(lbc, pretended)


def test_one_that_has_forgotten_the_scripts_is_given_them_again(start, begin, tmp_path):
    redis = Redis(tmp_path)
    try:
        lbc = begin(redis)
        wait_for(lambda: shared(lbc)["up"], "it answers")
        redis.ask("SCRIPT", "FLUSH")
        wait_for(lambda: "NOSCRIPT" in lbc.said(), "the log says why")
        wait_for(lambda: shared(lbc)["up"], "it has them", 30)
        n = shared(lbc)["round_trips"]
        all_is_well(lbc)
        wait_for(lambda: shared(lbc)["round_trips"] > n + 2, "it goes on")
    finally:
        redis.stop()


MUCH = 3 << 20
ANSWERS = {
    "a text of megabytes": (b"$%d\r\n" % MUCH + b"x" * MUCH + b"\r\n", "it answered more than was asked"),
    "a text that never ends": (b"+" + b"x" * MUCH, "it answered more than was asked"),
    "a list of too many": (b"*5000\r\n" + b":1\r\n" * 5000, "it answered what is no answer"),
    "a list of lists": (b"*1\r\n*1\r\n:1\r\n", "it answered what is no answer"),
    "a list of less": (b"*2\r\n:1\r\n:1\r\n", "it answered something else than was asked"),
    "a number that is none": (b":x\r\n", "it answered what is no answer"),
    "what is no answer": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it answered what is no answer"),
    "more answers than questions": (b"*1\r\n:0\r\n" * 40, "it answered"),
    "clients that can't be": (b"*5\r\n:1\r\n:-1\r\n:1\r\n:1\r\n:1\r\n", "it answered something else than was asked"),
    "an age beyond all": (b"*5\r\n:1\r\n:1\r\n:1\r\n:1\r\n:9223372036854775807\r\n",
                          "it answered something else than was asked"),
    "a time that goes back": (b"*5\r\n:1\r\n:1\r\n:1\r\n:1\r\n:-1\r\n", "it answered something else than was asked"),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_what_is_no_answer_ends_the_connection(pretended, begin, what):
    answer, why = ANSWERS[what]
    lbc = begin(pretended)
    wait_for(lambda: shared(lbc)["up"], "it answers")
    pretended.instead = {"EVALSHA": answer}
    wait_for(lambda: f": {why}" in lbc.said(), f"the log says why, and not {lbc.said()}")
    all_is_well(lbc)
    assert metric(lbc, "shared_errors") > 0
    recovers(lbc, pretended)


def test_answers_come_in_pieces(pretended, begin):
    pretended.piece, pretended.pause = 5, 0.002
    lbc = begin(pretended)
    wait_for(lambda: shared(lbc)["up"], "it answers")
    for _ in range(3):
        n = shared(lbc)["told"]
        all_is_well(lbc)
        wait_for(lambda: shared(lbc)["told"] > n and shared(lbc)["pending"] == 0, "it is told")
    n = shared(lbc)["round_trips"]
    wait_for(lambda: shared(lbc)["round_trips"] > n + 1, "that has been answered")
    assert metric(lbc, "shared_errors") == 0, lbc.said()


@pytest.mark.parametrize("number", [-1 << 63, -1, (1 << 63) - 1])
def test_counts_that_can_t_be_are_not_learnt(pretended, begin, number):
    lbc = begin(pretended)
    wait_for(lambda: shared(lbc)["up"], "it answers")
    pretended.number = number
    all_is_well(lbc)
    wait_for(lambda: shared(lbc)["told"] > 0 and shared(lbc)["pending"] == 0, "it is told")
    n = shared(lbc)["round_trips"]
    wait_for(lambda: shared(lbc)["round_trips"] > n + 1, "that has been answered")
    all_is_well(lbc)
    assert metric(lbc, "shared_errors") == 0


def test_one_that_is_no_redis_at_all(pretended, begin):
    pretended.instead = {"*": b"220 mail.example.com ESMTP\r\n"}
    lbc = begin(pretended)
    wait_for(lambda: "it answered what is no answer" in lbc.said(), "the log says why")
    all_is_well(lbc)
    pretended.instead = {"SCRIPT": b"$2\r\nno\r\n"}
    wait_for(lambda: "it does not know scripts" in lbc.said(), "another reason is told, too", 30)
    recovers(lbc, pretended)


def test_what_finds_no_room_while_it_is_slow_is_counted(begin, tmp_path):
    """It does not answer, and is not given up yet; more keys wait to be told than there is room for."""
    redis = Redis(tmp_path)
    try:
        lbc = begin(redis)
        wait_for(lambda: shared(lbc)["up"], "it answers")
        redis.pause()
        with Client(lbc.port) as client:
            for first in range(0, 6000, 100):
                for user in range(first, first + 100):
                    client.request("/", f"x-user: {user}")
                assert {client.response().status for _ in range(100)} == {200}
        wait_for(lambda: metric(lbc, "shared_untold") > 0, "some found no room")
        assert shared(lbc)["untold"] == metric(lbc, "shared_untold")
        assert shared(lbc)["pending"] <= 4096 + 4096  # of the limit, and of the cluster
        redis.go_on()
        wait_for(lambda: shared(lbc)["pending"] == 0, "the others are told", 30)
        all_is_well(lbc)
    finally:
        redis.stop()
