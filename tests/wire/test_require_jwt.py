"""`require jwt`: whose tokens let somebody in, which do not, and what is known of whom. The tokens are
made by PyJWT and Debian's cryptography, and not by us."""
import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from frames import Speaker
from harness import Lbc, free_ports, get, wait_for
from harness.certificates import Authority
from scripted import reply

TEXT = """lbconf 1
secret keys    from file "{keys}"
secret staff   from env "STAFF"
limit tries    {{ key src  rate 3/h }}
limit of-team  {{ key claim "team"  rate 2/h }}
cluster web {{ server a 127.0.0.1:{origin} }}
listener front {{ bind 127.0.0.1:{front}; route site
  on response {{ when claim "team" exists {{ set header "x-team" "{{claim "team"}}"; continue }} }} }}
route site {{
  when path == "/free"       {{ respond 200 "free" }}
  when path == "/guarded"    {{ limit tries; require jwt keys; respond 200 "in" }}
  when path == "/by-team"    {{ require jwt keys; limit of-team; respond 200 "in" }}
  when path == "/ours"       {{ require jwt keys {{ issuer "https://a.example", "https://b.example"; audience "shop", "api" }}
                                respond 200 "in" }}
  when path == "/strict"     {{ require jwt keys {{ leeway 1s }}; respond 200 "in" }}
  when path == "/both"       {{ require basic staff; require jwt keys; respond 200 "in" }}
  when path == "/page"       {{ cors {{ origins "https://a.example" }}; require jwt keys; forward web }}
  when path == "/deny"       {{ require jwt keys; deny }}
  when host == "members"     {{ require jwt keys; set header "x-user" "{{user}}"; continue }}
  when claim "roles" == "admin" {{ respond 200 "admin" }}
  when claim "org.unit" == "tea" {{ respond 200 "tea" }}
  when claim "https://a.example/n" == "7" {{ respond 200 "seven" }}
  when claim "vip" == "true" {{ respond 200 "vip" }}
  when claim "note" exists   {{ respond 200 "noted" }}
  otherwise                  {{ forward web }}
}}
"""

RSA, RSA_2, OTHER, EC_256, EC_384, EC_521, ED = (
    rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048),
    ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1()),
    ec.generate_private_key(ec.SECP521R1()), ed25519.Ed25519PrivateKey.generate())
HMAC = "0123456789abcdef" * 4


def pem(key, form=serialization.PublicFormat.SubjectPublicKeyInfo):
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


def jwk(key, **more):
    if isinstance(key, str):
        return {"kty": "oct", "k": b64(key.encode()), **more}
    p = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        return {"kty": "RSA", "n": number(p.public_numbers().n), "e": number(p.public_numbers().e), **more}
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = p.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), **more}
    size = (key.curve.key_size + 7) // 8
    n = p.public_numbers()
    return {"kty": "EC", "crv": f"P-{key.curve.key_size}", "x": number(n.x, size), "y": number(n.y, size), **more}


def jwks(*keys):
    return json.dumps({"keys": list(keys)}, indent=1)


def claims(seconds=3600, **more):
    return {"sub": "anna", "exp": int(time.time()) + seconds, **more}


def token(key=RSA, algorithm="RS256", headers=None, **more):
    return jwt.encode(claims(**more), key, algorithm=algorithm, headers=headers)


def bearer(text):
    return "Authorization: Bearer " + text


def raw(header, payload, sign=lambda text: b"x"):
    """A token of any bytes at all."""
    parts = [b64(p if isinstance(p, bytes) else json.dumps(p).encode()) for p in (header, payload)]
    text = ".".join(parts)
    return text + "." + b64(sign(text.encode()))


def hmac_by(key, algorithm=hashes.SHA256):
    def sign(text):
        h = hmac.HMAC(key.encode(), algorithm())
        h.update(text)
        return h.finalize()
    return sign


class Site:
    def __init__(self, begin, origin, path, keys):
        self.front, = free_ports(1)
        self.file = path
        self.write(keys)
        text = TEXT.format(front=self.front, origin=origin, keys=path)
        self.lbc = begin(Lbc, text, workers=1, port=self.front,
                         env={"STAFF": "anna:$argon2id$v=19$m=64,t=1,p=1$pqQ+6YpAuHgFT37T05L3VQ"
                                       "$R1zK5wESVu+EQWf3dGjbSXDDz3h5FXdj2MfMDxNwIwo"})

    def write(self, keys):
        self.file.touch(mode=0o600)
        self.file.write_text(keys)

    def load(self, keys):
        self.write(keys)
        return self.lbc.ctl("reload", check=False)

    def get(self, target="/deny", *headers, **more):
        return get(self.front, target, *headers, **more)

    def ask(self, text, target="/deny", **more):
        return self.get(target, bearer(text), **more)

    def count(self, name):
        return self.lbc.show("info")["metrics"][name]

    def record(self, target):
        return wait_for(lambda: [r for r in self.lbc.log() if r.get("uri") == target], f"a record of {target}")


