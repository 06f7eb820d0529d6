"""examples/editors: every word of the language has a colour, a statement its help, and the folder is whole."""
import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EDITORS = ROOT / "examples/editors"
GRAMMAR = json.loads((EDITORS / "vscode/syntaxes/lbconf.tmLanguage.json").read_text())


def words(path, macro, nth=0):
    """The nth string of each line MACRO(…) of a .def file."""
    lines = re.findall(rf"^{macro}\((.*)\)$", (ROOT / path).read_text(), re.M)
    assert lines, path
    return [re.findall(r'"((?:[^"\\]|\\.)*)"', line)[nth] for line in lines]


def rules(patterns):
    for p in patterns:
        if "include" in p:
            yield from rules([GRAMMAR["repository"][p["include"].removeprefix("#")]])
        elif "patterns" in p and "begin" not in p:
            yield from rules(p["patterns"])
        else:
            yield p


def pieces(match, rule, key):
    """(text, scope) of a match: its captures', and the rule's own for what is between them."""
    at = match.start()
    for number, scope in sorted((int(n), c["name"]) for n, c in rule.get(key, {}).items()):
        if match[number] is not None:
            yield match.string[at:match.start(number)], rule.get("name")
            yield match[number], scope
            at = match.end(number)
    yield match.string[at:match.end()], rule.get("name")


def scopes(line, patterns=None, at=0, end=None, name=None):
    """What a TextMate engine makes of one line: [(text, scope)], and where it stopped."""
    found = []
    todo = list(rules(GRAMMAR["patterns"] if patterns is None else patterns))
    while at <= len(line):
        best = None
        for rule in ([{"match": end, "ends": True}] if end else []) + todo:
            m = re.compile(rule.get("match") or rule["begin"]).search(line, at)
            if m and (m.end() > m.start() or rule.get("ends")) and (best is None or m.start() < best[0].start()):
                best = m, rule
        if best is None:
            return [*found, (line[at:], name)], len(line)
        m, rule = best
        found.append((line[at:m.start()], name))
        at = m.end()
        if rule.get("ends"):
            return [*found, (m[0], name)], at
        if "begin" in rule:
            inside, at = scopes(line, rule.get("patterns", []), m.end(), rule["end"], rule["name"])
            found += [(m[0], rule["name"]), *inside]
        else:
            found += pieces(m, rule, "captures")
    return found, at


def scope_of(line, text):
    """The scope of the piece that begins with this text."""
    got = [(t, s) for t, s in scopes(line)[0] if t]
    assert "".join(t for t, _ in got) == line
    return next((s for t, s in got if t.strip() == text), None)


