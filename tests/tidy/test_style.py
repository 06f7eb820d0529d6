"""Lengths, banned functions, leftovers, white space."""
import warnings

import pytest

import style
import tree

SOURCES = tree.files(".c", ".h")
GRAMMARS = tree.files(".y", ".re", ".def")
TEXTS = tree.files(".c", ".h", ".y", ".re", ".def", ".py", ".md", ".txt", ".cmake", ".lbconf")


def over(paths, rule, *args):
    return (problem for path in paths for problem in rule(path, tree.text(path), *args))


def test_functions_fit_a_screen():
    for problem in over(SOURCES, style.long_functions, style.FUNCTION_LINES_SEEN):
        warnings.warn(problem)
    tree.report(over(SOURCES, style.long_functions, style.FUNCTION_LINES_MAX))


def test_a_file_is_one_idea():
    tree.report(over(SOURCES + GRAMMARS, style.long_file))


def test_no_banned_functions():
    tree.report(over(SOURCES + GRAMMARS, style.banned_functions))


def test_nothing_is_left_for_later():
    tree.report(over([p for p in TEXTS if p.parts[:2] != ("tests", "tidy")], style.unfinished))


def test_headers_have_their_form():
    tree.report(over(tree.files(".h"), style.header_form))


@pytest.mark.parametrize("kind", [".c", ".h", ".y", ".re", ".def", ".py", ".md", ".lbconf"])
def test_white_space(kind):
    # Inputs of tests may be as odd as they need to be.
    paths = [p for p in tree.files(kind) if p.parts[:2] not in (("tests", "golden"),
                                                                ("tests", "wire"))]
    tree.report(over(paths, style.white_space))
