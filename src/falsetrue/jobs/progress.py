"""How long work says how far it is, without knowing who listens."""

from typing import Protocol


class Progress(Protocol):
    """A listener."""

    def phase(self, name: str, total: int | None = None) -> None:
        """A new phase begins, of ``total`` steps where that is known."""
        ...

    def at(self, done: int) -> None:
        """So many steps of the phase are done."""
        ...


class Quiet:
    """Listens to nothing."""

    def phase(self, name: str, total: int | None = None) -> None:
        """Ignore."""

    def at(self, done: int) -> None:
        """Ignore."""
