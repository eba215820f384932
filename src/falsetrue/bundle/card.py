"""The model card (Mitchell et al., FAT* 2019), generated from the manifest: no figure is typed by hand."""

from collections.abc import Iterable, Sequence

from falsetrue.bundle.manifest import CorpusRecord, EvaluationRecord, LeakRecord, Manifest
from falsetrue.model.figures import FIGURES, EstimateRecord, FiguresRecord, PolicyFiguresRecord, auc_rank
from falsetrue.model.probing import describe

#: Leaks of one corpus, and between corpora, that the card lists; the manifest has them all.
MOST_LEAKS = 8

_PREAMBLE = """\
**What it does.** It says how much a text resembles the false and the real news it learnt from, with a
probability `p_real`, and says *no decision* when its policy tells it to.

**What it is for.** To put a feed in an order for people who read it: what to look at first, what can wait.

**What it is not for.** It does not check facts. A label in its training data may be the label of an
outlet, not of an article. It must not remove, block or demote anything by itself, nor say anything
about a person or an outlet. "No decision" is not evidence that a text is true."""

_FILTERED = " What a filter (a name with @) matches is not decided on in serving either."

_CITE = """\
Name the model with its version and the digest in `manifest.json`, and the corpora above with their makers."""


def write_card(manifest: Manifest) -> str:
    """The card in Markdown."""
    parts = [
        f"# Model card: {manifest.name}",
        f"Recipe *{manifest.recipe}*: {manifest.recipe_summary}. Its version stands in `manifest.json`.",
        _PREAMBLE,
        "## Learnt from",
        _corpora(manifest.corpora),
        f"Languages it decides on: {', '.join(manifest.languages) or 'any'}. "
        f"Left out of training: {'; '.join(manifest.left_out)}.{_FILTERED if manifest.filters else ''}",
    ]
    if manifest.evaluation is not None:
        parts += _evaluated(manifest, manifest.evaluation)
    parts += [
        "## Limits",
        _limits(manifest),
        "## How to cite",
        _CITE,
        "## Saved with",
        ", ".join(f"{name} {version}" for name, version in sorted(manifest.libraries.items())) + ".",
    ]
    return "\n\n".join(parts) + "\n"


def _evaluated(manifest: Manifest, evaluation: EvaluationRecord) -> list[str]:
    return [
        "## News from elsewhere",
        _left_out(evaluation),
        "## News kept aside",
        _kept_aside(manifest, evaluation),
        _known_outlets(evaluation),
        _by_corpus(evaluation),
        "## What it decides",
        _policy(manifest, evaluation),
        "## Known failures",
        "Invented reports, and the same changed so that the facts, or only the words, are others. It sees words:",
        "\n".join(f"- {record.kind.replace('_', ' ')}: {describe(record)}" for record in manifest.probes),
        "## What gave the label away",
        _leaks(manifest),
    ]


# --- corpora ------------------------------------------------------------------------------------------


def _corpora(corpora: Sequence[CorpusRecord]) -> str:
    rows = [
        "| corpus | real | false | a label is | language | years | licence | rows left out |",
        "|---|---:|---:|---|---|---|---|---|",
    ]
    rows += [
        _row(
            corpus.name,
            f"{corpus.real:,}",
            f"{corpus.false:,}",
            corpus.label_means or "not said",
            ", ".join(corpus.languages) or "not said",
            _years(corpus),
            corpus.licence or "not said",
            ", ".join(f"{reason} {count:,}" for reason, count in sorted(corpus.dropped.items()) if count) or "none",
        )
        for corpus in corpora
    ]
    cited = [f"- {corpus.name}: {corpus.cite}." for corpus in corpora if corpus.cite]
    return "\n".join([*rows, "", *cited] if cited else rows)


def _years(corpus: CorpusRecord) -> str:
    if corpus.first_year is None:
        return "not said"
    return (
        str(corpus.first_year) if corpus.first_year == corpus.last_year else f"{corpus.first_year}-{corpus.last_year}"
    )


