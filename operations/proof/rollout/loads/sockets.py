"""WebSocket load: clients in rooms, who join again whenever they are cut off, and speakers whom they hear."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from operations.proof.rollout.loads.pace import Clock
from operations.proof.rollout.loads.requests import words
from operations.proof.rollout.model import Client, Stay

MEMBERS = 10
_SAY_SECONDS = 2.0
_AGAIN_SECONDS = 0.1
_PAUSE_SECONDS = 0.02
_CONNECT_SECONDS = 10.0
_TURN_SECONDS = 0.5
_BROKEN = 1006
# All at once would be a storm of the proof's own.
_FIRST_A_SECOND = 100


@dataclass
class Rooms:
    """Clients of one WebSocket endpoint, ten to a room; the first of each room speaks.

    Attributes:
        url: The endpoint, ``http://…``: the library upgrades it.
        clock: The proof's clock.
        clients: Every client.
        said: Every message that was heard by anybody: room and number, and when it was said.
    """

    url: str
    clock: Clock
    clients: list[Client] = field(default_factory=list[Client])
    said: dict[tuple[str, int], float] = field(default_factory=dict[tuple[str, int], float])

    async def drive(self, count: int, joined: asyncio.Event, stop: asyncio.Event) -> None:
        """Keeps clients in their rooms until told to stop.

        Args:
            count: How many.
            joined: Set when all of them are in for the first time.
            stop: Ends it.
        """
        if not count:
            joined.set()
            return
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
            tasks: list[asyncio.Task[None]] = []
            for number in range(count):
                client = Client(f"proof-{number // MEMBERS}")
                self.clients.append(client)
                tasks.append(asyncio.ensure_future(self._stay(session, client, speaks=number % MEMBERS == 0)))
                await asyncio.sleep(1 / _FIRST_A_SECOND)
            while not stop.is_set() and not all(client.stays for client in self.clients):
                await asyncio.sleep(0.1)
            joined.set()
            await stop.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _stay(self, session: aiohttp.ClientSession, client: Client, *, speaks: bool) -> None:
        """Joins again and again, until it is cancelled."""
        number = 0
        closing = aiohttp.ClientWSTimeout(ws_close=1.0)  # pyright: ignore[reportCallIssue]  # a class of attrs
        while True:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    socket = await session.ws_connect(self.url, timeout=closing)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                client.failed.append((self.clock.now(), words(error)))
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            async with socket:
                said = await self._listen(socket, client, number if speaks else None)
                number = number if said is None else said
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _listen(self, socket: Any, client: Client, number: int | None) -> int | None:
        """One connection, to its end; the number of the next message that a speaker says."""
        stay: Stay | None = None
        say_at = 0.0
        try:
            await socket.send_json({"type": "join", "room": client.room})
            while True:
                if number is not None and stay is not None and self.clock.now() >= say_at:
                    data = {"n": number, "at": self.clock.now()}
                    await socket.send_json({"type": "say", "room": client.room, "data": data})
                    number, say_at = number + 1, self.clock.now() + _SAY_SECONDS
                try:
                    wait = _CONNECT_SECONDS if stay is None else None if number is None else _TURN_SECONDS
                    message = await socket.receive(timeout=wait)
                except TimeoutError:
                    if stay is None:
                        break
                    continue
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                stay = self._heard(json.loads(message.data), client, stay)
        except (aiohttp.ClientError, OSError):
            pass  # a connection that just broke; its code says so
        if stay is None:
            client.failed.append((self.clock.now(), f"ended before it was in its room ({socket.close_code})"))
        else:
            stay.closed, stay.code = self.clock.now(), socket.close_code or _BROKEN
        return number

    def _heard(self, message: dict[str, Any], client: Client, stay: Stay | None) -> Stay | None:
        if message.get("type") == "joined" and stay is None:
            stay = Stay(self.clock.now())
            client.stays.append(stay)
        elif message.get("type") == "message" and stay is not None:
            data = message["data"]
            self.said.setdefault((client.room, data["n"]), data["at"])
            stay.heard.add(data["n"])
        return stay
