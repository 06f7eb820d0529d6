"""Each header compiles alone, and twice."""
import concurrent.futures
import os
import pathlib
import subprocess

import tree

BUILD = pathlib.Path(os.environ.get("LBC", tree.ROOT / "build/asan/lbc")).resolve().parent
BORINGSSL = pathlib.Path(os.environ.get("BORINGSSL_ROOT", tree.ROOT / ".cache/boringssl"))
COMPILE = [
    "gcc", "-fsyntax-only", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wconversion",
    "-Wshadow", "-Wstrict-prototypes", "-Wundef", "-Werror", "-Wno-unused-function",
    "-I.", f"-I{BUILD / 'generated'}", "-isystem", str(BORINGSSL / "include"),
]


def compile_alone(header):
    """What gcc says, or nothing."""
    done = subprocess.run([*COMPILE, "-include", header, "-include", header, "-x", "c", "/dev/null"],
                          cwd=tree.ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    errors = [line for line in done.stderr.splitlines() if " error: " in line]
    return f"{header} does not compile alone: {errors[0] if errors else done.stderr}"


def test_each_header_compiles_alone():
    headers = [str(path) for path in tree.files(".h")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        tree.report(filter(None, pool.map(compile_alone, headers)))
