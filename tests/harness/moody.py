"""A server in a mood: it serves well, slowly, resets in the middle of bodies, or lies about their length, as it is told.

usage: moody.py PORT LOG; a line on standard input is the next mood. LOG gets a line for each request once all of it is
here, `TIME did METHOD ID`, and `TIME spoilt ID` for each answer that is about to be spoilt: before that is done, so
that it is there even if the server is killed meanwhile.
"""
import asyncio
import contextlib
import os
import random
import socket
import struct
import sys
import time

MOODS = ("well", "slow", "resets", "lies")
SLOWEST = 0.8  # seconds


def body_of(name):
    return (name + "\n").encode() * 100


class Server:
    def __init__(self, log):
        self.mood = "well"
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(self, *words):
        os.write(self.log, (" ".join([f"{time.monotonic():.6f}", *words]) + "\n").encode())

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await self.answer(reader, writer):
                pass
        writer.close()

    async def answer(self, reader, writer):
        """False when the connection is over."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split()
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        await reader.readexactly(length)
        name = target.rpartition("/")[2]
        if name == "health":
            return await self.say(writer, b"well\n")
        self.note("did", method, name)
        if self.mood == "slow":
            await asyncio.sleep(random.random() * SLOWEST)
        elif self.mood in ("resets", "lies") and random.random() < 0.5:
            self.note("spoilt", name)
            return await self.spoil(writer, body_of(name))
        return await self.say(writer, body_of(name))

    async def say(self, writer, body, length=None):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (length or len(body)) + body)
        await writer.drain()
        return True

    async def spoil(self, writer, body):
        if self.mood == "resets":
            await self.say(writer, body[:len(body) // 2], len(body))
            await asyncio.sleep(0.01)  # so that it is seen before the reset
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            await self.say(writer, body, random.choice([len(body) * 2, len(body) // 2]))
        return False

    async def listen_to_moods(self):
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            self.mood = line.decode().strip()
            assert self.mood in MOODS, self.mood


async def main():
    server = Server(sys.argv[2])
    listening = await asyncio.start_server(server.serve, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    async with listening:
        await server.listen_to_moods()  # until there is nobody who tells it any


if __name__ == "__main__":
    asyncio.run(main())
