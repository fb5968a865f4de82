"""Figures, drawn from plain numbers. Colours are Okabe and Ito's (2008), told apart by colour-blind readers too.

Figures are made without pyplot, so nothing global is changed and drawing works in any thread.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#999999"
COLORS = {"precision": BLUE, "recall": ORANGE, "f1": GREEN}
PART_COLORS = {"train": BLUE, "validation": ORANGE, "test": GREEN}
Json = Mapping[str, Any]


def by_label(evaluation: Json) -> Figure:
    """Precision, recall and F1 of every label with 95% intervals, entities left, tokens right."""
    labels = list(evaluation["by_label"])
    figure = Figure(figsize=(10, 1.6 + 0.42 * max(1, len(labels))), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True, squeeze=False)[0]
    for axis, mode, title in zip(axes, ("strict", "token"), ("Entities (strict)", "Tokens (words)"), strict=True):
        for shift, rate in zip((-0.25, 0.0, 0.25), COLORS, strict=True):
            scores = [evaluation["by_label"][label][mode] for label in labels]
            values = [score[rate] for score in scores]
            ends = [score[f"{rate}_ci95"] or (value, value) for score, value in zip(scores, values, strict=True)]
            low = [max(0.0, value - end[0]) for value, end in zip(values, ends, strict=True)]
            high = [max(0.0, end[1] - value) for value, end in zip(values, ends, strict=True)]
            places = [row + shift for row in range(len(labels))]
            axis.errorbar(
                values, places, xerr=(low, high), fmt="o", ms=5, lw=1.5, capsize=2, color=COLORS[rate],
                label={"f1": "F1"}.get(rate, rate),
            )  # fmt: skip
        axis.set(title=title, xlim=(-0.02, 1.02), xlabel="score, with 95% interval over groups")
        axis.grid(axis="x", alpha=0.3)
    supports = [evaluation["by_label"][label]["strict"]["support"] for label in labels]
    names = [f"{label} ({count})" for label, count in zip(labels, supports, strict=True)]
    axes[0].set_yticks(range(len(labels)), names, parse_math=False)  # a label may hold dollar signs
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def labels_per_part(labels: Json) -> Figure:
    """How many spans of each label are in each part of the data."""
    names = sorted({label for counts in labels.values() for label in counts})
    figure = Figure(figsize=(10, 1.4 + 0.42 * max(1, len(names))), layout="constrained")
    axis = figure.subplots()
    for shift, (part, counts) in zip((-0.27, 0.0, 0.27), labels.items(), strict=False):
        places = [row + shift for row in range(len(names))]
        bars = axis.barh(
            places, [counts.get(name, 0) for name in names], 0.25, color=PART_COLORS.get(part, GREY), label=part
        )
        axis.bar_label(bars, padding=3, fontsize=8)
    axis.set_yticks(range(len(names)), names, parse_math=False)
    axis.invert_yaxis()
    axis.margins(x=0.08)
    axis.set(xlabel="labelled spans")
    axis.legend(frameon=False)
    return figure


def training_curves(history: Sequence[Json]) -> Figure:
    """Loss on the left axis; validation F1 of entities and tokens on the right one, by optimizer step."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    loss_axis = figure.subplots()
    losses = [entry for entry in history if "loss" in entry]
    scores = [entry for entry in history if "eval_strict_f1" in entry]
    loss_axis.plot([e["step"] for e in losses], [e["loss"] for e in losses], color=GREY, label="training loss")
    loss_axis.set(xlabel="step", ylabel="loss")
    loss_axis.set_ylim(bottom=0)
    score_axis = loss_axis.twinx()
    for key, color, name in (("eval_strict_f1", GREEN, "entity F1"), ("eval_token_f1", BLUE, "token F1")):
        score_axis.plot([e["step"] for e in scores], [e[key] for e in scores], "o-", ms=4, color=color, label=name)
    score_axis.set(ylabel="validation F1", ylim=(0, 1))
    handles = [*loss_axis.get_legend_handles_labels()[0], *score_axis.get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def draw_evaluation(evaluation: Json, folder: Path) -> None:
    """The figures of one evaluation as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    by_label(evaluation).savefig(folder / "by_label.png", dpi=150)


def svg(figure: Figure) -> str:
    """A figure as an `<svg>` element with real text."""
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "spanwright", "font.family": "sans-serif"}):
        figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    drawn = stream.getvalue()
    return drawn[drawn.index("<svg") :]
