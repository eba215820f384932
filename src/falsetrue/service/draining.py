"""◆ A stop that first says so."""

import asyncio
import signal
import threading
from types import FrameType

from falsetrue.service.serving import Serving


def drain_on_sigterm(serving: Serving, seconds: float) -> None:
    """On SIGTERM, turn ``/readyz`` to 503 and go on answering for ``seconds``; only then stop as the server would.

    A second SIGTERM, or Ctrl+C, skips the wait. To be called while the server starts, when its
    own handler is in place; outside the main thread it does nothing.
    """
    stop = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(stop):
        return
    loop = asyncio.get_running_loop()

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        if serving.draining:
            stop(number, frame)
            return
        serving.draining = True
        loop.call_soon_threadsafe(loop.call_later, seconds, stop, number, None)

    signal.signal(signal.SIGTERM, on_sigterm)