@pytest.fixture
def site(start, backend, tmp_path):
    return Site(start, backend.port, tmp_path / "keys", jwks(
        jwk(RSA, kid="r", use="sig", alg="RS256"), jwk(RSA_2, kid="p", key_ops=["verify"]),
        jwk(EC_256, kid="e2"), jwk(EC_384, kid="e3"), jwk(EC_521, kid="e5"), jwk(ED, kid="ed"),
        jwk(HMAC, kid="h"), jwk(RSA, kid="enc", use="enc"), jwk(RSA, kid="wrap", key_ops=["wrapKey"]),
        jwk(RSA, kid="oaep", alg="RSA-OAEP"), {"kty": "new", "kid": "n"}))


@pytest.fixture
def only(start, backend, tmp_path):
    return lambda keys: Site(start, backend.port, tmp_path / "keys", keys)


ALGORITHMS = [("RS256", RSA, "r"), ("RS384", RSA_2, "p"), ("RS512", RSA_2, "p"), ("PS256", RSA_2, "p"),
              ("PS384", RSA_2, "p"), ("PS512", RSA_2, "p"), ("ES256", EC_256, "e2"), ("ES384", EC_384, "e3"),
              ("ES512", EC_521, "e5"), ("EdDSA", ED, "ed"), ("HS256", HMAC, "h"), ("HS384", HMAC, "h"),
              ("HS512", HMAC, "h")]


@pytest.mark.parametrize("algorithm, key, kid", ALGORITHMS, ids=[a[0] for a in ALGORITHMS])
def test_every_algorithm_by_its_name_and_without(site, algorithm, key, kid):
    assert site.ask(token(key, algorithm, {"kid": kid})).status == 403
    assert site.ask(token(key, algorithm)).status == 403
    good = token(key, algorithm, {"kid": kid}, jti="tampered")
    head, body, signature = good.split(".")
    more = b64(json.dumps(claims(jti="another")).encode())
    assert refused(site, f"{head}.{more}.{signature}") == "wrong signature"
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    assert refused(site, f"{head}.{body}.{flipped}") == "wrong signature"
    short = b64(base64.urlsafe_b64decode(signature + "==")[:-1])
    assert refused(site, f"{head}.{body}.{short}") == "wrong signature"


def refused(site, text, target="/deny"):
    """What the log says of why."""
    before = len([r for r in site.lbc.log() if r.get("end") == "unauthorized"])
    answer = site.ask(text, target)
    assert answer.status == 401, answer.status
    assert answer["www-authenticate"].startswith('Bearer realm="keys", error="invalid_token", error_description="')
    assert answer["x-team"] is None
    seen = wait_for(lambda: [r for r in site.lbc.log() if r.get("end") == "unauthorized"][before:], "its record")
    assert "user" not in seen[0]
    return seen[0]["reason"]


def test_no_token_is_no_error(site):
    for headers in ([], ["Authorization: Basic YW5uYTpvcGVuIHNlc2FtZQ=="], [bearer(token())] * 2, ["Authorization:"]):
        answer = site.get("/deny", *headers)
        assert answer.status == 401 and answer["www-authenticate"] == 'Bearer realm="keys"'
    assert {r["reason"] for r in site.record("/deny")} == {"no token"}
    assert site.get("/free", bearer("nonsense")).status == 200


def test_the_scheme_is_of_any_case(site):
    assert site.get("/deny", "Authorization: bEARER  " + token()).status == 403


HEADER = {"alg": "RS256", "typ": "JWT"}
MALFORMED = [
    ("", "nothing"), ("a.b", "two parts"), (token() + ".x", "four parts"), (token() + ".", "a dot behind it"),
    (token() + "=", "padding"), ("a" * 9000, "too long"), (raw(b"[]", {}), "a header that is an array"),
    (raw(HEADER, b"{"), "claims cut short"), (raw(HEADER, b'{"exp":1,"exp":99999999999}'), "exp twice"),
    (raw(HEADER, {"exp": str(int(time.time()) + 60)}), "exp is a string"), (raw(HEADER, b'{"exp":1e999}'), "no end"),
    (raw(HEADER, claims(nbf="soon")), "nbf is a string"), (raw(HEADER, claims(iat=[])), "iat is a list"),
    (raw({"typ": "JWT"}, claims()), "no algorithm"), (raw({**HEADER, "kid": 7}, claims()), "kid is a number"),
    (raw(HEADER, b'{"exp":' + b"[" * 40 + b"]" * 40 + b"}"), "deep"),
    (raw(HEADER, {**claims(), **{f"m{i}": i for i in range(200)}}), "many members")]


