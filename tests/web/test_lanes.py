"""A lane takes the steps of many calls on one thread, and none waits for another's batch."""

import asyncio
import threading
from collections.abc import Awaitable
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any

import pytest

from govd.serve.waiting import Awaited, finished, waiting
from govd.web.lanes import Lane

SECONDS = 20
caller: ContextVar[str] = ContextVar("caller", default="nobody")


async def doubled(future: Future[int], threads: list[str]) -> int:
    """Twice what a future brings, from steps before and after it."""
    threads.append(threading.current_thread().name)
    brought = await Awaited(future)
    threads.append(threading.current_thread().name)
    return 2 * brought


async def timed(answer: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(answer, SECONDS)


def test_steps_are_taken_on_one_thread_and_who_is_ready_does_not_wait() -> None:
    async def ask() -> None:
        lane, threads = Lane(), list[str]()
        late, early = Future[int](), Future[int]()
        first = asyncio.ensure_future(lane.take(doubled(late, threads)))
        second = asyncio.ensure_future(lane.take(doubled(early, threads)))
        await asyncio.sleep(0)
        early.set_result(2)
        assert await timed(second) == 4
        assert not first.done()
        late.set_result(1)
        assert await timed(first) == 2
        assert threads == ["lane"] * 4

    asyncio.run(ask())


def test_what_a_step_or_a_future_raises_is_raised_where_it_was_asked() -> None:
    async def refused() -> int:
        raise ValueError("not this")

    async def ask() -> None:
        lane, broken = Lane(), Future[int]()
        with pytest.raises(ValueError, match="not this"):
            await timed(lane.take(refused()))
        broken.set_exception(RuntimeError("out of order"))
        with pytest.raises(RuntimeError, match="out of order"):
            await timed(lane.take(doubled(broken, [])))

    asyncio.run(ask())


def test_who_has_gone_is_told_nothing_and_others_are_answered() -> None:
    async def ask() -> None:
        lane, future = Lane(), Future[int]()
        gone = asyncio.ensure_future(lane.take(doubled(future, [])))
        await asyncio.sleep(0)
        gone.cancel()
        future.set_result(1)
        done = Future[int]()
        done.set_result(3)
        assert await timed(lane.take(doubled(done, []))) == 6
        assert gone.cancelled()

    asyncio.run(ask())


def test_a_lane_goes_on_where_the_loop_of_one_who_asked_has_ended() -> None:
    async def leave(lane: Lane, future: Future[int]) -> None:
        asked = asyncio.ensure_future(lane.take(doubled(future, [])))
        await asyncio.sleep(0)
        asked.cancel()

    async def ask(lane: Lane) -> int:
        done = Future[int]()
        done.set_result(3)
        answer: int = await timed(lane.take(doubled(done, [])))
        return answer

    lane, future = Lane(), Future[int]()
    asyncio.run(leave(lane, future))
    future.set_result(1)
    assert asyncio.run(ask(lane)) == 6


def test_steps_see_the_context_of_who_asked() -> None:
    async def asked_by() -> str:
        return caller.get()

    async def ask() -> None:
        caller.set("anna")
        assert await timed(Lane().take(asked_by())) == "anna"

    asyncio.run(ask())


def test_the_same_work_is_a_function_that_waits() -> None:
    future = Future[int]()
    threading.Timer(0.01, future.set_result, [4]).start()
    assert waiting(doubled)(future, []) == 8
    future = Future[int]()
    future.set_exception(RuntimeError("out of order"))
    with pytest.raises(RuntimeError, match="out of order"):
        finished(doubled(future, []))
