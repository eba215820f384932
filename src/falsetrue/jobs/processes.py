"""◆ Texts judged in processes of their own: for models whose work holds Python's lock, as masks do."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from falsetrue.errors import FalsetrueError, InputError
from falsetrue.jobs.classify import Classifier
from falsetrue.jobs.scoring import Judge, Judged, Texts, as_lists
from falsetrue.model.decision import Policy

#: Loads the same model again, in another process; can be pickled.
Load = Callable[[], Classifier]

_judge: Judge | None = None


@contextmanager
def judging_processes(
    load: Load, version: str, policy: Policy, prevalence: float | None, count: int
) -> Iterator[Callable[[Texts], Judged]]:
    """A judge that may be asked from ``count`` threads at once, each of which then has a process to itself.

    ``version`` is that of the model which ``load`` must find again. What the judge says is what
    :class:`falsetrue.jobs.scoring.Judge` says; it raises :class:`InputError` where a process was ended from outside.
    """
    # A fork would copy threads that hold locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, _begin, (load, version, policy, prevalence)) as pool:

        def judge(texts: Texts) -> Judged:
            try:
                return pool.submit(_judge_here, as_lists(texts)).result()
            except BrokenProcessPool as error:
                raise InputError(
                    "a process that classifies was ended from outside; is there too little memory?"
                ) from error

        try:
            yield judge
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin(load: Load, version: str, policy: Policy, prevalence: float | None) -> None:
    global _judge  # noqa: PLW0603 - what a process keeps from one call to the next
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent answers an interrupt
    threading.Thread(target=_end_with_parent, daemon=True).start()
    classifier = load()
    if classifier.manifest.version != version:
        raise FalsetrueError("the model has changed since this run began")
    _judge = Judge(classifier, policy, prevalence)


def _end_with_parent() -> None:
    """A parent that is killed tells nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _judge_here(texts: Texts) -> Judged:
    if _judge is None:
        raise FalsetrueError("this process has no model")
    return _judge(texts)
