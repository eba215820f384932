"""This project's scorer on the same task, with the model ``plain``."""

from pathlib import Path

from task import Label, solve

from falsetrue.bundle.folder import open_bundle


def learn(bundle: Path, _texts: list[str], _labels: list[int]) -> Label:
    """Nothing is learnt: the model is there."""
    scorer = open_bundle(bundle).compiled_scorer()
    return lambda asked: (scorer.p_real(asked) > 0.5).astype(int).tolist()


solve(learn)
