"""What can be asked about a text."""
import subprocess

import pytest

from editor import LBC, ROOT, Editor, Refused


# ---- diagnostics ----

def test_a_diagnostic_says_all_that_check_says(editor):
    uri = editor.open('lbconf 1\ncluster api { server a 10.0.0.1:80 }\nlistener l { bind 127.0.0.1:80; route r }\n'
                      'acl old = path == "/"\nroute r { otherwise { forward apj } }\n')
    (wrong,) = editor.diagnostics(uri)
    assert (wrong["severity"], wrong["code"], wrong["source"]) == (1, "E0201", "lbc")
    assert wrong["message"].splitlines() == ["no cluster is called `apj`", "did you mean `api`?"]
    (near,) = wrong["relatedInformation"]
    assert near["message"] == "a name like it" and editor.covered(uri, near["location"]["range"]) == "api"


def test_what_is_never_used_is_unnecessary(editor, shop):
    assert editor.codes(shop) == []
    at = editor.texts[shop].index("cluster api")
    editor.edit(shop, at, at, 'acl old = path == "/"\n')
    (one,) = editor.diagnostics(shop)
    assert (one["code"], one["severity"], one["tags"]) == ("W0201", 2, [1])
    assert editor.covered(shop, one["range"]) == "old"


def test_a_client_that_can_little_is_told_little():
    editor = Editor(capabilities={})
    uri = editor.open('lbconf 1\ncluster a { server a 10.0.0.1:80 }\ncluster a { server a 10.0.0.1:80 }\n')
    one = editor.diagnostics(uri)[0]
    assert not {"tags", "relatedInformation"} & one.keys()
    assert "first defined here" in one["message"]
    edit = editor.request("textDocument/rename", {**editor.at(uri, "cluster |a { server a 10.0.0.1:80 }\nc"), "newName": "b"})
    assert edit.keys() == {"changes"}
    assert editor.edited(uri, edit["changes"][uri]).count("cluster b") == 2
    assert editor.shut() == 0


# ---- names ----

NAMES = [("PORT", "env   |PORT", ["PORT  : port", "PORT\n  route"]),
         ("SLOW", "read SL|OW", ["SLOW  : dur", "SLOW\n}"]),
         ("office", "in |office", ["office : network", "office\ncluster"]),
         ("staff", "not staff| and", ["staff = src", "staff { forward", "staff and header"]),
         ("api", "cluster a|pi", ["api {\n  server", "api }\n  when cookie", "api }\n}"]),
         ("shop", "  route sho|p", ["shop\n}", "shop {"])]


@pytest.mark.parametrize("name, place, places", NAMES, ids=[n[0] for n in NAMES])
def test_a_name_leads_to_its_definition_and_to_all_its_places(editor, shop, name, place, places):
    text = editor.texts[shop]
    expected = sorted((shop, text.index(p)) for p in places)
    definition = min(expected) if name != "shop" else max(expected)
    assert editor.definition(shop, place) == definition
    assert editor.references(shop, place) == expected
    assert editor.references(shop, place, declaration=False) == [e for e in expected if e != definition]
    marks = editor.request("textDocument/documentHighlight", editor.at(shop, place))
    assert sorted(editor.offset(shop, m["range"]["start"]) for m in marks) == [at for _, at in expected]
    assert [m["kind"] for m in marks].count(3) == 1
    assert {editor.covered(shop, m["range"]) for m in marks} == {name}


def test_where_no_name_stands_there_is_nothing(editor, shop):
    for place in ("l|bconf 1", "# 🦆| and", "90|s", "path und|er \"/a", "10.0.0.1:|8080"):
        assert editor.definition(shop, place) is None
        assert editor.references(shop, place) is None
        assert editor.request("textDocument/prepareRename", editor.at(shop, place)) is None


@pytest.mark.parametrize("name, place, places", NAMES, ids=[n[0] for n in NAMES])
def test_renaming_changes_every_place_and_nothing_else(editor, shop, name, place, places):
    new = "NEW" if name.isupper() else "new-one"
    prepared = editor.request("textDocument/prepareRename", editor.at(shop, place))
    assert prepared["placeholder"] == name and editor.covered(shop, prepared["range"]) == name
    expected = editor.texts[shop]
    for p in places:
        expected = expected.replace(p, p.replace(name, new, 1), 1)
    changed = editor.rename(shop, place, new)
    assert changed == {shop: expected}
    editor.texts[shop] = changed[shop]
    editor.change(shop, [{"text": changed[shop]}])
    assert editor.codes(shop) == []


