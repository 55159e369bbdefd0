"""Load: threads that call, and a record of everything that happened."""

import collections
import threading
import time

from .waiting import until


class Outcome:
    """One call: when it began and ended, what came of it."""

    __slots__ = ("started", "ended", "answer", "error")

    def __init__(self, started, ended, answer, error):
        self.started = started
        self.ended = ended
        self.answer = answer
        self.error = error

    @property
    def status(self):
        return None if self.answer is None else self.answer.status

    @property
    def seconds(self):
        return self.ended - self.started

    def __repr__(self):
        return f"<{self.status} {self.error!r} {self.seconds * 1000:.0f} ms>"


class Load:
    """Runs `call(client)` over `threads` kept connections until stopped.

    `clients` makes a connection for a thread's number; a call that fails is recorded, never repeated.
    """

    def __init__(self, clients, call, threads=4, pause=0.0):
        self._make = clients
        self._call = call
        self._pause = pause
        self._stop = threading.Event()
        self._records = [[] for _ in range(threads)]
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a call hangs"

    def _run(self, number):
        client = self._make(number)
        while not self._stop.is_set():
            started = time.monotonic()
            answer = error = None
            try:
                answer = self._call(client)
            except Exception as failure:  # noqa: BLE001 - whatever went wrong is what is recorded
                error = failure
            self._records[number].append(Outcome(started, time.monotonic(), answer, error))
            if error is not None or self._pause:
                self._stop.wait(self._pause or 0.01)

    @property
    def outcomes(self):
        return sorted((outcome for record in self._records for outcome in list(record)), key=lambda o: o.started)

    @property
    def count(self):
        return sum(len(record) for record in self._records)

    def succeeds(self, more, within=20.0):
        """Waits until so many more calls have succeeded; says what came instead when they do not."""
        before = len(self.succeeded())
        until(lambda: len(self.succeeded()) >= before + more, within, what=lambda: f"{more} successes ({self.summary})")

    @property
    def summary(self):
        """How many calls ended how, and the last of them."""
        ended = collections.Counter(str(outcome.status or type(outcome.error).__name__) for outcome in self.outcomes)
        return f"{dict(ended)}, last {self.outcomes[-3:]}"

    def succeeded(self):
        return [outcome for outcome in self.outcomes if outcome.status == 200]


def at_once(count, call):
    """Calls `call(n)` in `count` threads that start together; answers the results, exceptions included."""
    barrier = threading.Barrier(count)
    results = [None] * count

    def run(number):
        barrier.wait(30)
        try:
            results[number] = call(number)
        except Exception as failure:  # noqa: BLE001 - handed to the caller
            results[number] = failure

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a call hangs"
    return results
