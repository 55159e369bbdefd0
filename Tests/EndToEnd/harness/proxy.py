"""A TCP proxy that can fall silent, hold back answers, or cut."""

import socket
import threading

from .ports import free_port


class Proxy:
    """Forwards to an address; silent, it keeps every connection open and moves nothing."""

    def __init__(self, target_host, target_port, listen_host="127.0.0.1", port=None):
        self.target = (target_host, target_port)
        self.host = listen_host
        self.port = port or free_port()
        self._listener = socket.create_server((listen_host, self.port), backlog=128)
        self._open = threading.Event()
        self._open.set()
        self._answering = threading.Event()
        self._answering.set()
        self._lock = threading.Lock()
        self._pairs = set()
        self._closed = False
        self.forwarded = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        if not self._wait(self._open):
            return
        try:
            far = socket.create_connection(self.target, timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (near, far)
        with self._lock:
            self._pairs.add(pair)
        threading.Thread(target=self._pump, args=(far, near, pair, self._answering), daemon=True).start()
        self._pump(near, far, pair, self._open)

    def _pump(self, source, sink, pair, gate):
        try:
            while True:
                data = source.recv(65536)
                if not data or not self._wait(gate) or not self._wait(self._open):
                    break
                self.forwarded += len(data)
                sink.sendall(data)
        except OSError:
            pass
        finally:
            self._drop(pair)

    def _wait(self, gate):
        while not gate.wait(0.5):
            if self._closed:
                return False
        return not self._closed

    def _drop(self, pair):
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    @property
    def connections(self):
        return len(self._pairs)

    def fall_silent(self):
        """From now on nothing passes either way, and nobody is told."""
        self._open.clear()

    def hold_answers(self):
        """From now on requests pass and answers do not."""
        self._answering.clear()

    def heal(self):
        self._open.set()
        self._answering.set()

    def cut(self):
        """Ends every connection at once."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._drop(pair)

    def close(self):
        self._closed = True
        self._listener.close()
        self.cut()


def silent_listener():
    """A socket that accepts (by its backlog) and never says a word."""
    return socket.create_server(("127.0.0.1", free_port()), backlog=8)
