"""Who asks, and what for."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a caller may be allowed to do."""

    CLASSIFY = "classify"  #: have texts classified, and read what the model says of itself
    FEEDBACK = "feedback"  #: say what a prediction should have been
    READ = "read"  #: read what was said, by any caller
    METRICS = "metrics"  #: read the service's figures
    ADMIN = "admin"  #: all of these, and the operator's view


class Kind(StrEnum):
    """How a caller showed who it is."""

    ANONYMOUS = "anonymous"  #: not at all
    KEY = "key"  #: by a key of this service
    #: by a bearer token of somebody whom the operator trusts
    TOKEN = "token"  # noqa: S105 - no secret
    SESSION = "session"  #: by a cookie of the page


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """How many requests are allowed in how many seconds."""

    requests: int  #: at least 1
    seconds: int  #: at least 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """A caller."""

    kind: Kind
    id: str | None  #: of the key, or a token's subject; ``None``: anonymous
    name: str  #: for people, in the operator's view
    scopes: frozenset[Scope]
    quota: Quota | None = None  #: ``None``: as often as it likes

    def allows(self, scope: Scope) -> bool:
        """Whether it may do what needs a scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes
