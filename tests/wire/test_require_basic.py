"""`require basic`: who is let in, who is not, what that costs, and what is known of whom."""
import base64
import contextlib
import crypt
import socket

import pytest

from frames import Speaker, reset
from harness import Client, Lbc, free_ports, get, wait_for
from scripted import reply

TEXT = """lbconf 1
secret staff   from file "{staff}"
secret others  from env "OTHERS"
limit tries    {{ key src   rate 3/h }}
limit of-user  {{ key user  rate 2/h }}
limit of-all   {{ key user  rate 3/h }}
limit at-web   {{ key user  rate 2/h }}
limit in-all   {{ key user  rate 5/h }}
cluster web {{ server a 127.0.0.1:{origin} }}
cluster few {{ server a 127.0.0.1:{origin}; limit at-web }}
listener busy {{ bind 127.0.0.1:{busy}; route site; limit in-all }}
listener front {{ bind 127.0.0.1:{front}; route site; timeout header {header}
  on response {{ when user exists {{ set header "x-let-in" "{{user}}"; continue }} }} }}
route site {{
  when path == "/free"       {{ respond 200 "free" }}
  when path == "/guarded"    {{ limit tries; require basic staff; respond 200 "in" }}
  when path == "/by-user"    {{ require basic staff; limit of-user; respond 200 "in" }}
  when path == "/before"     {{ limit of-all; require basic staff; respond 200 "in" }}
  when path == "/few"        {{ require basic staff; forward few }}
  when path == "/few-free"   {{ forward few }}
  when path == "/others"     {{ require basic others; respond 200 "in" }}
  when path == "/both"       {{ require basic staff; require basic others; respond 200 "in" }}
  when path == "/deny"       {{ require basic staff; deny }}
  when path == "/page"       {{ cors {{ origins "https://a.example" }}; require basic staff; forward web }}
  when host == "stripped"    {{ require basic staff; remove header "authorization"; forward web }}
  when host == "members"     {{ require basic staff; set header "x-user" "{{user}}"; continue }}
  when user == "anna"        {{ tag "annas"; set response header "x-anna" "yes"; forward web }}
  when user in {{ "bert", "olga" }} {{ respond 200 "known" }}
  otherwise                  {{ forward web }}
}}
"""
OLGA = "olga:$argon2id$v=19$m=64,t=1,p=1$pqQ+6YpAuHgFT37T05L3VQ$R1zK5wESVu+EQWf3dGjbSXDDz3h5FXdj2MfMDxNwIwo"


def stored(user, password, cost=4):
    return f"{user}:{crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << cost))}"


def basic(user, password):
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


ANNA, BERT, OLGAS = basic("anna", "secret 1"), basic("bert", "pa:ss"), basic("olga", "open sesame")


def staff(**changes):
    users = {"anna": "secret 1", "bert": "pa:ss", **changes}
    return "# who works here\n\n" + "".join(stored(u, p) + "\n" for u, p in users.items()) + OLGA + "\r\n"


class Site:
    def __init__(self, begin, origin, path, users, header="10s", workers=1):
        self.front, self.busy = free_ports(2)
        self.file = path
        self.write(users)
        text = TEXT.format(front=self.front, busy=self.busy, origin=origin, staff=path, header=header)
        self.lbc = begin(Lbc, text, workers=workers, port=self.front,
                         env={"OTHERS": stored("eve", "e") + "\n" + stored("anna", "secret 1")})

    def write(self, users):
        self.file.touch(mode=0o600)
        self.file.write_text(users)

    def get(self, target="/", *headers, **more):
        return get(self.front, target, *headers, **more)

    def count(self, name):
        return self.lbc.show("info")["metrics"][name]

    def record(self, target):
        return wait_for(lambda: [r for r in self.lbc.log() if r.get("uri") == target], f"a record of {target}")


@pytest.fixture
def site(start, backend, tmp_path):
    return Site(start, backend.port, tmp_path / "staff", staff())


def test_who_is_let_in_and_what_is_known_of_them(site, backend):
    seen = []

    def look(peer, request):
        seen.append(request)
        peer.send(reply(b""))
    path = backend.script(look)
    answer = site.get(path, ANNA, host="members")
    assert answer.status == 200 and answer["x-anna"] == "yes" and answer["x-let-in"] == "anna"
    [record] = site.record(path)
    assert (record["user"], record["end"], record["tags"]) == ("anna", "complete", "annas")
    assert site.get("/x", BERT, host="members").body == b"known"
    assert site.get("/x", OLGAS, host="members").body == b"known"


CHALLENGE = 'Basic realm="staff", charset="UTF-8"'


