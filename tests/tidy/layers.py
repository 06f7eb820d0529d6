"""The arrows: layers.txt, and what includes and CMake make of them."""
import pathlib
import re


class Layers:
    """The rules of layers.txt: rooms in `sees`, single files they may read beside these in `reads`,
    library headers in `doors`."""

    def __init__(self, text):
        self.sees, self.reads, self.doors, self.problems = {}, {}, {}, []
        for line in text.splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            name, _, rest = line.partition(":")
            name, table = name.strip(), self.doors if line.startswith("<") else self.sees
            if name in table:
                self.problems.append(f"layers.txt: {name} is listed twice")
            self.reads[name] = {word for word in rest.split() if word.endswith(".def")}
            table[name] = set(rest.split()) - self.reads[name]
        for name, seen in [*self.sees.items(), *self.doors.items()]:
            for unknown in sorted(seen - self.sees.keys() - {"*"}):
                self.problems.append(f"layers.txt: {name} names {unknown}, which is not listed")
        self.problems += [f"layers.txt: goes round: {' -> '.join(way)}"
                          for room in self.sees if (way := self.way_round(room))]

    def way_round(self, room, above=()):
        if room in above:
            return [*above, room] if room == above[0] else None
        for other in sorted(self.sees.get(room, set()) - {"*"}):
            if found := self.way_round(other, (*above, room)):
                return found
        return None

    def room_of(self, path):
        """The room a file or an include belongs to: the longest that is listed."""
        for folder in pathlib.PurePosixPath(path).parents:
            if str(folder) in self.sees:
                return str(folder)
        return None

    def may_include(self, here, there):
        return here == there or bool(self.sees[here] & {there, "*"})

    def of_file(self, path, source):
        """The problems of one file's #include lines."""
        here = self.room_of(path)
        for number, line in enumerate(source.splitlines(), 1):
            at = f"{path}:{number}"
            if match := re.match(r'\s*#\s*include\s*"([^"]+)"', line):
                there = self.room_of(match[1])
                if "/" not in match[1]:
                    yield f'{at}: write "{match[1]}" with its folder, from the root'
                elif there and here and match[1] not in self.reads[here] and \
                        not self.may_include(here, there):
                    yield f"{at}: {here} may not include {there}"
                elif match[1].endswith("_priv.h") and here != there and here != "tests":
                    yield f"{at}: {match[1]} stays in its room"
            elif match := re.match(r"\s*#\s*include\s*(<[^>]+>)", line):
                for door, rooms in self.doors.items():
                    if match[1].startswith(door) and here and here not in rooms:
                        yield f"{at}: only {' and '.join(sorted(rooms))} may include {match[1]}"

    def of_cmake(self, cmake):
        """The problems between these rules and the lbc_room() lines of CMake."""
        links = {}
        for room, rest in re.findall(r"^lbc_room\(([^\s)]+)([^)]*)\)", cmake, re.M):
            seen = re.search(r"\bSEES\b(.*?)(\bLIBS\b|$)", rest, re.S)
            links[room] = set(seen[1].split()) if seen else set()
        ours = self.sees.keys() - {"tests", "fuzz"}
        for room in sorted(ours - links.keys()):
            yield f"CMakeLists.txt: {room} is in layers.txt and has no lbc_room()"
        for room in sorted(links.keys() - ours):
            yield f"layers.txt: {room} is in CMakeLists.txt and not here"
        for room in sorted(ours & links.keys()):
            if "*" in self.sees[room]:
                continue
            for other in sorted(links[room] - self.sees[room]):
                yield f"CMakeLists.txt: {room} links {other}, which layers.txt does not allow"
            for other in sorted(self.sees[room] - reachable(links, room)):
                yield f"CMakeLists.txt: {room} may include {other}, and does not link it"


def reachable(links, room):
    found, todo = set(), [room]
    while todo:
        for other in links.get(todo.pop(), set()) - found:
            found.add(other)
            todo.append(other)
    return found
