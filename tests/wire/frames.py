"""HTTP/2 by hand: a connection whose every frame is the test's own, right or wrong."""
import socket
import struct

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITISED = 1, 1, 4, 8, 32
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED,
 FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR,
 ENHANCE_YOUR_CALM) = range(12)
(HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE,
 MAX_HEADER_LIST_SIZE) = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(**values):
    names = {name.lower(): number for name, number in globals().items() if isinstance(number, int)}
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", names[n], v) for n, v in values.items()))


def update(stream, by):
    return frame(WINDOW_UPDATE, stream=stream, payload=struct.pack(">I", by))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, stream=stream, payload=struct.pack(">I", code))


class Frame:
    def __init__(self, kind, flags, stream, payload):
        self.kind, self.flags, self.stream, self.payload = kind, flags, stream, payload

    def __repr__(self):
        return f"<kind {self.kind} flags {self.flags} stream {self.stream} {self.payload[:40]!r}>"

    @property
    def code(self):
        """Of a RST_STREAM or GOAWAY."""
        return struct.unpack(">I", self.payload[:4] if self.kind == RST_STREAM else self.payload[4:8])[0]


class Answer:
    """What came for one stream."""

    def __init__(self):
        self.heads, self.body, self.ended, self.reset = [], b"", False, None
        self.trailers = []

    @property
    def fields(self):
        return self.heads[-1]

    @property
    def status(self):
        return int(dict(self.fields)[":status"])

    def __getitem__(self, name):
        values = [v for n, v in self.fields if n == name]
        return ", ".join(values) if values else None


class Speaker:
    """One end of a connection. A client unless a socket is given that a server accepted."""

    def __init__(self, port=None, sock=None, preface=True, timeout=20, **own_settings):
        self.is_client = sock is None
        self.socket = sock or socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.settimeout(timeout)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.encoder.huffman = True
        self.reset = None
        self.buffer, self.goaway, self.closed = b"", None, False
        self.next_id, self.answers, self.settings, self.seen = 1, {}, {}, []
        self.block, self.block_of = b"", None
        self.given, self.used, self.pongs = {0: 0}, {0: 0}, 0
        self.obeys = False  # the windows of the other end
        self.acks = True  # SETTINGS
        self.credit = True  # give back what DATA used up
        if preface:
            self.send((PREFACE if self.is_client else b"") + settings(**own_settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    # --- to send ---

    def head(self, fields, stream, end=True):
        """A header block, in as many frames as it takes."""
        block = self.encoder.encode(fields)
        pieces = [block[i:i + 16384] for i in range(0, len(block), 16384)]
        flags = [END_STREAM if end else 0] + [0] * (len(pieces) - 1)
        flags[-1] |= END_HEADERS
        kinds = [HEADERS] + [CONTINUATION] * (len(pieces) - 1)
        return b"".join(map(frame, kinds, flags, [stream] * len(pieces), pieces))

    def ask(self, path="/", *fields, method="GET", authority="x", body=None, end=None, scheme="http"):
        """Begins a request; returns its stream."""
        stream, self.next_id = self.next_id, self.next_id + 2
        head = [(":method", method), (":scheme", scheme), (":path", path)]
        if authority is not None:
            head.append((":authority", authority))
        ends = body is None if end is None else end
        self.send(self.head([*head, *fields], stream, end=ends))
        if body is not None:
            self.data(stream, body, end=end is None)
        return stream

    def data(self, stream, body=b"", end=False, size=16384):
        while len(body) > size or (self.obeys and self.window(stream) < len(body)):
            while self.obeys and self.window(stream) <= 0:
                self.frame()
            n = min(size, len(body), self.window(stream)) if self.obeys else size
            self.send_data(stream, body[:n], 0)
            body = body[n:]
        self.send_data(stream, body, END_STREAM if end else 0)

    def send_data(self, stream, piece, flags):
        self.used[stream] = self.used.get(stream, 0) + len(piece)
        self.used[0] += len(piece)
        self.send(frame(DATA, flags, stream, piece))

    def window(self, stream):
        initial = self.settings.get(INITIAL_WINDOW_SIZE, 65535)
        return min(65535 + self.given[0] - self.used[0],
                   initial + self.given.get(stream, 0) - self.used.get(stream, 0))

    # --- to receive ---

    def exactly(self, n):
        while len(self.buffer) < n:
            try:
                got = self.socket.recv(65536)
            except ConnectionResetError:
                got = b""
            if not got:
                self.closed = True
                raise EOFError
            self.buffer += got
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def frame(self):
        """The next frame; what can be answered has been."""
        head = self.exactly(9)
        length = int.from_bytes(head[:3], "big")
        f = Frame(head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7fffffff, self.exactly(length))
        self.seen.append(f)
        self.note(f)
        return f

    def note(self, f):
        answer = self.answers.setdefault(f.stream, Answer()) if f.stream else None
        if f.kind in (HEADERS, CONTINUATION):
            if f.kind == HEADERS:
                self.block, self.block_of = b"", f
            self.block += f.payload
            if f.flags & END_HEADERS:
                fields = [(str(n), str(v)) for n, v in self.decoder.decode(self.block)]
                is_trailer = not any(n.startswith(":") for n, _ in fields)
                (answer.trailers.extend if is_trailer else answer.heads.append)(fields)
                answer.ended |= bool(self.block_of.flags & END_STREAM)
        elif f.kind == DATA:
            answer.body += f.payload
            answer.ended |= bool(f.flags & END_STREAM)
            if self.credit and f.payload:
                self.send(update(f.stream, len(f.payload)) if not f.flags & END_STREAM else b"",
                          update(0, len(f.payload)))
        elif f.kind == RST_STREAM:
            answer.reset = f.code
        elif f.kind == WINDOW_UPDATE:
            self.given[f.stream] = self.given.get(f.stream, 0) + int.from_bytes(f.payload, "big")
        elif f.kind == GOAWAY:
            self.goaway = f.code
        elif f.kind == SETTINGS and not f.flags & ACK:
            for at in range(0, len(f.payload), 6):
                name, value = struct.unpack(">HI", f.payload[at:at + 6])
                self.settings[name] = value
            if self.acks:
                self.send(frame(SETTINGS, ACK))
        elif f.kind == PING and f.flags & ACK:
            self.pongs += 1
        elif f.kind == PING:
            self.send(frame(PING, ACK, 0, f.payload))

    def hear(self):
        """Until the peer has dealt with all that was sent."""
        self.pongs = 0
        self.send(frame(PING, 0, 0, b"all read"))
        self.until(lambda: self.pongs)

    def until(self, condition):
        while not condition():
            self.frame()

    def answer(self, stream):
        """All that comes for a stream, to its end or its reset."""
        self.answers.setdefault(stream, Answer())
        self.until(lambda: self.answers[stream].ended or self.answers[stream].reset is not None)
        return self.answers[stream]

    def get(self, *path, **more):
        return self.answer(self.ask(*path, **more))

    def reset_of(self, stream):
        """The code that the stream was reset with."""
        self.answers.setdefault(stream, Answer())
        self.until(lambda: self.answers[stream].reset is not None)
        return self.answers[stream].reset

    def end(self):
        """Reads to the end of the connection; the code of its GOAWAY, or None when it sent none."""
        try:
            while True:
                self.frame()
        except EOFError:
            return self.goaway
