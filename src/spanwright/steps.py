"""The steps, file to file. Each is what one command does; the commands only parse and print.

Every step checks its request before it writes, writes under a temporary name, and leaves a `*.tally.json` beside its
output. Model steps import torch late, so the others start fast.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanwright import formats
from spanwright.config import EvaluateSettings, PredictSettings, Settings, SplitSettings
from spanwright.document import Document
from spanwright.errors import DataError, Interrupted, PathError, Problem, RequestError
from spanwright.files import PathLike, replace_folder, require_empty, require_exists, require_new, sha256_of, write_json
from spanwright.progress import SILENT, Reporter, logging_to
from spanwright.record import run_record, versions
from spanwright.scoring import evaluate_documents
from spanwright.split import PARTS, Split, split_documents

if TYPE_CHECKING:
    from spanwright.model.train import Training

Result = dict[str, Any]
REQUEST_NAME = "request.json"
"""In the folder of a training that is under way: the fingerprint of what was asked for."""


def import_annotations(
    sources: Sequence[PathLike],
    output: PathLike,
    *,
    group_key: str = "",
    text_key: str = "",
    skip_bad: bool = False,
    overwrite: bool = False,
    reporter: Reporter = SILENT,
) -> formats.ImportResult:
    """Label Studio files and folders → `documents.jsonl`, with `import.tally.json` beside it.

    Raises:
        PathError: the output exists and `overwrite` is false.
        RequestError: as `formats.read_annotations`.
    """
    output = require_new(Path(output), overwrite)
    files = formats.find_files(sources)
    with reporter.task("Reading files", len(files)) as advance:
        result = formats.read_annotations(
            files,
            group_key=group_key,
            text_key=text_key,
            skip_bad=skip_bad,
            progress=advance,
        )
    formats.write_documents(output, result.documents)
    write_json(output.with_name("import.tally.json"), result.tally())
    groups = len({document.group for document in result.documents})
    how = f'by "{result.group_key}"' if result.group_key else "each its own group (no article key was found)"
    reporter.say(f"{len(result.documents):,} documents, {groups:,} groups {how}; {result.regions}.")
    for tally in (result.files, result.tasks):
        if tally.dropped:
            reporter.say(f"{tally}.")
    return result


def split_corpus(
    documents: PathLike,
    output: PathLike,
    settings: SplitSettings,
    *,
    group_key: str = "",
    overwrite: bool = False,
    reporter: Reporter = SILENT,
) -> Split:
    """`documents.jsonl` → `train.jsonl`, `validation.jsonl`, `test.jsonl`, `split.json` and `split.tally.json`.

    Args:
        group_key: a key of the documents' `meta` that names the group instead of what the import chose.

    Raises:
        PathError: the output folder is not empty and `overwrite` is false.
        DataError: fewer than three groups, or a document without the key.
    """
    documents, output = Path(documents), require_empty(Path(output), overwrite)
    corpus = formats.read_documents(documents)
    split = split_documents(_regrouped(corpus, group_key), settings.ratios, settings.seed)
    record = split.to_dict({"path": str(documents), "sha256": sha256_of(documents), "group_key": group_key})
    partial = _fresh(partial_of(output))
    for part, members in split.parts.items():
        formats.write_documents(partial / f"{part}.jsonl", members)
    write_json(partial / "split.json", record)
    write_json(partial / "split.tally.json", split.tally.to_dict())
    replace_folder(partial, output)
    sizes = (f"{part} {record['documents'][part]} documents of {len(record['groups'][part])} groups" for part in PARTS)
    reporter.say(f"Split: {', '.join(sizes)}.")
    return split


def _regrouped(documents: Sequence[Document], key: str) -> Sequence[Document]:
    if not key:
        return documents
    missing = [document for document in documents if document.meta.get(key) in (None, "")]
    if missing:
        known = tuple(sorted({str(name) for document in documents for name in document.meta}))
        problems = [
            Problem(f'Document {document.id} has no "{key}" in its meta.', allowed=known) for document in missing
        ]
        raise DataError("Some documents cannot be grouped:", problems=problems, remedy="Choose another --group-key.")
    return [replace(document, group=str(document.meta[key])) for document in documents]


def train_model(
    data: PathLike,
    output: PathLike,
    settings: Settings,
    *,
    resume: bool = False,
    overwrite: bool = False,
    reporter: Reporter = SILENT,
) -> Training:
    """`data/train.jsonl` and `data/validation.jsonl` → a model folder.

    Training works in `OUTPUT.partial`, where its checkpoints and `log.txt` are; the model folder appears when it is
    complete.

    Raises:
        PathError: the output is not empty, an interrupted training is in the way, or there is none to resume.
        Interrupted: Ctrl-C; `resume=True` goes on.
        RequestError: as `model.train.train`.
    """
    data, output = Path(data), require_empty(Path(output), overwrite)
    parts = {part: require_exists(data / f"{part}.jsonl", f"The {part} part") for part in ("train", "validation")}
    documents = {part: formats.read_documents(path) for part, path in parts.items()}
    facts = {
        part: {"path": str(path), "sha256": sha256_of(path), "documents": len(documents[part])}
        for part, path in parts.items()
    }
    partial = partial_of(output)
    request = training_fingerprint(settings, {part: str(fact["sha256"]) for part, fact in facts.items()})
    _prepare_partial(partial, request, resume=resume, overwrite=overwrite)

    try:
        with logging_to(partial / "log.txt"):
            training = _train_in(partial, documents, settings, facts, resume, reporter)
    except RequestError:  # such as a model that cannot be used: nothing was learned that would be worth keeping
        if not _has_checkpoint(partial):
            shutil.rmtree(partial)
        raise
    shutil.rmtree(partial / "checkpoints", ignore_errors=True)
    (partial / REQUEST_NAME).unlink()
    replace_folder(partial, output)
    reporter.say(f"The model is in {output}.")
    return training


def _train_in(
    partial: Path,
    documents: Mapping[str, Sequence[Document]],
    settings: Settings,
    facts: Mapping[str, Any],
    resume: bool,
    reporter: Reporter,
) -> Training:
    """Train, and write everything but the checkpoints into the model folder to be."""
    from spanwright.model import card
    from spanwright.model.train import train

    try:
        training = train(
            documents["train"],
            documents["validation"],
            settings.train,
            settings.windows,
            partial / "checkpoints",
            resume=resume,
            reporter=reporter,
        )
    except (Interrupted, KeyboardInterrupt) as error:
        told = str(error) or "Training was stopped."
        raise Interrupted(told, remedy="To go on, give the same command with --resume.") from None
    card.save(training, partial, settings.train, settings.windows, facts)
    write_json(partial / "train.tally.json", training.tally.to_dict())
    device = str(training.facts["device"])
    write_json(partial / "run.json", run_record(settings.to_dict(), device, {"train": training.facts}))
    return training


def partial_of(output: Path) -> Path:
    """Where a folder grows until it is complete."""
    return output.with_name(f"{output.name}.partial")


def training_fingerprint(settings: Settings, data: Mapping[str, str]) -> str:
    """Equal for two trainings that would do the same."""
    values = settings.to_dict()
    return fingerprint({"train": values["train"], "windows": values["windows"], "data": dict(data)})


def fingerprint(values: Any) -> str:
    """A SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def started_with(partial: Path) -> str:
    """The fingerprint of the interrupted training in a folder, or ""."""
    path = partial / REQUEST_NAME
    return str(json.loads(path.read_text(encoding="utf-8"))["fingerprint"]) if path.is_file() else ""