def _leaks(manifest: Manifest) -> str:
    blocked = ", ".join(manifest.blocked_words)
    lines = [
        f"Masked in training and in serving: {', '.join(manifest.masks) or 'nothing'}. "
        "*Masked* is the AUC alone under these masks: what still tells the classes apart there, and is made of words, "
        "the model may have learnt. "
        f"Words that no term of the model holds: {blocked or 'none'}."
    ]
    if not manifest.leaks:
        return "\n".join([*lines, "", "The audit found nothing, or was left out."])
    rows = [
        "",
        "| corpus | what | in real | in false | AUC alone | masked | remedy |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    by_corpus: dict[str, list[LeakRecord]] = {}
    for leak in manifest.leaks:
        by_corpus.setdefault("between corpora" if leak.kind == "sign_flip" else leak.corpus, []).append(leak)
    for corpus, leaks in by_corpus.items():
        worst = sorted(leaks, key=lambda leak: (not leak.seen, -leak.auc))  # what the model could see first
        rows += [
            _row(
                corpus,
                f"{leak.kind}, {leak.where}: {leak.name}",
                "" if leak.kind == "sign_flip" else _share(leak.real_share),
                "" if leak.kind == "sign_flip" else _share(leak.false_share),
                f"{leak.auc:.3f}",
                "" if leak.after is None else f"{leak.after.auc:.3f}",
                leak.remedy,
            )
            for leak in worst[:MOST_LEAKS]
        ]
        if len(leaks) > MOST_LEAKS:
            rows.append(_row(corpus, f"and {len(leaks) - MOST_LEAKS} more, in `manifest.json`", "", "", "", "", ""))
    return "\n".join(lines + rows)


# --- figures ------------------------------------------------------------------------------------------


def _left_out(evaluation: EvaluationRecord) -> str:
    if not evaluation.left_out:
        return "It was not measured by leaving corpora out: there is one only, or that was left out."
    rows = [
        "Each corpus, and those of its family, judged by a model fitted in the same way on all others. **This is what "
        "to expect on news from elsewhere.** Worst first; brackets are 95 % intervals, clustered by source where "
        "sources are known.",
        "",
        "| corpus | AUC | balanced accuracy | ECE | decided | right when *false* | right when *real* |",
        "|---|---|---|---|---|---|---|",
    ]
    found = [
        (name, figures, record.policies[name])
        for record in evaluation.left_out
        for name, figures in record.figures.items()
    ]
    for name, figures, policy in sorted(found, key=lambda each: auc_rank(each[1].auc)):
        shown = (figures.auc, figures.balanced_accuracy, figures.ece, *_selective(policy))
        rows.append(_row(name, *map(show, shown)))
    return "\n".join([*rows, "", f"Mean AUC, every corpus counting the same: {show(evaluation.left_out_mean_auc)}."])


def _selective(policy: PolicyFiguresRecord) -> tuple[EstimateRecord | None, ...]:
    return policy.coverage, policy.precision_false, policy.precision_real


def _kept_aside(manifest: Manifest, evaluation: EvaluationRecord) -> str:
    split, references = manifest.split, dict(sorted(evaluation.references.items()))
    apart = [name for name, is_apart in split.sources_apart.items() if is_apart]
    how = (
        "No near copy stands on both sides"
        + (f", and no source of {', '.join(apart)}" if apart else "")
        + "; of each corpus as many false as real articles are judged"
        if split.kind == "grouped"
        else "They were drawn at random, so that articles of one outlet stand on both sides: these figures flatter"
    )
    rows = [
        f"{split.held_out:,} articles were judged (seed {split.seed}), {split.fitted:,} fitted on. {how}. Beside the "
        "model stand rows that know next to nothing.",
        "",
        "| " + " | ".join(["figure", "model", *references]) + " |",
        "|---" * (2 + len(references)) + "|",
    ]
    judged: list[FiguresRecord] = [evaluation.held_out, *references.values()]
    rows += [
        _row(
            figure.label,
            show(getattr(judged[0], figure.name)),
            *(_value(getattr(each, figure.name)) for each in judged[1:]),
        )
        for figure in FIGURES
    ]
    return "\n".join(rows)


def _known_outlets(evaluation: EvaluationRecord) -> str:
    known = evaluation.known_outlets
    if known is None:
        return "No corpus names its outlets, so what knowing an outlet brings was not measured."
    figures, policy = known.figures, known.policy
    return (
        f"On {figures.texts:,} more articles, of outlets that were fitted on: AUC {show(figures.auc)}, accuracy "
        f"{show(figures.accuracy)}, ECE {show(figures.ece)}; decided {show(policy.coverage)}, right when *false* "
        f"{show(policy.precision_false)}, right when *real* {show(policy.precision_real)}. The default thresholds aim "
        "at a precision of 0.95 there."
    )


def _by_corpus(evaluation: EvaluationRecord) -> str:
    rows = [
        "Corpora and languages, worst AUC first:",
        "",
        "| | AUC | accuracy | ECE | decided | right when *false* | right when *real* |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, figures in _worst_first(evaluation.by_corpus.items()):
        shown = (figures.auc, figures.accuracy, figures.ece, *_selective(evaluation.policy_by_corpus[name]))
        rows.append(_row(name, *map(show, shown)))
    for name, figures in _worst_first(evaluation.by_language.items()):
        shown = (figures.auc, figures.accuracy, figures.ece, *_selective(evaluation.policy_by_language[name]))
        rows.append(_row(f"language {name}", *map(show, shown)))
    return "\n".join(rows)


def _worst_first(rows: Iterable[tuple[str, FiguresRecord]]) -> list[tuple[str, FiguresRecord]]:
    """One without an AUC (a class is missing) stands last."""
    return sorted(rows, key=lambda row: auc_rank(row[1].auc))


def worst_first(manifest: Manifest) -> list[tuple[str, dict[str, EstimateRecord]]]:
    """Figures by corpus, lowest AUC first; a corpus without one (a class is missing) stands last."""
    figures = manifest.metrics.by_corpus.items()
    return sorted(figures, key=lambda item: auc_rank(item[1].get("auc")))


def _policy(manifest: Manifest, evaluation: EvaluationRecord) -> str:
    policy, found = manifest.policy, evaluation.policy
    limits = {"": (policy.false_below, policy.real_above)}
    limits |= {f"{name}: ": (each.false_below, each.real_above) for name, each in policy.by_language.items()}
    said = "; ".join(f"{name}false below {low:.3f}, real above {high:.3f}" for name, (low, high) in limits.items())
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in found.reasons.items()) or "none"
    asked = f"at least {policy.minimum_words} words, of which {policy.minimum_known_share:.0%} known"
    return (
        f"The default policy ({said}; {asked}{_scope(policy.minimum_news_log_odds)}) decides {show(found.coverage)} of "
        f"the articles kept aside. Right of those called *false*: {_of(found.precision_false)}; of those called "
        f"*real*: {_of(found.precision_real)}. Reasons for no decision: {reasons}. "
        f"{evaluation.called_elsewhere:.1%} of the articles were called out of scope or of an unsupported language."
    )


def _of(precision: EstimateRecord | None) -> str:
    return "nothing was called so" if precision is None else show(precision)


def _scope(minimum: float | None) -> str:
    """How it is measured whether a text is news (``docs/explanation/no-decision.md``)."""
    return "" if minimum is None else f", at least {minimum:.2f} in log-odds of being news rather than another text"


def _limits(manifest: Manifest) -> str:
    lines = ["- It knows words, not facts: see `docs/explanation/known-failures.md`."]
    if manifest.calibration is not None:
        lines.append(
            f"- `p_real` supposes that {manifest.calibration.prevalence:.0%} of the news is false. Say `prevalence` "
            "where you know better."
        )
    else:
        lines.append("- Its probabilities are not calibrated.")
    if manifest.not_compiled_because:
        lines.append(f"- It has no compiled scorer ({manifest.not_compiled_because}) and is served by unpickling.")
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _share(share: float) -> str:
    return f"{share:.1%}"


def _value(estimate: EstimateRecord | None) -> str:
    return "" if estimate is None else f"{estimate.value:.3f}"


def show(estimate: EstimateRecord | None) -> str:
    """A figure and its interval, to three places."""
    if estimate is None:
        return "none"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
