"""The checks of this folder can fail: each sees what was planted for it, and only that."""
import pytest

import style
import test_headers
import tree
from layers import Layers

RULES = """\
low  :
mid  : low high/x.def
high : low mid
tests : *
<lib/ : low
"""


@pytest.mark.parametrize("path, line, problem", [
    ("mid/a.c", '#include "low/b.h"', None),
    ("mid/a.c", '#include "mid/deep/b.h"', None),
    ("tests/a.c", '#include "high/b.h"', None),
    ("mid/a.c", '#include "other/b.h"', None),
    ("low/a.c", '#include <lib/x.h>', None),
    ("mid/a.c", '#include "high/x.def"', None),
    ("mid/a.c", '#include "high/y.def"', "mid/a.c:1: mid may not include high"),
    ("mid/a.c", '#include "high/b.h"', "mid/a.c:1: mid may not include high"),
    ("mid/deep/a.y", '  # include "high/b.h"', "mid/deep/a.y:1: mid may not include high"),
    ("mid/a.c", '#include "b.h"', 'mid/a.c:1: write "b.h" with its folder, from the root'),
    ("high/a.c", '#include "mid/b_priv.h"', "high/a.c:1: mid/b_priv.h stays in its room"),
    ("mid/a.c", "#include <lib/x.h>", "mid/a.c:1: only low may include <lib/x.h>"),
])
def test_an_include(path, line, problem):
    assert list(Layers(RULES).of_file(path, line)) == ([problem] if problem else [])


@pytest.mark.parametrize("rules, problem", [
    (RULES, None),
    ("a : b\nb : a\n", "layers.txt: goes round: a -> b -> a"),
    ("a : b\n", "layers.txt: a names b, which is not listed"),
    ("a :\na :\n", "layers.txt: a is listed twice"),
])
def test_the_rules_themselves(rules, problem):
    assert Layers(rules).problems[:1] == ([problem] if problem else [])


CMAKE = "lbc_room(low LIBS X)\nlbc_room(mid SEES low)\nlbc_room(high\n  SEES mid LIBS X)\n"


@pytest.mark.parametrize("cmake, problem", [
    (CMAKE, None),
    (CMAKE.replace("lbc_room(mid SEES low)", ""),
     "CMakeLists.txt: mid is in layers.txt and has no lbc_room()"),
    (CMAKE + "lbc_room(new)\n", "layers.txt: new is in CMakeLists.txt and not here"),
    (CMAKE.replace("low LIBS", "low SEES mid LIBS"),
     "CMakeLists.txt: low links mid, which layers.txt does not allow"),
    (CMAKE.replace("mid SEES low", "mid"), "CMakeLists.txt: mid may include low, and does not link it"),
])
def test_cmake(cmake, problem):
    found = list(Layers(RULES).of_cmake(cmake))
    assert (problem in found) if problem else found == []


def a_function(lines):
    return "static int\nlong_one(int a, char *b)\n{\n" + "    a++;\n" * (lines - 2) + "}\n"


def test_function_length():
    assert list(style.functions(a_function(7))) == [("long_one", 3, 7)]
    assert list(style.long_functions("a.c", a_function(90), 90)) == []
    assert list(style.long_functions("a.c", a_function(91), 90)) == [
        "a.c:3: long_one() has 91 lines, more than 90"]


def test_file_length():
    assert list(style.long_file("a.c", "\n" * 900)) == []
    assert len(list(style.long_file("a.c", "\n" * 901))) == 1


@pytest.mark.parametrize("line, found", [
    ("    strcpy(a, b);", True), ("    sprintf (a, b);", True), ("    n = atoi(a);", True),
    ("    snprintf(a, b);", False), ("    my_strcpy(a, b);", False), ("    /* strcpy(a, b) */", False),
    ('    puts("strcpy(a, b)");', False), ("    strcpy_count++;", False),
])
def test_banned(line, found):
    assert bool(list(style.banned_functions("a.c", line))) == found


@pytest.mark.parametrize("line, found", [
    ("/* TODO: more */", True), ("# FIXME", True), ("XXX", True),
    ("mktemp a.XXXXXX", False), ("TODOS", False),
])
def test_unfinished(line, found):
    assert bool(list(style.unfinished("a.c", line))) == found


@pytest.mark.parametrize("source, found", [
    ("a\n", False), ("", False), ("a\tb\n", True), ("a \n", True), ("a", True),
])
def test_white_space(source, found):
    assert bool(list(style.white_space("a.c", source))) == found


def test_header_form():
    assert list(style.header_form("a.h", "/* a - b */\n#pragma once\n")) == []
    assert len(list(style.header_form("a.h", "int a;\n"))) == 2


@pytest.mark.parametrize("source, found", [
    ("#pragma once\n#include <stddef.h>\nsize_t a(void);\n", False),
    ("#pragma once\nsize_t a(void);\n", True), # relies on another's include
    ("struct a { int b; };\n", True), # not twice
])
def test_header_alone(tmp_path, source, found):
    header = tmp_path / "a.h"
    header.write_text(source)
    assert bool(test_headers.compile_alone(str(header))) == found


def test_comments_and_strings_are_not_code():
    source = 'a /* b\nc */ d "e\\"f" \'g\' // h'
    kept = tree.code_only(source)
    assert kept.split() == ["a", "d"]
    assert [len(line) for line in kept.split("\n")] == [len(line) for line in source.split("\n")]
