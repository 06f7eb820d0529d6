"""Random sequences of what operators do (files, reloads, changes, commits, rollbacks, drains, weights) and of what happens to
them (kills, restarts, upgrades), against a small model of three things: what the files say, what is served, and what differs between them.

A failure prints its seed and the steps: LBC_MODEL_SEED repeats it.
"""
import os
import random
import re

import pytest

from harness import Client, Lbc, free_port, get
from harness.watch import number

STEPS = number("MODEL_STEPS", 40)
SEQUENCES = number("MODEL_SEQUENCES", 3)
SEED = number("MODEL_SEED", int.from_bytes(os.urandom(3), "big"))

MAIN = """lbconf 1
set banned : network from file "banned.txt"
include "more.lbconf"
cluster app { server a 127.0.0.1:1 weight %d; server b 127.0.0.1:2 }
listener front { bind 127.0.0.1:PORT; route site }
route site {
  when path == "/greeting" { respond 200 GREETING }
  when src in banned       { deny 403 }
  when path == "/app"      { forward app }
  otherwise                { respond 200 "in" }
}
"""
MORE = "const GREETING : string = \"%s\"\n"
FILES = ("lbc.lbconf", "more.lbconf", "banned.txt")
US = "127.0.0.1"


def meaning(texts):
    """What a set of texts comes to: all that can be seen from outside."""
    main, more, banned = (texts[f] for f in FILES)
    return {"weight": int(re.search(r"weight (\d+)", main)[1]), "greeting": re.search('"(.*)"', more)[1],
            "banned": frozenset(banned.split())}


def with_change(seen, sentence):
    verb, what, value = sentence.split(" ", 2)
    if verb == "set" and what == "GREETING":
        return seen | {"greeting": value.strip('"')}
    if verb == "set":
        return seen | {"weight": int(value.split()[1])}
    return seen | {"banned": seen["banned"] | {value} if verb == "add" else seen["banned"] - {value}}


class Model:
    def __init__(self, disk):
        self.disk = dict(disk)   # what the files say now
        self.base = dict(disk)   # what they said when they were loaded
        self.drift = []          # (number, sentence): what is served on top
        self.overrides = {}      # what is about -> (number, sentence, value, what the file said): set of servers at once
        self.last = 0            # number of a change
        self.history = [(1, dict(disk))]

    def live(self):
        seen = meaning(self.base)
        for _, sentence in self.drift:
            seen = with_change(seen, sentence)
        return seen

    def says(self, about):
        """What the files and changes say of a server."""
        return self.live()["weight"] if about == "weight" else "ready"

    def now(self, about):
        _, _, value, file = self.overrides.get(about, (0, "", None, None))
        return value if self.says(about) == file else self.says(about)

    def override(self, about, sentence, value):
        self.overrides.pop(about, None)
        if value != self.says(about):
            self.last += 1
            self.overrides[about] = (self.last, sentence, value, self.says(about))

    def settle(self):
        """What the files say, too, is set no more."""
        self.overrides = {about: o for about, o in self.overrides.items() if o[2] != self.says(about)}

    def told(self):
        return sorted([(n, sentence, True) for n, sentence in self.drift] +
                      [(n, sentence, self.says(about) == file) for about, (n, sentence, _, file) in self.overrides.items()])

    def is_right(self):
        return "nonsense" not in "".join(self.disk.values())

    def loads(self, texts):
        self.base = dict(texts)
        if self.history[-1][1] != self.base:
            self.history.append((self.history[-1][0] + 1, dict(texts)))

    def is_untouched(self, names):
        return all(self.disk[f] == self.base[f] for f in names)


