"""How long work says how far it is, without knowing who listens."""

from typing import Protocol


class Progress(Protocol):
    """A listener."""

    def phase(self, name: str, total: int | None = None, unit: str = "") -> None:
        """A new phase begins, of ``total`` steps where that is known; ``unit`` names a step: ``bytes`` or ``rows``."""
        ...

    def at(self, done: int) -> None:
        """So many steps of the phase are done."""
        ...


class Quiet:
    """Listens to nothing."""

    def phase(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Ignore."""

    def at(self, done: int) -> None:
        """Ignore."""
