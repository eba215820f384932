"""The model card (Mitchell et al., FAT* 2019), generated from the manifest: no figure is typed by hand."""

from falsetrue.bundle.manifest import EstimateRecord, Manifest

_PREAMBLE = """\
**What it does.** It says how much a text resembles the false and the real news it learnt from, with a
probability `p_real`, and says *no decision* when its policy tells it to.

**What it does not do.** It does not check facts. A label in its training data may be the label of an
outlet, not of an article. It must not remove or block anything by itself. "No decision" is not
evidence that a text is true."""


def write_card(manifest: Manifest) -> str:
    """The card in Markdown."""
    parts = [
        f"# Model card: {manifest.name}",
        f"Recipe *{manifest.recipe}*: {manifest.recipe_summary}. Its version stands in `manifest.json`.",
        _PREAMBLE,
        "## Learnt from",
        _corpora(manifest),
        f"Languages declared: {', '.join(manifest.languages) or 'none'}. Left out: {'; '.join(manifest.filters)}. "
        f"Masked: {', '.join(manifest.masks) or 'nothing'}.",
        "## Figures on held-out news",
        _figures(manifest),
        "## Limits",
        _limits(manifest),
        "## Saved with",
        ", ".join(f"{name} {version}" for name, version in sorted(manifest.libraries.items())) + ".",
    ]
    return "\n\n".join(parts) + "\n"


def _corpora(manifest: Manifest) -> str:
    rows = ["| corpus | real | false | rows left out |", "|---|---:|---:|---|"]
    for corpus in manifest.corpora:
        left_out = ", ".join(f"{reason} {count:,}" for reason, count in sorted(corpus.dropped.items()) if count)
        rows.append(f"| {corpus.name} | {corpus.real:,} | {corpus.false:,} | {left_out or 'none'} |")
    return "\n".join(rows)


def _figures(manifest: Manifest) -> str:
    metrics = manifest.metrics
    split = manifest.split
    rows = [
        f"{split.held_out:,} articles drawn at random (seed {split.seed}) were kept aside; {split.fitted:,} were "
        "fitted on. Brackets are 95 % intervals.",
        "",
        "| figure | value |",
        "|---|---|",
    ]
    named = {
        "accuracy": metrics.accuracy,
        "F1, false": metrics.f1_false,
        "F1, real": metrics.f1_real,
        "Brier score (0 is best)": metrics.brier,
        "AUC": metrics.auc,
    }
    rows += [f"| {name} | {show(estimate)} |" for name, estimate in named.items()]
    rows += ["", "Corpora, worst AUC first:", "", "| corpus | AUC | accuracy |", "|---|---|---|"]
    rows += [f"| {name} | {show(row.get('auc'))} | {show(row['accuracy'])} |" for name, row in worst_first(manifest)]
    rows += ["", _selective(manifest)]
    return "\n".join(rows)


def worst_first(manifest: Manifest) -> list[tuple[str, dict[str, EstimateRecord]]]:
    """Figures by corpus, lowest AUC first; a corpus without one (a class is missing) stands last."""
    figures = manifest.metrics.by_corpus.items()
    return sorted(figures, key=lambda item: item[1]["auc"].value if "auc" in item[1] else 2.0)


def _selective(manifest: Manifest) -> str:
    selective = manifest.metrics.selective
    policy = manifest.policy
    return (
        f"With the default policy (false below {policy.false_below:.3f}, real above {policy.real_above:.3f}, at least "
        f"{policy.minimum_words} words of which {policy.minimum_known_share:.0%} known) it decides "
        f"{show(selective.coverage)} of the {selective.texts:,} held-out articles that the thresholds were not set on; "
        f"of those called false {show(selective.precision_false)} were false, of those called real "
        f"{show(selective.precision_real)} were real."
    )


def _limits(manifest: Manifest) -> str:
    lines = [
        "- The split is random: articles of the same outlet stand on both sides, so these figures flatter. "
        "On news from elsewhere expect far less.",
        "- What gives the label away in a corpus (datelines, outlet names, boilerplate) is "
        + ("masked as listed above." if manifest.masks else "not masked in this model."),
        "- Corpora and classes weigh the same in fitting, so `p_real` supposes that real and false news are about "
        "equally common; where they are not, it is off by that prior."
        if manifest.recipe != "deployed"
        else "- Probabilities are those of the forest, not calibrated.",
    ]
    if manifest.not_compiled_because:
        lines.append(f"- It has no compiled scorer ({manifest.not_compiled_because}) and is served by unpickling.")
    return "\n".join(lines)


def show(estimate: EstimateRecord | None) -> str:
    """A figure and its interval, to three places."""
    if estimate is None:
        return "none"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
