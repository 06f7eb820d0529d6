"""examples/quickstart.lbconf on ports of our own, with its three origins."""
import pathlib

from harness import Lbc, Origin, free_ports

TEXT = (pathlib.Path(__file__).parents[2] / "examples" / "quickstart.lbconf").read_text()


class Quickstart:
    """`a` has weight 2, `b` and `c` have 1 each; checked every second, up or down after two."""

    def __init__(self, start, **more):
        *self.ports, port, self.admin = free_ports(5)
        self.names = dict(zip("abc", self.ports))
        text = TEXT
        for old, new in zip((9001, 9002, 9003, 8080, 9000), (*self.ports, port, self.admin)):
            assert f":{old}" in text
            text = text.replace(f":{old}", f":{new}")
        self.start = start
        self.text = text
        self.origin = {name: start(Origin, p) for name, p in self.names.items()}
        self.lbc = start(Lbc, text, port=port, **more)
        self.port = port

    def restart(self, name):
        self.origin[name] = self.start(Origin, self.names[name], name=f"origin-{name}-again")

    def server(self, name):
        return next(s for s in self.lbc.show("servers") if s["server"] == name)
