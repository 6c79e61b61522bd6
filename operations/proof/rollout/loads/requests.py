"""HTTP load: requests over kept connections, or each on a connection of its own."""

import errno
from types import SimpleNamespace
from typing import Any

import aiohttp

from operations.proof.rollout.loads.pace import Run, paced
from operations.proof.rollout.model import Load, Sample

TIMEOUT_SECONDS = 10.0
_KEPT_CONNECTIONS = 40
_TOO_MANY = 429


async def drive(url: str, load: Load, rate: float, run: Run) -> None:
    """Sends GET requests until told to stop.

    Args:
        url: What is asked for.
        load: ``KEEP_ALIVE`` or ``FRESH``.
        rate: Requests a second.
        run: What all loads of a proof share.
    """
    kept = load is Load.KEEP_ALIVE
    connector = aiohttp.TCPConnector(limit=_KEPT_CONNECTIONS if kept else 0, force_close=not kept)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        trace_configs=[_connections_counted()],
        # A shared jar would make clients of one user out of many.
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:

        async def once(due: float) -> None:
            problem = await _ask(session, url)
            run.samples.append(Sample(load, due, run.clock.now() - due, problem))

        await paced(rate, run, once)


async def _ask(session: aiohttp.ClientSession, url: str) -> str:
    """What went wrong; "" if nothing did."""
    used = {"connections": 0}
    try:
        async with session.get(url, trace_request_ctx=used, allow_redirects=False) as answer:
            await answer.read()
            if answer.status >= 400:
                return status_words(answer.status)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return words(error)
    # The library sends a request again when a kept connection breaks under it; browsers do, payment services do not.
    return "connection closed under the request" if used["connections"] > 1 else ""


def _connections_counted() -> aiohttp.TraceConfig:
    """Counts in each request's context how many connections it was sent over."""

    async def count(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
        context.trace_request_ctx["connections"] += 1

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(count)
    trace.on_connection_reuseconn.append(count)
    return trace


def status_words(status: int) -> str:
    """An answer that is no success, for people."""
    hint = ": a rate limit, which counts every client behind one address as one" if status == _TOO_MANY else ""
    return f"status {status}{hint}"


def words(error: BaseException) -> str:
    """Why a request got no answer, in a few words that are the same for the same cause."""
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_SECONDS:g} s"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "connection closed before the answer"
    number = getattr(error, "errno", None) or getattr(getattr(error, "os_error", None), "errno", None)
    named = {errno.ECONNREFUSED: "connection refused", errno.ECONNRESET: "connection reset", errno.EPIPE: "broken pipe"}
    return named.get(number, f"{type(error).__name__}: {error}"[:120]) if number else type(error).__name__
