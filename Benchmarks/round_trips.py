"""Counts database round trips: a proxy between the service and PostgreSQL reads what the service sends.

A round trip is a Sync message (the client waits for its answer) or a simple Query. Each is known by the statements
it carries. What the service also sends while nobody asks anything of it (its change feed) is learnt first and not
counted, so the figure is exact and not an average over a noisy background.
"""

import asyncio
import collections
import concurrent.futures
import threading
import time

from population import Client, exchange

STARTUP = 196608


class Frontend:
    """The messages of one connection, client to server: what was prepared under which name, and each round trip."""

    def __init__(self, count):
        self.count = count
        self.buffer = b""
        self.started = False
        self.prepared = {}
        self.unit = []

    def feed(self, data):
        self.buffer += data
        while True:
            # Before the start-up message there is no type byte: SSL, GSS and cancel requests come this way too.
            head = 1 if self.started else 0
            if len(self.buffer) < head + 4:
                return
            length = head + int.from_bytes(self.buffer[head : head + 4], "big")
            if len(self.buffer) < length:
                return
            kind = self.buffer[:head]
            body = self.buffer[head + 4 : length]
            self.buffer = self.buffer[length:]
            if self.started:
                self.message(kind, body)
            elif int.from_bytes(body[:4], "big") == STARTUP:
                self.started = True

    def message(self, kind, body):
        if kind == b"P":
            name, text = body.split(b"\0", 2)[:2]
            self.prepared[name] = " ".join(text.decode(errors="replace").split())
        elif kind == b"B":
            statement = body.split(b"\0", 2)[1]
            self.unit.append(self.prepared.get(statement, "?"))
        elif kind == b"S":
            self.count(tuple(self.unit) or ("(preparation only)",))
            self.unit = []
        elif kind == b"Q":
            self.count((" ".join(body.rstrip(b"\0").decode(errors="replace").split()),))


class CountingProxy:
    """A TCP proxy to PostgreSQL in a thread of its own; `trips` counts round trips by the statements they carried."""

    def __init__(self, server_port):
        self.server_port = server_port
        self.trips = collections.Counter()
        self.lock = threading.Lock()
        self.ready = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self.serve(),), daemon=True)

    def __enter__(self):
        self.thread.start()
        self.ready.wait(10)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.ended.set)
        self.thread.join(10)

    async def serve(self):
        self.ended = asyncio.Event()
        server = await asyncio.start_server(self.connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self.ended.wait()
        server.close()
        # The service is gone by now, so every connection is about to end.
        if connections := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(connections, timeout=5)

    def record(self, statements):
        with self.lock:
            self.trips[statements] += 1

    def taken(self):
        """What was counted since the last call."""
        with self.lock:
            counted, self.trips = self.trips, collections.Counter()
        return counted

    async def connection(self, reader, writer):
        frontend = Frontend(self.record)
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(
            self.copy(reader, to_server, frontend.feed), self.copy(from_server, writer, lambda data: None)
        )

    async def copy(self, reader, writer, seen):
        try:
            while data := await reader.read(65536):
                seen(data)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


def measure(rig, workspace, number=400):
    """Returns round trips per exchange and the statements of each kind of round trip that exchanges made."""
    with CountingProxy(rig.port) as proxy:
        service = rig.serve(database_port=proxy.port)
        client = Client(service.url)
        tokens = workspace.access_tokens

        def exchange_all(count):
            # One at a time and then several, so that the pool's connections have all prepared their statements.
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                wanted = (tokens[index % len(tokens)] for index in range(count))
                list(pool.map(lambda token: exchange(client, workspace, token), wanted))

        try:
            exchange_all(200)
            proxy.taken()
            # Long enough for every periodic statement of the service to have come by.
            time.sleep(6)
            background = set(proxy.taken())
            exchange_all(number)
            made = {unit: count for unit, count in proxy.taken().items() if unit not in background}
        finally:
            service.stop()
    return sum(made.values()) / number, made
