"""Several stats sockets, each with its level of rights, its mode and its group."""
import contextlib
import grp
import json
import os
import pathlib
import re
import shutil
import socket
import stat
import subprocess
import tempfile

import pytest

from harness import LBC, Lbc, ask_socket, free_port, free_ports, wait_for, wrapper
from harness.certificates import Authority

LEVELS = ["observer", "operator", "admin"]


def ctl(path, *words):
    return subprocess.run([*wrapper(), LBC, "ctl", "--socket", str(path), *words], capture_output=True, text=True,
                          timeout=60)


def usages(path):
    """What `help` lists, a line for each command, with its arguments: "drain CLUSTER/SERVER"."""
    lines = ctl(path, "help").stdout.split("\n\n")[0].splitlines()
    return [re.match(r"(?:[a-z]+(?: |$))+(?:\[--json\]|\[?[A-Z/.]+\]?(?: [A-Z](?= ))?)?", line[:26] + " ")[0].strip()
            for line in lines]


def tried(usage):
    """The same as a command that could be sent."""
    return [word for word in usage.split() if word.islower() and word[0].isalpha()] + \
           ["x" for word in usage.split() if word.isupper() and word[0].isalpha()]


@pytest.fixture
def lbc(proxy, tmp_path):
    """An admin's socket, as ever, and one of each level beside it."""
    lbc = proxy(more=[word for level in LEVELS
                      for word in ("--socket", f"{tmp_path}/{level}.sock,level={level},mode=0660")])
    lbc.of = {level: tmp_path / f"{level}.sock" for level in LEVELS}
    return lbc


@pytest.mark.parametrize("lower,higher", [("observer", "operator"), ("observer", "admin"), ("operator", "admin")])
def test_what_a_lower_level_does_not_list_it_refuses(lbc, lower, higher):
    has, needs = usages(lbc.of[lower]), usages(lbc.of[higher])
    missing = [usage for usage in needs if usage not in has]
    assert len(missing) >= 5 and set(has) < set(needs)
    before = json.loads(ctl(lbc.socket, "show", "servers", "--json").stdout)
    for usage in missing:
        done = ctl(lbc.of[lower], *tried(usage))
        assert done.returncode == 1, usage
        assert re.search(r'refused: "[a-z ]+" needs the level (operator|admin), and this socket has ' + lower,
                         done.stderr), done.stderr
    assert json.loads(ctl(lbc.socket, "show", "servers", "--json").stdout) == before
    assert lbc.alive() and lbc.show("info")["generation"] == 1


@pytest.mark.parametrize("level", LEVELS)
def test_what_a_level_lists_is_not_refused_for_it(lbc, level):
    for usage in usages(lbc.of[level]):
        if not tried(usage)[0] in ("shutdown", "upgrade"):
            assert "needs the level" not in ctl(lbc.of[level], *tried(usage)).stderr, usage


def test_each_does_what_it_may(lbc):
    assert ctl(lbc.of["observer"], "show", "servers").returncode == 0
    assert ctl(lbc.of["operator"], "drain", "app/a").returncode == 0
    assert lbc.show("servers")[0]["state"] == "drain"
    changed = ctl(lbc.of["operator"], "change", "for", "1h", "set app/a weight 7")
    assert changed.returncode == 0, changed.stderr
    assert {change["who"] for change in lbc.show("drift")} == {f"uid {os.getuid()}"}  # whichever socket it came by
    assert ctl(lbc.of["operator"], "commit", "set app/a weight 7").returncode == 1
    assert ctl(lbc.of["admin"], "reload").returncode == 0


def test_what_a_file_has_is_not_shown_to_an_operator(lbc, tmp_path):
    """What is wrong with a candidate is quoted: so only an admin names one."""
    secret = tmp_path / "secret"
    secret.write_text("the-password\n")
    assert "the-password" in ctl(lbc.of["admin"], "shadow", str(secret)).stderr
    assert "the-password" not in ctl(lbc.of["operator"], "shadow", str(secret)).stderr


