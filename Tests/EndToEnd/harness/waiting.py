"""Waiting for conditions, never for time."""

import threading
import time

_never = threading.Event()


def until(condition, within=5.0, every=0.02, what=None):
    """The first truthy answer of `condition`; fails when there is none within the deadline.

    `what` says what is waited for; a function of nothing is asked when it failed.
    """
    deadline = time.monotonic() + within
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            what = what() if callable(what) else what
            raise AssertionError(f"{what or 'the condition'} did not hold within {within} s (last: {answer!r})")
        _never.wait(every)


def holds_throughout(condition, seconds, every=0.02, what=None):
    """Asks for the given time, and fails at the first answer that is not truthy."""
    deadline = time.monotonic() + seconds
    asked = 0
    while time.monotonic() < deadline:
        assert condition(), f"{what or 'the condition'} stopped holding"
        asked += 1
        _never.wait(every)
    return asked


class Stopwatch:
    """Seconds since it was made, on the monotonic clock."""

    def __init__(self):
        self.started = time.monotonic()

    @property
    def seconds(self):
        return time.monotonic() - self.started