@pytest.mark.parametrize("what, headers", [
    ("none", []),
    ("a wrong password", [basic("anna", "secret 2")]),
    ("a shorter one", [basic("anna", "secret ")]),
    ("none at all", [basic("anna", "")]),
    ("a user that is not there", [basic("eve", "secret 1")]),
    ("a user in other letters", [basic("Anna", "secret 1")]),
    ("no user", [basic("", "secret 1")]),
    ("no colon", ["Authorization: Basic " + base64.b64encode(b"anna").decode()]),
    ("another scheme", ["Authorization: Bearer " + base64.b64encode(b"anna:secret 1").decode()]),
    ("no base64", ["Authorization: Basic anna:secret 1"]),
    ("base64 without its padding", [ANNA.rstrip("=")[:-1]]),
    ("a NUL behind the password", [basic("anna", "secret 1\0")]),
    ("a password that is very long", [basic("anna", "secret 1" * 100)]),
    ("an empty header", ["Authorization:"]),
    ("two headers", [ANNA, ANNA])])
def test_who_is_not(site, what, headers):
    before = site.count("requests_unauthorized")
    answer = site.get("/deny", *headers)
    assert answer.status == 401, what
    assert answer["www-authenticate"] == CHALLENGE
    assert answer["x-let-in"] is None
    [record] = site.record("/deny")
    assert record["end"] == "unauthorized" and "user" not in record and record["status"] == 401
    assert site.count("requests_unauthorized") == before + 1


def test_the_scheme_is_of_any_case(site):
    assert site.get("/deny", ANNA.replace("Basic", "bASIC ")).status == 403


def test_what_needs_nobody_asks_nobody(site):
    assert site.get("/free").status == 200
    assert site.get("/free", basic("anna", "wrong")).status == 200
    assert site.count("password_checks") == 0


def test_all_that_are_required_must_hold(site):
    assert site.get("/both", ANNA).status == 200
    assert site.get("/both", basic("eve", "e"))["www-authenticate"] == CHALLENGE
    assert site.get("/both", BERT)["www-authenticate"] == CHALLENGE.replace("staff", "others")


def test_a_password_is_checked_once_while_it_is_remembered(site):
    for _ in range(5):
        assert site.get("/deny", ANNA).status == 403
    assert (site.count("password_checks"), site.count("password_cache_hits")) == (1, 4)
    assert site.get("/others", ANNA).status == 200  # another secret: it may be another password there
    assert site.count("password_checks") == 2
    for _ in range(3):
        assert site.get("/deny", basic("anna", "wrong")).status == 401
    assert site.count("password_checks") == 5  # what was wrong is not remembered


def test_a_reload_changes_a_password(site):
    assert site.get("/deny", ANNA).status == 403
    site.write(staff(anna="secret 2"))
    site.lbc.reload()
    assert site.get("/deny", ANNA).status == 401
    assert site.get("/deny", basic("anna", "secret 2")).status == 403
    assert site.get("/deny", BERT).status == 403


def test_a_limit_before_counts_everybody_and_one_behind_those_who_are_let_in(site):
    wrong = basic("anna", "wrong")
    assert [site.get("/guarded", wrong).status for _ in range(4)] == [401, 401, 401, 429]
    assert site.get("/guarded", ANNA).status == 429
    assert [site.get("/by-user", wrong).status for _ in range(4)] == [401] * 4
    assert [site.get("/by-user", ANNA).status for _ in range(3)] == [200, 200, 429]
    assert [site.get("/by-user", BERT).status for _ in range(3)] == [200, 200, 429]


def test_before_the_require_all_users_are_one(site):
    """Nobody is known there, so what they say counts for nothing; and whoever says nothing is of the same."""
    assert [site.get("/before", who).status for who in (ANNA, BERT, OLGAS, ANNA)] == [200, 200, 200, 429]
    assert site.get("/before").status == 429
    assert site.get("/by-user", ANNA).status == 200, "another limit is another count"


def test_a_cluster_s_limit_knows_who_was_let_in(site, backend):
    backend.scripts["/few"] = backend.scripts["/few-free"] = reply(b"")
    for who in (ANNA, BERT):
        assert [site.get("/few", who).status for _ in range(3)] == [200, 200, 429]
    assert [site.get("/few", basic("anna", "wrong")).status for _ in range(3)] == [401] * 3
    free = [site.get("/few-free", who).status for who in (OLGAS, BERT, ANNA)]
    assert free == [200, 200, 429], "without a require nobody is known: they count together"
    assert site.get("/few", OLGAS).status == 200


def test_a_listener_s_limit_knows_nobody(site):
    asked = [get(site.busy, "/guarded", who).status for who in (ANNA, BERT, OLGAS)]
    assert asked == [200] * 3
    assert [get(site.busy, "/free", who).status for who in (ANNA, BERT, OLGAS)] == [200, 200, 429]


def test_a_browser_asks_without_credentials_whether_it_may(site):
    ask = ["Origin: https://a.example", "Access-Control-Request-Method: GET"]
    assert site.get("/page", *ask, method="OPTIONS").status == 204
    answer = site.get("/page", "Origin: https://a.example")
    assert answer.status == 401 and answer["access-control-allow-origin"] == "https://a.example"
    assert site.get("/deny", *ask, method="OPTIONS").status == 401  # nothing of cors there