@pytest.mark.parametrize("text, what", MALFORMED, ids=[m[1] for m in MALFORMED])
def test_what_is_no_token(site, text, what):
    if not text:
        assert site.get("/deny", "Authorization: Bearer").status == 401
        return
    assert refused(site, text) == "malformed token"


def test_none_is_no_algorithm(site):
    for name in ("none", "None", "NONE", "", "rs256", "HS1", "RS1"):
        assert refused(site, raw({"alg": name}, claims(), lambda _: b"x")) == "algorithm not allowed"
    header, body, _ = token().split(".")
    assert refused(site, f"{header}.{body}.") == "malformed token"  # no signature at all


def test_a_public_key_is_no_secret(only):
    """HS256, signed by the text of the public key, which everybody has."""
    public = pem(RSA)
    site = only(public)
    assert site.ask(token()).status == 403
    for text in (public, public.rstrip("\n"), public.strip()):
        assert refused(site, raw({"alg": "HS256"}, claims(), hmac_by(text))) == "algorithm not allowed"


def test_an_algorithm_that_the_key_is_not_for(site):
    assert refused(site, token(RSA, "RS512", {"kid": "r"})) == "algorithm not allowed"  # the JWK says RS256
    assert refused(site, token(RSA, "PS256", {"kid": "r"})) == "algorithm not allowed"
    assert refused(site, token(EC_256, "ES256", {"kid": "e3"})) == "algorithm not allowed"
    assert refused(site, raw({"alg": "ES384", "kid": "e2"}, claims(), lambda _: bytes(96))) == "algorithm not allowed"


def test_an_hmac_is_no_longer_than_its_key(only):
    site = only("0123456789abcdef" * 2 + "\n")
    assert site.ask(token("0123456789abcdef" * 2, "HS256")).status == 403
    assert refused(site, token("0123456789abcdef" * 2, "HS384")) == "algorithm not allowed"


def test_keys_that_are_for_other_things(site):
    for kid in ("enc", "wrap", "oaep", "n", "nobody's"):
        assert refused(site, token(RSA, "RS256", {"kid": kid})) == "unknown key"


def test_another_key(site):
    assert refused(site, token(OTHER)) == "wrong signature"
    assert refused(site, token(OTHER, headers={"kid": "r"})) == "wrong signature"
    assert refused(site, token(RSA_2, headers={"kid": "r"})) == "wrong signature"  # it is in the set, by another name


def test_what_must_be_understood_is_not(site):
    assert refused(site, token(headers={"crit": ["exp"]})) == "algorithm not allowed"


def test_an_es256_signature_is_two_numbers_side_by_side(site):
    """And not the DER that everything else has."""
    text = raw({"alg": "ES256", "kid": "e2"}, claims(), lambda t: EC_256.sign(t, ec.ECDSA(hashes.SHA256())))
    assert refused(site, text) == "wrong signature"
    zero = raw({"alg": "ES256", "kid": "e2"}, claims(), lambda _: bytes(64))
    assert refused(site, zero) == "wrong signature"


def test_when(site):
    now = int(time.time())
    assert site.ask(token(seconds=-30)).status == 403  # clocks differ
    assert refused(site, token(seconds=-30), "/strict") == "expired token"
    assert refused(site, token(seconds=-90)) == "expired token"
    assert site.ask(token(nbf=now + 30, iat=now + 30)).status == 403
    assert refused(site, token(nbf=now + 30), "/strict") == "token not valid yet"
    assert refused(site, token(nbf=now + 600)) == "token not valid yet"
    assert refused(site, token(iat=now + 600)) == "token not valid yet"
    assert site.ask(jwt.encode({"exp": now + 600.5, "nbf": now - 10.25}, RSA, "RS256")).status == 403
    assert refused(site, jwt.encode({"sub": "anna"}, RSA, "RS256")) == "endless token"
    assert refused(site, jwt.encode({"exp": -1}, RSA, "RS256")) == "expired token"


def test_a_token_expires_although_it_is_remembered(site):
    short = token(seconds=3)
    assert site.ask(short, "/strict").status == 200
    wait_for(lambda: site.ask(short, "/strict").status == 401, "it has expired", 30)
    assert site.count("token_checks") == 1