def _has_checkpoint(partial: Path) -> bool:
    return any(partial.glob("checkpoints/checkpoint-*/trainer_state.json"))


def _prepare_partial(partial: Path, request: str, *, resume: bool, overwrite: bool) -> None:
    """A folder to train in: that of the interrupted training when it is resumed, else a new one."""
    before = started_with(partial)
    if resume:
        if not before:
            raise PathError(
                "There is no interrupted training to go on with.", path=partial, remedy="Leave out --resume."
            )
        if before != request:
            raise PathError(
                "The interrupted training was started with other settings or data.",
                path=partial,
                remedy="Give the settings it was started with, or start anew with --overwrite.",
            )
        return
    if _has_checkpoint(partial) and not overwrite:
        raise PathError(
            "An interrupted training is here.",
            path=partial,
            remedy="Go on with it with --resume, or start anew with --overwrite.",
        )
    write_json(_fresh(partial) / REQUEST_NAME, {"schema": 1, "fingerprint": request})


def predict_files(
    model: PathLike,
    inputs: Sequence[PathLike],
    output: PathLike,
    settings: PredictSettings,
    *,
    text_key: str = "",
    overwrite: bool = False,
    reporter: Reporter = SILENT,
) -> list[Document]:
    """Texts, documents or Label Studio tasks → `predictions.jsonl`.

    Raises:
        PathError: the output exists and `overwrite` is false.
        RequestError: as `formats.read_texts` and `Tagger.load`.
    """
    output = require_new(Path(output), overwrite)
    documents = formats.read_texts(inputs, text_key=text_key)

    from spanwright.model.tagger import Tagger

    predicted = Tagger.load(model).predict(documents, batch_tokens=settings.batch_tokens, reporter=reporter)
    formats.write_documents(output, predicted)
    spans = sum(len(document.spans or ()) for document in predicted)
    reporter.say(f"{spans:,} span(s) in {len(predicted):,} document(s): {output}")
    return predicted


