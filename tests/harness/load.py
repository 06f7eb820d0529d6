"""Traffic, and what became of it: a client that checks every answer, and wrk for sheer numbers."""
import collections
import re
import shutil
import signal
import subprocess
import threading
import time

from harness import Client

PATTERN = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n"  # of `lbc origin`


def pattern(n):
    return (PATTERN * (n // len(PATTERN) + 1))[:n]


# `what` is "ok", or what went wrong; the times are of time.monotonic().
Answered = collections.namedtuple("Answered", "begun ended what status origin")


class Load:
    """Connections that ask for /b/SIZE, one request after the other, until the block ends.

    Each answer's status, length and bytes are checked. A connection that is closed where it should
    have been kept is a failure like any other.
    """

    def __init__(self, port, connections=4, size=1000, pause=0.0):
        self.port, self.size, self.pause = port, size, pause
        self.expected = pattern(size)
        self.done = threading.Event()
        self.answers = [[] for _ in range(connections)]
        self.threads = [threading.Thread(target=self.run, args=(into,), daemon=True)
                        for into in self.answers]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a request is never answered"

    def run(self, into):
        client = None
        while not self.done.is_set():
            begun = time.monotonic()
            what, status, origin = "ok", 0, None
            try:
                client = client or Client(self.port)
                r = client.get(f"/b/{self.size}")
                status, origin = r.status, r["x-origin"]
                if status != 200:
                    what = f"status {status}"
                elif r.body != self.expected:
                    what = "another body"
                if r["connection"] == "close":
                    client = client.close()
            except (OSError, EOFError) as e:
                what = repr(e)
                client = client and client.close()
            into.append(Answered(begun, time.monotonic(), what, status, origin))
            time.sleep(self.pause)
        if client:
            client.close()

    def all(self):
        return sorted(a for each in self.answers for a in list(each))

    def since(self, moment):
        """What was asked after that moment."""
        return [a for a in self.all() if a.begun >= moment]

    def failed(self):
        return [a for a in self.all() if a.what != "ok"]

    def assert_clean(self):
        failed = self.failed()
        assert not failed, f"{len(failed)} of {len(self.all())} requests failed, first {failed[:3]}"
        assert self.all(), "nothing was asked"


class Wrk:
    """wrk in the background, until `finish()` stops it and tells."""

    def __init__(self, port, connections=64, path="/b/1000"):
        assert shutil.which("wrk"), "wrk is missing: ./dev test installs it"
        self.popen = subprocess.Popen(
            ["wrk", "-t2", f"-c{connections}", "-d3600s", "--timeout", "10s", "--latency",
             f"http://127.0.0.1:{port}{path}"], stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.communicate()

    def finish(self):
        assert self.popen.poll() is None, "wrk gave up"
        self.popen.send_signal(signal.SIGINT)
        said = self.popen.communicate(timeout=30)[0]

        def number(form):
            found = re.search(form, said)
            return int(found.group(1)) if found else 0
        self.requests = number(r"(\d+) requests in")
        found = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
        self.p99_ms = found and float(found[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[found[2]]
        self.not_2xx = number(r"Non-2xx or 3xx responses: (\d+)")
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
        self.socket_errors = sum(map(int, errors.groups())) if errors else 0
        assert self.requests > 0, said
        return self

    def assert_clean(self):
        failed = (self.socket_errors, self.not_2xx)
        assert failed == (0, 0), f"of {self.requests}: {failed[0]} socket errors, {failed[1]} not 2xx"
