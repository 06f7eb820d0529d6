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


def field(name, keyed):
    return name + {"PLAIN": "", "NAMED": "", "KEYED": ' "name"', "ITEMS": ' "name" items'}[keyed]


def operands(shape):
    return shape.replace("'", "").replace("(", " ").replace(")", "").replace("@", "").replace(",", ", ...") or " "


def settings():
    blocks = [(e[0], e[1]) for e in entries("compiler/sema/settings.def", "BLOCK") if e[0] != "NONE"]
    rows = list(entries("compiler/sema/settings.def", "SETTING"))
    out = []
    for block, called in blocks:
        out += [f"**{called}**", "", table(["setting", "what it is given", "default", "", "what it does"], [
            [f"`{word}`", f"`{operands(shape)}`" if shape else "", f"`{default}`" if default else "",
             " ".join(filter(None, ["repeated" if times == "MANY" else "needed" if times == "NEEDED" else "",
                                    "" if served == "SERVED" else "*later*"])), what]
            for of, _, word, shape, default, times, served, _, what in rows if of == block]), ""]
    return "\n".join(out).rstrip()


GENERATED = {
    "settings": settings,
    "types": lambda: table(["type", "written as"], [
        [f"`{name}`", f"`{example}`"] for _, name, example in entries("compiler/sema/types.def", "TYPE")]),
    "fields": lambda: table(["field", "type", "may be absent", "known from", "", "what it is"], [
        [f"`{field(name, keyed)}`", type.lower().replace("_", "-"), "" if present == "ALWAYS" else "yes", phase.lower(),
         "" if served == "SERVED" else "*later*", what]
        for _, name, type, keyed, present, phase, served, what in entries("compiler/table/fields.def", "FIELD")]),
    "balance": lambda: table(["balance", "how a server is chosen"], [
        [f"`{name}{' FIELD' if takes == 'FIELD' else ''}`", what] for _, name, _, takes, what in entries("compiler/table/balance.def", "BALANCE")]),
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
