"""A source that hangs delays no other, and holds one thread."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from connectors.errors import AccessDeniedError, UnreachableError
from headwater.orchestration.looks import Looks

_SECONDS = 20


class Hanging:
    """A source that answers no look until it is let go."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.began = threading.Semaphore(0)
        self.looks = 0

    def list_files(self) -> list[str]:
        self.looks += 1
        self.began.release()
        assert self.answers.wait(_SECONDS)
        return ["a.csv"]


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    hanging = Hanging()
    yield hanging
    hanging.answers.set()


def test_one_that_hangs_delays_no_other(hanging: Hanging) -> None:
    async def look() -> None:
        looks = Looks(most_threads=2)
        waiting = [asyncio.create_task(looks.look("hanging", hanging.list_files)) for _ in range(10)]
        async with asyncio.timeout(_SECONDS):
            for number in range(50):
                assert await looks.look(f"other {number % 3}", lambda: ["b.csv"]) == ["b.csv"]
        assert hanging.looks == 1, "the others of the account wait for their turn"
        hanging.answers.set()
        assert await asyncio.gather(*waiting) == [["a.csv"]] * 10

    asyncio.run(look())


def test_a_look_that_takes_too_long_has_failed(hanging: Hanging) -> None:
    async def look() -> None:
        looks = Looks(patience_seconds=0.05)
        for _ in range(3):
            with pytest.raises(UnreachableError) as caught:
                await looks.look("crm", hanging.list_files)
            assert str(caught.value) == (
                "account 'crm' was not listed within 0.05 s: its source hangs, or the folder is too large. Look at it "
                "with `headwater account explore`."
            )
        assert hanging.looks == 1, "no other look is begun while one hangs"
        hanging.answers.set()
        async with asyncio.timeout(_SECONDS):
            assert await Looks().look("crm", hanging.list_files) == ["a.csv"]

    asyncio.run(look())


def test_a_look_that_nobody_waits_for_keeps_its_turn(hanging: Hanging) -> None:
    async def look() -> None:
        looks = Looks()
        first = asyncio.create_task(looks.look("crm", hanging.list_files))
        assert await asyncio.to_thread(hanging.began.acquire, timeout=_SECONDS)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        second = asyncio.create_task(looks.look("crm", hanging.list_files))
        await looks.look("other", list)
        assert hanging.looks == 1
        hanging.answers.set()
        assert await second == ["a.csv"]

    asyncio.run(look())


def test_what_a_look_raises_is_raised() -> None:
    def refuse() -> None:
        raise AccessDeniedError("the folder may not be listed")

    async def look() -> None:
        looks = Looks()
        for _ in range(2):
            with pytest.raises(AccessDeniedError, match="may not be listed"):
                await looks.look("crm", refuse)

    asyncio.run(look())
