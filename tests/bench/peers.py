"""The proxies that are compared, and the origin behind all of them.

Each runs one worker, keeps connections to the origin alive, logs no requests, adds X-Forwarded-For,
and otherwise has its own defaults. nginx may not spill bodies into files, and its buffers are as
large as HAProxy's default.
"""
import os
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
  default_backend origin
backend origin
  server a 127.0.0.1:{origin}
"""

LBC_CONFIG = """\
lbconf 1

cluster origin {{
  balance round-robin
  server a 127.0.0.1:{origin}
}}

listener web {{
  bind 127.0.0.1:{port}
  route all
}}

route all {{
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


def nginx(folder, port, origin, lbc):
    return nginx_command(folder, "nginx", NGINX_PROXY.format(port=port, origin=origin))


def haproxy(folder, port, origin, lbc, name="haproxy", mode="http",
            options="http-reuse always\n  option forwardfor"):
    config = write(folder / f"{name}.cfg", HAPROXY_CONFIG.format(
        port=port, origin=origin, mode=mode, options=options))
    return [HAPROXY, "-db", "-f", config]


def haproxy_tcp(folder, port, origin, lbc):
    """Bytes back and forth, nothing parsed: close to what any proxy must cost."""
    return haproxy(folder, port, origin, lbc, name="haproxy-tcp", mode="tcp", options="")


def lbc(folder, port, origin, lbc):
    config = write(folder / "bench.lbconf", LBC_CONFIG.format(port=port, origin=origin))
    return [lbc, "run", config, "--workers", "1", "--access-log", "off",
            "--socket", folder / "lbc.sock"]


PEERS = {"lbc": lbc, "haproxy": haproxy, "nginx": nginx, "haproxy-tcp": haproxy_tcp}


def missing(name, lbc_path):
    """Why a peer cannot run here, or None."""
    program = {"lbc": lbc_path, "nginx": NGINX}.get(name, HAPROXY)
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
    """(process, port)."""
    port = processes.free_port()
    command = PEERS[name](folder, port, origin_port, lbc_path)
    peer = processes.Process(name, command, folder, cpus)
    try:
        peer.wait_for_port(port)
    except processes.Failed:
        peer.stop()
        raise
    return peer, port