def test_by_whom_and_for_whom(site):
    good = {"iss": "https://b.example", "aud": "api"}
    assert site.ask(token(**good), "/ours").status == 200
    assert site.ask(token(**{**good, "aud": ["x", "shop"]}), "/ours").status == 200
    assert refused(site, token(aud="api"), "/ours") == "another issuer"
    assert refused(site, token(**{**good, "iss": "https://b.example/"}), "/ours") == "another issuer"
    assert refused(site, token(**{**good, "iss": ["https://b.example"]}), "/ours") == "another issuer"
    assert refused(site, token(iss="https://a.example"), "/ours") == "another audience"
    assert refused(site, token(**{**good, "aud": ["x", "shop2"]}), "/ours") == "another audience"
    assert refused(site, token(**{**good, "aud": []}), "/ours") == "another audience"
    assert site.ask(token()).status == 403  # where nothing is said of them


def test_claims_decide(site, backend):
    def body(**more):
        return site.ask(token(**more), "/x", host="members").body
    assert body(roles="admin") == b"admin"
    assert body(roles=["x", {"admin": 1}, None, "admin"]) == b"admin"
    assert body(org={"unit": "tea"}) == b"tea"
    assert body(**{"org.unit": "tea"}) == b"tea"
    assert body(**{"https://a.example/n": 7}) == b"seven"
    assert body(vip=True) == b"vip"
    assert body(note="é\u20ac") == b"noted"
    path = backend.script(lambda peer, request: peer.send(reply(b"web")))
    for other in ({"roles": ["administrator"]}, {"roles": []}, {"roles": {"admin": True}}, {"vip": False},
                  {"note": None}, {"note": "a\nb"}, {"org": "tea"}, {"vip": "True"}):
        assert site.ask(token(**other), path, host="members").body == b"web", other
    assert refused_here(site, token(roles="admin") + "x") == 401


def refused_here(site, text):
    return site.ask(text, "/x", host="members").status


def test_no_claim_is_there_before_a_require(site, backend):
    path = backend.script(lambda peer, request: peer.send(reply(b"web")))
    assert site.ask(token(roles="admin"), path).body == b"web"


def test_who_is_told_and_logged(site, backend):
    seen = []

    def look(peer, request):
        seen.append(request)
        peer.send(reply(b""))
    path = backend.script(look)
    answer = site.ask(token(team=["red", "blue"], sub="ann\u00e9"), path, host="members")
    assert answer.status == 200 and answer["x-team"] == "red"
    assert seen[0]["x-user"].encode("latin-1").decode() == "ann\u00e9"
    [record] = site.record(path)
    assert record["user"] == "ann\u00e9" and record["end"] == "complete" and "reason" not in record
    assert site.ask(jwt.encode({"exp": int(time.time()) + 60}, RSA, "RS256"), path, host="members").status == 200
    wait_for(lambda: len(site.record(path)) == 2, "the second record")
    assert "user" not in site.record(path)[1] and not seen[1]["x-user"]


def test_a_token_is_verified_once_while_it_is_remembered(site):
    good = token()
    for _ in range(5):
        assert site.ask(good).status == 403
    assert (site.count("token_checks"), site.count("token_cache_hits")) == (1, 4)
    bad = token(OTHER)
    for _ in range(3):
        assert site.ask(bad).status == 401
    assert site.count("token_checks") == 4  # what was wrong is not remembered


def test_a_key_that_is_gone(site):
    old, new = token(RSA, headers={"kid": "1"}), token(RSA_2, headers={"kid": "2"})
    both = jwks(jwk(RSA, kid="1"), jwk(RSA_2, kid="2"))
    assert "error" not in site.load(both).stdout
    assert [site.ask(t).status for t in (old, new, old, new)] == [403] * 4
    site.load(jwks(jwk(RSA_2, kid="2")))
    assert refused(site, old) == "unknown key"  # although it was remembered
    assert site.ask(new).status == 403
    site.load(both)
    assert site.ask(old).status == 403


def test_keys_without_names(only):
    site = only("# two\n" + pem(EC_256) + pem(RSA) + pem(ED))
    for key, algorithm in ((EC_256, "ES256"), (RSA, "PS384"), (ED, "EdDSA")):
        assert site.ask(token(key, algorithm, {"kid": "any"})).status == 403
        assert site.ask(token(key, algorithm)).status == 403
    site.load(pem(RSA, serialization.PublicFormat.PKCS1))
    assert site.ask(token()).status == 403
    assert refused(site, token(ED, "EdDSA")) == "algorithm not allowed"


