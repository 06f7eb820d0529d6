"""What the tests of one file share: a scripted server and an origin behind one lbc with one worker."""
import contextlib
import socket
import threading

import pytest

from harness import Client, Lbc, Origin, bytewise, free_port, wait_for, whole
from scripted import Peer, Server, first_segment


@pytest.fixture(scope="module")
def begin(tmp_path_factory):
    """As `start`, for as long as a file's tests run."""
    path = tmp_path_factory.mktemp("wire")
    with contextlib.ExitStack() as stack:
        def go(kind, *arguments, **more):
            process = kind(path, *arguments, **more)
            stack.callback(lambda: process.popen.returncode == -9 or process.stop())
            return process
        yield go


@pytest.fixture(scope="module")
def backend():
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def second():
    """Another one beside `backend`."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def no_script_fails(request):
    """A script that failed, fails the test."""
    yield
    if "backend" in request.fixturenames:
        server = request.getfixturevalue("backend")
        failures, server.failures = server.failures, []
        assert not failures, failures


@pytest.fixture(params=[whole, bytewise], ids=["client-whole", "client-bytewise"])
def client_pace(request, monkeypatch):
    """The test is run twice: the second time what clients send comes one byte at a time."""
    monkeypatch.setattr(Client, "put", staticmethod(request.param))


@pytest.fixture(params=[whole, bytewise], ids=["server-whole", "server-bytewise"])
def server_pace(request, monkeypatch):
    """The same for what the scripted server sends."""
    monkeypatch.setattr(Peer, "put", staticmethod(request.param))


CONFIGURATION = """lbconf 1
cluster scripted {{
  server s 127.0.0.1:{scripted}
  timeout connect 5s; timeout read 10s; timeout write 10s; timeout idle 30s
}}
cluster origin {{ server o 127.0.0.1:{origin} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{
  {rules}
  when host == "origin" {{ forward origin }}
  otherwise {{ forward scripted }}
}}
"""


@pytest.fixture(scope="module")
def site(request, begin, backend):
    """An lbc with one worker before both: `host="origin"` reaches the origin, any other the script. A
    file that wants rules before these has them in RULES."""
    origin, port = begin(Origin), free_port()
    rules = getattr(request.module, "RULES", "")
    lbc = begin(Lbc, CONFIGURATION.format(scripted=backend.port, origin=origin.port, port=port,
                                          rules=rules), workers=1, port=port)
    lbc.origin = origin
    return lbc


@pytest.fixture
def client(site):
    with Client(site.port) as c:
        yield c


@pytest.fixture
def records(site):
    """records(path): the log records of what was asked for below a path, once there are n."""
    def wait(path, n=1):
        def of_path():
            found = [r for r in site.log() if first_segment(r.get("uri", "")) == path]
            return len(found) >= n and found
        return wait_for(of_path, f"{n} log records of {path}")
    return wait


@pytest.fixture(scope="module")
def silent():
    """It accepts, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        yield s.getsockname()[1]


@pytest.fixture(scope="module")
def blunt():
    """It speaks no TLS, and says so at once."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        def talk():
            with contextlib.suppress(OSError):
                while True:
                    c, _ = s.accept()
                    c.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        threading.Thread(target=talk, daemon=True).start()
        yield s.getsockname()[1]
        s.shutdown(socket.SHUT_RDWR)
