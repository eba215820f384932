import errno
import mmap
import os
import random
import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.conftest import NOW

from falsetrue.bundle import folder as folder_module
from falsetrue.bundle.folder import check_golden, compare, open_bundle, open_scorer, write_bundle
from falsetrue.bundle.golden import TOLERANCE
from falsetrue.bundle.manifest import (
    BASELINE,
    CARD,
    ESTIMATOR,
    FORMAT,
    MANIFEST,
    SCORER,
    Manifest,
    decode,
    encode,
    fingerprint,
    seal,
)
from falsetrue.bundle.scorer import CompiledScorer, Floats
from falsetrue.errors import BundleDamagedError, BundleError, BundleFormatError, InputError

#: A model saved by the first version, on news made up for it; never made again.
FORMAT_1 = Path(__file__).parent / "format_1"
#: The same of the last version that knew no filters.
FORMAT_2 = Path(__file__).parent / "format_2"


@pytest.fixture
def bundle(trained: Callable[[str], Path], tmp_path: Path) -> Path:
    """A bundle that the test may damage."""
    return Path(shutil.copytree(trained("default"), tmp_path / "bundle"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- reading -------------------------------------------------------------------------------------


def test_a_sound_bundle_opens_and_holds_what_the_format_says(bundle: Path) -> None:
    opened = open_bundle(bundle)
    assert sorted(files_of(bundle)) == sorted([BASELINE, CARD, ESTIMATOR, MANIFEST, SCORER])
    assert opened.manifest.format == FORMAT
    assert opened.baseline().texts == opened.manifest.split.held_out
    assert opened.compiled_scorer().score(["the vote"]).known_words[0] > 0


def test_the_scorer_is_mapped_not_read_and_what_was_mapped_is_what_was_verified(bundle: Path) -> None:
    opened = open_bundle(bundle)
    assert isinstance(opened.scorer, mmap.mmap)
    assert np.shares_memory(opened.compiled_scorer().weights, np.frombuffer(opened.scorer, dtype=np.uint8))
    expected = opened.compiled_scorer().p_real(["the vote"])
    # Another model in its place, as `--replace` puts it there, is another file.
    (bundle / SCORER).rename(bundle / "aside")
    (bundle / SCORER).write_bytes(b"another")
    assert opened.compiled_scorer().p_real(["the vote"]) == expected


def test_a_scorer_in_a_file_of_its_own_is_opened(bundle: Path, tmp_path: Path) -> None:
    opened = open_bundle(bundle)
    assert open_scorer(bundle / SCORER).p_real(["the vote"]) == opened.compiled_scorer().p_real(["the vote"])
    (tmp_path / "empty").write_bytes(b"")
    for path in (tmp_path / "empty", tmp_path / "none", tmp_path):
        with pytest.raises(BundleError, match=str(path)):
            open_scorer(path)


def test_any_flipped_bit_is_a_clear_error(bundle: Path) -> None:
    generator = random.Random(0)  # noqa: S311 - not for secrets
    sound = files_of(bundle)
    for turn in range(200):
        name = sorted(sound)[turn % len(sound)]
        damaged = bytearray(sound[name])
        damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
        (bundle / name).write_bytes(damaged)
        with pytest.raises(BundleError, match=str(bundle)) as caught:
            open_bundle(bundle)
        assert "\n" not in str(caught.value)
        (bundle / name).write_bytes(sound[name])


@pytest.mark.parametrize("name", [BASELINE, CARD, ESTIMATOR, SCORER])
def test_a_missing_or_shortened_file_is_named(bundle: Path, name: str) -> None:
    content = (bundle / name).read_bytes()
    (bundle / name).write_bytes(content[:-1])
    with pytest.raises(BundleDamagedError, match=name):
        open_bundle(bundle)
    (bundle / name).unlink()
    with pytest.raises(BundleDamagedError, match=name):
        open_bundle(bundle)


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"[]", b"\xff", b'{"format":1}', b"[" * 100_000])
def test_a_manifest_that_is_none_is_refused(bundle: Path, content: bytes) -> None:
    (bundle / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError, match=str(bundle)):
        open_bundle(bundle)


def test_a_bundle_of_format_1_is_verified_loaded_and_answers_as_it_did() -> None:
    opened = open_bundle(FORMAT_1)
    assert (opened.manifest.format, opened.manifest.name, opened.manifest.masks) == (1, "format-1", [])
    assert check_golden(opened.manifest, opened.compiled_scorer()) <= TOLERANCE
    assert opened.baseline().texts == opened.manifest.split.held_out
    policy = opened.manifest.policy.policy()
    assert (policy.languages, policy.minimum_news_log_odds, policy.minimum_words_for_halves) == ((), None, None)


