"""Builds the native modules where a C compiler is found; the install goes on without them where none is.

Without them `falsetrue doctor` says so, and Python and NumPy do the same work more slowly.
"""

import sys
from pathlib import Path

from setuptools import Extension, setup

PACKAGE = Path("src/falsetrue")
#: Module -> its C file; the headers beside it belong to it.
NATIVE = {
    "falsetrue.features._counting": "features/native/counting.c",
    "falsetrue.features._kernel": "features/native/kernel.c",
    "falsetrue.features._sketching": "features/native/sketching.c",
    "falsetrue.model._descent": "model/native/descent.c",
    "falsetrue.news._openers": "news/native/openers.c",
}

setup(
    ext_modules=[
        Extension(
            module,
            sources=[str(PACKAGE / source)],
            depends=[str(header) for header in sorted((PACKAGE / source).parent.glob("*.h"))],
            extra_compile_args=["/O2"]
            if sys.platform == "win32"
            else ["-O3", "-g0", "-std=c11", "-fvisibility=hidden"],
            optional=True,
        )
        for module, source in NATIVE.items()
    ]
)
