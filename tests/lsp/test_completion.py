"""What is offered where the cursor is. A text has a | where that is; what surrounds it is completed below."""
import pytest

from editor import Editor

AROUND = """lbconf 1
const SLOW : duration = 5s
const BIG : integer = 7
env PORT : port = 80
set office : network = { 10.0.0.0/8 }
set verbs : method = { GET }
acl staff = src in office
cluster api { server a 10.0.0.1:80 }
cluster web { server a 10.0.0.1:80 }
route shop { otherwise { forward api } }
limit slow { key src; rate 5/s }
"""


def ask(editor, text, around=AROUND, context=None):
    at = (around + text).index("|")
    uri = editor.open((around + text).replace("|", "", 1))
    return uri, editor.request("textDocument/completion", {**editor.at(uri, at), **({"context": context} if context else {})})


def labels(editor, text, around=AROUND):
    return [i["label"] for i in ask(editor, text, around)[1]]


TOP = {"cluster", "listener", "route", "acl", "set", "const", "env", "limit", "tls", "include", "template", "test", "assert"}
CLAUSE = {"forward", "deny", "respond", "redirect", "set", "add", "remove", "continue"}
OFFERED = [
    # text, what is among the offers, what is not
    ("|", TOP, {"forward", "server", "bind", "and"}),
    ("clu|", TOP, {"forward"}),
    ("cluster x {\n  |\n}", {"server", "balance", "health", "timeout", "limit"}, {"bind", "cluster", "key"}),
    ("cluster x {\n  ser|\n}", {"server"}, {"bind"}),
    ("cluster x {\n  |", {"server", "balance"}, {"cluster"}),
    ("cluster x { balance | }", {"round-robin", "least-connections", "ip-hash"}, {"server", "weight"}),
    ("cluster x {\n  timeout |\n  server a 10.0.0.1:80\n}", {"connect", "read", "idle"}, {"header", "server"}),
    ("cluster x {\n  timeout read |\n}", {"SLOW"}, {"BIG", "PORT", "server", "connect"}),
    ("cluster x { server a 10.0.0.1:80 | }", {"weight", "backup"}, {"balance"}),
    ("cluster x { server a 10.0.0.1:80 weight | }", {"BIG"}, {"SLOW", "backup"}),
    ("cluster x { server a 10.0.0.1:80 weight 5 | }", {"backup", "max-connections"}, {"balance"}),
    ("cluster x { health | }", {"http", "tcp"}, {"every"}),
    ("cluster x { health http \"/\" { | } }", {"every", "timeout", "expect"}, {"server", "balance"}),
    ("cluster x { health http \"/\" { every | } }", {"SLOW"}, {"timeout"}),
    ("cluster x { health http \"/\" { every 5s | } }", {"timeout", "rise"}, {"server"}),
    ("cluster x { health http \"/\" { expect | } }", {"status"}, {"every"}),
    ("cluster x { limit | }", {"slow"}, {"api"}),
    ("cluster x { retry 1 { on | } }", {"connect-failure", "timeout"}, {"budget", "statuses"}),
    ("cluster x { retry 1 { on reset, | } }", {"connect-failure", "timeout"}, {"statuses"}),
    ("listener x {\n  |\n}", {"bind", "route", "timeout", "max-connections", "on"}, {"server"}),
    ("listener x { route | }", {"shop"}, {"api", "staff"}),
    ("listener x { bind 0.0.0.0:| }", {"PORT"}, {"SLOW"}),
    ("listener x { bind 0.0.0.0:PO| }", {"PORT"}, {"SLOW"}),
    ("listener x { timeout | }", {"header", "idle"}, {"connect"}),
    ("listener x { on | }", {"connect", "response"}, {"bind"}),
    ("listener x { on response { | } }", {"when", "otherwise"}, {"forward", "bind"}),
    ("limit x { key | }", {"src", "path"}, {"rate"}),
    ("limit x { | }", {"key", "rate", "burst", "status"}, {"server"}),
    ("tls x { min-version | }", {"1.2", "1.3"}, {"certificate"}),
    ("admin { | }", {"bind", "token"}, {"server"}),
    ("route x {\n  |\n}", {"when", "otherwise"}, CLAUSE | {"server"}),
    ("route x { when staff { | } }", CLAUSE, {"when", "server"}),
    ("route x { when staff { fo| } }", CLAUSE, {"when"}),
    ("route x { when staff { continue; | } }", CLAUSE, {"when"}),
    ("route x { when staff { forward | } }", {"api", "web"}, {"shop", "staff", "slow"}),
    ("route x { when staff { forward a| } }", {"api", "web"}, {"shop"}),
    ("route x { when staff { set | } }", {"header"}, {"forward"}),
    ("route x { when staff { deny 403 | } }", {"with"}, {"forward"}),
    ("route x { when | { deny } }", {"staff", "path", "header", "not"}, {"api", "==", "forward"}),
    ("route x { when staff and | { deny } }", {"staff", "path", "not"}, {"and"}),
    ("route x { when not | { deny } }", {"staff", "path"}, {"and"}),
    ("route x { when (| { deny } }", {"staff", "path"}, {"and"}),
    ("route x { when staff | { deny } }", {"and", "or"}, {"staff", "path"}),
    ("route x { when path | { deny } }", {"==", "!=", "under", "starts-with", "in"}, {"staff"}),
    ("route x { when method | { deny } }", {"==", "in"}, {"under", "starts-with"}),
    ("route x { when header \"x\" | { deny } }", {"==", "exists", "ends-with"}, {"under"}),
    ("route x { when src in | { deny } }", {"office"}, {"verbs"}),
    ("route x { when method in | { deny } }", {"verbs", "GET"}, {"office"}),
    ("route x { when method in { | } { deny } }", {"GET", "POST"}, {"office"}),
    ("route x { when method in { GET, | } { deny } }", {"GET", "POST"}, {"office"}),
    ("route x { when method == | { deny } }", {"GET", "POST"}, {"SLOW"}),
    ("route x { when scheme == | { deny } }", {"http", "https"}, {"GET"}),
    ("listener x { on connect { when | { drop } } }", {"src", "listener", "staff"}, {"path", "status"}),
    ("listener x { on response { when | { continue } } }", {"src", "path", "status", "response header"}, set()),
    ("route x { when | { deny } }", {"limit.slow.exceeded", "cluster.api.up", "src.port"}, {"status", "response header"}),
    ("route x { when header \"x\" items | { deny } }", {"=="}, {"under", "items"}),
    ("route x { when tls.version | { deny } }", {"==", ">="}, {"under", "contains"}),
    ("route x { when tls.version >= | { deny } }", {"1.2"}, {"GET"}),
    ("route x { when path | { deny } }", {"contains"}, {"<"}),
    ("route x { when proto == | { deny } }", {"h2", "http/1.1"}, {"GET"}),
    ("acl x = |", {"staff", "path"}, {"api"}),
    ("acl x = path |", {"under", "=="}, {"staff"}),
    ("acl x = staff or |", {"staff", "path", "not"}, {"and"}),
    ("const X : |", {"duration", "port", "path"}, {"SLOW"}),
    ("const X : dur|", {"duration"}, set()),
    ("set x : |", {"network", "host"}, {"duration"}),
    ("set x : method = { | }", {"GET"}, {"SLOW"}),
    ("set x : network from |", {"file"}, {"env"}),
    ("secret x from |", {"env", "file"}, set()),
    ("const X : duration = |", {"SLOW"}, {"BIG", "GET"}),
    ("test \"x\" { | }", {"request", "expect"}, {"forward"}),
    ("test \"x\" { request GET \"/\" | }", {"from", "header", "listener"}, {"expect"}),
    ("test \"x\" { expect forward | }", {"api", "web"}, {"shop"}),
    ("assert |", {"never", "always"}, {"api"}),
    ("route x { when staff { set header \"x\" \"{|}\" } }", {"host", "path"}, {"forward"}),
    ("route x { when staff { set header \"x\" \"{ho| ", {"host", "path"}, {"forward"}),
    ("route x {\n  when staff {\n    fo|\ncluster y { server a 10.0.0.1:80 }", CLAUSE, {"when", "server"}),
    ("cluster x {\n  server a 10.0.0.1:80\n  |\nroute y { otherwise { deny } }", {"server", "balance"}, {"when"}),
    ("cluster x { broken ; ; \" \n } \nroute y { | }", {"when"}, {"server"}),
]