def test_over_http2(site):
    with Speaker(site.front) as h2:
        assert h2.get("/x", ("authorization", BERT.split(": ")[1]), authority="members").status == 200
        answer = h2.get("/deny", ("authorization", "Basic eA=="))
        assert answer.status == 401 and answer["www-authenticate"] == CHALLENGE


def test_servers_get_the_credentials_unless_a_rule_takes_them_off(site, backend):
    seen = []

    def look(peer, request):
        seen.append(request)
        peer.send(reply(b""))
    path = backend.script(look)
    assert site.get(path, ANNA, host="members").status == 200
    assert site.get(path, ANNA, host="stripped").status == 200
    assert [(r["authorization"], r["x-user"]) for r in seen] == [(ANNA.split(": ")[1], "anna"), (None, None)]


@pytest.mark.parametrize("line, says", [
    ("carl:$apr1$abcdefgh$ijklmnopqrstuvwxyz0123", "line 2: the password of carl is stored as Apache's MD5"),
    ("carl:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "line 2: the password of carl is stored as SHA-1"),
    ("carl:rqXexS6ZhobKA", "line 2: the password of carl is stored neither by argon2id nor by bcrypt"),
    ("carl:secret 9", "line 2: the password of carl is stored neither"),
    ("carl:$2y$05$tooshort", "line 2: the password of carl is no whole hash of bcrypt"),
    ("carl:$2y$31$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDE", "takes seconds to check"),
    ("carl:$argon2id$v=19$m=64,t=1,p=1$abc", "is no whole hash of argon2id"),
    ("carl", "line 2: there is no colon"),
    (":x", "line 2: a user's name"),
    (stored("dora", "x"), "line 2: dora stands in line 1, too")])
def test_what_is_stored_badly_refuses_the_load_and_shows_no_hash(site, line, says):
    site.write(stored("dora", "d") + "\n" + line + "\n")
    done = site.lbc.ctl("reload", check=False)
    said = done.stdout + done.stderr
    assert "secret staff: " in said and says in said
    assert "W6ph" not in said and "secret 9" not in said and "$2" not in said and "abcdefgh" not in said
    assert site.get("/deny", ANNA).status == 403  # what was loaded before goes on


def test_a_list_of_nobody_refuses_the_load(site):
    site.write("# nobody\n")
    done = site.lbc.ctl("reload", check=False)
    assert "there is no user in it" in done.stdout + done.stderr


SLOW = 12


@pytest.fixture
def slow(start, backend, tmp_path):
    return Site(start, backend.port, tmp_path / "staff", stored("anna", "secret 1", SLOW) + "\n")


def ask(site, header, target="/deny"):
    c = Client(site.front)
    c.request(target, header)
    return c


def test_many_that_come_with_the_same_wait_for_one_check(slow):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(ask(slow, ANNA)) for _ in range(20)]
        assert {c.response().status for c in clients} == {403}
    assert slow.count("password_checks") == 1


def test_what_is_too_much_is_told_to_come_back(slow):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(ask(slow, basic("anna", f"wrong {i}"))) for i in range(70)]
        wait_for(lambda: slow.count("password_checks_refused") > 0, "one is refused")
        assert get(slow.front, "/free").status == 200  # and nobody else waits
        refused = 0
        for c in clients[-3:]:
            answer = c.response()
            refused += answer.status == 503 and answer["retry-after"] == "1"
        assert refused == 3
    wait_for(lambda: slow.count("requests_in_flight") == 0, "they left", 60)


def test_a_client_that_leaves_while_it_is_checked_leaves_nothing(slow):
    for i in range(8):
        c = ask(slow, basic("anna", f"wrong {i}"))
        wait_for(lambda n=i: slow.count("password_checks") == n + 1, "it is checked")
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        c.close()
    wait_for(lambda: slow.count("requests_in_flight") == 0, "they are gone", 60)
    assert slow.get("/deny", ANNA).status == 403


def test_streams_that_are_reset_while_they_are_checked(slow):
    with Speaker(slow.front) as h2:
        streams = [h2.ask("/deny", ("authorization", ANNA.split(": ")[1])) for _ in range(5)]
        h2.send(*[reset(s) for s in streams[:3]])
        assert [h2.answer(s).status for s in streams[3:]] == [403, 403]


def test_the_process_ends_while_passwords_are_checked(slow):
    clients = [ask(slow, basic("anna", f"wrong {i}")) for i in range(10)]
    wait_for(lambda: slow.count("password_checks") == 10, "they are checked")
    slow.lbc.signal(2)
    for c in clients:
        c.close()


def test_who_waits_too_long_for_a_check_is_told_to_come_back(start, backend, tmp_path):
    site = Site(start, backend.port, tmp_path / "staff", stored("anna", "secret 1", 15) + "\n", header="100ms")
    answer = site.get("/deny", ANNA)
    assert answer.status == 503 and answer["retry-after"] == "1"
    wait_for(lambda: site.get("/deny", ANNA).status in (403, 503), "an answer")
