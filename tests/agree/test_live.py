"""A running lbc does what the reference evaluator and `explain` say, on programs and requests that
nobody wrote. LBC_LIVE_PAIRS makes it longer, LBC_SEED repeats a run."""
import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import time

from echoing import Echoes
from harness import LBC, Client, Lbc, Response, free_ports, wrapper

TOOL = pathlib.Path(LBC).parent / "tests" / "live_pairs"
PAIRS = int(os.environ.get("LBC_LIVE_PAIRS", "3000"))
REQUESTS = int(os.environ.get("LBC_LIVE_REQUESTS", "20"))  # for each program
AT_ONCE = 25  # on one connection, if nothing ends it
NAMES = (b"x-a", b"x-b", b"cookie", b"a", b"b", b"host")
FORWARDING = "lbconf 1\ncluster c { server s 127.0.0.1:1 }\n%s\nroute r { otherwise { forward c } }\n"


class From(Client):
    """A client with an address of loopback."""

    def __init__(self, port, address):
        self.socket = socket.create_connection(("127.0.0.1", port), 30, source_address=(address, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")


class Commands:
    """The stats socket, kept open."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("r")

    def run(self, command):
        self.socket.sendall(command.encode() + b"\n")
        said = []
        while not (line := self.file.readline()).startswith(("ok", "refused: ")):
            assert line, "the stats socket was closed"
            said.append(line)
        assert line == "ok\n", "".join(said) + line

    def close(self):
        self.file.close()
        self.socket.close()


def placed(text, listeners, clusters):
    """The program with the addresses of this test."""
    text = re.sub(rb"(listener l-(\d) \{ bind 127\.0\.0\.1:)\d+",
                  lambda m: m[1] + str(listeners[int(m[2])]).encode(), text)
    for name, port in clusters.items():
        text = text.replace(b"cluster %s { server only 127.0.0.1:9000" % name.encode(),
                            b"cluster %s { server only 127.0.0.1:%d" % (name.encode(), port))
    return text


def pairs(seed, count, ports, missing):
    """(program, [pair, …]), …; in the end `missing` has what was never drawn of the language."""
    command = wrapper() + [str(TOOL), str(seed), str(count), str(REQUESTS), *map(str, ports)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as popen:
        for line in popen.stdout:
            head = json.loads(line)
            if "missing" in head:
                missing.append(head["missing"])
                continue
            yield bytes.fromhex(head["program"]), [json.loads(popen.stdout.readline())
                                                   for _ in range(head["requests"])]
    assert popen.returncode == 0


def refusal(pair):
    """The status with which it is refused before any clause decides; 0 where one does."""
    return pair["refused"] if "wrong" in pair else 400 if "bad_target" in pair else 431 if "too_long" in pair else 0


def is_silent(pair):
    return pair.get("action") in ("drop", "tarpit", "on connect")


def batches(requests):
    """Requests that can follow one another on one connection."""
    by_client = {}
    for r in requests:
        by_client.setdefault((r["listener"], r["from"]), []).append(r)
    for (listener, address), rest in by_client.items():
        batch = []
        for r in rest:
            batch.append(r)
            if r["last"] or refusal(r) or is_silent(r) or len(batch) == AT_ONCE:
                yield listener, address, batch
                batch = []
        if batch:
            yield listener, address, batch


def answers(port, address, batch):
    """Sends all of them at once, and what is left again where lbc says that it closes."""
    while batch:
        try:
            client = From(port, address)
        except ConnectionError:  # `on connect` was quicker
            yield batch[0], Response("", "closed", [])
            batch = batch[1:]
            continue
        with client:
            with contextlib.suppress(ConnectionError):  # it may be closed at once
                client.send(b"".join(bytes.fromhex(p["raw"]) for p in batch))
            while batch:
                pair, batch = batch[0], batch[1:]
                try:
                    response = client.response(pair["method"])
                except (EOFError, OSError) as e:
                    said_nothing = str(e) == "closed before a status line" or isinstance(e, ConnectionResetError)
                    response = Response("", "closed" if said_nothing else repr(e), [])
                yield pair, response
                if response["connection"] == "close":
                    break


def fields_of(head):
    found = {}
    for line in head.split(b"\r\n")[1:]:
        if line:
            name, _, value = line.partition(b":")
            found.setdefault(name.lower(), []).append(value.strip())
    return found


def is_too_far(pair):
    """A location longer than what is sent."""
    return len(bytes.fromhex(pair.get("location", ""))) > 8192


def blank(value):
    """An answer of ours has blanks for tabs; one that is passed on has not."""
    return re.sub(rb"[\x00-\x1f\x7f]", b" ", value).strip()


def header_differs(sent, expected, nameless=False):
    """`nameless`: HTTP/1.0 has no Host, and the server gets its own name then."""
    wanted = {}
    for name, value in expected:
        wanted.setdefault(bytes.fromhex(name), []).append(bytes.fromhex(value).strip())
    for name in NAMES:
        if name == b"host" and nameless and name not in wanted:
            continue
        if sent.get(name, []) != wanted.get(name, []):
            return f"{name.decode()}: {sent.get(name)}, not {wanted.get(name)}"
    return None


def response_differs(pair, r):
    """What rules made of the response's headers."""
    sent = {}
    for name, value in r.fields:
        sent.setdefault(name.encode("latin-1"), []).append(blank(value.encode("latin-1")))
    return header_differs(sent, [(n, blank(bytes.fromhex(v)).hex()) for n, v in pair["response"]])


def live_differs(pair, r):
    """What became of it, where that is not what the reference says; otherwise None."""
    if refusal(pair):
        return None if r.status == refusal(pair) else f"{r.status}, not {refusal(pair)}"
    if is_silent(pair):
        return None if r.status == "closed" else f"{r.status}, and nothing should have been said"
    cluster = r["x-cluster"]
    if is_too_far(pair):
        return None if r.status == 414 else f"{r.status}, not 414"
    if "cluster" not in pair:
        if cluster or r.status != pair["status"]:
            return f"{r.status} from {cluster or 'lbc'}, not {pair['status']}"
        if pair["action"] == "redirect":
            location = (r["location"] or "").encode("latin-1")
            if blank(location) != blank(bytes.fromhex(pair["location"])):
                return f"to {location!r}"
            return response_differs(pair, r)
        body = bytes.fromhex(pair["body"])
        if body and r.body != body:
            return f"the body {r.body!r}"
        return response_differs(pair, r)
    if not cluster or cluster.encode().hex() not in pair["clusters"]:
        return f"{r.status} from {cluster or 'lbc'}"
    target = r.body.split(b" ", 2)[1]
    if target != bytes.fromhex(pair["target"]):
        return f"the target {target!r}"
    return header_differs(fields_of(r.body), pair["headers"], pair["nameless"]) or response_differs(pair, r)


def json_text(text):
    """How many U+FFFD stand for bytes that are no UTF-8 is anybody's choice."""
    return re.sub("\ufffd+", "\ufffd", text)


def explain_differs(pair):
    """Where `explain` says something else than the reference; otherwise None."""
    said = pair.get("explain")
    if said is None:
        return None
    dropped = pair.get("action") == "on connect"
    if said.get("connect", {}).get("dropped", False) != dropped:
        return "explain about on connect"
    if dropped:
        return None if said["decision"]["action"] == "drop" and said["clauses"] == [] else "explain of a drop"
    for refused, key in (("overflow", "too_long"), ("bad_target", "bad_target")):
        if refused in said or key in pair:
            return None if refused in said and key in pair else f"explain about {key}"
    decision = said["decision"]
    if decision.get("location"):
        decision["location"] = json_text(decision["location"])
    expected = {key: pair[key] for key in ("action", "route", "clause")}
    if "cluster" in pair:
        expected["cluster"] = bytes.fromhex(pair["cluster"]).decode()
    elif "status" in pair:
        expected["status"] = pair["status"]
    if pair["action"] == "redirect":
        expected["location"] = None if is_too_far(pair) else \
            json_text(bytes.fromhex(pair["location"]).decode(errors="replace"))
    different = {k: (decision.get(k), v) for k, v in expected.items() if decision.get(k) != v}
    if different or len(said["changes"]) != pair["changes"]:
        return f"explain differs: {different}, {len(said['changes'])} changes"
    return None


def test_a_running_lbc_does_what_was_said(tmp_path):
    seed = int(os.environ.get("LBC_SEED", time.time_ns() & 0xffffffff), 0) \
        if "LBC_SEED" in os.environ else time.time_ns() & 0xffffffff
    print(f"LBC_SEED={seed}")
    ports, echoes = free_ports(2), Echoes("api", "web")
    binds = "\n".join(f"listener l-{i} {{ bind 127.0.0.1:{p}; route r }}" for i, p in enumerate(ports))
    lbc = Lbc(tmp_path, FORWARDING % binds, workers=1, access_log=False,
              env={"STAFF": "nobody is asked for it"})  # the secret of every program
    commands = Commands(lbc.socket)
    met, done, missing = {}, 0, []
    try:
        for program, requests in pairs(seed, max(1, PAIRS // REQUESTS), ports, missing):
            lbc.file.write_bytes(placed(program, ports, echoes.port))
            commands.run("reload")
            for listener, address, batch in batches(requests):
                for pair, response in answers(ports[listener], address, batch):
                    differs = live_differs(pair, response) or explain_differs(pair)
                    assert not differs, f"after {done} pairs: " + report(seed, program, pair, differs)
                    kind = pair.get("action", refusal(pair))
                    met[kind] = met.get(kind, 0) + 1
                    done += 1
    finally:
        commands.close()
        echoes.stop()
        lbc.stop()
    print(f"{done} pairs: {met}")
    if done < 3000 or done // REQUESTS < 100:
        return # too few to meet all of it
    assert missing == [""], missing[0]
    for kind in ("forward", "split", "forward map", "deny", "respond", "redirect", "drop", "on connect"):
        assert met.get(kind, 0) > done / 1000, met
    assert met.get(400, 0) > 0 and met.get(501, 0) > 0, met


def report(seed, program, pair, differs):
    said = {k: v for k, v in pair.items() if k not in ("raw", "explain")}
    text = lambda v: bytes.fromhex(v).decode(errors="replace")
    said.pop("clusters", None)
    for key in ("cluster", "target", "location", "body", "type"):
        if key in said:
            said[key] = text(said[key])
    for key in ("headers", "response"):
        said[key] = [(text(n), text(v)) for n, v in said.get(key, [])]
    return (f"LBC_SEED={seed}\n{differs}\n\n{program.decode(errors='replace')}\n"
            f"{bytes.fromhex(pair['raw'])!r}\n\nthe reference: {said}\n"
            f"explain: {json.dumps(pair.get('explain'), indent=1)}")
