"""A server whose answer is the head of the request, as it came: what a forwarded request looked like."""
import asyncio
import multiprocessing
import re
import socket

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


class Echo(asyncio.Protocol):
    def __init__(self, name):
        self.name, self.kept, self.skip = name, b"", 0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.kept += data
        while True:
            skipped = min(self.skip, len(self.kept))
            self.skip -= skipped
            self.kept = self.kept[skipped:]
            end = self.kept.find(b"\r\n\r\n")
            if self.skip or end < 0:
                return
            head, self.kept = self.kept[:end + 2], self.kept[end + 4:]
            length = LENGTH.search(head)
            self.skip = int(length[1]) if length else 0
            self.transport.write(b"HTTP/1.1 200 OK\r\nX-Cluster: %s\r\nContent-Length: %d\r\n\r\n%s"
                                 % (self.name, len(head), head))


async def serve(listening):
    loop = asyncio.get_running_loop()
    for name, s in listening:
        await loop.create_server(lambda name=name: Echo(name), sock=s)
    await asyncio.Event().wait()


class Echoes:
    """A process that is one such server for each name; `port[name]` is where."""

    def __init__(self, *names):
        listening = [(n.encode(), socket.create_server(("127.0.0.1", 0), backlog=1000)) for n in names]
        self.port = {n.decode(): s.getsockname()[1] for n, s in listening}
        self.process = multiprocessing.get_context("fork").Process(
            target=lambda: asyncio.run(serve(listening)), daemon=True)
        self.process.start()
        for _, s in listening:
            s.close()

    def stop(self):
        self.process.terminate()
        self.process.join()
