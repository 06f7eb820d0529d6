"""A server of HTTP/2 that does with each request what the function for its path says, in the clear or in TLS."""
import contextlib
import socket
import ssl
import threading

from frames import PREFACE, RST_STREAM, Speaker


class H2Server:
    """One thread a connection. `.asked` has, for each path, what came for it; with `context` it speaks TLS, and
    `.names` are those that it was asked for by SNI."""

    def __init__(self, context=None):
        self.context, self.names, self.resumed = context, [], []
        if context:
            context.sni_callback = lambda _, name, __: self.names.append(name)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.scripts, self.asked, self.connections, self.failures = {}, {}, [], []
        self.settings = {}
        threading.Thread(target=self.accept, daemon=True).start()

    def script(self, does):
        path = f"/{len(self.scripts) + 1}"
        self.scripts[path] = does
        return path

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(sock,), daemon=True).start()

    def shake_hands(self, sock):
        sock = self.context.wrap_socket(sock, server_side=True)
        self.resumed.append(sock.session_reused)
        return sock

    def talk(self, sock):
        if self.context:
            try:
                sock = self.shake_hands(sock)
            except (OSError, ssl.SSLError):
                sock.close()
                return
        try:
            peer = Speaker(sock=sock, **self.settings)
            self.connections.append(peer)
            peer.busy, peer.obeys = set(), True
            assert peer.exactly(len(PREFACE)) == PREFACE
            while True:
                f = peer.frame()
                if f.kind == RST_STREAM:
                    self.asked[dict(peer.answers[f.stream].heads[0])[":path"]].reset = f.code
                while self.serve(peer):
                    pass
        except (EOFError, OSError):
            pass
        except Exception as e:  # noqa: BLE001: told at the end of the test
            self.failures.append(repr(e))

    def serve(self, peer):
        """Does what is to be done for one request, if there is one: answering may have read others."""
        for stream, asked in list(peer.answers.items()):
            if stream in peer.busy or not asked.heads:
                continue
            path = dict(asked.heads[0])[":path"]
            self.asked[path] = asked
            does = self.scripts[path]
            if asked.ended or getattr(does, "early", False):
                peer.busy.add(stream)
                does(peer, stream, asked)
                return True
        return False

    def stop(self):
        self.listener.close()
        for c in self.connections:
            with contextlib.suppress(OSError):
                c.socket.shutdown(socket.SHUT_RDWR)
            c.socket.close()
        assert not self.failures, self.failures


def early(does):
    does.early = True
    return does


def says(body=b"ok", *fields, status="200", trailers=()):
    def does(peer, stream, asked):
        head = [(":status", status), *fields]
        if not body and not trailers:
            peer.send(peer.head(head, stream))
            return
        peer.send(peer.head(head, stream, end=False))
        peer.data(stream, body, end=not trailers)
        if trailers:
            peer.send(peer.head(list(trailers), stream))
    return does


def context(folder, certificate, *protocols):
    """TLS with that certificate, and these protocols by ALPN."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(folder / f"{certificate}.crt", folder / f"{certificate}.key")
    if protocols:
        c.set_alpn_protocols(protocols)
    return c


@early
def echo(peer, stream, asked):
    """Sends back what it is sent, to the end: as a WebSocket's other end, or a call that goes both ways."""
    peer.send(peer.head([(":status", "200")], stream, end=False))
    seen = 0
    while not asked.ended or seen < len(asked.body):
        if len(asked.body) > seen:
            seen, piece = len(asked.body), asked.body[seen:]
            peer.data(stream, piece)
        else:
            peer.frame()
    peer.data(stream, end=True)
