# Dual coordinate descent for logistic regression: C, built by ``setup.py`` where there is a compiler.

from falsetrue.features.kernel import Buffer

def epoch(
    ends: Buffer,
    columns: Buffer,
    values: Buffer,
    signs: Buffer,
    bounds: Buffer,
    order: Buffer,
    logits: Buffer,
    weights: Buffer,
    intercept: float,
    pull: float,
    /,
) -> tuple[float, float, float]: ...
