"""Every error that falsetrue raises on purpose.

::

    FalsetrueError
    ├── InputError            the news, file or option that was given cannot be used
    │   ├── RowError          one row of a file cannot be used (names file, line and value)
    │   └── UnknownPredictionError  there is no prediction with this id (any more)
    ├── MissingExtraError     the command needs an optional part that is not installed
    ├── BundleError           a saved model cannot be used
    │   ├── BundleDamagedError      its bytes are not what the manifest says
    │   ├── BundleFormatError       its format number is not one that this version reads
    │   ├── BundleUntrustedError    it can only be served by unpickling, which nobody has allowed
    │   └── CannotCompileError      its estimator has no compiled form
    ├── PolicyError           a policy file or name cannot be used
    ├── DatabaseError         the database cannot be reached or used
    │   ├── DatabaseUnavailableError  it does not answer, is locked or has no room; later it may
    │   ├── DatabaseFormatError       its tables are of a newer version
    │   ├── SecretMismatchError       what it keeps was made with another secret
    │   └── SpoolError                what is to wait for it in a file cannot be kept there
    ├── AccessError           a caller may not have what it asks for
    │   ├── UnknownCallerError      it did not show who it is, or what it showed is not valid (any more)
    │   └── NotAllowedError         it is known, and may not do this
    └── NotReadyError         the service has not loaded its model, or is stopping

A message says what is wrong, which value, and what to do, in one line, and never repeats news text.
Only ``service/app.py`` turns these into status codes; only ``cli/`` turns them into exit codes.
"""


class FalsetrueError(Exception):
    """Base of every error raised on purpose."""


class InputError(FalsetrueError):
    """Something that was given (a file, a column, an option) cannot be used."""


class RowError(InputError):
    """One row cannot be used. ``line`` is the 1-based line on which the row begins."""

    def __init__(self, path: str, line: int, problem: str) -> None:
        super().__init__(f"{path}, line {line}: {problem}")
        self.line = line
        self.problem = problem


class UnknownPredictionError(InputError):
    """There is no prediction with this id: there never was, or it was kept for long enough."""


class MissingExtraError(FalsetrueError):
    """An optional part is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the [{extra}] extra; in a clone: pip install '.[{extra}]'")


class BundleError(FalsetrueError):
    """A saved model cannot be used."""


class BundleDamagedError(BundleError):
    """The bytes of a bundle are not the ones its manifest describes."""


class BundleFormatError(BundleError):
    """A bundle was written in a format that this version does not read."""


class BundleUntrustedError(BundleError):
    """A bundle without a compiled scorer has not been trusted by the operator."""


class CannotCompileError(BundleError):
    """An estimator has no compiled form; the message names the part and why."""


class PolicyError(FalsetrueError):
    """A policy cannot be read or does not exist."""


class DatabaseError(FalsetrueError):
    """The database cannot be reached or used."""


class DatabaseUnavailableError(DatabaseError):
    """The database does not answer, is locked or has no room; later it may do what was asked."""


class DatabaseFormatError(DatabaseError):
    """The tables of the database are of a newer version than this one knows."""


class SecretMismatchError(DatabaseError):
    """What the database keeps was made with another secret."""


class SpoolError(DatabaseError):
    """What is to wait in a file until the database is back cannot be kept there."""


class AccessError(FalsetrueError):
    """A caller may not have what it asks for."""


class UnknownCallerError(AccessError):
    """A caller did not show who it is, or what it showed is not valid, or not any more."""


class NotAllowedError(AccessError):
    """A caller is known, and may not do what it asks for."""


class NotReadyError(FalsetrueError):
    """No model is loaded yet, or the service is stopping."""