class Run:
    """A process, its model, and steps that happen to both."""

    def __init__(self, start, folder, seed):
        self.start, self.folder = start, folder
        self.chance = random.Random(seed)
        self.fresh = 0
        self.port = free_port()
        disk = {FILES[0]: MAIN.replace("PORT", str(self.port)) % 1, FILES[1]: MORE % "hello", FILES[2]: "192.0.2.1\n"}
        for name, text in disk.items():
            (folder / name).write_text(text)
        self.model = Model(disk)
        self.lbc = self.begin()

    def begin(self):
        return self.start(Lbc, None, port=self.port, state=self.folder / "state")

    def new(self):
        """A number that was not there before, so that each change can be told from the others."""
        self.fresh += 1
        return self.fresh

    def weight(self):
        """A new one, or that which is set: then the file says it, too."""
        override = self.model.overrides.get("weight")
        return override[2] if override and self.chance.randrange(2) else self.new() % 200 + 2

    def write(self, name, text):
        (self.folder / name).write_text(text)
        self.model.disk[name] = text

    def ctl(self, *words):
        done = self.lbc.ctl(*words, check=False)
        return done.returncode == 0

    # --- steps: each does it, and says whether the model expects it to be accepted --------------------------------

    def edit(self):
        which = self.chance.randrange(4)
        if which == 0:
            self.write(FILES[0], re.sub(r"weight \d+", f"weight {self.weight()}", self.model.disk[FILES[0]]))
        elif which == 1:
            self.write(FILES[1], MORE % f"hello {self.new()}")
        elif which == 2:
            lines = self.model.disk[FILES[2]].split()
            lines = [line for line in lines if line != US] if US in lines else [*lines, US]
            self.write(FILES[2], "".join(f"{line}\n" for line in lines))
        else:
            name = self.chance.choice(FILES[:2])
            self.write(name, self.model.disk[name] + "nonsense\n")
        return "edit"

    def mend(self):
        for name in FILES:
            if "nonsense" in self.model.disk[name]:
                self.write(name, self.model.disk[name].replace("nonsense\n", ""))
        return "mend"

    def reload(self):
        expected = self.model.is_right()
        assert self.ctl("reload") == expected
        if expected:
            self.model.loads(self.model.disk)
        return f"reload {expected}"

    def sentence(self):
        which = self.chance.randrange(4)
        if which == 0:
            return f'set GREETING "hey {self.new()}"', FILES[1]
        if which == 1:
            return f"set app/a weight {self.weight()}", FILES[0]
        if which == 2:
            return f"add banned 198.51.100.{self.new() % 256}", FILES[2]
        return f"{self.chance.choice(['add', 'remove'])} banned {US}", FILES[2]

    def change(self):
        sentence, _ = self.sentence()
        model = self.model
        expected = with_change(model.live(), sentence) != model.live() or not sentence.startswith(("add", "remove"))
        assert self.ctl("change", *sentence.split(" ")) == expected, sentence
        if expected:
            model.last += 1
            model.drift.append((model.last, sentence))
        return f"change {sentence}: {expected}"

    def commit(self):
        sentence, name = self.sentence()
        model = self.model
        seen = meaning(model.base)
        changes = with_change(seen, sentence) != seen or not sentence.startswith(("add", "remove"))
        expected = changes and model.is_untouched([name])
        assert self.ctl("commit", *sentence.split(" ")) == expected, sentence
        if expected:
            model.last += 1
            text = (self.folder / name).read_text()
            assert meaning(model.base | {name: text}) == with_change(seen, sentence)
            model.disk[name] = text
            model.loads(model.base | {name: text})
        return f"commit {sentence}: {expected}"

    def override(self):
        which = self.chance.randrange(4)
        value = ("weight", self.model.says("weight") if which == 0 else self.new() % 200 + 2)
        if which > 1:
            value = ("state", self.chance.choice(["ready", "drain", "maintenance"]))
        sentence = f"set weight app/a {value[1]}" if which < 2 else f"{value[1]} app/b"
        assert self.ctl(*sentence.split(" "))
        self.model.override(value[0], sentence, value[1])
        return sentence

    def undo(self):
        known = [n for n, _, _ in self.model.told()]
        which = self.chance.choice([*known, *known, self.model.last + 1])
        assert self.ctl("undo", str(which)) == (which in known)
        self.model.drift = [d for d in self.model.drift if d[0] != which]
        self.model.overrides = {about: o for about, o in self.model.overrides.items() if o[0] != which}
        return f"undo {which}"

    def rollback(self):
        model = self.model
        which, texts = self.chance.choice(model.history)
        expected = which != model.history[-1][0] and model.is_untouched(FILES)
        assert self.ctl("rollback", str(which)) == expected
        if expected:
            model.disk = dict(texts)
            model.loads(texts)
        return f"rollback {which}: {expected}"

    def restart(self):
        self.mend()
        how = self.chance.choice(["kill", "stop", "upgrade"])
        getattr(self.lbc, how)()
        if how != "upgrade":
            self.lbc = self.begin()
        self.model.loads(self.model.disk)
        return f"{how}, and another one"

    # --- what can be seen ------------------------------------------------------------------------------------------

    def compare(self):
        live = self.model.live()
        with Client(self.port) as client:
            assert client.get("/greeting").body.decode() == live["greeting"]
            assert client.get("/").status == (403 if US in live["banned"] else 200)
        a, b = self.lbc.show("servers")
        assert (a["weight"], b["state"]) == (self.model.now("weight"), self.model.now("state"))
        assert [(d["number"], d["sentence"], d["fits"]) for d in self.lbc.show("drift")] == self.model.told()
        for name in FILES:
            assert (self.folder / name).read_text() == self.model.disk[name]
        numbers = [r["number"] for r in self.lbc.show("history")]
        assert numbers == [n for n, _ in reversed(self.model.history)]


@pytest.mark.parametrize("sequence", range(SEQUENCES))
def test_what_is_served_is_what_the_model_says(start, tmp_path, sequence):
    seed = SEED + sequence
    run = Run(start, tmp_path, seed)
    steps = [f"LBC_MODEL_SEED={seed}"]
    kinds = [run.edit, run.mend, run.reload, run.reload, run.change, run.change, run.commit, run.undo, run.rollback,
             run.override, run.override, run.restart]
    try:
        for _ in range(STEPS):
            steps.append(run.chance.choice(kinds)())
            if not steps[-1].startswith(("edit", "mend", "set weight", "ready", "drain", "maintenance")):
                run.model.settle()
            run.compare()
    except AssertionError:
        print("\n  ".join(steps))
        raise
    assert get(run.port, "/greeting").status == 200
