"""The model that a process serves, from the moment it starts to load until the process stops."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from falsetrue.errors import FalsetrueError, NotReadyError
from falsetrue.jobs.classify import Classifier
from falsetrue.jobs.recording import Recorder, Tracing
from falsetrue.service.turns import INLINE_CHARACTERS, Turns

Answer = TypeVar("Answer")

_log = logging.getLogger("falsetrue")


class Serving:
    """Loads a classifier in the background and says whether it may be asked."""

    def __init__(
        self,
        load: Callable[[], Classifier],
        make_tracing: Callable[[], Tracing] | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._load = load
        self._make_tracing = make_tracing  #: ``None``: nothing of a text is kept
        self._recorder: Recorder | None = None
        self.turns = Turns() if turns is None else turns
        self.on_loaded: Callable[[], object] | None = None  #: called in the event loop, once
        self.draining = False  #: the process was asked to stop; requests are still answered
        self.failed = False  #: the model could not be loaded, and never will be

    async def load(self) -> None:
        """Load and prove the model in a thread; a failure is logged, in one line if it was foreseen, and remembered."""
        try:
            self._recorder = await asyncio.to_thread(self._load_recorder)
        except FalsetrueError as error:
            self.failed = True
            _log.error("the model cannot be served: %s", error)
        except Exception:  # noqa: BLE001 - whatever it was, the log must say it now, not when the process stops
            self.failed = True
            _log.exception("the model cannot be served, for a reason that nobody foresaw")
        if self.on_loaded is not None:
            self.on_loaded()

    def _load_recorder(self) -> Recorder:
        classifier = self._load()
        return Recorder(classifier=classifier, trace=self._make_tracing() if self._make_tracing else None)

    async def run(self, characters: int, work: Callable[[], Answer]) -> Answer:
        """Do what cannot be cut into items: here if it is short, else in a thread, so that others need not wait."""
        return await asyncio.to_thread(work) if characters > INLINE_CHARACTERS else work()

    def check_ready(self) -> None:
        """Raise :class:`NotReadyError` unless new requests should come here."""
        if self.draining:
            raise NotReadyError("the service is stopping")
        _ = self.recorder

    @property
    def classifier(self) -> Classifier:
        """The loaded model; raises as :attr:`recorder`."""
        return self.recorder.classifier

    @property
    def recorder(self) -> Recorder:
        """The loaded model with what it keeps; raises :class:`NotReadyError` until it has answered its golden texts."""
        if self._recorder is None:
            raise NotReadyError(
                "the model could not be loaded; see the log" if self.failed else "the model is being loaded"
            )
        return self._recorder
