"""Fixtures of all tests that run whole processes."""
import contextlib
import pathlib
import resource
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import Lbc, Origin, free_port  # noqa: E402


@pytest.fixture
def start(tmp_path):
    """start(Origin) and start(Lbc, text, …): processes that are stopped, and judged, after the test."""
    with contextlib.ExitStack() as stack:
        def begin(kind, *arguments, **more):
            process = kind(tmp_path, *arguments, **more)
            stack.callback(lambda: process.popen.returncode == -9 or process.stop())
            return process
        yield begin


@pytest.fixture
def proxy(start):
    """proxy(cluster="…", listener="…", route="…"): an origin behind an lbc; the blocks' contents can be
    added to. The lbc has `.origin` and `.port`."""
    def begin(cluster="", listener="", route="otherwise { forward app }", servers=None, **more):
        origin = None
        if servers is None:
            origin = start(Origin)
            servers = f"server a 127.0.0.1:{origin.port}"
        port = free_port()
        lbc = start(Lbc, f"""lbconf 1
cluster app {{
  {servers}
  {cluster}
}}
listener front {{
  bind 127.0.0.1:{port}
  {listener}
  route site
}}
route site {{
  {route}
}}
""", port=port, **more)
        lbc.origin = origin
        return lbc
    yield begin


@pytest.fixture
def all_descriptors():
    """As many as the machine lets a process have: for this one, and those it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
