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
        run: the content of the model's `run.json`, or {}.
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


def gather(results: Path, *, model: Path | None = None, data: Path | None = None) -> Summary:
    """Read what lies in a results folder, and what the model and the data that were evaluated record of themselves.

    Args:
        results: holds `NAME_PART/evaluation.json`.
        model: a model folder; its training, tally and run record are shown.
        data: a folder that `split` wrote; its parts and the tallies of split and import are shown.

    Raises:
        DataError: there is no evaluation.
        FormatError: a file is not valid JSON.
    """
    found = [_read(path) for path in sorted(results.glob("*/evaluation.json"))]
    if not found:
        raise DataError(f"There is no evaluation in {results}.", remedy="Run `spanwright evaluate` first.")
    found.sort(key=lambda e: (ORDER.index(e["part"]) if e["part"] in ORDER else len(ORDER), e["name"]))
    split = _read_if_there(data, "split.json")
    card = _read_if_there(model, "spanwright.json")
    training = card.get("training", {})
    history = training.get("history", [])
    source = split.get("input", {}).get("path")
    documents = Path(source).parent if source else None
    tallies = [
        _read_if_there(documents, "import.tally.json"),
        _read_if_there(data, "split.tally.json"),
        _read_if_there(model, "train.tally.json"),
    ]
    return Summary(
        parts=tuple(Part(e["name"], e["part"], e, _figure(plots.by_label(e))) for e in found),
        split=split,
        split_figure=_figure(plots.labels_per_part(split["labels"])) if split else Markup(),
        training_figure=_figure(plots.training_curves(history)) if history else Markup(),
        tallies=tuple(tally for content in tallies if content for tally in _tallies(content)),
        training={**training, "base_model": card["base_model"]} if training else {},
        run=_read_if_there(model, "run.json"),
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


def _read_if_there(folder: Path | None, name: str) -> Json:
    """The content of a file, or nothing when there is none."""
    return _read(folder / name) if folder is not None and (folder / name).is_file() else {}
