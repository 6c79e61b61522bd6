"""Job load: jobs over HTTP at a rate, and what became of each of them."""

import asyncio
from collections.abc import Sequence

import aiohttp

from operations.proof.rollout.loads.pace import Clock, Run, paced
from operations.proof.rollout.loads.requests import TIMEOUT_SECONDS, status_words, words
from operations.proof.rollout.model import Job, Load, Sample

_CONNECTIONS = 20
_POLL_SECONDS = 1.0
_DONE = ("completed", "failed")


class Jobs:
    """Posts jobs to an app that answers with their ids, and looks them up afterwards.

    Args:
        url: Where jobs are posted; ``url/ID`` tells about one.
        milliseconds: How long each job waits, as if for I/O.
        clock: The proof's clock.
    """

    def __init__(self, url: str, milliseconds: int, clock: Clock) -> None:
        self._url, self._clock = url, clock
        self._body = {"kind": "sleep", "ms": milliseconds}
        self.accepted: dict[str, float] = {}
        """Id of every job that was accepted, and when."""

    async def drive(self, rate: float, run: Run) -> None:
        """Posts jobs until told to stop.

        Args:
            rate: Jobs a second.
            run: What all loads of a proof share.
        """
        async with self._session() as session:

            async def once(due: float) -> None:
                problem = await self._post(session)
                run.samples.append(Sample(Load.JOBS, due, self._clock.now() - due, problem))

            await paced(rate, run, once)

    async def outcomes(self, seconds: float, settle_seconds: float = 0) -> list[Job]:
        """What became of every accepted job.

        Args:
            seconds: How long those that are not done may still take.
            settle_seconds: How long to wait before all of them are asked for once more: what is done twice shows only
                when the queue has given a lost worker's jobs to another.
        """
        ended: dict[str, Job] = {}
        until = self._clock.now() + seconds
        async with self._session() as session:
            while True:
                open_ids = [each for each in self.accepted if each not in ended or ended[each].state not in _DONE]
                await self._ask(session, open_ids, ended, until)
                if all(each in ended and ended[each].state in _DONE for each in self.accepted):
                    break
                if self._clock.now() > until:
                    break
                await asyncio.sleep(_POLL_SECONDS)
            await asyncio.sleep(settle_seconds)
            await self._ask(session, list(self.accepted), ended, self._clock.now() + seconds)
        return [ended.get(each) or Job(each, at, "") for each, at in self.accepted.items()]

    async def _ask(
        self, session: aiohttp.ClientSession, ids: Sequence[str], ended: dict[str, Job], until: float
    ) -> None:
        """Asks for some jobs as long as there is time; an answer takes the place of an earlier one."""
        for start in range(0, len(ids), _CONNECTIONS):
            if self._clock.now() > until:
                return
            found = await self._look_up(session, ids[start : start + _CONNECTIONS])
            ended |= {job.id: job for job in found if job.state or job.id not in ended}

    def _session(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_CONNECTIONS), timeout=timeout)

    async def _post(self, session: aiohttp.ClientSession) -> str:
        try:
            async with session.post(self._url, json=self._body) as answer:
                if answer.status >= 400:
                    return status_words(answer.status)
                self.accepted[str((await answer.json())["id"])] = self._clock.now()
                return ""
        except (aiohttp.ClientError, OSError, TimeoutError, KeyError, ValueError) as error:
            return words(error)

    async def _look_up(self, session: aiohttp.ClientSession, ids: Sequence[str]) -> list[Job]:
        return list(await asyncio.gather(*(self._one(session, each) for each in ids)))

    async def _one(self, session: aiohttp.ClientSession, job: str) -> Job:
        found: dict[str, object] = {}
        try:
            async with session.get(f"{self._url}/{job}") as answer:
                found = await answer.json() if answer.status < 400 else {}
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            pass  # asked again until the time is up; then it counts as unknown
        return Job(
            job, self.accepted[job], str(found.get("state", "")), _number(found, "runs"), _number(found, "completions")
        )


def _number(found: dict[str, object], key: str) -> int | None:
    value = found.get(key)
    return value if isinstance(value, int) else None
