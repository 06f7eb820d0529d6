"""What tests of whole processes share: lbc itself, its origins, and a client that speaks raw bytes.

Everything is on loopback, on ports the kernel chose, and ends with the test. A process that ends
otherwise than asked, or a sanitizer that says anything, fails the test.
"""
import contextlib
import ctypes
import json
import os
import re
import select
import signal
import socket
import subprocess
import time

LBC = os.path.abspath(os.environ.get("LBC", "build/asan/lbc"))
START_SECONDS = 30  # sanitizers and valgrind start slowly


def free_ports(n):
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in taken]
    for s in taken:
        s.close()
    return ports


def free_port():
    return free_ports(1)[0]


def wait_for(condition, what, seconds=10.0, every=0.01):
    """Waits until `condition()` is true and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"after {seconds} s, still not: {what}"
        time.sleep(every)


def accepts(port, address="127.0.0.1"):
    with contextlib.suppress(OSError):
        socket.create_connection((address, port), timeout=1).close()
        return True
    return False


class Process:
    """One of ours, started with files for what it says."""

    def __init__(self, tmp_path, name, arguments, env=None):
        self.out_path = tmp_path / f"{name}.out"
        self.err_path = tmp_path / f"{name}.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.popen = subprocess.Popen(
                wrapper() + [LBC, *arguments], stdout=out, stderr=err, stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})})
        self.pid = self.popen.pid

    def said(self):
        return self.err_path.read_text(errors="replace")

    def alive(self):
        return self.popen.poll() is None

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, seconds=60):
        return self.popen.wait(seconds)

    def stop(self):
        """Ends it as an operator would, and sees to it that it ended well."""
        if self.alive():
            self.signal(signal.SIGTERM)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.wait()
                raise AssertionError(f"did not stop: {self.said()}") from None
        assert self.popen.returncode == 0, f"exit {self.popen.returncode}: {self.said()}"
        said = self.said()
        assert "Sanitizer" not in said and "runtime error" not in said, said

    def kill(self):
        """Ends it as a crash would."""
        self.popen.kill()
        self.wait()


def wrapper():
    """LBC_WRAPPER puts every process of ours under a tool: "valgrind -q --error-exitcode=99", say."""
    return os.environ.get("LBC_WRAPPER", "").split()


class Orphan:
    """A process that one of ours started and left behind: as a Popen. The kernel gives us what it leaves (see below), so
    that we learn how it ended."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def poll(self):
        with contextlib.suppress(ChildProcessError): # it is still its parent's, who is alive
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout=60):
        return wait_for(lambda: self.poll() is not None and [self.returncode], f"{self.pid} ends", timeout)[0]

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Origin(Process):
    """`lbc origin` on one or more ports. One that is to come back on its port after its death has an address of its own:
    on 127.0.0.1 the kernel may have given the port to a client meanwhile."""

    def __init__(self, tmp_path, *ports, name=None, address="127.0.0.1"):
        self.ports = list(ports) or [free_port()]
        self.port = self.ports[0]
        super().__init__(tmp_path, name or f"origin-{self.port}", ["origin", "--bind", address, *map(str, self.ports)])
        wait_for(lambda: accepts(self.ports[-1], address) or not self.alive(), "origin listens", START_SECONDS)
        assert self.alive(), self.said()


class Lbc(Process):
    """`lbc run` with a configuration's text, ready when it is returned. `more` are other arguments."""

    def __init__(self, tmp_path, text, *, name="lbc", workers=2, drain=5, access_log=True, env=None,
                 port=None, state=None, haproxy_socket=None, more=()):
        self.file = tmp_path / f"{name}.lbconf"
        if text is not None: # else it is as it was left
            self.file.write_text(text)
        self.socket = str(tmp_path / f"{name}.sock")
        self.log_path = tmp_path / f"{name}.log"
        self.port = port
        self.before = []  # processes that it has taken the place of
        self.haproxy_socket = haproxy_socket
        super().__init__(tmp_path, name, [
            "run", str(self.file), "--workers", str(workers), "--socket", self.socket,
            "--drain", str(drain), "--access-log", str(self.log_path) if access_log else "off",
            *(["--state", str(state)] if state else []),
            *(["--haproxy-socket", str(haproxy_socket)] if haproxy_socket else []), *map(str, more)], env)
        # Not the word alone: a warning may show a path of a test that is called so.
        wait_for(lambda: " serves, " in self.said() or not self.alive(), "lbc serves", START_SECONDS)
        assert self.alive(), self.said()

    def ctl(self, *command, check=True):
        """The answer to a command; its exit status too when it may be refused."""
        done = subprocess.run(wrapper() + [LBC, "ctl", "--socket", self.socket, *command],
                              capture_output=True, text=True, timeout=60)
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout
        return done

    def upgrade(self, *program, check=True):
        """`lbc upgrade`: what is meant by this object is the new process then."""
        done = subprocess.run(wrapper() + [LBC, "upgrade", "--socket", self.socket, *program],
                              capture_output=True, text=True, timeout=60)
        serves = re.match(r"process (\d+) serves", done.stdout)
        if serves:
            self.before.append(self.popen)
            self.popen = Orphan(int(serves[1]))
            self.pid = self.popen.pid
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def stop(self):
        for old in self.before:  # whatever it has still to do
            while old.poll() is None:
                old.send_signal(signal.SIGTERM)
                time.sleep(0.05)
            assert old.returncode == 0, f"exit {old.returncode}: {self.said()}"
        super().stop()

    def show(self, what):
        return json.loads(self.ctl("show", what, "--json"))

    def reload(self, text=None):
        if text is not None:
            self.file.write_text(text)
        return self.ctl("reload")

    def log(self):
        """The access log's records so far: a line is one once its end is there, for a reader may see half a write."""
        if not self.log_path.exists():
            return []
        text = self.log_path.read_text()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def logged(self, n=1, seconds=10):
        """Waits for at least n records."""
        return wait_for(lambda: len(self.log()) >= n and self.log(), f"{n} log records", seconds)


