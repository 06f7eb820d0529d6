"""Frames, JSON-RPC, the beginning and the end of a conversation."""
import pytest

from editor import Editor, Refused, Server, frame

HELLO = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}
SHUT = {"jsonrpc": "2.0", "id": 2, "method": "shutdown"}
EXIT = {"jsonrpc": "2.0", "method": "exit"}


def talk(*pieces):
    """All that is answered to these bytes, and the exit code."""
    server = Server()
    try:
        for piece in pieces:
            server.write(piece if isinstance(piece, bytes) else frame(piece))
    except BrokenPipeError:
        pass
    server.process.stdin.close()
    said = []
    while (message := server.read()) is not None:
        said.append(message)
    return said, server.end()


def errors(said):
    return [(m["id"], m["error"]["code"]) for m in said if "error" in m]


def test_a_polite_conversation():
    said, code = talk(HELLO, SHUT, EXIT)
    assert [m["id"] for m in said] == [1, 2] and said[1]["result"] is None
    assert said[0]["result"]["serverInfo"]["name"] == "lbc"
    assert code == 0


@pytest.mark.parametrize("pieces", [
    [HELLO, EXIT], [EXIT], [HELLO], [], [b"Content-Le"], [HELLO, b"Content-Length: 10\r\n\r\n{"]])
def test_an_end_without_shutdown_is_an_error(pieces):
    assert talk(*pieces)[1] == 1


def test_the_end_of_the_input_after_shutdown_without_exit():
    assert talk(HELLO, SHUT)[1] == 1


def test_nothing_before_initialize():
    said, code = talk({"jsonrpc": "2.0", "id": 7, "method": "textDocument/hover", "params": {}}, HELLO, SHUT, EXIT)
    assert errors(said) == [(7, -32002)] and code == 0


def test_nothing_after_shutdown():
    said, code = talk(HELLO, SHUT, {"jsonrpc": "2.0", "id": 3, "method": "textDocument/hover", "params": {}}, EXIT)
    assert errors(said) == [(3, -32600)] and code == 0


def test_initialize_once():
    assert errors(talk(HELLO, {**HELLO, "id": 5}, SHUT, EXIT)[0]) == [(5, -32600)]


def test_ids_are_given_back_as_they_came():
    said, _ = talk({**HELLO, "id": "a \"b\" é"}, {**SHUT, "id": 4294967296}, EXIT)
    assert [m["id"] for m in said] == ["a \"b\" é", 4294967296]


def test_unknown_requests_are_refused_and_unknown_notices_are_not():
    said, code = talk(HELLO, {"jsonrpc": "2.0", "id": 3, "method": "textDocument/moniker", "params": {}},
                      {"jsonrpc": "2.0", "method": "$/progress"}, {"jsonrpc": "2.0", "method": "workspace/nonsense"},
                      SHUT, EXIT)
    assert errors(said) == [(3, -32601)] and code == 0


@pytest.mark.parametrize("body, error", [
    (b"", -32700), (b"{", -32700), (b"nonsense", -32700), (b"\xff\xfe", -32700), (b'{"a":"\xc3"}', -32700),
    (b"[" * 5000, -32700), (b"{} {}", -32700), (b"[]", -32600), (b"17", -32600), (b"{}", -32600),
    (b'{"id":null}', -32600), (b'{"jsonrpc":"2.0","method":5}', -32600)])
def test_bodies_that_are_no_messages(body, error):
    said, code = talk(HELLO, frame(body), SHUT, EXIT)
    assert errors(said) == [(None, error)] and code == 0


@pytest.mark.parametrize("garbage", [
    b"nonsense\r\n", b"\r\n", b"\n\n\n", b"\x00\xff\x80\r\n\r\n", b"Content-Length: x\r\n\r\n",
    b"Content-Length: -5\r\n\r\n", b"Content-Type: x\r\n\r\n", b"no line end before ", b"x" * 10000,
    b"Content-Length: 99999999999999999999999\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_garbage_between_frames_takes_nothing_with_it(garbage):
    said, code = talk(HELLO, garbage, SHUT, EXIT)
    assert {m["id"] for m in said if "result" in m} == {1, 2} and code == 0
    assert set(errors(said)) == {(None, -32700)}


def test_more_head_fields_and_any_case():
    body = b'{"jsonrpc":"2.0","id":9,"method":"initialize","params":{}}'
    said, _ = talk(b"content-length:%d\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n" % len(body) + body)
    assert said[0]["id"] == 9 and "result" in said[0]


def test_a_message_byte_by_byte():
    server = Server()
    for byte in frame(HELLO):
        server.write(bytes([byte]))
    assert server.read()["id"] == 1
    assert server.end() == 1


def test_a_huge_message_is_refused_and_the_next_is_answered():
    size = 33 * 1024 * 1024
    said, code = talk(HELLO, b"Content-Length: %d\r\n\r\n" % size, b" " * size, SHUT, EXIT)
    assert errors(said) == [(None, -32600)] and code == 0
    assert {m["id"] for m in said if "result" in m} == {1, 2}


def test_what_is_cancelled_while_it_waits_is_not_done():
    hover = {"jsonrpc": "2.0", "method": "textDocument/hover", "params": {}}
    burst = b"".join(map(frame, [HELLO, *({**hover, "id": n} for n in range(10, 20)),
                                 {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 17}}, SHUT, EXIT]))
    said, code = talk(burst)
    got = dict(errors(said))
    assert got[17] == -32800 and got[16] == -32602 and code == 0
    assert len(got) == 10


def test_params_that_name_no_text_are_refused(editor):
    for params in ({}, {"textDocument": 5}, {"textDocument": {"uri": "file:///not/open"}, "position": {"line": 0, "character": 0}},
                   None, [], {"textDocument": {"uri": None}}):
        with pytest.raises(Refused) as e:
            editor.request("textDocument/hover", params)
        assert e.value.code == -32602


@pytest.mark.parametrize("position", [{}, {"line": -1, "character": 0}, {"line": 0.5, "character": 0}, {"line": "0", "character": 0}])
def test_places_that_are_none_are_refused(editor, shop, position):
    with pytest.raises(Refused) as e:
        editor.request("textDocument/hover", {"textDocument": {"uri": shop}, "position": position})
    assert e.value.code == -32602


def test_places_outside_the_text_are_brought_in(editor, shop):
    for position in ({"line": 4000000000, "character": 0}, {"line": 0, "character": 4000000000}):
        editor.request("textDocument/hover", {"textDocument": {"uri": shop}, "position": position})


@pytest.mark.parametrize("offered, chosen", [
    (None, "utf-16"), (["utf-8", "utf-16"], "utf-8"), (["utf-16", "utf-8"], "utf-16"), (["utf-32"], "utf-32"),
    (["nonsense"], "utf-16"), (["nonsense", "utf-8"], "utf-8")])
def test_the_encoding_of_places_is_agreed_on(offered, chosen):
    editor = Editor(encodings=offered)
    assert editor.encoding == chosen
    uri = editor.open('lbconf 1\nacl x = cookie "c" == "é🦆" or y\nlistener l { bind 127.0.0.1:80; route r }\nroute r { when x { deny }\n otherwise { deny } }\n')
    (one,) = editor.diagnostics(uri)
    assert editor.covered(uri, one["range"]) == "y"
    assert editor.shut() == 0


def test_no_word_of_a_closed_text_is_kept(editor, shop):
    editor.diagnostics(shop)
    editor.close(shop)
    with pytest.raises(Refused):
        editor.hover(shop, 0)
