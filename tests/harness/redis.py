"""A real redis-server, which keeps nothing on the disk."""
import contextlib
import signal
import socket
import subprocess

from harness import free_port, wait_for


class Redis:
    def __init__(self, tmp_path, *options, name="redis", port=None, password=None):
        self.port, self.password = port or free_port(), password
        self.log_path = tmp_path / f"{name}.redis.log"
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                     "--dir", str(tmp_path), *(["--requirepass", password] if password else []), *options]
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(["redis-server", *arguments], stdout=log, stderr=log,
                                          stdin=subprocess.DEVNULL)
        wait_for(self.answers, "redis answers")

    def answers(self):
        assert self.popen.poll() is None, self.log_path.read_text()
        with contextlib.suppress(OSError):
            return self.ask("PING") == "PONG"

    def ask(self, *words, database=0):
        """One command; the first line of what comes back, or the bulk that it announces."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s:
            file = s.makefile("rb")
            before = [("AUTH", self.password)] if self.password else []
            before += [("SELECT", str(database))] if database else []
            for command in [*before, words]:
                s.sendall(f"*{len(command)}\r\n".encode() +
                          b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in command))
                answer = self.read(file)
            return answer

    def read(self, file):
        line = file.readline().decode().rstrip("\r\n")
        if line[:1] == "*":
            return [self.read(file) for _ in range(int(line[1:]))]
        if line[:1] == "$":
            n = int(line[1:])
            return file.read(n + 2)[:-2].decode() if n >= 0 else None
        return line[1:] if line[:1] in "+:" else line

    def keys(self, database=0):
        return self.ask("KEYS", "*", database=database)

    def pause(self):
        self.popen.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.popen.send_signal(signal.SIGCONT)

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.terminate()
            self.popen.wait(20)
