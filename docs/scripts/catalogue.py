"""Reference pages of systems, checkpoints and corpora, made from their cards and descriptions."""

from __future__ import annotations

from affectus import registry
from affectus.card import CheckpointCard, Measured
from affectus.corpora.base import corpus, known_corpora


def shipped() -> list[CheckpointCard]:
    """Cards of the checkpoints in the wheel, by name; a user's own are left out, so that pages don't depend on them."""
    return [CheckpointCard.load(path.parent) for path in sorted(registry.SHIPPED.glob("*/card.json"))]


def figure(found: Measured) -> str:
    """`0.536 (0.52–0.55)`."""
    interval = f" ({found.low:.3f}–{found.high:.3f})" if found.low is not None and found.high is not None else ""
    return f"{found.value:.3f}{interval}"


def systems_page() -> str:
    """All systems of the registry."""
    lines = [
        "# Systems",
        "",
        "Made from the card at the end of each system's file; `affectus systems` prints the same.",
        "A name `system/variant` is an architecture with random weights (`affectus.build`); trained weights are",
        "[checkpoints](checkpoints.md).",
        "",
        "| system | what it is | roles | reads | one reading is a | variants | proof |",
        "|---|---|---|---|---|---|---|",
    ]
    entries = registry.systems()
    for entry in entries:
        card = entry.card
        cells = (
            f"`{card.system}`",
            card.title,
            ", ".join(card.roles),
            ", ".join(card.modalities),
            card.unit,
            ", ".join(f"`{v}`" for v in entry.variants),
            card.proof,
        )
        lines.append(f"| {' | '.join(cells)} |")
    for entry in entries:
        card = entry.card
        lines += ["", f"## {card.system}", "", f"{card.title}.", ""]
        lines += [f"- after: {card.paper}", f"- licence: {card.licence}", f"- limits: {card.limits or 'none stated'}"]
        lines += [f"- does not keep `{check}`: {reason}" for check, reason in card.expected_failures.items()]
    return "\n".join(lines) + "\n"


def checkpoints_page() -> str:
    """All shipped checkpoints with their whole cards."""
    cards = shipped()
    lines = [
        "# Checkpoints",
        "",
        "Trained readers that come in the wheel, with the cards they carry. `affectus card NAME` prints one;",
        "`affectus systems --checkpoints` also lists those that you trained yourself.",
        "",
    ]
    if not cards:
        lines.append("This build carries none.")
    for card in cards:
        lines += [
            line.replace("# ", "## ", 1) if line.startswith("#") else line for line in card.markdown().split("\n")
        ]
    return "\n".join(lines) + "\n"


def corpora_page() -> str:
    """All corpora that have a loader."""
    rows = [corpus(name) for name in known_corpora()]
    lines = [
        "# Corpora",
        "",
        "Made from the description in each loader; `affectus corpora list` shows the same with what is on your disk,",
        "and `affectus corpora check` reads a copy. None comes with the library. For a table of your own see",
        "[Train on your own table](../how-to/own-data.md).",
        "",
        "A corpus is looked for in the folder that `--data` names (its own, or one with a folder a corpus), else in",
        "the folder that the environment variable `AFFECTUS_DATA` names, then in `data`, `shared/data` and",
        "`../shared/data`.",
        "",
        "| corpus | reads | language | labels, whose feeling | may be passed on |",
        "|---|---|---|---|---|",
    ]
    for one in rows:
        labels = ", ".join(f"`{target.scale}` {target.perspective}" for target in one.targets)
        place = f"[{one.name}](#{one.name})"
        lines.append(f"| {place} | {one.modality} | {one.language or '–'} | {labels} | {'yes' if one.ship else 'no'} |")
    for one in rows:
        splits = ", ".join(f"`{name}` {split.rows:,}" for name, split in one.splits.items())
        told = all(split.fingerprint for split in one.splits.values()) and bool(one.splits)
        lines += ["", f"## {one.name}", "", f"{one.title}.", ""]
        lines += [
            f"- published in: {one.citation}",
            f"- licence: {one.licence}",
            f"- consent: {one.consent}",
            f"- perspective: {one.perspective_source}",
            f"- official splits: {splits or 'none'}{' (fingerprints known)' if told else ''}",
            f"- group: {one.group}",
            f"- told by: {', '.join(f'`{pattern}`' for pattern in one.files)}",
            f"- to be had from: {one.obtain}",
        ]
    return "\n".join(lines) + "\n"
