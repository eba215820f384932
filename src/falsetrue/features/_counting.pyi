# Counting n-grams: C, built by ``setup.py`` where there is a compiler.

from collections.abc import Sequence
from typing import final

from falsetrue.features.kernel import Buffer

@final
class Counter:
    def __new__(cls, *, stop_words: Buffer, lowercase: bool, largest: int) -> Counter: ...
    @property
    def texts(self) -> int: ...
    @property
    def longest(self) -> int: ...
    def add(self, texts: Sequence[str], /) -> None: ...
    def keep(self, fewest: int, /) -> bytes: ...
    def count(self, ranks: Buffer, fewest: int, /) -> tuple[Buffer, Buffer, Buffer, Buffer, Buffer, int]: ...
    def rows(
        self,
        of_words: Buffer,
        of_ngrams: Buffer,
        count: int,
        idf: Buffer | None,
        binary: bool,
        sublinear: bool,
        norm: int,
        ends: Buffer,
        columns: Buffer,
        values: Buffer,
        /,
    ) -> None: ...

@final
class Matcher:
    def __new__(cls, *, terms: Buffer, stop_words: Buffer, lowercase: bool, smallest: int, largest: int) -> Matcher: ...
    def match(
        self,
        texts: Sequence[str],
        idf: Buffer | None,
        binary: bool,
        sublinear: bool,
        norm: int,
        /,
    ) -> tuple[Buffer, Buffer, Buffer]: ...
