"""Builds the scoring kernel where a C compiler is found; the install goes on without it where none is."""

import sys

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "falsetrue.features._kernel",
            sources=["src/falsetrue/features/native/kernel.c"],
            depends=[
                f"src/falsetrue/features/native/{name}.h"
                for name in ("words", "index", "vocabulary", "lexicon", "scoring")
            ],
            extra_compile_args=["/O2"] if sys.platform == "win32" else ["-O3", "-std=c11", "-fvisibility=hidden"],
            # Without a compiler `falsetrue doctor` says so, and NumPy does the same work more slowly.
            optional=True,
        )
    ]
)
