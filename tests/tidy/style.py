"""Rules that a formatter does not know. Each takes a path and a text and yields problems."""
import re

import tree

FUNCTION_LINES_MAX = 90 # a failure
FUNCTION_LINES_SEEN = 70 # beyond which there is usually a second function inside
FILE_LINES_MAX = 900
README_LINES_MAX = 80

BANNED = {
    "strcpy": "use a slice, a text, or memcpy with a checked length",
    "strcat": "use struct text",
    "strncpy": "it may leave no NUL; use memcpy with a checked length",
    "sprintf": "use snprintf or text_addf",
    "vsprintf": "use vsnprintf or text_addf",
    "gets": "it cannot be used safely",
    "strtok": "use slice_split",
    "atoi": "use number_parse",
    "atol": "use number_parse",
    "atof": "use a parser that refuses",
    "alloca": "use an arena",
}


def functions(source):
    """(name, first line, number of lines) of each function: a brace alone in column 0 opens one."""
    lines = tree.code_only(source).splitlines()
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
        elif line.rstrip() == "}" and start:
            above = " ".join(lines[max(0, start - 8):start - 1])
            names = re.findall(r"(\w+)\s*\((?![^()]*\)\s*;)", above.rsplit(";", 1)[-1].rsplit("}", 1)[-1])
            yield (names[0] if names else "?", start, number - start + 1)
            start = None


def long_functions(path, source, more_than):
    for name, line, count in functions(source):
        if count > more_than:
            yield f"{path}:{line}: {name}() has {count} lines, more than {more_than}"


def long_file(path, source):
    count = source.count("\n")
    if count > FILE_LINES_MAX:
        yield f"{path}: {count} lines, more than {FILE_LINES_MAX}: which second idea is in it?"


def banned_functions(path, source):
    for number, line in enumerate(tree.code_only(source).splitlines(), 1):
        for name in re.findall(r"\b(\w+)\s*\(", line):
            if name in BANNED:
                yield f"{path}:{number}: {name}() is not used here: {BANNED[name]}"


def unfinished(path, source):
    for number, line in enumerate(source.splitlines(), 1):
        if match := re.search(r"\b(TODO|FIXME|XXX)\b", line):
            yield f"{path}:{number}: {match[1]}: do it, or write it where work is planned"


def white_space(path, source):
    for number, line in enumerate(source.split("\n"), 1):
        if "\t" in line:
            yield f"{path}:{number}: a tab"
        if line != line.rstrip():
            yield f"{path}:{number}: blanks at the end of the line"
    if source and not source.endswith("\n"):
        yield f"{path}: no newline at the end"


def header_form(path, source):
    if not re.search(r"^#pragma once$", source, re.M):
        yield f"{path}: no #pragma once"
    if not source.startswith("/*"):
        yield f"{path}: does not begin by saying what it is"
