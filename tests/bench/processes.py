"""Processes of a benchmark: started in order, their CPU time read, stopped without exception."""
import os
import pathlib
import signal
import socket
import subprocess
import time


class Failed(Exception):
    """Something of the benchmark's surroundings; the message says what."""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def descendants(pid):
    """The process and all below it."""
    found = [pid]
    for one in found:
        for task in pathlib.Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                pass # it has ended since
    return found


def cpu_ns(pid):
    """User and system time of one process with all its threads, those that have ended too. The
    kernel's clock id of another process's CPU time: clock_getcpuclockid(3), in nanoseconds."""
    return time.clock_gettime_ns((~pid << 3) | 2)


class Process:
    def __init__(self, name, command, folder, cpus=None):
        self.name = name
        self.log = folder / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=folder, start_new_session=True, # Ctrl-C comes to us; we stop them
                preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)

    def wait_for_port(self, port, seconds=10):
        deadline = time.monotonic() + seconds
        while True:
            self.must_be_alive()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise Failed(f"{self.name} does not listen on port {port}: {self.last_words()}")
                time.sleep(0.02)

    def must_be_alive(self):
        if self.process.poll() is not None:
            raise Failed(f"{self.name} has ended with status {self.process.returncode}: "
                         f"{self.last_words()}")

    def last_words(self):
        return self.log.read_text(errors="replace")[-600:].strip() or "it said nothing"

    def cpu_ns(self):
        self.must_be_alive()
        return sum(cpu_ns(pid) for pid in descendants(self.process.pid))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                for pid in reversed(descendants(self.process.pid)):
                    os.kill(pid, signal.SIGKILL)
                self.process.wait()