def evaluate_model(
    model: PathLike,
    data: PathLike,
    output: PathLike,
    settings: EvaluateSettings,
    predict: PredictSettings,
    *,
    name: str = "",
    report: PathLike | None = None,
    overwrite: bool = False,
    reporter: Reporter = SILENT,
) -> dict[str, Result]:
    """Predict and score whole documents; one folder `NAME_PART` per part, and a report over all of `output`.

    Args:
        data: a folder with `train.jsonl`, `validation.jsonl` and `test.jsonl`, or one documents file.
        name: of the model in the results; the folder's name by default.
        report: where the report goes; `output/report.html` by default.

    Returns:
        `evaluation.json` per part.
    """
    data, output, folder = Path(data), Path(output), Path(model)
    name = name or (folder.resolve() if folder.is_dir() else folder).name
    files = _parts_of(data, settings.parts)
    targets = {part: require_empty(output / f"{name}_{part}", overwrite) for part in files}

    from spanwright.model.tagger import Tagger

    corpora = {part: _read_gold(path) for part, path in files.items()}
    tagger = Tagger.load(model)
    results = {}
    for part, gold in corpora.items():
        reporter.say(f"Evaluating {name} on {part}: {len(gold)} documents.")
        predicted = tagger.predict(gold, batch_tokens=predict.batch_tokens, reporter=reporter)
        results[part] = _write_evaluation(gold, predicted, targets[part], name, part, settings.resamples)
    _write_report(output, report, reporter, model=folder, data=data)
    return results


def score_files(
    gold: PathLike,
    predicted: PathLike,
    output: PathLike,
    settings: EvaluateSettings,
    *,
    name: str = "",
    overwrite: bool = False,
    reporter: Reporter = SILENT,
) -> Result:
    """Score anyone's predictions, two documents files; writes the folder `NAME_GOLD` and a report. Needs no torch."""
    gold, predicted, output = Path(gold), Path(predicted), Path(output)
    name = name or predicted.stem
    target = require_empty(output / f"{name}_{gold.stem}", overwrite)
    result = _write_evaluation(
        _read_gold(gold), formats.read_documents(predicted), target, name, gold.stem, settings.resamples
    )
    _write_report(output, None, reporter)
    return result


def _parts_of(data: Path, wanted: Sequence[str]) -> dict[str, Path]:
    require_exists(data, "The data")
    if data.is_file():
        return {data.stem: data}
    files = {part: data / f"{part}.jsonl" for part in wanted}
    missing = [path.name for path in files.values() if not path.is_file()]
    if missing:
        raise PathError(
            f"The folder has no {', '.join(missing)}.",
            path=data,
            remedy="Name a folder that `spanwright split` wrote, one documents file, or fewer parts (evaluate.parts).",
        )
    return files


def _read_gold(path: Path) -> list[Document]:
    """Labelled documents; told before a long prediction, not after it."""
    documents = formats.read_documents(path)
    unlabelled = [document.id for document in documents if document.spans is None]
    if unlabelled:
        raise DataError(
            f"{path} has {len(unlabelled)} document(s) that nobody has labelled, such as {', '.join(unlabelled[:3])}.",
            remedy="Take them out; spans must be a list, and [] where a reader found nothing.",
        )
    return documents


def _write_evaluation(
    gold: Sequence[Document], predicted: Sequence[Document], target: Path, name: str, part: str, resamples: int
) -> Result:
    from spanwright.report.plots import draw_evaluation

    evaluation = evaluate_documents(gold, predicted, version=versions().get("spanwright", ""), resamples=resamples)
    result = {"name": name, "part": part, **evaluation.to_dict()}
    partial = _fresh(partial_of(target))
    formats.write_documents(partial / "predictions.jsonl", predicted)
    draw_evaluation(result, partial / "plots")
    write_json(partial / "evaluation.json", result)
    replace_folder(partial, target)
    return result


def _write_report(
    results: Path, path: PathLike | None, reporter: Reporter, *, model: Path | None = None, data: Path | None = None
) -> None:
    from spanwright.report import write_report

    report = Path(path or results / "report.html")
    write_report(results, report, model=model, data=data)
    reporter.say(f"The report is in {report}.")


def _fresh(folder: Path) -> Path:
    """An empty folder of this name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