@pytest.mark.parametrize("place, new, why", [
    ("cluster a|pi", "Api", "lower case"), ("cluster a|pi", "", "lower case"), ("cluster a|pi", "a b", "lower case"),
    ("cluster a|pi", "9a", "lower case"), ("cluster a|pi", "a\n}", "lower case"), ("cluster a|pi", "under", "operator"),
    ("env   P|ORT", "SLOW", "already"), ("const S|LOW", "PORT", "already"), ("l|bconf 1", "x", "no name"),
])
def test_a_rename_that_would_break_something_is_refused(editor, shop, place, new, why):
    with pytest.raises(Refused) as e:
        editor.rename(shop, place, new)
    assert e.value.code == -32803 and why in str(e.value)


def test_names_of_another_kind_do_not_clash(editor, shop):
    assert "cluster shop {" in editor.rename(shop, "cluster a|pi", "shop")[shop]


def test_a_listener_s_name_in_a_condition_is_renamed_within_its_quotes(editor, shop):
    at = editor.texts[shop].index("  otherwise")
    editor.edit(shop, at, at, '  when listener == "front" { deny }\n')
    changed = editor.rename(shop, "listener fro|nt {", "door")[shop]
    assert 'listener == "door"' in changed and "listener door {" in changed
    assert editor.definition(shop, '== "fro|nt"') == (shop, editor.texts[shop].index("front {"))


def test_names_are_known_in_a_text_that_does_not_compile(editor, shop):
    editor.edit(shop, 0, 0, "")
    at = editor.texts[shop].index("  otherwise")
    editor.edit(shop, at, at, "  when ( { nonsense\n  frobnicate 7\n")
    assert editor.codes(shop)
    text = editor.texts[shop]
    assert editor.definition(shop, "in |office") == (shop, text.index("office :"))
    assert "90s" in editor.hover(shop, "read SL|OW")
    assert "cluster api {" in editor.hover(shop, "staff { forward |api")


# ---- hover ----

@pytest.mark.parametrize("place, says", [
    ("read SL|OW", ["const SLOW  : duration = 90s", "duration, `90s`", "used 1 time\n"]),
    ("127.0.0.1:PO|RT", ["env   PORT", "from the environment variable `PORT`", "`8080`"]),
    ("in |office", ["set of 2 networks", "10.0.0.0/8"]),
    ("not st|aff", ["acl   staff = src in office", "used 2 times"]),
    ("forward a|pi }\n}", ["cluster api {", "server a 10.0.0.1:8080", "timeout read 90s", "timeout connect 5s"]),
    ("listener fr|ont", ["bind 127.0.0.1:8080", "max-connections 10000"]),
    ("route sh|op {", ["route shop {", "otherwise { forward api }"]),
    ("when p|ath", ["path", "normalised path"]),
    ("path un|der", ["`under`", "/api/x, not /apix"]),
    ("he|ader \"x-d\" exists", ["header", "may be absent"]),
    ("\" exi|sts {", ["there is a value"]),
    ("n|ot staff", ["does not hold"]),
    ("ot|herwise", ["the last clause"]),
    ("w|hen path", ["a clause"]),
    ("se|t header \"x-y\"", ["exactly this value"]),
    ("contin|ue", ["next clause"]),
    ("clu|ster api", ["where traffic goes"]),
])
def test_hover_says(editor, shop, place, says):
    said = editor.hover(shop, place)
    for piece in says:
        assert piece in said


def test_hover_says_what_the_environment_says():
    editor = Editor(environment={"PORT": "9443"})
    uri = editor.open("lbconf 1\nenv PORT : port = 8080\n")
    assert "now `9443`" in editor.hover(uri, "env PO|RT")
    assert editor.shut() == 0


def test_hover_says_what_an_acl_comes_to(editor):
    uri = editor.open('lbconf 1\nconst API : path = "/api"\nacl is-api = path under API and not src == 10.0.0.1\n')
    said = editor.hover(uri, "acl is-a|pi")
    assert "acl is-api = path under API" in said and 'comes to `path under "/api" and not src ' in said


