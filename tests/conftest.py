"""Fixtures of all tests that run whole processes."""
import contextlib
import pathlib
import resource
import signal
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

from harness import Lbc, Origin, free_port  # noqa: E402

# Where clocks and other processes take part, a busy machine can fail a test that is right. Such a test has a
# second try, which is told; when many need one, the run has failed.
OF_PROCESSES = {"bench", "lsp", "scenario", "soak", "wire"}
MOST_SECOND_TRIES = 10
second_tries = []

# Of the two runs that `./dev test` makes at a time one is in the background, where a shell has SIGINT ignored: it is
# told to end by SIGTERM, and what it starts must not ignore SIGINT.
for signal_number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(signal_number, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.relative_to(HERE).parts[0] in OF_PROCESSES:
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=1))


def pytest_runtest_logreport(report):
    if report.outcome == "rerun":
        second_tries.append((report.nodeid, report.longreprtext))


def pytest_terminal_summary(terminalreporter):
    if second_tries:
        terminalreporter.section(f"second tries: {len(second_tries)}, at most {MOST_SECOND_TRIES}")
    for name, why in second_tries:
        terminalreporter.line(f"{name}\n{why}\n")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    if len(second_tries) > MOST_SECOND_TRIES:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


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