@pytest.mark.parametrize("text, among, not_among", OFFERED, ids=[o[0] for o in OFFERED])
def test_offers(editor, text, among, not_among):
    got = labels(editor, text)
    assert among <= set(got), among - set(got)
    assert not not_among & set(got)
    assert len(got) == len(set(got)) or "header" in got or "query" in got, "something is offered twice"


@pytest.mark.parametrize("text", ["# |", "cluster x { # |\n}", "acl x = path == \"|\"", "acl x = path == '/|'", "set header \"x\" 'ab{|'",
                                  "cluster |", "cluster x { server | }", "cluster x { server a | }"])
def test_offers_nothing(editor, text):
    assert labels(editor, text) == []


def test_in_crlf_and_behind_wide_characters(editor):
    uri, items = ask(editor, "route x { when cookie \"🦆é\" == \"🦆\" { forward a| } }".replace("\n", "\r\n"), AROUND.replace("\n", "\r\n"))
    (api,) = [i for i in items if i["label"] == "api"]
    assert editor.covered(uri, api["textEdit"]["range"]) == "a"


def apply(editor, uri, items, label):
    (item,) = [i for i in items if i["label"] == label]
    return item, editor.edited(uri, [item["textEdit"]])


def test_what_is_put_in_replaces_the_word_that_was_begun(editor):
    uri, items = ask(editor, "listener x { bind 0.0.0.0:PO|; route shop }")
    assert apply(editor, uri, items, "PORT")[1].endswith("bind 0.0.0.0:PORT; route shop }")
    uri, items = ask(editor, "cluster y { balance least-c| }")
    assert apply(editor, uri, items, "least-connections")[1].endswith("{ balance least-connections }")
    uri, items = ask(editor, "route x { when staff { set header \"x\" \"a{ho|}\" } }")
    assert '"a{host}"' in apply(editor, uri, items, "host")[1]


