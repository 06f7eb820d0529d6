"""The other side of `lbc lsp`: an editor that keeps texts, counts in UTF-16 and checks what it is told."""
import json
import os
import pathlib
import select
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LBC = pathlib.Path(os.environ.get("LBC", ROOT / "build/asan/lbc")).resolve()
ALL = {
    "workspace": {"workspaceEdit": {"documentChanges": True}},
    "textDocument": {
        "publishDiagnostics": {"relatedInformation": True, "tagSupport": {"valueSet": [1]}},
        "completion": {"completionItem": {"snippetSupport": True}},
        "rename": {"prepareSupport": True},
    },
}


class Refused(Exception):
    """The answer was an error; `code` is its number."""
    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["code"]


def frame(message):
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


class Server:
    """The process, and messages to and from it."""
    def __init__(self, environment=None):
        self.process = subprocess.Popen([LBC, "lsp", "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env={**os.environ, **(environment or {})})
        self.rest = b""
        self.number = 0

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def read(self, seconds=20):
        """The next message; None when the other side has ended."""
        until = time.monotonic() + seconds
        while True:
            head, sep, rest = self.rest.partition(b"\r\n\r\n")
            if sep:
                assert head.startswith(b"Content-Length: ") and b"\n" not in head, head
                length = int(head[16:])
                if len(rest) >= length:
                    self.rest = rest[length:]
                    return json.loads(rest[:length])
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))
            assert ready, "nothing came"
            more = os.read(self.process.stdout.fileno(), 1 << 20)
            if not more:
                assert self.rest == b"", "half a message"
                return None
            self.rest += more

    def ask(self, method, params=None):
        """Sends a request and returns its id."""
        self.number += 1
        self.write(frame({"jsonrpc": "2.0", "id": self.number, "method": method,
                          **({} if params is None else {"params": params})}))
        return self.number

    def tell(self, method, params):
        self.write(frame({"jsonrpc": "2.0", "method": method, "params": params}))

    def end(self):
        """Returns the exit code, after what is left to be said."""
        self.process.stdin.close()
        try:
            code = self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        errors = self.process.stderr.read().decode()
        self.process.stdout.close()
        self.process.stderr.close()
        assert errors == "", errors
        return code


class Editor(Server):
    def __init__(self, capabilities=ALL, encodings=None, environment=None):
        super().__init__(environment)
        self.texts, self.versions, self.said = {}, {}, {}
        capabilities = {**capabilities, **({"general": {"positionEncodings": encodings}} if encodings else {})}
        self.initialized = self.request("initialize", {"processId": os.getpid(), "rootUri": None,
                                                       "capabilities": capabilities})
        self.encoding = self.initialized["capabilities"]["positionEncoding"]
        self.tell("initialized", {})

    def take(self, message):
        """A notice from the server."""
        if message.get("method") == "textDocument/publishDiagnostics":
            self.said[message["params"]["uri"]] = message["params"]

    def request(self, method, params=None):
        number = self.ask(method, params)
        while True:
            message = self.read()
            assert message is not None, "the server has ended"
            if message.get("id") == number:
                if "error" in message:
                    raise Refused(message["error"])
                return message["result"]
            self.take(message)

    # ---- texts ----

    def open(self, text, name="test.lbconf"):
        uri = name if ":" in name else "file:///somewhere/" + name
        self.texts[uri], self.versions[uri] = text, 1
        self.tell("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "lbconf", "version": 1, "text": text}})
        return uri

    def edit(self, uri, begin, end, new):
        """Replaces characters [begin, end) of the text, here and there."""
        change = {"range": {"start": self.position(uri, begin), "end": self.position(uri, end)}, "text": new}
        self.texts[uri] = self.texts[uri][:begin] + new + self.texts[uri][end:]
        self.change(uri, [change])

    def change(self, uri, changes):
        self.versions[uri] += 1
        self.tell("textDocument/didChange", {"textDocument": {"uri": uri, "version": self.versions[uri]},
                                             "contentChanges": changes})

    def close(self, uri):
        self.tell("textDocument/didClose", {"textDocument": {"uri": uri}})

    def units(self, s):
        return {"utf-8": len(s.encode()), "utf-16": len(s.encode("utf-16-le")) // 2, "utf-32": len(s)}[self.encoding]

    def position(self, uri, at):
        before = self.texts[uri][:at].replace("\r\n", "\n").replace("\r", "\n")
        line = before.count("\n")
        return {"line": line, "character": self.units(before.rsplit("\n", 1)[-1])}

    def offset(self, uri, position):
        lines = self.texts[uri].replace("\r\n", "\n\x00").replace("\r", "\n").replace("\n\x00", "\r\n").split("\n")
        at = sum(len(line) + 1 for line in lines[:position["line"]])
        line = lines[position["line"]]
        for n in range(len(line) + 1):
            if self.units(line[:n]) == position["character"]:
                return at + n
        raise AssertionError(f"{position} is no place in {line!r}")

    def covered(self, uri, range_):
        """The text of a range."""
        return self.texts[uri][self.offset(uri, range_["start"]):self.offset(uri, range_["end"])]

    def at(self, uri, place):
        """The params for a place: a number, or words with a | in them, which stand there once."""
        if isinstance(place, str):
            before, _, after = place.partition("|")
            assert self.texts[uri].count(before + after) == 1, place
            place = self.texts[uri].index(before + after) + len(before)
        return {"textDocument": {"uri": uri}, "position": self.position(uri, place)}

    def edited(self, uri, edits):
        """The text with these TextEdits."""
        text = self.texts[uri]
        for e in sorted(edits, key=lambda e: self.offset(uri, e["range"]["start"]), reverse=True):
            begin, end = self.offset(uri, e["range"]["start"]), self.offset(uri, e["range"]["end"])
            text = text[:begin] + e["newText"] + text[end:]
        return text

    # ---- features ----

    def diagnostics(self, uri):
        """What is said about this version of the text."""
        while self.said.get(uri, {}).get("version") != self.versions[uri]:
            message = self.read()
            assert message is not None, "the server has ended"
            self.take(message)
        return self.said[uri]["diagnostics"]

    def codes(self, uri):
        return [d["code"] for d in self.diagnostics(uri)]

    def hover(self, uri, place):
        result = self.request("textDocument/hover", self.at(uri, place))
        return result and result["contents"]["value"]

    def definition(self, uri, place):
        result = self.request("textDocument/definition", self.at(uri, place))
        return result and (result["uri"], self.offset(result["uri"], result["range"]["start"]))

    def references(self, uri, place, declaration=True):
        found = self.request("textDocument/references",
                             {**self.at(uri, place), "context": {"includeDeclaration": declaration}})
        return found and sorted((r["uri"], self.offset(r["uri"], r["range"]["start"])) for r in found)

    def rename(self, uri, place, new):
        """The texts that change."""
        edit = self.request("textDocument/rename", {**self.at(uri, place), "newName": new})
        for change in edit["documentChanges"]:
            target = change["textDocument"]
            assert target["version"] == self.versions.get(target["uri"])
        return {c["textDocument"]["uri"]: self.edited(c["textDocument"]["uri"], c["edits"])
                for c in edit["documentChanges"]}

    def actions(self, uri, place, end=None, only=None):
        begin = self.at(uri, place)["position"]
        end = self.at(uri, end)["position"] if end is not None else begin
        return self.request("textDocument/codeAction", {
            "textDocument": {"uri": uri}, "range": {"start": begin, "end": end},
            "context": {"diagnostics": [], **({"only": only} if only else {})}})

    def shut(self):
        self.request("shutdown")
        self.tell("exit", None)
        return self.end()
