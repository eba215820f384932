"""When garbage is looked for: not while the service starts, and again once it is whole."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from falsetrue.cli import serve as verb
from falsetrue.errors import InputError
from falsetrue.service.core import Core
from falsetrue.service.early import Early
from falsetrue.settings import Settings


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_a_service_that_is_whole_collects() -> None:
    gc.disable()
    early = Early(Core(Settings()))

    async def be_asked() -> None:
        await early._begin_to_make()  # noqa: SLF001 - what the first request that needs it does

    asyncio.run(be_asked())
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_a_service_that_is_refused_leaves_collecting_on() -> None:
    with pytest.raises(InputError, match="--allow-anonymous"):
        verb.serve(host="192.0.2.1")
    assert gc.isenabled()
