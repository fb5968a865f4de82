"""`run`: import → split → train → evaluate → report in one folder, and on from where it stopped.

Each step has a fingerprint of its settings and inputs in `run.json`. A step whose fingerprint has not changed and whose
output is there is kept; a changed one is done again, and with it all that builds on it. `demo` is `run` on the sample
annotations that ship in the package.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from spanwright import config, steps
from spanwright.config import Settings
from spanwright.errors import Interrupted, PathError, SettingsError
from spanwright.files import PathLike, require_exists, sha256_of, write_json
from spanwright.progress import SILENT, Reporter, logging_to
from spanwright.record import now, run_record
from spanwright.split import PARTS

RECORD = "run.json"
DEMO = ("split.train=0.6", "split.validation=0.15", "split.test=0.25")


@dataclass(frozen=True)
class RunResult:
    """What `run` leaves behind.

    Attributes:
        evaluations: `evaluation.json` per part.
        model, report, folder: where things are.
    """

    evaluations: dict[str, dict[str, Any]]
    model: Path
    report: Path
    folder: Path


def samples() -> Path:
    """The folder of sample annotations in the package."""
    return Path(str(files("spanwright"))) / "samples" / "palaeoecology"


def demo(output: PathLike, overrides: Sequence[str] = (), reporter: Reporter = SILENT) -> RunResult:
    """The whole path on the sample annotations, offline, on a CPU.

    A quarter of the articles is held out for the test, more than usual: with so few, the interval would mean little.
    """
    base = config.load(None, [*DEMO, *overrides])
    import_ = base.import_.model_copy(update={"sources": (samples(),)})
    return run(base.model_copy(update={"output": Path(output), "import_": import_}), reporter)


def run(settings: Settings, reporter: Reporter = SILENT) -> RunResult:
    """Do every step that is not done yet.

    Raises:
        SettingsError: no sources are named.
        PathError: the output folder holds something else than an earlier run.
        RequestError, WorkError: as the steps.
    """
    if not settings.import_.sources:
        raise SettingsError(
            "No annotations are named.", key="import.sources", remedy='Such as sources = ["annotations"].'
        )
    folder = settings.output
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / RECORD).is_file()):
        raise PathError(
            "The output folder is not empty and holds no earlier run; nothing in it was changed.",
            path=folder,
            remedy="Choose another folder (output, or -o).",
        )
    sources = {str(source): require_exists(source, "The source") for source in settings.import_.sources}
    work = _Run(settings, folder, reporter)
    work.record()
    with logging_to(folder / "log.txt"):
        work.import_(sources)
        work.split()
        work.train()
        evaluations = work.evaluate()
        work.record()
    return RunResult(evaluations, folder / "model", folder / "report.html", folder)


@dataclass
class _Run:
    """One folder and what is done in it."""

    settings: Settings
    folder: Path
    reporter: Reporter
    done: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        path = self.folder / RECORD
        if path.is_file():
            try:
                self.done = dict(json.loads(path.read_text(encoding="utf-8"))["steps"])
            except (ValueError, KeyError, TypeError) as error:
                raise PathError(
                    f"The record of the earlier run cannot be read ({error}).",
                    path=path,
                    remedy="Remove it, or choose another folder.",
                ) from error

    def record(self) -> None:
        device = str(self.done.get("train", {}).get("device", ""))
        write_json(self.folder / RECORD, run_record(self.settings.to_dict(), device, self.done))

    def _step(
        self, name: str, request: Any, outputs: Sequence[Path], work: Callable[[], dict[str, Any] | None]
    ) -> None:
        wanted = steps.fingerprint(request)
        if self.done.get(name, {}).get("fingerprint") == wanted and all(output.exists() for output in outputs):
            self.reporter.say(f"{name}: nothing has changed, {outputs[0]} is kept.")
            return
        started = time.perf_counter()
        facts = work() or {}
        seconds = round(time.perf_counter() - started, 1)
        self.done[name] = {"fingerprint": wanted, "finished": now(), "seconds": seconds, **facts}
        self.record()

    def import_(self, sources: dict[str, Path]) -> None:
        settings = self.settings.import_
        output = self.folder / "documents.jsonl"

        def work() -> None:
            steps.import_annotations(
                settings.sources,
                output,
                group_key=settings.group_key,
                text_key=settings.text_key,
                skip_bad=settings.skip_bad,
                overwrite=True,
                reporter=self.reporter,
            )

        hashes = {name: sha256_of(path) for name, path in sources.items()}
        self._step("import", [settings.model_dump(mode="json"), hashes], [output], work)

    def split(self) -> None:
        source, output = self.folder / "documents.jsonl", self.folder / "data"

        def work() -> None:
            steps.split_corpus(source, output, self.settings.split, overwrite=True, reporter=self.reporter)

        self._step("split", [self.settings.split.model_dump(), sha256_of(source)], [output], work)

    def train(self) -> None:
        data, output = self.folder / "data", self.folder / "model"
        hashes = {part: sha256_of(data / f"{part}.jsonl") for part in ("train", "validation")}
        wanted = steps.training_fingerprint(self.settings, hashes)

        def work() -> dict[str, Any]:
            resume = steps.started_with(steps.partial_of(output)) == wanted
            try:
                trained = steps.train_model(
                    data, output, self.settings, resume=resume, overwrite=True, reporter=self.reporter
                )
            except Interrupted as error:
                what = str(error.problems[0].what)
                raise Interrupted(what, remedy="Give the same command again to go on from there.") from None
            return dict(trained.facts)

        self._step("train", wanted, [output], work)

    def evaluate(self) -> dict[str, dict[str, Any]]:
        model, data, results = (self.folder / name for name in ("model", "data", "results"))
        report = self.folder / "report.html"
        settings = self.settings.evaluate
        written = {part: results / f"model_{part}" / "evaluation.json" for part in settings.parts}

        def work() -> None:
            # What an earlier model or other settings left would stand in the report as if it were new.
            for part in set(PARTS) - set(settings.parts):
                shutil.rmtree(results / f"model_{part}", ignore_errors=True)
            steps.evaluate_model(
                model,
                data,
                results,
                settings,
                self.settings.predict,
                report=report,
                overwrite=True,
                reporter=self.reporter,
            )

        hashes = [sha256_of(data / f"{part}.jsonl") for part in settings.parts]
        request = [settings.model_dump(), sha256_of(model / "model.safetensors"), hashes]
        self._step("evaluate", request, [results, report, *written.values()], work)
        return {part: json.loads(path.read_text(encoding="utf-8")) for part, path in written.items()}
