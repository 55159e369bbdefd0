"""A network namespace with two links: one for clients, one for the database, which can be taken down silently."""

import os
import secrets
import shutil
import subprocess


class Namespace:
    """Programs inside reach the outside only through the database link; clients reach them by the other."""

    def __init__(self):
        self.name = "bwe2e" + secrets.token_hex(3)
        octet = 1 + secrets.randbelow(250)
        self.outside, self.inside = f"10.213.{octet}.1", f"10.213.{octet}.2"
        self.clients_side, self.host = f"10.214.{octet}.1", f"10.214.{octet}.2"
        self._run("ip", "netns", "add", self.name)
        try:
            self._link("d", self.outside, self.inside)
            self._link("c", self.clients_side, self.host)
            self._run("ip", "-n", self.name, "link", "set", "lo", "up")
        except BaseException:
            self.remove()
            raise

    @staticmethod
    def unavailable():
        """Why there can be none on this machine, or None."""
        if os.geteuid() != 0:
            return "network namespaces need root"
        if shutil.which("ip") is None:
            return "ip is not installed"
        name = "bwe2e" + secrets.token_hex(3)
        done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"network namespaces are not to be had: {done.stderr.strip()}"
        made = subprocess.run(
            ["ip", "link", "add", name + "x", "type", "veth", "peer", "name", name + "y"],
            capture_output=True,
            text=True,
            check=False,
        )
        subprocess.run(["ip", "link", "del", name + "x"], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        return None if made.returncode == 0 else f"veth pairs are not to be had: {made.stderr.strip()}"

    @property
    def prefix(self):
        return ["ip", "netns", "exec", self.name]

    def partition(self):
        """From now on every packet between the programs and the database is lost."""
        self._run("ip", "link", "set", self.name + "d", "down")

    def heal(self):
        self._run("ip", "link", "set", self.name + "d", "up")

    def _link(self, letter, outside, inside):
        near, far = self.name + letter, self.name + letter + "p"
        self._run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", self.name)
        self._run("ip", "addr", "add", outside + "/30", "dev", near)
        self._run("ip", "link", "set", near, "up")
        self._run("ip", "-n", self.name, "addr", "add", inside + "/30", "dev", far)
        self._run("ip", "-n", self.name, "link", "set", far, "up")

    @staticmethod
    def _run(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")

    def remove(self):
        for letter in "dc":
            subprocess.run(["ip", "link", "del", self.name + letter], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)
