import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.errors import InputError
from falsetrue.news.masking import CATALOGUE, EDGE, Masker

ALL = list(CATALOGUE)

#: Texts of our own: the mask that must find something, the text, and what must be left of it.
FOUND = [
    ("dateline@1", "LONDON (Reuters) - The bank said so.", "The bank said so."),
    ("dateline@1", "Washington (CNN) The bank said so.", "The bank said so."),
    ("dateline@1", "(AP) — The bank said so.", "The bank said so."),
    ("dateline@1", "MADRID, 12 Mar. (EFE).- El banco calló.", "El banco calló."),
    ("dateline@1", "Budget day , RIO DE JANEIRO (AFP) - O banco calou.", "Budget day , O banco calou."),
    ("place@1", "WASHINGTON — The bank said so.", "The bank said so."),
    ("place@1", "Budget day , PARIS, France — The bank said so.", "Budget day The bank said so."),
    ("outlet@1", "The bank told Reuters so.", "The bank told so."),
    ("outlet@1", "O banco disse à Folha de S.Paulo ontem.", "O banco disse à ontem."),
    ("byline@1", "By Ann Other\nThe bank said so.", "The bank said so."),
    ("byline@1", "It said so. Ann Other contributed to this report.", "It said so. Ann Other ."),
    ("byline@1", "It said so. (Reporting by A Writer; Editing by B Reader)", "It said so. ("),
    ("credit@1", "It said so. Featured image via A Painter/Getty Images", "It said so."),
    ("credit@1", "It said so in 2017Featured image via A Painter", "It said so in 2017"),
    ("credit@1", "It said so. A Painter/Getty Images", "It said so."),
    ("label@1", "It said so. Source: Another Site", "It said so."),
    ("label@1", "Calló. Fuente: Otro Sitio", "Calló."),
    ("label@1", "Calou. leia também: outra coisa", "Calou."),
    ("url@1", "See https://example.com/a?b=c now", "See now"),
    ("domain@1", "See pic.twitter.com/abc now", "See now"),
    ("handle@1", "It said so — A Writer (@awriter) May 3, 2017", "It said so"),
    ("handle@1", "Write to desk@example.com now", "Write to now"),
    ("wall@1", "this website is using a security service to protect itself from online attacks.", ""),
    ("share@1", "It said so. Click to share on Facebook", "It said so."),
    ("share@1", "It said so. The post It appeared first on A Site", "It said so."),
    ("player@1", "Replay Video The bank said so.", "The bank said so."),
    ("verdict@1", "Fact Check the bank said so.", "the bank said so."),
    ("mojibake@1", "It donâ€™t say so\ufffd.", "It don t say so ."),
    ("markup@1", "It <b>said</b> so&nbsp;now", "It said so now"),
    ("placeholder@1", "Llame al *PHONE* antes de las *NUMBER*", "Llame al antes de las"),
]


def left(mask: str, text: str) -> str:
    return " ".join(Masker([mask]).mask(text).split())


@pytest.mark.parametrize(("mask", "text", "expected"), FOUND)
def test_each_mask_blanks_what_it_is_for_and_leaves_the_rest(mask: str, text: str, expected: str) -> None:
    assert left(mask, text) == expected


def test_every_mask_has_a_text_that_it_blanks() -> None:
    assert {mask for mask, _, _ in FOUND} == set(CATALOGUE)


@pytest.mark.parametrize(
    "text",
    [
        "The minister (who resigned) - said the bank - would close.",
        "The ratio is 3:1. Time: 12:30. He asked: why now?",
        "Sharing is caring, and the printer printed.",
        "El banco (BCE) dijo que sí.",
        "Prices rose 3.5 per cent; e.g. bread. He said no.",
        "A capital idea, the reuters-like wire said nothing.",
    ],
)
def test_plain_news_is_left_alone(text: str) -> None:
    assert Masker(ALL).mask(text) == text


_DEBRIS = st.sampled_from(
    [text for _, text, _ in FOUND]
    + ["(", "((", "@", ".com", "https://", "— ", "Featured image", "A", "\n", " , ", "ñ", "😀"]
)


@given(st.lists(st.one_of(_DEBRIS, st.text(max_size=20)), max_size=12).map("".join))
def test_a_masked_text_has_as_many_code_points_and_only_blanks_are_new(text: str) -> None:
    masked = Masker(ALL).mask(text)
    assert len(masked) == len(text)
    assert all(new in (old, " ") for new, old in zip(masked, text, strict=True))


@given(st.lists(_DEBRIS, max_size=8).map("".join), st.permutations(ALL))
def test_the_order_of_the_references_does_not_matter(text: str, references: list[str]) -> None:
    assert Masker(references).mask(text) == Masker(ALL).mask(text)


def test_no_references_blank_nothing_and_unknown_ones_are_named() -> None:
    assert Masker([]).mask("LONDON (Reuters) - a") == "LONDON (Reuters) - a"
    with pytest.raises(InputError, match=r"there is no mask 'dateline@0'; there are dateline@1, "):
        Masker(["dateline@0"])


def test_what_turns_out_to_be_no_match_hides_none() -> None:
    text = "Factbox: the budget, iReuters , LONDON (Reuters) - The bank said so."
    assert Masker(ALL).mask(text).split()[-4:] == ["The", "bank", "said", "so."]
    assert Masker(ALL).found(text) == {"dateline@1", "outlet@1"}


def test_credits_are_looked_for_near_the_ends_only() -> None:
    filler = "the bank said so and " * EDGE
    assert "Featured image" in Masker(["credit@1"]).mask(f"{filler} Featured image via A {filler}")
    assert "Featured image" not in Masker(["credit@1"]).mask(f"{filler} Featured image via A")


def test_found_names_the_masks() -> None:
    assert Masker(ALL).found("LONDON (Reuters) - The bank told CNN.") == {"dateline@1", "outlet@1"}


def test_names_carry_a_version() -> None:
    assert all(name == mask.name and name.rpartition("@")[2].isdigit() for name, mask in CATALOGUE.items())


@pytest.mark.parametrize(
    "unit",
    [
        "A",
        "A ",
        "Aa, ",
        "(",
        "(A",
        "@a",
        "@",
        "a.",
        "a.com",
        ".com/",
        "<a ",
        "{a:",
        "[caption ",
        "â€",
        ":",
        "— a(",
        "\n",
        "\nAAA" + "." * 46,
        " , AAA" + ".," * 20,
        "-" * 70 + " @a" * 10,
    ],
)
def test_time_is_linear_on_hostile_texts(unit: str) -> None:
    masker = Masker(ALL)

    def seconds(size: int) -> float:
        text = (unit * size)[:size]
        begin = time.process_time()
        masker.mask(text)
        return time.process_time() - begin

    small = max(min(seconds(20_000) for _ in range(3)), 1e-4)
    assert min(seconds(200_000) for _ in range(2)) < 40 * small


def test_it_needs_no_numpy() -> None:
    code = "import sys, falsetrue.news.masking; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
