from collections.abc import Sequence
from typing import final

from falsetrue.features.kernel import Buffer

@final
class Kernel:
    def __new__(
        cls,
        *,
        terms: Buffer | None,
        stop_words: Buffer,
        function_words: Buffer,
        function_bits: Buffer,
        function_count: int,
        languages: int,
        smallest: int,
        largest: int,
        lowercase: bool,
        hash_columns: int,
        alternate_sign: bool,
        binary: bool,
        sublinear: bool,
        norm: int,
        idf: Buffer | None,
        outputs: tuple[tuple[Buffer, float, int, float, float], ...],
        forest: tuple[Buffer, Buffer, Buffer, Buffer, Buffer, Buffer] | None,
    ) -> Kernel: ...
    @property
    def columns(self) -> int: ...
    def score(self, texts: Sequence[str], outputs: Buffer, integers: Buffer | None, halves: bool, /) -> None: ...
    def score_utf8(
        self,
        columns: tuple[tuple[Buffer, Buffer, bool], ...],
        begin: int,
        count: int,
        outputs: Buffer,
        integers: Buffer | None,
        halves: bool,
        /,
    ) -> list[int]: ...
