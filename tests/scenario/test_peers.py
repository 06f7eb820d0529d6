"""With the peers that people use: gRPC and WebSockets by their own libraries for Node (tests/peers)."""
import contextlib
import json
import pathlib
import subprocess

import pytest

from harness import Lbc, free_port, wait_for

PEERS = pathlib.Path(__file__).resolve().parents[1] / "peers"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """node("grpc.js", "server"): a server's port, and the file of what it says; its end is the module's."""
    folder = tmp_path_factory.mktemp("peers")
    with contextlib.ExitStack() as stack:
        def serve(program, verb):
            said = folder / f"{program}-{verb}"
            with open(said, "wb") as out:
                p = subprocess.Popen(["node", PEERS / program, verb, "0"], stdout=out, stderr=subprocess.STDOUT)
            stack.callback(lambda: (p.kill(), p.wait()))
            wait_for(lambda: "port " in said.read_text() or p.poll() is not None, "it serves", 30)
            assert p.poll() is None, said.read_text()
            return int(said.read_text().split()[1]), said
        yield serve


def ask(program, verb, port):
    """What a client says came."""
    done = subprocess.run(["node", PEERS / program, verb, str(port)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_grpc(start, node):
    server, said = node("grpc.js", "server")
    port = free_port()
    lbc = start(Lbc, f"""lbconf 1
cluster calls {{ server a 127.0.0.1:{server}; protocol h2c; health grpc {{ every 500ms }} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward calls }} }}
""")
    assert ask("grpc.js", "client", port) == {
        "unary": [True, str(1 << 20)],
        "fails": [9, "not like this"],
        "many": [100, "piece 99", 0],
        "gather": "1000000",
        "chat": [10, "re: 9", 0],
        "deadline": 4,
        "together": True}
    wait_for(lambda: "cancelled" in said.read_text(), "the server hears of the deadline")
    assert "server calls/a is down" not in lbc.said()


@pytest.mark.parametrize("protocol, verb", [("http/1.1", "server1"), ("h2c", "server2")])
def test_websockets(start, node, protocol, verb):
    server, _ = node("websocket.js", verb)
    port = free_port()
    start(Lbc, f"""lbconf 1
cluster talks {{ server a 127.0.0.1:{server}; protocol {protocol} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward talks }} }}
""", workers=1)
    for client in ("client1", "client2"):  # the first makes known what the server of HTTP/2 takes
        assert ask("websocket.js", client, port) == {"got": ["hello", True], "code": 4000, "reason": "enough"}, client