def test_offers_say_what_they_are(editor):
    _, items = ask(editor, "cluster x { timeout read | }")
    assert [(i["label"], i["detail"]) for i in items] == [("SLOW", "const : duration = 5s")]
    _, items = ask(editor, "cluster x { server a 10.0.0.1:80 | }")
    weight = [i for i in items if i["label"] == "weight"][0]
    assert weight["detail"].startswith("integer(1..256)") and "share" in weight["documentation"]


def test_snippets_only_for_those_who_can(editor):
    uri, items = ask(editor, "clu|")
    item, text = apply(editor, uri, items, "cluster")
    assert item["insertTextFormat"] == 2 and "${1:name}" in text
    plain = Editor(capabilities={})
    uri, items = ask(plain, "clu|")
    item, text = apply(plain, uri, items, "cluster")
    assert "insertTextFormat" not in item and text.endswith("cluster")
    assert plain.shut() == 0


def test_a_blank_that_indents_asks_for_nothing(editor):
    blank = {"triggerKind": 2, "triggerCharacter": " "}
    assert ask(editor, "cluster x {\n  |\n}", context=blank)[1] == []
    assert ask(editor, "route x { when staff { forward | } }", context=blank)[1]


def test_at_every_place_of_a_text(editor, shop):
    """Nothing is offered that is no item, and nobody falls over."""
    text = editor.texts[shop]
    for at in range(len(text) + 1):
        for item in editor.request("textDocument/completion", editor.at(shop, at)):
            assert item["label"] and item["textEdit"]["newText"]
