"""The simplest things a proxy does."""
from harness import Client


def test_a_request_reaches_the_server_and_its_answer_comes_back(proxy):
    lbc = proxy()
    with Client(lbc.port) as c:
        for _ in range(3):  # on one connection
            r = c.get("/b/100")
            assert (r.status, len(r.body)) == (200, 100)
            assert r["x-origin"] == str(lbc.origin.port)
    assert [e["status"] for e in lbc.logged(3)] == [200] * 3