def ask_socket(path, lines):
    """All that a Unix socket answers to these."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(120)
        s.connect(str(path))
        s.sendall(lines.encode())
        s.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: s.recv(65536), b"")).decode()


def kept_back(client, *origins):
    """The response that /slow keeps back at one of these, now. The request may still be on its way there, so they are
    asked for it more than once."""
    def is_here():
        for origin in origins:
            origin.signal(signal.SIGUSR1)
        return select.select([client.socket], [], [], 0.1)[0]
    wait_for(is_here, "what was kept back is here")
    return client.response()


def whole(sock, data):
    sock.sendall(data)


def bytewise(sock, data, edge=1000):
    """One byte at a time, each in a packet of its own; of much data the middle at once."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    middle = range(edge, len(data) - edge)
    pieces = [data[:edge], data[middle.start:middle.stop], data[middle.stop:]] if len(middle) else [data]
    for piece in pieces:
        if len(piece) > edge * 2:
            sock.sendall(piece)
            continue
        for i in range(len(piece)):
            sock.sendall(piece[i:i + 1])
            os.sched_yield()


class Client:
    """One connection that sends what it is told and reads what it is asked to."""
    put = staticmethod(whole)

    def __init__(self, port, timeout=20, address="127.0.0.1"):
        self.socket = socket.create_connection((address, port), timeout=timeout)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.put(self.socket, data if isinstance(data, bytes) else data.encode())

    def request(self, target="/", *headers, method="GET", body=b"", version="HTTP/1.1", host="x"):
        lines = [f"{method} {target} {version}", *([f"Host: {host}"] if host else []), *headers, "", ""]
        self.send("\r\n".join(lines).encode("latin-1") + body)

    def head(self):
        line = self.file.readline()
        if not line:
            raise EOFError("closed before a status line")
        version, status, *_ = line.decode("latin-1").split(None, 2)
        fields = []
        while (field := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = field.decode("latin-1").partition(":")
            fields.append((name.lower(), value.strip()))
        return Response(version, int(status), fields)

    def body(self, response, method="GET"):
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            return b""
        if response["transfer-encoding"] == "chunked":
            return self.chunks(response)
        if response["content-length"] is not None:
            n = int(response["content-length"])
            data = self.file.read(n)
            if len(data) < n:
                raise EOFError(f"{len(data)} of {n} bytes")
            return data
        return self.file.read()

    def chunks(self, response):
        data = b""
        while True:
            line = self.file.readline()
            if not line.endswith(b"\r\n"):
                raise EOFError("closed within a chunked body")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            chunk = self.file.read(size + 2)
            if len(chunk) < size + 2:
                raise EOFError("closed within a chunk")
            assert chunk.endswith(b"\r\n"), "a chunk does not end with its size"
            data += chunk[:-2]
        while (field := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = field.decode("latin-1").partition(":")
            response.trailers.append((name.lower(), value.strip()))
        return data

    def response(self, method="GET"):
        response = self.head()
        response.body = self.body(response, method)
        return response

    def get(self, target="/", *headers, method="GET", body=b"", **more):
        """A request and its response."""
        self.request(target, *headers, method=method, body=body, **more)
        return self.response(method)

    def at_end(self):
        """Has the other side closed, and said nothing more before?"""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True


class Response:
    def __init__(self, version, status, fields):
        self.version, self.status, self.fields = version, status, fields
        self.body, self.trailers = b"", []

    def all(self, name):
        return [v for n, v in self.fields if n == name]

    def __getitem__(self, name):
        """The field's value, several joined by a comma, or None."""
        values = self.all(name)
        return ", ".join(values) if values else None


def get(port, target="/", *headers, **more):
    """One request on a connection of its own."""
    with Client(port) as c:
        return c.get(target, *headers, **more)
