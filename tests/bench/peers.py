"""The proxies that are compared, and the origin behind all of them.

Each runs one worker, keeps connections to the origin alive, logs no requests, adds X-Forwarded-For,
and otherwise has its own defaults. nginx may not spill bodies into files, and its buffers are as
large as HAProxy's default. All show the same P-256 certificate, speak TLS 1.3 only, and resume nothing,
so that a new connection is a full handshake.
"""
import os
import pathlib
import re
import shutil
import subprocess

import processes

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
HAPROXY = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")

NGINX_COMMON = """\
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/{name}.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/{name}-body;
  proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-fastcgi;
  uwsgi_temp_path {folder}/{name}-uwsgi;
  scgi_temp_path {folder}/{name}-scgi;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  {rest}
}}
"""

NGINX_PROXY = """
  upstream origin {{
    server 127.0.0.1:{origin};
    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    listen 127.0.0.1:{tls} ssl http2 backlog=4096;
    ssl_certificate {folder}/bench.pem;
    ssl_certificate_key {folder}/bench.pem;
    ssl_protocols TLSv1.3;
    ssl_session_tickets off;
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_buffer_size 16k;
      proxy_buffers 8 16k;
      proxy_max_temp_file_size 0;
    }}
  }}
"""

NGINX_ORIGIN = """
  open_file_cache max=16 inactive=1h;
  open_file_cache_valid 1h;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    root {folder}/files;
  }}
"""

HAPROXY_CONFIG = """\
global
  nbthread 1
  maxconn 8192
defaults
  mode {mode}
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  {options}
frontend web
  bind 127.0.0.1:{port} backlog 4096
  {secure}
  default_backend origin
backend origin
  server a 127.0.0.1:{origin}
"""

LBC_CONFIG = """\
lbconf 1

tls bench {{
  certificate "{folder}/bench.pem"
  min-version 1.3
  session-tickets off
}}

cluster origin {{
  balance round-robin
  server a 127.0.0.1:{origin}
}}

listener web {{
  bind 127.0.0.1:{port}
  bind 127.0.0.1:{tls} tls bench
  route main
}}

route main {{
  otherwise {{ forward origin }}
}}
"""


def write(path, text):
    path.write_text(text)
    return path


def nginx_command(folder, name, rest):
    config = write(folder / f"{name}.conf",
                   NGINX_COMMON.format(folder=folder, name=name, rest=rest))
    return [NGINX, "-p", folder, "-e", "stderr", "-c", config]


def nginx(folder, port, tls, origin, lbc):
    return nginx_command(folder, "nginx",
                         NGINX_PROXY.format(port=port, tls=tls, origin=origin, folder=folder))


def nginx_h2(folder, port, tls, origin, lbc):
    """Without TLS it speaks one version on a port."""
    text = NGINX_PROXY.format(port=port, tls=tls, origin=origin, folder=folder)
    text = text.replace("backlog=4096;", "http2 backlog=4096;", 1)
    return nginx_command(folder, "nginx-h2", text.replace("server {", "http2_max_concurrent_streams 128; server {", 1))


def haproxy(folder, port, tls, origin, lbc):
    secure = (f"bind 127.0.0.1:{tls} backlog 4096 ssl crt {folder}/bench.pem ssl-min-ver TLSv1.3 alpn h2,http/1.1 "
              "no-tls-tickets")
    return haproxy_command(folder, "haproxy", port=port, origin=origin, mode="http", secure=secure,
                           options="http-reuse always\n  option forwardfor")


def haproxy_command(folder, name, **values):
    config = write(folder / f"{name}.cfg", HAPROXY_CONFIG.format(**values))
    return [HAPROXY, "-db", "-f", config]


def haproxy_tcp(folder, port, tls, origin, lbc):
    """Bytes back and forth, nothing parsed: close to what any proxy must cost. It speaks no TLS."""
    return haproxy_command(folder, "haproxy-tcp", port=port, origin=origin, mode="tcp", secure="",
                           options="")


def relay(folder, port, tls, origin, lbc):
    """Bytes back and forth and nothing else, with no more calls than that takes: relay.c."""
    return [relay_program(lbc), port, origin]


def relay_program(lbc):
    return pathlib.Path(lbc).parent / "tests/bench_relay"


def lbc(folder, port, tls, origin, lbc):
    config = write(folder / "bench.lbconf",
                   LBC_CONFIG.format(port=port, tls=tls, origin=origin, folder=folder))
    return [lbc, "run", config, "--workers", "1", "--access-log", "off",
            "--socket", folder / "lbc.sock"]


def haproxy_splice(folder, port, tls, origin, lbc):
    """Through pipes, of which it would otherwise reserve more descriptors than a process has."""
    command = haproxy_command(folder, "haproxy-splice", port=port, origin=origin, mode="tcp", secure="",
                              options="option splice-auto")
    config = command[-1]
    config.write_text(config.read_text().replace("maxconn 8192", "maxconn 8192\n  maxpipes 64"))
    return command


def lbc_tcp(folder, port, tls, origin, lbc):
    """The same of ours."""
    text = LBC_CONFIG.format(port=port, tls=tls, origin=origin, folder=folder)
    config = write(folder / "tcp.lbconf", text.replace(f"  bind 127.0.0.1:{tls} tls bench\n", "  protocol tcp\n"))
    return [lbc, "run", config, "--workers", "1", "--access-log", "off", "--socket", folder / "tcp.sock"]


def make_certificate(folder):
    """folder/bench.pem, with its key."""
    pem = folder / "bench.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", folder / "bench.key",
                    "-out", folder / "bench.crt"], check=True, capture_output=True)
    write(pem, (folder / "bench.crt").read_text() + (folder / "bench.key").read_text()).chmod(0o600)


