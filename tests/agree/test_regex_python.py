"""Our regular expressions and Python's find the same, on random ones that both know."""
import dataclasses
import pathlib
import random
import re
import subprocess
import warnings

from harness import LBC, wrapper

TOOL = pathlib.Path(LBC).parent / "tests" / "regex_match"
EXPRESSIONS = 3000
SUBJECTS = 4

#: How we write it, how Python does (where that differs), and whether it can match nothing.
ATOMS = [("a", None, False), ("b", None, False), ("c", None, False), (".", None, False),
         ("[ab]", None, False), ("[^b]", None, False), ("[a-c]", None, False), (r"[\w-]", None, False),
         (r"[^\s]", None, False), (r"[[:upper:]]", "[A-Z]", False), (r"[[:^alpha:]_]", "[^A-Za-z]", False),
         (r"\d", None, False), (r"\w", None, False), (r"\W", None, False), (r"\.", None, False),
         (r"\x61", None, False), ("-", None, False), ("é", "(?:\xc3\xa9)", False), ("ab", None, False),
         ("^", None, True), ("$", r"\Z", True), (r"\b", None, True), (r"\B", None, True)]
REPEATS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}", "{1,}?"]


@dataclasses.dataclass
class Part:
    ours: str
    python: str
    nothing: bool       # it can match nothing
    idle: bool = False  # it repeats what can match nothing: there, groups and ends may differ


def part(rng, depth):
    kind = rng.randrange(8 if depth else 2)
    if kind < 3:
        ours, python, nothing = rng.choice(ATOMS)
        return Part(ours, python or ours, nothing)
    a, b = part(rng, depth - 1), part(rng, depth - 1)
    if kind < 5:
        return Part(a.ours + b.ours, a.python + b.python, a.nothing and b.nothing, a.idle or b.idle)
    opening = rng.choice(["(", "(?:"])
    if kind == 5:
        return Part(f"{opening}{a.ours})", f"{opening}{a.python})", a.nothing, a.idle)
    if kind == 6:
        return Part(f"{opening}{a.ours}|{b.ours})", f"{opening}{a.python}|{b.python})",
                    a.nothing or b.nothing, a.idle or b.idle)
    times = rng.choice(REPEATS)
    return Part(f"{opening}{a.ours}){times}", f"{opening}{a.python}){times}",
                a.nothing or times[0] in "*?" or times.startswith("{0"), a.idle or a.nothing)


def draw(rng):
    """(expression, flags, Python's, subjects)"""
    while True:
        one, flags = part(rng, 4), rng.choice(["", "i"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore") # [[: looks to it like a set of a later version
            python = re.compile(one.python.encode("latin-1"), re.S | (re.I if flags else 0))
        subjects = {"".join(rng.choice("abcA-. 1é") for _ in range(rng.randrange(8))).encode()
                    for _ in range(SUBJECTS)}
        if r"\B" in one.ours:
            subjects.discard(b"") # where Python before 3.14 lets \B fail
        if python.groups <= 9 and subjects:
            return one, flags, python, sorted(subjects)


def test_as_python():
    rng = random.Random(1)
    asked = [(one, flags, python, subject) for one, flags, python, subjects
             in (draw(rng) for _ in range(EXPRESSIONS)) for subject in subjects]
    lines = [f"{one.ours.encode().hex()} {flags or '-'} {subject.hex() or '-'}\n"
             for one, flags, _, subject in asked]
    answers = subprocess.run([*wrapper(), TOOL], input="".join(lines), capture_output=True, text=True,
                             check=True).stdout.splitlines()
    assert len(answers) == len(asked)
    strict = 0
    for (one, flags, python, subject), answer in zip(asked, answers):
        match = python.search(subject)
        want = [1, 1, *(at for ends in match.regs for at in ends)] if match else [0, 0]
        got = [int(word) if word.lstrip("-").isdigit() else word for word in answer.split()]
        said = f"/{one.ours}/{flags} in {subject}: {answer}, but Python: {want}"
        assert got[:2] == want[:2], said
        if match and not one.idle:
            strict += 1
            assert got == want, said
    assert strict > EXPRESSIONS


def test_what_needs_states_is_refused():
    line = f"{b'a.{30}$'.hex()} - -\n"
    said = subprocess.run([*wrapper(), TOOL], input=line, capture_output=True, text=True, check=True).stdout
    assert said == "this expression needs more than 10000 states\n"
