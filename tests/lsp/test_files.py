"""Configurations of several files: on the disk, and open."""
import pytest

MAIN = """lbconf 1
include "parts/*.lbconf"
listener l { bind 127.0.0.1:80; route shop }
route shop { otherwise { forward api } }
"""
PART = "cluster api { server a 10.0.0.1:80 }\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "main.lbconf").write_text(MAIN)
    (tmp_path / "parts/api.lbconf").write_text(PART)
    return tmp_path


def uri_of(path):
    return path.as_uri()


def test_what_is_wrong_in_an_included_file_is_said_there(editor, folder):
    part = folder / "parts/api.lbconf"
    part.write_text("cluster api { server a 10.0.0.1:80 weight x }\n")
    main = editor.open(MAIN, uri_of(folder / "main.lbconf"))
    assert editor.codes(main) == []
    while uri_of(part) not in editor.said:
        editor.take(editor.read())
    assert [d["code"] for d in editor.said[uri_of(part)]["diagnostics"]] == ["E0201"]


def test_a_definition_in_another_file(editor, folder):
    part = uri_of(folder / "parts/api.lbconf")
    main = editor.open(MAIN, uri_of(folder / "main.lbconf"))
    editor.texts[part] = PART
    assert editor.definition(main, "forward ap|i") == (part, 8)
    assert editor.references(main, "forward ap|i") == sorted([(part, 8), (main, MAIN.index("api }"))])
    assert "cluster api {" in editor.hover(main, "forward ap|i")
    assert "api" in [i["label"] for i in editor.request("textDocument/completion", editor.at(main, "forward |api"))]


def test_renaming_across_files(editor, folder):
    part = uri_of(folder / "parts/api.lbconf")
    main = editor.open(MAIN, uri_of(folder / "main.lbconf"))
    editor.open(PART, part)
    assert editor.rename(part, "cluster ap|i", "web") == {part: PART.replace("api", "web"), main: MAIN.replace("forward api", "forward web")}


def test_an_open_file_counts_as_it_is_in_the_editor(editor, folder):
    part = uri_of(folder / "parts/api.lbconf")
    main = editor.open(MAIN, uri_of(folder / "main.lbconf"))
    assert editor.codes(main) == []
    editor.open(PART, part)
    assert editor.codes(part) == [], "part of main, it needs no listener of its own"
    editor.edit(part, 8, 11, "web")
    assert editor.diagnostics(part) is not None
    while "E0201" not in [d["code"] for d in editor.said[main]["diagnostics"]]:
        editor.take(editor.read())
    editor.close(part)
    while editor.said[main]["diagnostics"]:
        editor.take(editor.read())


def test_another_spelling_of_the_path(editor, folder):
    part = uri_of(folder / "parts/api.lbconf")
    main = editor.open(MAIN.replace("parts/*.lbconf", "./parts/../parts/api.lbconf"), uri_of(folder / "main.lbconf"))
    editor.open(PART.replace("api", "web"), part)
    while "E0201" not in [d["code"] for d in editor.said.get(main, {}).get("diagnostics", [])]:
        editor.take(editor.read())


def test_a_file_that_is_not_there(editor, folder):
    main = editor.open(MAIN.replace("parts/*.lbconf", "missing.lbconf"), uri_of(folder / "main.lbconf"))
    one = [d for d in editor.diagnostics(main) if "missing" in editor.covered(main, d["range"])]
    assert len(one) == 1


TEMPLATE = """lbconf 1
template tier(weight : integer) {
  cluster deep { server a 10.0.0.1:80 weight weight; timeout nonsense 5s }
}
use tier(2)
listener l { bind 127.0.0.1:80; route shop }
route shop { otherwise { forward deep } }
"""


def test_what_a_template_puts_in_is_where_it_is_written(editor):
    uri = editor.open(TEMPLATE)
    assert "nonsense" in [editor.covered(uri, d["range"]) for d in editor.diagnostics(uri)]
    assert editor.definition(uri, "forward de|ep") == (uri, TEMPLATE.index("deep {"))
    assert len(editor.references(uri, "forward de|ep")) == 2
    assert "cluster web {" in editor.rename(uri, "forward de|ep", "web")[uri]
    assert editor.definition(uri, "use ti|er") == (uri, TEMPLATE.index("tier("))
