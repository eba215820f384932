from falsetrue.bundle.golden import golden_digest, golden_texts
from falsetrue.features.words import words


def test_there_are_at_least_32_texts_and_no_two_are_the_same() -> None:
    assert len(set(golden_texts())) == len(golden_texts()) >= 32


def test_they_are_spanish_and_english_and_awkward() -> None:
    texts = golden_texts()
    assert sum(" the " in text for text in texts) >= 10
    assert sum(" la " in text or " el " in text for text in texts) >= 10
    assert "" in texts
    assert any(not text.isascii() and len(words(text)) > 3 for text in texts)


def test_the_digest_is_of_the_texts() -> None:
    assert len(golden_digest()) == 64