RULES = 10_000


def lbc_rules(folder, port, tls, origin, lbc):
    """The same, where 10,000 rules of two fields each come first, and the last of them decides."""
    rules = "".join(f'  when path under "/r{i}" and header "x-rule" == "v{i}" {{ deny 403 }}\n'
                    for i in range(RULES - 1))
    last = '  when path under "/b" and header "x-rule" == "last" { forward origin }\n'
    text = LBC_CONFIG.format(port=port, tls=tls, origin=origin, folder=folder)
    config = write(folder / "rules.lbconf", text.replace("  otherwise { forward origin }",
                                                         rules + last + "  otherwise { deny 404 }"))
    return [lbc, "run", config, "--workers", "1", "--access-log", "off",
            "--socket", folder / "rules.sock"]


def limited(name, limit, n=20):
    """The same with limits that every request meets, and none exceeds: as many as make their price stand
    out of what such a machine's figures differ by. Each has keys of its own."""
    def command(folder, port, tls, origin, lbc):
        text = LBC_CONFIG.format(port=port, tls=tls, origin=origin, folder=folder)
        limits = "".join(f"limit each-{i} {{ {limit} }}\n" for i in range(n))
        used = "".join(f"  limit each-{i}\n" for i in range(n))
        text = text.replace("lbconf 1\n", f"lbconf 1\n{limits}", 1)
        config = write(folder / f"{name}.lbconf", text.replace("  route ", f"{used}  route ", 1))
        return [lbc, "run", config, "--workers", "1", "--access-log", "off", "--socket", folder / f"{name}.sock"]
    return command


LIMITED = {"lbc-20-limits": limited("limits", "key src  rate 1M/s"),
           "lbc-20-held": limited("held", "key src  rate 1M/s  concurrent 10000")}


def shadowed(name, candidate):
    """lbc, whose requests another configuration decides, too; the text of that from its own."""
    def command(folder, port, tls, origin, lbc):
        text = LBC_CONFIG.format(port=port, tls=tls, origin=origin, folder=folder)
        config = write(folder / f"{name}.lbconf", text)
        write(folder / f"{name}-candidate.lbconf", candidate(text))
        return [lbc, "run", config, "--workers", "1", "--access-log", "off", "--socket", folder / f"{name}.sock"]

    def shadow(folder, lbc):
        done = subprocess.run([lbc, "ctl", "--socket", folder / f"{name}.sock", "shadow", folder / f"{name}-candidate.lbconf"],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise processes.Failed(f"no shadow: {done.stdout}{done.stderr}")
    command.once_it_listens = shadow
    return command


SHADOWED = {"lbc-shadow": shadowed("shadow", lambda text: text),
            "lbc-differs": shadowed("differs", lambda text: text.replace("{ forward origin }", "{ deny 404 }"))}
PEERS = {**LIMITED, **SHADOWED, "lbc": lbc, "lbc-rules": lbc_rules, "lbc-tcp": lbc_tcp, "haproxy": haproxy, "nginx": nginx,
         "nginx-h2": nginx_h2, "haproxy-tcp": haproxy_tcp, "haproxy-splice": haproxy_splice, "relay": relay}
SPEAK_TLS = {"lbc", "haproxy", "nginx"}


def missing(name, lbc_path):
    """Why a peer cannot run here, or None."""
    program = {**dict.fromkeys(["lbc", "lbc-rules", "lbc-tcp", *LIMITED, *SHADOWED], lbc_path), "nginx": NGINX, "nginx-h2": NGINX,
               "relay": relay_program(lbc_path)}.get(name, HAPROXY)
    if not program or not os.access(program, os.X_OK):
        return f"{program or name} is not there"
    return None


def first_line(command, pattern=r".*"):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except OSError:
        return None
    match = re.search(pattern, done.stdout + done.stderr)
    return match[0].strip() if match else None


def versions(lbc_path):
    return {
        "lbc": first_line([lbc_path, "--version"], r"(?<=lbc )\d\S*"),
        "haproxy": first_line([HAPROXY or "haproxy", "-v"], r"(?<=version )\S+"),
        "nginx": first_line([NGINX or "nginx", "-v"], r"(?<=nginx/)\S+"),
        "wrk": first_line(["wrk", "-v"], r"(?<=wrk )\S+"),
    }


def start_origin(kind, folder, lbc_path, cpus):
    """(process, port). The origin has /b/1024 and /b/1048576."""
    port = processes.free_port()
    if kind == "lbc":
        command = [lbc_path, "origin", port]
    else:
        (folder / "files/b").mkdir(parents=True)
        for size in (1024, 1 << 20):
            (folder / f"files/b/{size}").write_bytes(b"x" * size)
        folder.chmod(0o755)
        command = nginx_command(folder, "origin", NGINX_ORIGIN.format(port=port, folder=folder))
    origin = processes.Process("origin", command, folder, cpus)
    try:
        origin.wait_for_port(port)
    except processes.Failed:
        origin.stop()
        raise
    return origin, port


def start_peer(name, folder, origin_port, lbc_path, cpus):
    """(process, port, port of TLS)."""
    port, tls = processes.free_port(), processes.free_port()
    command = PEERS[name](folder, port, tls, origin_port, lbc_path)
    peer = processes.Process(name, command, folder, cpus)
    try:
        peer.wait_for_port(port)
        getattr(PEERS[name], "once_it_listens", lambda *_: None)(folder, lbc_path)
    except processes.Failed:
        peer.stop()
        raise
    return peer, port, tls