def test_a_bundle_of_format_2_filters_nothing_and_keeps_what_people_read() -> None:
    """Its ``filters`` were words for people; its masks are as they were."""
    opened = open_bundle(FORMAT_2)
    manifest = opened.manifest
    assert (manifest.format, manifest.name, manifest.filters) == (2, "format-2", [])
    assert manifest.left_out[:2] == ["no label", "empty text"]
    assert "dateline@1" in manifest.masks
    assert check_golden(manifest, opened.compiled_scorer()) <= TOLERANCE


@pytest.mark.parametrize("folder", [FORMAT_1, FORMAT_2], ids=["1", "2"])
def test_an_older_manifest_without_filters_is_damaged(folder: Path) -> None:
    written = msgspec.json.decode((folder / MANIFEST).read_bytes())
    with pytest.raises(BundleDamagedError, match="does not have the fields"):
        decode(msgspec.json.encode({name: value for name, value in written.items() if name != "filters"}))


def test_a_filter_that_this_version_does_not_have_is_named(bundle: Path) -> None:
    manifest = decode((bundle / MANIFEST).read_bytes())
    later = seal(msgspec.structs.replace(manifest, filters=[*manifest.filters, "wall@9"]), NOW)
    with pytest.raises(BundleFormatError, match=r"there is no filter 'wall@9'.*upgrade falsetrue"):
        decode(encode(later))


def test_a_changed_manifest_of_format_1_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FORMAT_1, tmp_path / "bundle"))
    changed = (folder / MANIFEST).read_text().replace('"seed": 0', '"seed": 1')
    (folder / MANIFEST).write_text(changed)
    with pytest.raises(BundleDamagedError, match="was changed after it was sealed"):
        open_bundle(folder)


def test_a_newer_format_is_refused_by_its_number(bundle: Path) -> None:
    written = msgspec.json.decode((bundle / MANIFEST).read_bytes())
    (bundle / MANIFEST).write_bytes(msgspec.json.encode(written | {"format": FORMAT + 1, "novelty": True}))
    with pytest.raises(BundleFormatError, match=f"has format {FORMAT + 1}; this version reads formats 1 to {FORMAT}"):
        open_bundle(bundle)


def test_a_manifest_cannot_name_a_file_elsewhere(bundle: Path) -> None:
    manifest = decode((bundle / MANIFEST).read_bytes())
    record = manifest.files[CARD]
    moved = msgspec.structs.replace(manifest, files=manifest.files | {"../card.md": record})
    (bundle / MANIFEST).write_bytes(encode(resealed(moved)))
    with pytest.raises(BundleDamagedError, match="names a file that no bundle has"):
        open_bundle(bundle)


def resealed(manifest: Manifest) -> Manifest:
    from datetime import UTC, datetime

    return seal(manifest, datetime(2026, 5, 5, tzinfo=UTC))


def test_no_bundle_and_no_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no model here"):
        open_bundle(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="a model is a folder"):
        open_bundle(tmp_path / "file")


def test_the_version_is_the_time_and_the_content(bundle: Path) -> None:
    manifest = decode((bundle / MANIFEST).read_bytes())
    assert manifest.version == f"20260102T030405Z-{manifest.content_sha256[:8]}"
    from datetime import UTC, datetime

    later = seal(manifest, datetime(2026, 1, 2, tzinfo=UTC) + timedelta(days=1))
    assert later.content_sha256 == manifest.content_sha256
    assert later.version != manifest.version


# --- golden texts -----------------------------------------------------------------------------------


class _Shifted(CompiledScorer):
    """A scorer that is off by a little."""

    def __init__(self, scorer: CompiledScorer, by: float) -> None:
        vars(self).update(vars(scorer))
        self._by = by

    def p_real(self, texts: Sequence[str]) -> Floats:
        return super().p_real(texts) + self._by


def test_a_scorer_that_drifts_by_more_than_a_millionth_is_refused(bundle: Path) -> None:
    opened = open_bundle(bundle)
    scorer = opened.compiled_scorer()
    assert check_golden(opened.manifest, _Shifted(scorer, 5e-7)) < 1e-6
    with pytest.raises(BundleDamagedError, match="disagree on the golden texts by 2e-06"):
        check_golden(opened.manifest, _Shifted(scorer, 2e-6))


def test_a_label_that_changes_is_refused_however_small_the_difference() -> None:
    with pytest.raises(BundleDamagedError, match="disagree"):
        compare(np.array([0.5 - 1e-9]), np.array([0.5 + 1e-9]), "they")


def test_not_a_number_is_refused() -> None:
    with pytest.raises(BundleDamagedError, match="disagree"):
        compare(np.array([0.5]), np.array([np.nan]), "they")


