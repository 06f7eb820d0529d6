"""Beside others: what HAProxy and nginx send as PROXY headers is read, what is sent is read by them; nginx says who may
come in; and OpenSSL's client reaches a server by the name it asks for, through a listener that does not end TLS."""
import os
import shutil
import subprocess

import pytest

from harness import Client, Lbc, Origin, accepts, free_ports, get, wait_for

INSIDE = """lbconf 1
cluster app {{ server a 127.0.0.1:{origin} }}
listener front {{ bind 127.0.0.1:{port} proxy-protocol; trusted-proxies 127.0.0.1; route site }}
route site {{
  when src == 127.0.0.1 {{ set response header "x-src" "{{src}}"; set response header "x-src-port" "{{src.port}}"; continue }}
  otherwise {{ forward app }}
}}
"""

HAPROXY = """
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend f
  bind 127.0.0.1:{port} {bind}
  default_backend b
backend b
  server s 127.0.0.1:{server} {server_options}
"""

NGINX = """
daemon off; master_process off; pid {tmp}/nginx.pid; error_log {tmp}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {tmp}/1; proxy_temp_path {tmp}/2; fastcgi_temp_path {tmp}/3; uwsgi_temp_path {tmp}/4;
  scgi_temp_path {tmp}/5;
  server {{
    listen 127.0.0.1:{port} proxy_protocol;
    location / {{ return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port"; }}
  }}
}}
"""


@pytest.fixture
def program(tmp_path):
    """Runs another's program until it listens, and ends it after the test."""
    begun = []

    def begin(port, *command):
        path = shutil.which(command[0], path=os.environ.get("PATH", "") + ":/usr/sbin")
        assert path, f"{command[0]} is not installed"
        out = open(tmp_path / f"{command[0]}.out", "wb")
        begun.append(subprocess.Popen([path, *command[1:]], stdout=out, stderr=out))
        wait_for(lambda: accepts(port) or begun[-1].poll() is not None, f"{command[0]} listens", 20)
        assert begun[-1].poll() is None, (tmp_path / f"{command[0]}.out").read_text()
    yield begin
    for p in begun:
        p.terminate()
        p.wait(20)