def test_a_secret_is_never_shown():
    editor = Editor(environment={"SESSION_KEY": "hunter2-hunter2"})
    uri = editor.open('lbconf 1\nsecret key from env "SESSION_KEY"\nadmin {\n  bind 127.0.0.1:9000\n  token key\n}\n')
    said = [editor.hover(uri, "secret k|ey"), editor.hover(uri, "token k|ey"), str(editor.diagnostics(uri)),
            str(editor.request("textDocument/completion", editor.at(uri, "token |key")))]
    assert 'secret key from env "SESSION_KEY"' in said[1]
    assert not [s for s in said if "hunter2" in s]
    assert editor.shut() == 0


def test_hover_covers_what_it_speaks_of(editor, shop):
    result = editor.request("textDocument/hover", editor.at(shop, "and st|aff {"))
    assert editor.covered(shop, result["range"]) == "staff"


@pytest.mark.parametrize("place", ["# 🦆| and", "lbconf 1|\n#", "10.0.0.1:|8080"])
def test_hover_says_nothing_where_there_is_nothing(editor, shop, place):
    assert editor.hover(shop, place) is None


def test_hover_tells_the_long_story_of_a_mistake(editor, shop):
    at = editor.texts[shop].index("forward api }\n}")
    editor.edit(shop, at, at + 11, "forward apj")
    said = editor.hover(shop, "forward ap|j")
    about = (ROOT / "grammar/explain/E0201.md").read_text()
    assert said.startswith("**E0201**") and said.split("  \n", 1)[1].splitlines()[0] in about


# ---- colours ----

def colours(editor, uri):
    """(text, kind) of each token."""
    legend = editor.initialized["capabilities"]["semanticTokensProvider"]["legend"]["tokenTypes"]
    data = editor.request("textDocument/semanticTokens/full", {"textDocument": {"uri": uri}})["data"]
    line = character = 0
    for lines, characters, length, kind, modifiers in zip(*[iter(data)] * 5):
        line, character = line + lines, characters + (0 if lines else character)
        assert modifiers == 0
        yield editor.covered(uri, {"start": {"line": line, "character": character},
                                   "end": {"line": line, "character": character + length}}), legend[kind]


def test_colours(editor, shop):
    got = list(colours(editor, shop))
    for one in [("lbconf", "keyword"), ("1", "number"), ("# 🦆 and é before everything", "comment"), ("8080", "number"),
                ("SLOW", "class"), ("10.0.0.0/8", "number"), ("server", "property"), ("path", "variable"),
                ('"é🦆"', "string"), ("and", "operator"), ("!=", "operator"), ("staff", "class"), ("forward", "keyword"),
                ("header", "variable"), ("otherwise", "keyword"), ("api", "class")]:
        assert one in got, one
    text = editor.texts[shop]
    for piece, _ in got: # in order, and each once
        at = text.index(piece)
        text = text[at + len(piece):]


# ---- fixes ----

def test_a_fix_is_offered_where_it_is_wanted_and_mends(editor, shop):
    at = editor.texts[shop].index("forward api }\n}")
    editor.edit(shop, at, at + 11, "forward apj")
    assert editor.codes(shop) == ["E0201"]
    assert editor.actions(shop, "l|bconf 1") == []
    (one,) = editor.actions(shop, "forward ap|j")
    assert one["title"] == "did you mean `api`?" and one["kind"] == "quickfix" and one["isPreferred"] is True
    assert [d["code"] for d in one["diagnostics"]] == ["E0201"]
    (change,) = one["edit"]["documentChanges"]
    editor.texts[shop] = editor.edited(shop, change["edits"])
    editor.change(shop, [{"text": editor.texts[shop]}])
    assert editor.codes(shop) == []


def test_all_fixes_at_once(editor):
    uri = editor.open('lbconf 1\nclustr api { server a 10.0.0.1:80 }\nlistner l { bind 127.0.0.1:80; route r }\n'
                      'route r { otherwise { forwrd api } }\n')
    assert editor.codes(uri) == ["E0103"] * 3
    assert editor.actions(uri, 0, only=["refactor"]) == []
    for only in ("source", "source.fixAll"):
        (one,) = editor.actions(uri, 0, only=[only])
    (change,) = one["edit"]["documentChanges"]
    editor.texts[uri] = editor.edited(uri, change["edits"])
    editor.change(uri, [{"text": editor.texts[uri]}])
    assert editor.codes(uri) == []
    assert editor.actions(uri, 0, only=["source.fixAll"]) == []


