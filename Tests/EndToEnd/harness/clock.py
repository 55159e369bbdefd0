"""A wall clock for one process alone, to be stepped while it runs."""

import pathlib
import shutil
import struct
import subprocess


class Clock:
    """What a process takes the time to be; started with `environment`, it follows every step at once."""

    SOURCE = pathlib.Path(__file__).with_name("clock.c")

    def __init__(self, folder):
        self._file = folder / "clock"
        self._file.write_bytes(struct.pack("=q", 0))
        library = folder / "clock.so"
        subprocess.run([self.compiler(), "-shared", "-fPIC", "-O1", "-o", library, self.SOURCE], check=True, timeout=60)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_FILE": str(self._file)}

    @staticmethod
    def compiler():
        """A C compiler; Swift's toolchain has one."""
        return shutil.which("cc") or shutil.which("clang")

    def step(self, ahead):
        """From now on so many seconds ahead of the machine's clock, or behind it."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", ahead))