@pytest.mark.parametrize("version", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
def test_haproxys_headers_are_read(start, program, tmp_path, version):
    origin, [port, middle] = start(Origin), free_ports(2)
    lbc = start(Lbc, INSIDE.format(origin=origin.port, port=port))
    file = tmp_path / "haproxy.cfg"
    file.write_text(HAPROXY.format(port=middle, bind="", server=port, server_options=version))
    program(middle, "haproxy", "-db", "-f", str(file))
    with Client(middle) as c:
        r = c.get()
        assert (r.status, r["x-src-port"]) == (200, str(c.socket.getsockname()[1]))
    assert lbc.show("info")["metrics"]["proxy_headers_bad"] == 0


OUT = """lbconf 1
cluster next {{ server s 127.0.0.1:{server}; proxy-protocol {version}; health {health} {{ every 200ms; timeout 200ms }} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward next }} }}
"""


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("health", ["tcp", 'http GET "/"'])
def test_nginx_reads_ours(start, program, tmp_path, version, health):
    port, behind = free_ports(2)
    file = tmp_path / "nginx.conf"
    file.write_text(NGINX.format(port=behind, tmp=tmp_path))
    program(behind, "nginx", "-p", str(tmp_path), "-c", str(file))
    start(Lbc, OUT.format(server=behind, version=version, port=port, health=health))
    wait_for(lambda: get(port).status == 200, "its check has passed")
    with Client(port) as a, Client(port) as b:
        for c in (a, b, a, b):
            assert c.get().body.decode() == f"127.0.0.1 {c.socket.getsockname()[1]} {port}"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_haproxy_reads_ours(start, program, tmp_path, version):
    origin, [port, behind] = start(Origin), free_ports(2)
    file = tmp_path / "haproxy.cfg"
    file.write_text(HAPROXY.format(port=behind, bind="accept-proxy", server=origin.port, server_options="") +
                    "  http-response set-header x-src %[src]:%[src_port]\n")
    program(behind, "haproxy", "-db", "-f", str(file))
    start(Lbc, OUT.format(server=behind, version=version, port=port, health="tcp"))
    wait_for(lambda: get(port).status == 200, "its check has passed")
    with Client(port) as c:
        assert c.get()["x-src"] == f"127.0.0.1:{c.socket.getsockname()[1]}"


def test_two_of_ours_in_a_row(start):
    origin, [port, behind] = start(Origin), free_ports(2)
    start(Lbc, INSIDE.format(origin=origin.port, port=behind), name="inside")
    start(Lbc, OUT.format(server=behind, version="v2", port=port, health="tcp"), name="outside")
    wait_for(lambda: get(port).status == 200, "its check has passed")
    with Client(port) as c:
        assert c.get()["x-src-port"] == str(c.socket.getsockname()[1])


# --- who may come in ----------------------------------------------------------------------------

# Who is let in is who has the cookie; what is said of the request is said again.
ASKED = """
daemon off; master_process off; pid {tmp}/nginx.pid; error_log {tmp}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {tmp}/1; proxy_temp_path {tmp}/2; fastcgi_temp_path {tmp}/3; uwsgi_temp_path {tmp}/4;
  scgi_temp_path {tmp}/5;
  server {{
    listen 127.0.0.1:{port};
    location /verify {{
      if ($cookie_session != "good") {{
        add_header Set-Cookie "to=$http_x_forwarded_uri" always;
        return 302 https://$http_x_forwarded_host/login;
      }}
      add_header X-User anna;
      add_header X-Method $http_x_forwarded_method;
      return 204;
    }}
    location / {{ return 200 "$http_x_user $http_x_method"; }}
  }}
}}
"""

ASKS = """lbconf 1
cluster sso {{ server a 127.0.0.1:{nginx} }}
cluster app {{ server a 127.0.0.1:{nginx} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ require auth sso {{ path "/verify"; take "x-user", "x-method" }}; forward app }} }}
"""


def test_nginx_says_who_may_come_in(start, program, tmp_path):
    port, nginx = free_ports(2)
    file = tmp_path / "nginx.conf"
    file.write_text(ASKED.format(tmp=tmp_path, port=nginx))
    program(nginx, "nginx", "-p", str(tmp_path), "-c", str(file))
    start(Lbc, ASKS.format(nginx=nginx, port=port))
    with Client(port) as c:
        answer = c.get("/cart?a=b", "X-User: root", host="shop")
        assert (answer.status, answer["location"], answer["set-cookie"]) == (302, "https://shop/login", "to=/cart?a=b")
        for _ in range(3):
            answer = c.get("/cart", "Cookie: session=good", "X-User: root", "Content-Length: 2", method="POST", body=b"ab")
            assert (answer.status, answer.body) == (200, b"anna POST")


# --- TLS that is passed on -----------------------------------------------------------------------

SNI = """lbconf 1
cluster a {{ protocol tcp; server s 127.0.0.1:{a} }}
cluster b {{ protocol tcp; server s 127.0.0.1:{b} }}
listener front {{ protocol tcp; bind 127.0.0.1:{port}; route by-name }}
route by-name {{
  when tls.sni == "a.example.com" {{ forward a }}
  when tls.sni == "b.example.com" {{ forward b }}
  otherwise {{ drop }}
}}
"""


def certificate(tmp_path, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-keyout", str(tmp_path / f"{name}.key"), "-out", str(tmp_path / f"{name}.crt")],
                   check=True, capture_output=True)


def ask(port, name, *options):
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-ign_eof",
                           *options],
                          input=b"GET / HTTP/1.0\r\n\r\n", capture_output=True, timeout=30)


@pytest.mark.parametrize("options", [(), ("-tls1_2",), ("-max_send_frag", "512", "-split_send_frag", "512")],
                         ids=["1.3", "1.2", "small records"])
def test_the_name_leads_to_the_server_and_tls_is_its_own(start, program, tmp_path, options):
    port, *behind = free_ports(3)
    for name, p in zip(("a", "b"), behind):
        certificate(tmp_path, name)
        program(p, "openssl", "s_server", "-accept", f"127.0.0.1:{p}", "-www", "-quiet",
                "-key", str(tmp_path / f"{name}.key"), "-cert", str(tmp_path / f"{name}.crt"))
    start(Lbc, SNI.format(a=behind[0], b=behind[1], port=port))
    for name in ("a", "b"):
        done = ask(port, f"{name}.example.com", *options)
        assert f"CN = {name}\n".encode() in done.stdout, done.stderr
        assert b"HTTP/1.0 200" in done.stdout
    assert b"CN = " not in ask(port, "c.example.com", *options).stdout