def test_other_golden_texts_are_refused(bundle: Path) -> None:
    opened = open_bundle(bundle)
    other = msgspec.structs.replace(opened.manifest, golden_sha256="0" * 64)
    with pytest.raises(BundleDamagedError, match="other golden texts"):
        check_golden(other, opened.compiled_scorer())


# --- writing ----------------------------------------------------------------------------------------


def rewritten(bundle: Path) -> tuple[Manifest, dict[str, bytes]]:
    files = files_of(bundle)
    return decode(files.pop(MANIFEST)), files


def test_what_exists_is_not_overwritten(bundle: Path) -> None:
    before = files_of(bundle)
    manifest, files = rewritten(bundle)
    with pytest.raises(InputError, match="exists already"):
        write_bundle(bundle, manifest, files)
    assert files_of(bundle) == before


def test_replace_puts_a_model_in_the_place_of_a_model_only(bundle: Path, tmp_path: Path) -> None:
    manifest, files = rewritten(bundle)
    write_bundle(bundle, manifest, files, replace=True)
    assert open_bundle(bundle).manifest == manifest
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="is not a model, or holds more than one; it is not replaced"):
        write_bundle(other, manifest, files, replace=True)
    assert (other / "thesis.txt").exists()


def test_a_folder_that_only_looks_like_a_model_is_not_replaced(bundle: Path, tmp_path: Path) -> None:
    manifest, files = rewritten(bundle)
    extension = tmp_path / "extension"
    extension.mkdir()
    (extension / MANIFEST).write_text('{"manifest_version": 3}')
    (bundle / "notes.txt").write_text("mine")
    for target in (extension, bundle):
        with pytest.raises(InputError, match="it is not replaced"):
            write_bundle(target, manifest, files, replace=True)
    assert (bundle / "notes.txt").exists()


def test_a_model_that_another_process_put_there_meanwhile_stays(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, files = rewritten(bundle)
    target = tmp_path / "target"
    shutil.copytree(bundle, target)
    monkeypatch.setattr(folder_module, "refuse_existing", lambda *_arguments, **_options: None)
    with pytest.raises(InputError, match="exists already"):
        write_bundle(target, manifest, files)
    open_bundle(target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "target"]


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: {"files": {name: each for name, each in manifest.files.items() if name != ESTIMATOR}},
        lambda manifest: {"files": {name: each for name, each in manifest.files.items() if name != BASELINE}},
        lambda _: {"compiled": False},
        lambda _: {"name": "two\nlines"},
        lambda _: {"name": "\x1b[31mred"},
        lambda manifest: {"policy": msgspec.structs.replace(manifest.policy, false_below=0.9, real_above=0.1)},
    ],
)
def test_a_manifest_sealed_by_others_that_makes_no_sense_is_refused(
    bundle: Path, change: Callable[[Manifest], dict[str, Any]]
) -> None:
    manifest = decode((bundle / MANIFEST).read_bytes())
    (bundle / MANIFEST).write_bytes(encode(resealed(msgspec.structs.replace(manifest, **change(manifest)))))
    with pytest.raises(BundleDamagedError, match=r"manifest\.json"):
        open_bundle(bundle)


@pytest.mark.parametrize(
    "change", [{"format": 2}, {"reliability": []}, {"p_real_quantiles": [0.5]}, {"more": 1}, {"texts": "many"}]
)
def test_a_baseline_sealed_by_others_that_makes_no_sense_is_refused(bundle: Path, change: dict[str, Any]) -> None:
    content = encode(msgspec.json.decode((bundle / BASELINE).read_bytes()) | change)
    (bundle / BASELINE).write_bytes(content)
    manifest = decode((bundle / MANIFEST).read_bytes())
    files = manifest.files | {BASELINE: fingerprint(content)}
    (bundle / MANIFEST).write_bytes(encode(resealed(msgspec.structs.replace(manifest, files=files))))
    with pytest.raises(BundleDamagedError, match=r"baseline\.json is not a baseline of format 1"):
        open_bundle(bundle).baseline()


@pytest.mark.parametrize("replace", [False, True])
def test_a_full_disk_leaves_what_was_there_and_nothing_else(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, replace: bool
) -> None:
    manifest, files = rewritten(bundle)
    target = bundle if replace else tmp_path / "new"
    before = sorted(path.name for path in tmp_path.iterdir())

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_bundle(target, manifest, files, replace=replace)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    open_bundle(bundle)


def test_a_folder_that_cannot_be_made_says_so(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    manifest, files = rewritten(bundle)
    with pytest.raises(InputError, match="cannot be written"):
        write_bundle(tmp_path / "file" / "model", manifest, files)
