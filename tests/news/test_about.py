from pathlib import Path

import pytest

from falsetrue.errors import InputError
from falsetrue.news.about import About, read_about


def test_each_table_is_what_is_known_of_a_corpus(tmp_path: Path) -> None:
    path = tmp_path / "corpora.toml"
    path.write_text('[alpha]\nfamily = "a"\nlicence = "CC0"\n[beta]\n')
    assert read_about(str(path)) == {"alpha": About(family="a", licence="CC0"), "beta": About()}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[alpha\n", "corpora.toml: "),
        (b"\xff", "utf-8"),
        (b"alpha = 1\n", r"\[alpha\]: Expected"),
        (b"[a]\n[b]\nlicence = 1\n", r"\[b\]: Expected .*str.*licence"),
        (b"[a]\n[b.c]\nlicense = ''\n", r"\[b\]: .*field .c"),
        (b"[a]\n[b]\nlicense = ''\n", r"\[b\]: .*license"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "corpora.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read_about(str(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml: cannot be read"):
        read_about(str(tmp_path / "nowhere.toml"))


def test_what_is_said_of_the_corpora_of_the_shipped_model_can_be_read() -> None:
    about = read_about("training/corpora.toml")
    assert about["fakenewsnet_gossipcop"].family == about["fakenewsnet_politifact"].family