def test_every_expression_compiles_and_every_include_leads_somewhere():
    def walk(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("match", "begin", "end"):
                    re.compile(value)
                if key == "include":
                    assert value.removeprefix("#") in GRAMMAR["repository"]
                walk(value)
        elif isinstance(node, list):
            for one in node:
                walk(one)
    walk(GRAMMAR)
    assert {p["include"][1:] for p in GRAMMAR["patterns"]} == set(GRAMMAR["repository"])


CHOICES = {c for shape in words("compiler/sema/settings.def", "SETTING", 1) for part in shape.split() if "|" in part
           for c in part.rstrip("?,").split("|") if re.fullmatch(r"[a-z][a-z-]*", c)} - {"statuses", "bytes"}


@pytest.mark.parametrize("path, macro", [
    ("grammar/keywords.def", "KEYWORD"), ("grammar/keywords.def", "OPERATOR"), ("compiler/table/fields.def", "FIELD"),
    ("compiler/table/ops.def", "OP"), ("compiler/sema/types.def", "TYPE"), ("compiler/table/balance.def", "BALANCE"),
    ("compiler/table/timeouts.def", "TIMEOUT"), ("compiler/sema/settings.def", "SETTING")])
def test_every_word_has_a_colour(path, macro):
    plain = [w for w in words(path, macro) for w in [w.replace("NAME", "x")]
             if any(scope_of(f"  {part}  ", part) is None for part in w.split())]
    assert not plain, f"add them to examples/editors/vscode/syntaxes/lbconf.tmLanguage.json: {plain}"


def test_every_choice_of_a_setting_has_a_colour():
    assert not [c for c in CHOICES if scope_of(f"  {c}  ", c) is None]


SAMPLE = [
    ('cluster api {   # x', {"cluster": "storage.type", "api": "entity.name", "# x": "comment"}),
    ('set header "x-a" "a{{b {host} \\n"', {"header": "", '"': "string", "{{": "constant.character.escape", "host": "variable.language", "\\n": "constant.character.escape"}),
    ("deny 403 with 'no {host}'", {"deny": "keyword", "403": "constant.numeric", "no {host}": "string.quoted.single"}),
    ("when path under \"/a\" and not staff { forward api }", {"when": "keyword.control", "path": "variable.language", "under": "keyword.operator", "not": "keyword.operator", "forward": "keyword", "api": "entity.name"}),
    ("bind [::1]:8443", {"[::1]:8443": "constant.numeric.address"}),
    ("server a 10.0.0.1:8080 weight 2", {"server": "support.type.property-name", "10.0.0.1:8080": "constant.numeric.address", "weight": "support.type.property-name", "2": "constant.numeric"}),
    ("timeout read 500ms", {"500ms": "constant.numeric.duration"}),
    ("set x : network = { 10.0.0.0/8, 2001:db8::/32 }", {"10.0.0.0/8": "constant.numeric.address", "2001:db8::/32": "constant.numeric.address", "network": "support.type"}),
    ("when path matches /^\\/v[0-9]+\\// { deny }", {"matches": "keyword.operator", "/^\\/v[0-9]+\\//": "string.regexp"}),
    ("forward not-a-keyword-at-all", {"not-a-keyword-at-all": "entity.name"}),
    ("acl under-test = path == \"/\"", {"under-test": "entity.name"}),
]


@pytest.mark.parametrize("line, expected", SAMPLE, ids=[s[0] for s in SAMPLE])
def test_a_line_is_coloured(line, expected):
    for text, scope in expected.items():
        got = scope_of(line, text)
        assert got and got.startswith(scope), (text, got, scopes(line)[0])


def test_the_examples_have_nothing_illegal():
    for path in (ROOT / "examples").rglob("*.lbconf"):
        for line in path.read_text().splitlines():
            got, _ = scopes(line)
            assert "".join(t for t, _ in got) == line
            assert not [t for t, s in got if s and s.startswith("invalid")], line


def test_the_folder_for_vs_code_is_whole():
    folder = EDITORS / "vscode"
    package = json.loads((folder / "package.json").read_text())
    named = [package["main"], *(l["configuration"] for l in package["contributes"]["languages"]),
             *(g["path"] for g in package["contributes"]["grammars"])]
    for name in named:
        assert (folder / name).is_file(), name
    assert package["contributes"]["grammars"][0]["scopeName"] == GRAMMAR["scopeName"]
    configuration = json.loads((folder / "language-configuration.json").read_text())
    assert configuration["comments"] == {"lineComment": "#"}
    assert re.fullmatch(configuration["wordPattern"], "tls.client.verified")
    script = (folder / "extension.js").read_text()
    assert 'args: ["lsp"]' in script
    for command in package["contributes"]["commands"]:
        assert command["command"] in script


def statements(place):
    lines = (ROOT / "compiler/lsp/statements.def").read_text().splitlines()
    return {m[1]: m[2] for line in lines if (m := re.match(rf'STATEMENT\({place}, +"([^"]+)", +"(.*?)", +"', line))}


SPELT = dict(re.findall(r'^(?:KEYWORD|OPERATOR)\((\w+), *"([^"]+)"\)', (ROOT / "grammar/keywords.def").read_text(), re.M))


@pytest.mark.parametrize("rule, place", [("statement", "FILE"), ("use", "FILE"), ("clause", "ROUTE"), ("action", "CLAUSE"), ("asked", "TEST")])
def test_every_statement_of_the_grammar_is_offered(rule, place):
    begin = set(re.findall(rf"^{rule}\(A\) ::= ([A-Z_]+)\(K\)", (ROOT / "grammar/parser.y").read_text(), re.M))
    assert begin
    assert {SPELT[t] for t in begin} <= statements(place).keys(), "add it to compiler/lsp/statements.def"