@pytest.fixture
def names(start, tmp_path):
    """One that names a list, a folder of files, a variable and a certificate; and an operator's socket to it."""
    (tmp_path / "banned.txt").write_text("10.0.0.1\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/a.lbconf").write_text('acl known = host == "known.test"\n')
    (tmp_path / "secret").write_text("the-password\n")
    (tmp_path / "secret").chmod(0o600)
    os.mkfifo(tmp_path / "fifo", 0o600)
    port, tls = free_ports(2)
    certificate = Authority(tmp_path).sign("site", "site.test")
    lbc = start(Lbc, f"""lbconf 1
include "conf.d/*.lbconf"
env NAMED : string = "x"
set banned : network from file "banned.txt"
tls shown {{ certificate {certificate} }}
cluster app {{ server a 127.0.0.1:9; server b 127.0.0.1:9 }}
listener front {{ bind 127.0.0.1:{port}; bind 127.0.0.1:{tls} tls shown; route site }}
route site {{
  when known or src in banned {{ set header "x-named" NAMED; deny 403 }}
  otherwise                   {{ forward app }}
}}
""", port=port, env={"UNNAMED": "the-password"}, more=["--socket", f"{tmp_path}/operator.sock,level=operator"])
    lbc.operator = tmp_path / "operator.sock"
    return lbc


@pytest.mark.parametrize("sentence", [
    'add / set more : network from file "secret"', 'add / set more : string from file "secret"',
    'add / include "secret"', 'add / include "*"', 'add / include "/no/such/file"', 'add / include "none-of-these*"',
    'add / include "conf.d/../secret"', 'add / env UNNAMED : port', 'add / env UNNAMED : string = "nothing"',
    'add / secret more from file "secret"', 'add / secret more from env "UNNAMED"',
    'add / tls more { certificate "secret" }', 'add tls:shown certificate "secret"',
    'add app servers file "secret"', 'add app servers file "/no/such/file"', 'add / include "fifo"',
    'add / tls more { certificate "fifo" }'])
def test_an_operator_s_change_names_no_other_file_nor_variable(names, sentence):
    """Neither what is in one is told, nor whether it is there: what is wrong with it would be quoted."""
    done = ctl(names.operator, "change", sentence)
    assert done.returncode == 1, done.stdout
    assert "names more than the configuration does needs the level admin" in done.stdout + done.stderr
    told = done.stdout + done.stderr + names.said() + names.ctl("show", "events")
    assert "the-password" not in told and "o such file" not in told
    assert names.show("drift") == [] and names.show("info")["generation"] == 1


@pytest.mark.parametrize("sentence", [
    "remove app/b", "add banned 10.1.0.0/16", 'add / set again : network from file "banned.txt"',
    'add site before 1 when header "x" == NAMED { deny 404 }', "set front max-connections 50"])
def test_what_it_may_name_is_what_is_named(names, tmp_path, sentence):
    (tmp_path / "conf.d/b.lbconf").write_text("this came later, and is of no configuration yet\n")
    done = ctl(names.operator, "change", sentence)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ctl(names.operator, "undo", "1").returncode == 1  # it reads the files as a reload does
    (tmp_path / "conf.d/b.lbconf").unlink()
    assert ctl(names.operator, "undo", "1").returncode == 0


def test_what_an_admin_has_named_an_operator_may_change(names, tmp_path):
    (tmp_path / "more.txt").write_text("10.0.0.2\n")
    assert ctl(names.socket, "change", 'add / set more : network from file "more.txt"').returncode == 0
    done = ctl(names.operator, "change", "add more 10.1.0.0/16")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", [
    'change add / include "fifo"', 'change add / tls more { certificate "fifo" }', "shadow {}/fifo",
    'change add / set more : network from file "fifo"'])
def test_a_pipe_is_not_waited_for(names, tmp_path, command):
    """Else nothing would be loaded any more, and the process could not even end."""
    done = ctl(names.socket, *command.replace("{}", str(tmp_path)).split(" ", 1))
    assert done.returncode == 1 and "not supported" in done.stdout + done.stderr, done.stdout + done.stderr
    assert ctl(names.socket, "reload").returncode == 0


