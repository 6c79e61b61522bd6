"""The loads of a proof, against servers that misbehave in known ways: what goes wrong is seen, and nothing else."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from operations.proof.rollout.judge import Budget, judge
from operations.proof.rollout.loads import requests
from operations.proof.rollout.loads.jobs import Jobs
from operations.proof.rollout.loads.pace import Clock, Run
from operations.proof.rollout.loads.sockets import Rooms
from operations.proof.rollout.model import Load, Measured, Sample

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(*routes: web.RouteDef) -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def driven(url: str, load: Load, seconds: float = 0.5, rate: float = 100) -> list[Sample]:
    stop = asyncio.Event()
    run = Run(Clock(), stop, [])
    task = asyncio.ensure_future(requests.drive(url, load, rate, run))
    await asyncio.sleep(seconds)
    stop.set()
    await task
    return run.samples


@pytest.mark.parametrize("load", [Load.KEEP_ALIVE, Load.FRESH])
def test_what_is_answered_is_no_failure_and_the_rate_is_kept(load: Load):
    connections: set[object] = set()

    async def handler(request: web.Request) -> web.Response:
        connections.add(request.transport.get_extra_info("peername"))  # type: ignore[union-attr]
        return web.Response(text="ok")

    async def main() -> list[Sample]:
        async with serving(web.get("/", handler)) as url:
            return await driven(url, load)

    samples = asyncio.run(main())
    assert [one.problem for one in samples if one.problem] == []
    assert 40 <= len(samples) <= 60, "100 a second for half a second, whatever the server does"
    assert (len(connections) == len(samples)) is (load is Load.FRESH), "a connection each, or kept ones"


@pytest.mark.parametrize(("status", "word"), [(500, "status 500"), (429, "rate limit")])
def test_an_error_status_is_a_failure_and_a_rate_limit_is_called_that(status: int, word: str):
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async def main() -> list[Sample]:
        async with serving(web.get("/", handler)) as url:
            return await driven(url, Load.KEEP_ALIVE, seconds=0.1)

    samples = asyncio.run(main())
    assert samples and all(word in one.problem for one in samples)


def test_a_kept_connection_that_breaks_under_a_request_is_a_failure_although_the_library_sends_it_again():
    async def main() -> list[Sample]:
        answered = 0

        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal answered
            while await reader.readuntil(b"\r\n\r\n"):
                answered += 1
                if answered % 10 == 0:
                    break  # hangs up instead of an answer
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            writer.close()

        async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await driven(f"http://127.0.0.1:{port}/", Load.KEEP_ALIVE)

    problems = [one.problem for one in asyncio.run(main()) if one.problem]
    assert problems, "a client that cannot send twice, such as one that pays, would have failed"
    assert set(problems) <= {"connection closed under the request", "connection closed before the answer"}


def test_nobody_who_listens_is_a_failure_with_its_reason():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    samples = asyncio.run(driven(f"http://127.0.0.1:{port}/", Load.FRESH, seconds=0.1))
    assert {one.problem for one in samples} == {"connection refused"}


class RoomServer:
    """Rooms as the example app has them; it can cut clients off, and swallow messages."""

    def __init__(self) -> None:
        self.sockets: dict[web.WebSocketResponse, str] = {}
        self.swallow: web.WebSocketResponse | None = None

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        one = web.WebSocketResponse()
        await one.prepare(request)
        async for message in one:
            if message.type is not WSMsgType.TEXT:
                break
            said = json.loads(message.data)
            if said["type"] == "join":
                self.sockets[one] = said["room"]
                await one.send_json({"type": "joined", "room": said["room"]})
            else:
                for each, room in list(self.sockets.items()):
                    if room == said["room"] and each is not self.swallow:
                        await each.send_json({"type": "message", "room": room, "data": said["data"]})
        self.sockets.pop(one, None)
        return one

    async def cut_off(self, code: int) -> None:
        await asyncio.gather(*(one.close(code=code) for one in list(self.sockets)))


def in_rooms(during: Callable[[RoomServer], Awaitable[None]], count: int = 10) -> Measured:
    async def main() -> Measured:
        server = RoomServer()
        async with serving(web.get("/ws", server.handle)) as url:
            clock, joined, stop = Clock(), asyncio.Event(), asyncio.Event()
            rooms = Rooms(f"{url}/ws", clock)
            task = asyncio.ensure_future(rooms.drive(count, joined, stop))
            await asyncio.wait_for(joined.wait(), 10)
            await during(server)
            stop.set()
            await task
            return Measured("", clients=rooms.clients, said=rooms.said, changed=(0, 1), ended=clock.now())

    return asyncio.run(main())


def test_clients_in_a_room_hear_everything():
    async def during(_: RoomServer) -> None:
        await asyncio.sleep(2.5)

    measured = in_rooms(during)
    assert measured.said, "the first of them speaks"
    verdict = judge(measured, Budget())
    assert verdict.ok, verdict.problems
    assert verdict.facts["room messages lost"] == 0
    assert int(verdict.facts["room messages heard"]) >= 10


def test_clients_that_are_cut_off_join_again_and_the_storm_is_counted():
    async def during(server: RoomServer) -> None:
        await server.cut_off(1012)
        await asyncio.sleep(1)

    verdict = judge(in_rooms(during, count=30), Budget(burst=20))
    assert verdict.facts["cut off"] == 30
    assert verdict.facts["close codes"] == "1012: 30"
    assert verdict.problems == ["30 WebSocket clients were cut off within 100 ms, 20 may be"], "and all are back"


def test_a_message_that_one_client_does_not_get_is_lost():
    async def during(server: RoomServer) -> None:
        server.swallow = list(server.sockets)[-1]
        await asyncio.sleep(4.5)

    verdict = judge(in_rooms(during), Budget())
    assert any("room messages were lost" in problem for problem in verdict.problems), verdict


def test_jobs_are_looked_up_until_they_are_done_and_one_that_never_is_is_lost():
    async def main() -> Measured:
        asked: dict[str, int] = {}

        async def post(_: web.Request) -> web.Response:
            asked[str(len(asked))] = 0
            return web.json_response({"id": str(len(asked) - 1)}, status=202)

        async def look_up(request: web.Request) -> web.Response:
            job = request.match_info["id"]
            asked[job] += 1
            done = asked[job] > 1 and job != "3"
            return web.json_response({"state": "completed" if done else "active", "runs": 1, "completions": int(done)})

        async with serving(web.post("/jobs", post), web.get("/jobs/{id}", look_up)) as url:
            stop = asyncio.Event()
            run = Run(Clock(), stop, [])
            jobs = Jobs(f"{url}/jobs", 10, run.clock)
            task = asyncio.ensure_future(jobs.drive(50, run))
            await asyncio.sleep(0.3)
            stop.set()
            await task
            return Measured("", samples=run.samples, jobs=await jobs.outcomes(2.5), changed=(0, 1))

    measured = asyncio.run(main())
    verdict = judge(measured, Budget())
    assert verdict.facts["jobs accepted"] == len(measured.samples)
    assert verdict.facts["jobs lost"] == 1
    assert verdict.facts["jobs completed"] == len(measured.samples) - 1


def test_a_job_that_is_done_again_later_is_seen():
    async def main() -> Measured:
        started = asyncio.get_running_loop().time()

        async def post(_: web.Request) -> web.Response:
            return web.json_response({"id": "1"}, status=202)

        async def look_up(_: web.Request) -> web.Response:
            late = asyncio.get_running_loop().time() - started > 0.5
            return web.json_response({"state": "completed", "runs": 1 + late, "completions": 1 + late})

        async with serving(web.post("/jobs", post), web.get("/jobs/{id}", look_up)) as url:
            stop = asyncio.Event()
            run = Run(Clock(), stop, [])
            jobs = Jobs(f"{url}/jobs", 10, run.clock)
            task = asyncio.ensure_future(jobs.drive(50, run))
            await asyncio.sleep(0.1)
            stop.set()
            await task
            return Measured("", jobs=await jobs.outcomes(5, settle_seconds=0.7), changed=(0, 1))

    verdict = judge(asyncio.run(main()), Budget())
    assert verdict.facts["jobs done twice"] == 1, "a lost worker's jobs begin again only when its lock has expired"
