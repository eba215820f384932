# Making and reading sketches: C, built by ``setup.py`` where there is a compiler.

from collections.abc import Sequence
from typing import Self, final

from falsetrue.features.kernel import Buffer

@final
class Sketcher:
    def __new__(cls, *, word_key: Buffer, shingle_keys: Buffer, donors: Buffer) -> Self: ...
    def sketch(self, texts: Sequence[str], /) -> list[bytes]: ...

def read_features(contents: Sequence[bytes], head: int, /) -> tuple[bytes, bytes, bytes]: ...