def rights(path):
    found = os.lstat(path)
    return stat.S_IMODE(found.st_mode), found.st_gid


def a_group_of_ours():
    """Another than that of new files, where there is one."""
    groups = sorted(set(os.getgroups()) | ({1} if os.getuid() == 0 else set()))
    return grp.getgrgid(next((g for g in groups if g != os.getegid()), os.getegid()))


def test_modes_and_groups_are_those_of_the_paths_whatever_the_umask(proxy, tmp_path):
    group = a_group_of_ours()
    before = os.umask(0o077)
    try:
        lbc = proxy(more=["--socket", f"{tmp_path}/a,mode=0660,group={group.gr_name}",
                          "--socket", f"{tmp_path}/b,mode=666,level=observer",
                          "--haproxy-socket", f"{tmp_path}/c,level=observer,group={group.gr_gid}"])
    finally:
        os.umask(before)
    assert rights(tmp_path / "a") == (0o660, group.gr_gid)
    assert rights(tmp_path / "b")[0] == 0o666
    assert rights(tmp_path / "c") == (0o600, group.gr_gid)
    assert rights(lbc.socket)[0] == 0o600
    shown = {pathlib.Path(s["path"]).name: s for s in lbc.show("sockets")}
    assert shown["a"] == {"path": str(tmp_path / "a"), "speaks": "lbc", "level": "admin", "mode": "0660",
                          "gid": group.gr_gid, "clients": 0}
    assert shown["c"]["speaks"] == "haproxy" and shown["c"]["level"] == "observer"
    assert shown["lbc.sock"]["level"] == "admin" and shown["lbc.sock"]["gid"] is None
    lbc.stop()
    assert not [p.name for p in tmp_path.iterdir() if p.is_socket()]


def test_that_everybody_may_act_is_warned_of(proxy, tmp_path):
    lbc = proxy(more=["--socket", f"{tmp_path}/all,mode=0666", "--socket", f"{tmp_path}/look,mode=0666,level=observer"])
    assert f"everybody on this machine has the level admin at {tmp_path}/all" in lbc.said()
    assert f"{tmp_path}/look" not in lbc.said()


def test_a_haproxy_socket_has_a_level_too(proxy, tmp_path):
    lbc = proxy(more=["--haproxy-socket", f"{tmp_path}/look,level=observer",
                      "--haproxy-socket", f"{tmp_path}/act,level=operator"])
    assert ask_socket(tmp_path / "look", "set server app/a state drain\n").startswith("Permission denied")
    assert lbc.show("servers")[0]["state"] == "ready"
    assert "app,a," in ask_socket(tmp_path / "look", "show stat\n")
    assert ask_socket(tmp_path / "act", "set server app/a state drain\n") == "\n"
    assert lbc.show("servers")[0]["state"] == "drain"


def test_an_upgrade_hands_all_of_them_over(lbc, tmp_path):
    """The paths are never without somebody who answers, and each keeps its level, mode and inode."""
    before = {level: (os.lstat(path).st_ino, rights(path)) for level, path in lbc.of.items()}
    shown = lbc.show("sockets")
    with contextlib.ExitStack() as stack:
        early = stack.enter_context(socket.socket(socket.AF_UNIX))
        early.connect(str(lbc.of["observer"]))
        lbc.upgrade()
        early.sendall(b"drain app/a\n")  # who was here before still is, and may no more than then
        early.settimeout(20)
        assert early.recv(1000).startswith(b'refused: "drain" needs the level operator')
    assert {level: (os.lstat(path).st_ino, rights(path)) for level, path in lbc.of.items()} == before
    assert [{**s, "clients": 0} for s in lbc.show("sockets")] == [{**s, "clients": 0} for s in shown]
    assert json.loads(ctl(lbc.of["observer"], "show", "info", "--json").stdout)["pid"] == lbc.pid
    assert ctl(lbc.of["observer"], "drain", "app/a").returncode == 1
    assert ctl(lbc.of["operator"], "drain", "app/a").returncode == 0
    lbc.upgrade()  # and once more, by one that was given them
    assert {level: (os.lstat(path).st_ino, rights(path)) for level, path in lbc.of.items()} == before


