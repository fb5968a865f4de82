"""What a report shows, gathered from the files that the steps left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from spanwright.errors import DataError, FormatError
from spanwright.report import plots
from spanwright.scoring.evaluation import FEW_GROUPS
from spanwright.tally import Tally

ORDER = ("test", "validation", "train")
MODE_NAMES = {"strict": "Entities (strict: same start, end and label)", "token": "Tokens (words of the text)"}
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One evaluation: its numbers and its figure."""

    name: str
    part: str
    numbers: Json
    figure: Markup

    @property
    def title(self) -> str:
        """Such as `model on test`."""
        return f"{self.name} on {self.part}"

    @property
    def few_groups(self) -> bool:
        """Whether there are too few groups for the intervals to be trusted."""
        return bool(self.numbers["groups"] < FEW_GROUPS)


@dataclass(frozen=True)
class Summary:
    """Everything on the page, in its order.

    Attributes:
        parts: evaluations; test first.
        split: the content of `split.json`, or {}.
        split_figure, training_figure: SVG, or empty.
        tallies: what became of the records of each step.
        training: facts of the training (steps, seconds, base model), or {}.
        run: the content of `run.json`, or {}.
    """

    parts: tuple[Part, ...]
    split: Json = field(default_factory=dict)
    split_figure: Markup = field(default_factory=Markup)
    training_figure: Markup = field(default_factory=Markup)
    tallies: tuple[Tally, ...] = ()
    training: Json = field(default_factory=dict)
    run: Json = field(default_factory=dict)

    @property
    def mode_names(self) -> Json:
        """Modes with the words a reader knows them by."""
        return MODE_NAMES


def gather(results: Path) -> Summary:
    """Read what lies in a results folder and, where `run` put them, in the folders beside it.

    Raises:
        DataError: there is no evaluation.
        FormatError: a file is not valid JSON.
    """
    found = [_read(path) for path in sorted(results.glob("*/evaluation.json"))]
    if not found:
        raise DataError(f"There is no evaluation in {results}.", remedy="Run `spanwright evaluate` first.")
    found.sort(key=lambda e: (ORDER.index(e["part"]) if e["part"] in ORDER else len(ORDER), e["name"]))
    parts = tuple(Part(e["name"], e["part"], e, _figure(plots.by_label(e))) for e in found)
    beside = results.parent
    split = _read_if_there(beside / "data" / "split.json")
    model = _read_if_there(beside / "model" / "spanwright.json")
    history = model.get("training", {}).get("history", [])
    tallies = [
        _read_if_there(beside / name)
        for name in ("import.tally.json", "data/split.tally.json", "model/train.tally.json")
    ]
    return Summary(
        parts=parts,
        split=split,
        split_figure=_figure(plots.labels_per_part(split["labels"])) if split else Markup(),
        training_figure=_figure(plots.training_curves(history)) if history else Markup(),
        tallies=tuple(tally for data in tallies if data for tally in _tallies(data)),
        training={**model.get("training", {}), "base_model": model.get("base_model")} if model else {},
        run=_read_if_there(beside / "run.json"),
    )


def _figure(figure: Figure) -> Markup:
    """Inline SVG. It needs no escaping: matplotlib escapes every text that it draws."""
    return Markup(plots.svg(figure))  # noqa: S704


def _tallies(data: Json) -> list[Tally]:
    """The tally of a file, with those that lie inside it (the import has one per file and task too)."""
    return [Tally.from_dict(data), *(Tally.from_dict(data[key]) for key in ("tasks", "files") if key in data)]


def _read(path: Path) -> Json:
    try:
        content: Json = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"This is not valid JSON ({error}).", path=path, remedy="Run the step again.") from error
    return content


def _read_if_there(path: Path) -> Json:
    return _read(path) if path.is_file() else {}