def test_more_keys_than_are_tried(only):
    site = only(jwks(*[jwk(f"{i}" * 40, kid=str(i)) for i in range(6)]))
    assert site.ask(token("5" * 40, "HS256", {"kid": "5"})).status == 403
    assert refused(site, token("5" * 40, "HS256")) == "unknown key"


def test_limits_before_and_behind(site):
    bad = token(OTHER)
    assert [site.ask(bad, "/guarded").status for _ in range(4)] == [401, 401, 401, 429]
    red, blue = token(team="red"), token(team="blue")
    assert [site.ask(red, "/by-team").status for _ in range(3)] == [200, 200, 429]
    assert [site.ask(blue, "/by-team").status for _ in range(3)] == [200, 200, 429]


def test_a_password_and_a_token_are_not_sent_together(site):
    basic = "Authorization: Basic YW5uYTpvcGVuIHNlc2FtZQ=="
    assert site.get("/both", basic)["www-authenticate"] == 'Bearer realm="keys"'
    assert site.ask(token(), "/both")["www-authenticate"].startswith("Basic ")


def test_a_browser_asks_without_a_token_whether_it_may(site):
    asks = ["Origin: https://a.example", "Access-Control-Request-Method: GET"]
    assert site.get("/page", *asks, method="OPTIONS").status == 204
    answer = site.get("/page", "Origin: https://a.example")
    assert answer.status == 401 and answer["access-control-allow-origin"] == "https://a.example"


def test_over_http2(site):
    with Speaker(site.front) as h2:
        assert h2.get("/deny", ("authorization", "Bearer " + token())).status == 403
        answer = h2.get("/deny", ("authorization", "Bearer " + token(seconds=-600)))
        assert answer.status == 401
        assert answer["www-authenticate"].endswith('error_description="The token has expired"')


SMALL = rsa.generate_private_key(65537, 1024)
BAD_KEYS = [
    ("short", "has less than 32 bytes"), ("", ""),
    (jwks(jwk("short")), "key 1 of the set has less than 32 bytes"),
    (pem(SMALL), "is of RSA with less than 2048 bits"), (jwks(jwk(ED), jwk(SMALL)), "key 2 of the set is of RSA"),
    (pem(ec.generate_private_key(ec.SECP256K1())), "the key is"),
    (jwks({**jwk(EC_256), "x": jwk(EC_256)["y"]}), "is no point of its curve"),
    (jwks({**jwk(EC_256), "crv": "secp256k1"}), "is of a curve that is none of"),
    (jwks({**jwk(RSA), "e": "AA"}), "is no key of RSA"), (jwks({**jwk(ED), "x": "AAAA"}), "is no key of Ed25519"),
    (jwks(jwk(RSA, d="x")), "is a private one"), (jwks(jwk(RSA, alg="ES256")), "has an `alg` that is not for"),
    (jwks(jwk(RSA, use="enc")), "there is no key in it"), (jwks(), "there is no key in it"), ("{}", "there is no key"),
    (jwks("x"), "key 1 of the set is no object"), ("{", "is not sound"), ('{"keys":[],"keys":[]}', "is not sound"),
    (jwks(*[jwk(ED, kid=str(i)) for i in range(33)]), "key 33 of the set is one of more than 32"),
    (RSA.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                       serialization.NoEncryption()).decode(), "is a private one"),
    (pem(RSA).replace("PUBLIC KEY", "DH PARAMETERS"), "is neither a public key nor a certificate"),
    (pem(RSA)[:200], "is in no whole block of PEM"), (pem(ED) + pem(RSA)[:200], "is in no whole block of PEM"),
    ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is malformed")]


def test_keys_that_cannot_be_taken_refuse_the_load(site):
    for text, says in BAD_KEYS:
        done = site.load(text)
        said = done.stdout + done.stderr
        assert "secret keys" in said and says in said, (text, said)
        assert "PUBLIC" not in said.replace("PUBLIC KEY", "") and "0123456789abcdef" not in said
    assert site.ask(token(RSA)).status == 403  # what was loaded before goes on


def test_a_certificate_has_a_key(only, tmp_path):
    authority = Authority(tmp_path)
    authority.sign("signer", kind="rsa")
    key = serialization.load_pem_private_key((tmp_path / "signer.key").read_bytes(), None)
    site = only((tmp_path / "signer.crt").read_text() + authority.file.read_text())
    assert site.ask(token(key)).status == 403
    assert refused(site, token(RSA)) == "wrong signature"
