"""grammar/LANGUAGE.md says what the program is built from. LBC_UPDATE=1 writes its tables anew."""
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
LBC = pathlib.Path(os.environ.get("LBC", ROOT / "build/asan/lbc")).resolve()
REFERENCE = ROOT / "grammar/LANGUAGE.md"


def entries(path, macro):
    """The arguments of each MACRO(…) of a .def file, strings without their quotes."""
    for line in re.findall(rf"^{macro}\((.*)\)$", (ROOT / path).read_text(), re.M):
        line = line.replace('" SLICE_FMT "', "…").replace('"" ', '"')
        parts = re.findall(r'"((?:[^"\\]|\\.)*)"|([^,\s][^,]*)', line)
        yield [a.replace('\\"', '"').replace("\\\\", "\\") if not b else b.strip() for a, b in parts]


def table(head, rows):
    cells = lambda row: "| " + " | ".join(c.replace("|", "\\|") for c in row) + " |"
    return "\n".join([cells(head), "|" + "---|" * len(head), *map(cells, rows)])


def duration(ms):
    for unit, n in (("h", 3600000), ("m", 60000), ("s", 1000)):
        if ms % n == 0:
            return f"{ms // n}{unit}"
    return f"{ms}ms"


def plain(text):
    return re.sub(r"%(?:[0-9]*[a-z]+)", "…", text)


GENERATED = {
    "types": lambda: table(["type", "written as"], [
        [f"`{name}`", f"`{example}`"] for _, name, example in entries("compiler/sema/types.def", "TYPE")]),
    "fields": lambda: table(["field", "type", "may be absent", "what it is"], [
        [f"`{name} \"name\"`" if keyed == "KEYED" else f"`{name}`", type.lower(), "yes" if present == "MAYBE" else "", what]
        for _, name, type, keyed, present, what in entries("compiler/table/fields.def", "FIELD")]),
    "balance": lambda: table(["balance", "how a server is chosen"], [
        [f"`{name}`", what] for _, name, _, what in entries("compiler/table/balance.def", "BALANCE")]),
    "timeouts": lambda: table(["timeout", "of a", "default", "how long it may take"], [
        [f"`{name}`", scope.lower(), duration(int(ms)), what]
        for scope, _, name, ms, what in entries("compiler/table/timeouts.def", "TIMEOUT")]),
    "diagnostics": lambda: table(["code", "what is wrong"], [
        [e[1], plain(e[3])] for e in entries("grammar/diags.def", "DIAG")]),
}


def generated(text):
    def fill(m):
        return f"<!-- generated: {m[1]} -->\n{GENERATED[m[1]]()}\n<!-- end -->"
    return re.sub(r"<!-- generated: (\w+) -->\n.*?<!-- end -->", fill, text, flags=re.S)


def test_the_tables_are_those_of_the_program():
    text = REFERENCE.read_text()
    if os.environ.get("LBC_UPDATE"):
        REFERENCE.write_text(generated(text))
        text = REFERENCE.read_text()
    assert set(re.findall(r"<!-- generated: (\w+)", text)) == set(GENERATED)
    assert generated(text) == text, "LBC_UPDATE=1 writes the tables anew"


def test_the_examples_are_right():
    examples = re.findall(r"^```lbconf\n(.*?)^```", REFERENCE.read_text(), re.M | re.S)
    assert examples
    for text in examples:
        r = subprocess.run([LBC, "check", "--deny=warnings", "-"], input=text.encode(), capture_output=True)
        assert r.returncode == 0, r.stderr.decode()