# ---- outline ----

def test_the_outline(editor, shop):
    symbols = editor.request("textDocument/documentSymbol", {"textDocument": {"uri": shop}})
    assert [(s["detail"], s["name"]) for s in symbols] == [
        ("env", "PORT"), ("const", "SLOW"), ("set", "office"), ("acl", "staff"), ("cluster", "api"),
        ("listener", "front"), ("route", "shop")]
    children = {s["name"]: [c["name"] for c in s["children"]] for s in symbols}
    assert children["api"] == ["a"]
    assert children["shop"] == ['when path under "/a" and header "x-d" != "é🦆" and staff', 'when cookie "d" == "é🦆" and not staff and header "x-d" exists', "otherwise"]
    for s in symbols:
        assert editor.covered(shop, s["selectionRange"]) == s["name"]
        assert s["name"] in editor.covered(shop, s["range"])


def test_folding(editor, shop):
    folds = editor.request("textDocument/foldingRange", {"textDocument": {"uri": shop}})
    lines = editor.texts[shop].split("\n")
    assert [(lines[f["startLine"]], lines[f["endLine"] + 1]) for f in folds] == [
        ("cluster api {", "}"), ("listener front {", "}"), ("route shop {", "}")]


def test_comments_fold(editor):
    uri = editor.open("# a\n# b\n  # c\nlbconf 1\n# alone\n\n# d\n# e")
    folds = editor.request("textDocument/foldingRange", {"textDocument": {"uri": uri}})
    assert folds == [{"startLine": 0, "endLine": 2, "kind": "comment"}, {"startLine": 6, "endLine": 7, "kind": "comment"}]


# ---- proofs ----

def many(clauses):
    return ("lbconf 1\ncluster c { server a 10.0.0.1:80 }\nlistener l { bind 127.0.0.1:80; route r }\nroute r {\n"
            + "".join(f'  when path under "/p{i}" {{ forward c }}\n' for i in range(clauses))
            + '  when path == "/p0/x" { deny }\n  otherwise { forward c }\n}\n')


@pytest.mark.parametrize("clauses", [1, 3000])
def test_what_proofs_find_is_said_while_typing_or_in_the_next_pause(editor, clauses):
    uri = editor.open(many(clauses))
    while not editor.said.get(uri, {}).get("diagnostics"):
        editor.take(editor.read(seconds=60))
    (one,) = editor.diagnostics(uri)
    assert editor.covered(uri, one["range"]) == 'path == "/p0/x"'
    at = editor.texts[uri].index('== "/p0/x"')
    editor.edit(uri, at, at + 10, '== "/q"')
    while editor.diagnostics(uri):
        editor.take(editor.read(seconds=60))


# ---- formatting ----

OPTIONS = {"tabSize": 2, "insertSpaces": True}


def test_formatting_gives_what_fmt_gives(editor, shop):
    formatted = editor.request("textDocument/formatting", {"textDocument": {"uri": shop}, "options": OPTIONS})
    text = editor.edited(shop, formatted)
    assert text == subprocess.run([LBC, "fmt", "--stdin"], input=editor.texts[shop], capture_output=True, text=True, check=True).stdout
    editor.texts[shop] = text
    editor.change(shop, [{"text": text}])
    assert editor.request("textDocument/formatting", {"textDocument": {"uri": shop}, "options": OPTIONS}) == []


def test_formatting_touches_only_the_lines_that_change(editor):
    uri = editor.open("lbconf 1\n\nacl a = path == \"/\"\nacl   b = path == \"/\"\nacl c = path == \"/\"\n")
    (edit,) = editor.request("textDocument/formatting", {"textDocument": {"uri": uri}, "options": OPTIONS})
    assert edit["range"]["start"] == {"line": 3, "character": 0} and edit["range"]["end"]["line"] <= 4
    assert "acl c" not in edit["newText"]


def test_what_does_not_parse_is_not_formatted(editor):
    uri = editor.open("lbconf 1\ncluster {{\n")
    assert editor.request("textDocument/formatting", {"textDocument": {"uri": uri}, "options": OPTIONS}) is None