def test_the_new_process_s_arguments_say_what_may_be_done(lbc, tmp_path):
    program = tmp_path / "program"
    program.write_text(f"""#!/bin/sh
exec {LBC} run {lbc.file} --workers 1 --access-log off --socket {lbc.socket} \\
    --socket {lbc.of['operator']},level=observer --socket {tmp_path}/new,level=operator,mode=0640
""")
    program.chmod(0o755)
    lbc.upgrade(str(program))
    assert "needs the level operator, and this socket has observer" in ctl(lbc.of["operator"], "drain", "app/a").stderr
    assert rights(lbc.of["operator"])[0] == 0o600 and rights(tmp_path / "new")[0] == 0o640
    assert ctl(tmp_path / "new", "drain", "app/a").returncode == 0
    wait_for(lambda: lbc.before[-1].poll() is not None, "the one before is over", 60)
    assert ctl(lbc.of["observer"], "help").returncode == 3  # nobody wanted that one


@pytest.mark.parametrize("options,says", [
    (["--socket", "a,level=user"], "no level is called `user`: it is observer, operator or admin"),
    (["--socket", "a,level="], "no level is called ``"),
    (["--socket", "a,mode=rw"], "a mode is octal, from 0600 to 0777, not `rw`"),
    (["--socket", "a,mode=0400"], "not `0400`"),
    (["--socket", "a,mode=01777"], "not `01777`"),
    (["--socket", "a,mode=0680"], "not `0680`"),
    (["--socket", "a,group=no-such-group-here"], "there is no group `no-such-group-here` here"),
    (["--socket", "a,levle=admin"], "Did you mean level=...?"),
    (["--socket", "a,observer"], "Behind the path are level=, mode= and group="),
    (["--socket", "a,level=admin,level=observer"], "level is given twice"),
    (["--socket", "a,"], "what is behind the last comma?"),
    (["--socket", ",level=admin"], "which path?"),
    (["--socket", "a", "--socket", "a,level=observer"], "a is there twice"),
    (["--socket", "a", "--haproxy-socket", "a"], "a is there twice"),
    (["--socket", "off", "--socket", "a"], "it is off, or it has a path"),
    (["--socket", "a", "--socket", "off"], "it is off, or it has a path"),
    ([word for i in range(9) for word in ("--socket", str(i))], "there are at most 8 stats sockets"),
])
def test_options_that_are_wrong(tmp_path, options, says):
    (tmp_path / "a.lbconf").write_text("lbconf 1\n")
    done = subprocess.run([*wrapper(), LBC, "run", "a.lbconf", *options], cwd=tmp_path, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert options[-2] in done.stderr
    assert os.listdir(tmp_path) == ["a.lbconf"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody who may not")
def test_a_group_that_is_not_ours_is_refused_with_a_reason():
    with tempfile.TemporaryDirectory() as folder:  # one that everybody gets to
        os.chmod(folder, 0o777)
        file = pathlib.Path(folder, "a.lbconf")
        file.write_text(f"""lbconf 1
cluster app {{ server a 127.0.0.1:9 }}
listener front {{ bind 127.0.0.1:{free_port()}; route site }}
route site {{ otherwise {{ forward app }} }}
""")
        file.chmod(0o644)
        program = shutil.copy(LBC, folder)  # where it was built may be closed to others
        done = subprocess.run([*wrapper(), program, "run", "a.lbconf", "--socket", "a,group=0"], cwd=folder, user=65534,
                              group=65534, extra_groups=[], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1, done.stderr
        assert "only root, and its members, may give a file to a group" in done.stderr
        assert not os.path.exists(f"{folder}/a")
