"""Ports that nobody else of this run takes."""

import os
import random
import socket

# Below the range the kernel takes for outgoing connections, a slice for each worker.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0) % 16
_slice = range(15_000 + 1_000 * _worker, 16_000 + 1_000 * _worker)
_given = set()


def free_port():
    """A port of loopback that is free now, and is not given out again."""
    for _ in range(2_000):
        port = random.choice(_slice)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError("no free port")
