"""A real nameserver, dnsmasq, for names that change."""
import shutil
import signal
import subprocess

from harness import free_port, wait_for

DNSMASQ = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin:/bin")


class Nameserver:
    """Knows what `hosts` says, {name: [address, ...]}, and services, [(name, target, port, priority,
    weight), ...]; every answer lives a second. What it does not know it refuses to tell."""

    def __init__(self, folder, hosts=None, services=()):
        self.port = free_port()
        self.file = folder / "hosts"
        self.log_path = folder / "dnsmasq.log"
        self.services = services
        self.popen = None
        self.write(hosts or {})
        self.begin()

    def begin(self):
        arguments = [
            DNSMASQ, "--keep-in-foreground", "--conf-file=/dev/null", f"--port={self.port}",
            "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts",
            f"--addn-hosts={self.file}", "--local-ttl=1", "--user=", "--group=", "--pid-file=",
            "--local=/here/", "--log-queries", f"--log-facility={self.log_path}"]
        arguments += [f"--srv-host={','.join(map(str, service))}" for service in self.services]
        self.popen = subprocess.Popen(arguments)
        wait_for(lambda: self.log_path.exists() and "started" in self.log_path.read_text(),
                 "the nameserver has started")

    def write(self, hosts):
        self.file.write_text("".join(f"{address} {name}\n"
                                     for name, addresses in hosts.items() for address in addresses))

    def tell(self, hosts):
        """From now on it knows these."""
        self.write(hosts)
        self.popen.send_signal(signal.SIGHUP)

    def pause(self):
        self.popen.send_signal(signal.SIGSTOP)

    def resume(self):
        self.popen.send_signal(signal.SIGCONT)

    def asked(self):
        return self.log_path.read_text().count(": query[")

    def stop(self):
        self.popen.kill()
        self.popen.wait()
        self.log_path.unlink()
