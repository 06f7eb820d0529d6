"""The text that the server has is the one that the editor has, whatever is typed."""
import random

import pytest

from editor import Editor

BROKEN = 'lbconf 1\ncluster api { server a 10.0.0.1:80 }\nlistener l { bind 127.0.0.1:80; route r }\nroute r { otherwise { forward apj } }\n'


def test_what_is_wrong_goes_when_it_is_mended(editor):
    uri = editor.open(BROKEN)
    assert editor.codes(uri) == ["E0201"]
    at = editor.texts[uri].index("apj")
    editor.edit(uri, at, at + 3, "api")
    assert editor.codes(uri) == []
    editor.edit(uri, at, at, "x")
    assert editor.codes(uri) == ["E0201", ]
    assert editor.covered(uri, editor.diagnostics(uri)[0]["range"]) == "xapi"


def test_a_whole_new_text(editor):
    uri = editor.open(BROKEN)
    editor.texts[uri] = BROKEN.replace("apj", "api")
    editor.change(uri, [{"text": editor.texts[uri]}])
    assert editor.codes(uri) == []


def test_several_changes_in_one_message_each_see_the_one_before(editor):
    uri = editor.open("lbconf 1\nab\n")
    changes = []
    for begin, end, new in ((9, 11, "cd"), (10, 10, "\n"), (9, 13, "")):
        changes.append({"range": {"start": editor.position(uri, begin), "end": editor.position(uri, end)}, "text": new})
        editor.texts[uri] = editor.texts[uri][:begin] + new + editor.texts[uri][end:]
    editor.change(uri, changes)
    assert editor.texts[uri] == "lbconf 1\n"
    assert editor.codes(uri) == ["E0704"]


def test_closing_takes_back_what_was_said(editor):
    uri = editor.open(BROKEN)
    assert editor.codes(uri) == ["E0201"]
    editor.close(uri)
    while editor.said[uri]["diagnostics"]:
        editor.take(editor.read())


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends(editor, ends):
    # For the language several \r and a \n are one line end, for editors several.
    uri = editor.open(BROKEN.replace("\n", ends) if ends != "\r" else BROKEN.replace("lbconf 1\n", "lbconf 1 # x\r\r\r\n"))
    (one,) = editor.diagnostics(uri)
    assert editor.covered(uri, one["range"]) == "apj"
    at = editor.texts[uri].index("apj")
    editor.edit(uri, at + 2, at + 3, "i")
    assert editor.codes(uri) == []


def test_a_nul_and_other_controls_do_not_shift_anything(editor):
    uri = editor.open(BROKEN.replace("lbconf 1\n", 'lbconf 1 # \x00\x01\x7f\\u0000 "\n').replace("route r {", "# \x00\nroute r {"))
    assert editor.covered(uri, editor.diagnostics(uri)[-1]["range"]) == "apj"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_random_edits_leave_the_same_text(encoding):
    """Compared by a definition at the very end, whose place depends on every line before it."""
    random.seed(5)
    editor = Editor(encodings=[encoding])
    uri = editor.open("lbconf 1\n")
    pieces = ["a", "é", "€", "🦆", "\n", "\r\n", "# x\n", '"', "{", "}", " ", "cluster x {\n", "\u200d", "\r"]
    for _ in range(200):
        text = editor.texts[uri]
        begin = random.randrange(len(text) + 1)
        end = min(len(text), begin + random.choice((0, 0, 0, 1, 2, 9)))
        if text[begin - 1:begin + 1] == "\r\n" or text[end - 1:end + 1] == "\r\n":
            continue # inside a line end is no place
        new = random.choice(pieces)
        if (text[:begin][-1:] == "\r" and (new + text[end:])[:1] == "\n") or (new[-1:] == "\r" and text[end:][:1] == "\n"):
            continue
        editor.edit(uri, begin, end, new)
    text = editor.texts[uri]
    editor.edit(uri, len(text), len(text), "\ncluster last-one { server a 10.0.0.1:80 }")
    last = editor.request("textDocument/documentSymbol", {"textDocument": {"uri": uri}})[-1]
    assert editor.covered(uri, last["selectionRange"]) == "last-one"
    assert editor.covered(uri, last["range"]) == "cluster last-one { server a 10.0.0.1:80 }"
    assert editor.shut() == 0


@pytest.mark.parametrize("uri", ["untitled:Untitled-1", "file:///a%20b/%C3%A9%F0%9F%A6%86.lbconf", "file://host/x.lbconf",
                                 "file:///c%3A/x.lbconf", "x:%zz", "file:///%00"])
def test_uris_of_any_kind_are_given_back_as_they_came(editor, uri):
    editor.open(BROKEN, uri)
    (one,) = editor.diagnostics(uri)
    assert one["relatedInformation"][0]["location"]["uri"] == uri
