"""Training: Hugging Face's Trainer on windows of raw text, judged by whole documents.

Three things differ from a plain Trainer: batches are cut by a budget of tokens (`batches`); evaluation predicts and
scores whole validation documents, so "best epoch" means best document-level strict F1; and Ctrl-C ends the step, saves
a checkpoint and stops.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint

from spanwright.config import TrainSettings, WindowSettings
from spanwright.document import Document
from spanwright.errors import DataError, Interrupted, SettingsError
from spanwright.labels import LabelSet, share_inside_words
from spanwright.model.batches import Collator, TokenBudgetSampler, WindowLoader
from spanwright.model.encode import IGNORED, Example, training_examples
from spanwright.model.encoder import frame_of, load_for_training, load_tokenizer, locate, quiet_transformers
from spanwright.model.tagger import Tagger
from spanwright.progress import SILENT, Advance, Reporter
from spanwright.scoring import evaluate_documents
from spanwright.scoring.evaluation import MODES, RATES
from spanwright.tally import Tally

AUTO_STEPS, AUTO_EPOCHS = 200, (4, 20)
RARE_INSIDE_WORDS = 0.01
SMALL_ENCODER, SMALL_RATE, USUAL_RATE = 512, 5e-4, 5e-5
VIEW = {"strict": "entity", "token": "token"}


@dataclass(frozen=True)
class Training:
    """What a training left behind.

    Attributes:
        tagger: the model of the best epoch.
        tally: what alignment made of each training span.
        history: one entry per logged step or evaluation, as the Trainer logs them.
        facts: steps, epochs, best step, seconds and sub-words per second, for records.
    """

    tagger: Tagger
    tally: Tally
    history: list[dict[str, float]]
    facts: dict[str, Any]


def train(
    training: Sequence[Document],
    validation: Sequence[Document],
    settings: TrainSettings,
    windows: WindowSettings,
    checkpoints: Path,
    *,
    resume: bool = False,
    reporter: Reporter = SILENT,
) -> Training:
    """Fine-tune an encoder to tag the labels of the training documents.

    Args:
        training, validation: labelled documents; unlabelled ones are left out, and said; labels that only validation
            has are scored as missed.
        checkpoints: a folder for one checkpoint per epoch (the best and the last are kept).
        resume: go on from the newest complete checkpoint in that folder, if there is one.

    Raises:
        DataError: no training document has a span, or validation is empty.
        SettingsError: `settings.trainer` names a field that TrainingArguments does not have.
        ModelError: the encoder cannot be used.
        Interrupted: Ctrl-C; a checkpoint is in `checkpoints`.
    """
    training, validation = (
        _labelled(documents, part, reporter) for documents, part in ((training, "training"), (validation, "validation"))
    )
    labels = LabelSet.of(training)
    if not labels.names:
        raise DataError("No training document has a labelled span.", remedy="Check the split, or label more documents.")
    if not validation:
        raise DataError("There is no labelled validation document.", remedy="Split the documents again.")
    source = locate(settings.base_model)
    tokenizer = load_tokenizer(source)
    set_seed(settings.seed)
    model = load_for_training(source, labels, settings.attention_dropout)
    frame = frame_of(tokenizer, model.config)
    tokenizer.model_max_length = frame.length
    examples, tally = training_examples(training, tokenizer, frame, labels, windows.length, windows.stride)
    sampler = TokenBudgetSampler([len(example) for example in examples], settings.batch_tokens, settings.seed)
    arguments = _arguments(settings, len(sampler), model.config, checkpoints)
    whole_words = settings.whole_words
    if whole_words == "auto":
        whole_words = share_inside_words(training) <= RARE_INSIDE_WORDS
    tagger = Tagger(model, tokenizer, labels, length=windows.length, stride=windows.stride, whole_words=whole_words)
    total = _total_steps(arguments, len(sampler))
    reporter.say(
        f"Learning {', '.join(labels.names)} from {len(training)} documents ({len(examples)} windows), "
        f"{total} steps on {arguments.device}; {tally}."
    )
    trainer = _DocumentTrainer(
        tagger,
        arguments,
        _Windows(examples, sampler, Collator(frame.pad)),
        validation,
        reporter,
    )
    checkpoint = newest_checkpoint(checkpoints) if resume else None
    if checkpoint:
        reporter.say(f"Going on from {Path(checkpoint).name}.")
    started = time.perf_counter()
    with quiet_transformers(), reporter.task("Training", total) as advance, _stop_on_signal() as stop:
        trainer.add_callback(_Watch(advance, trainer.windows.collator, stop))
        trainer.train(resume_from_checkpoint=checkpoint)
    if stop.is_set():
        raise Interrupted(f"Training was stopped after step {trainer.state.global_step}; a checkpoint was saved.")
    seconds = time.perf_counter() - started
    facts = {
        "steps": trainer.state.global_step,
        "epochs": round(trainer.state.epoch or 0.0, 3),
        "best_step": trainer.state.best_global_step,
        "learning_rate": arguments.learning_rate,
        "seconds": round(seconds, 1),
        "subwords_per_second": round(trainer.windows.collator.tokens / seconds),
        "device": str(arguments.device),
    }
    return Training(tagger, tally, list(trainer.state.log_history), facts)


def _labelled(documents: Sequence[Document], part: str, reporter: Reporter) -> list[Document]:
    """Documents that somebody has read; a text with `spans=None` is no true negative to learn from."""
    labelled = [document for document in documents if document.spans is not None]
    if len(labelled) < len(documents):
        reporter.say(f"{len(documents) - len(labelled)} unlabelled {part} document(s) are left out (spans: null).")
    return labelled


def newest_checkpoint(folder: Path) -> str | None:
    """The newest complete checkpoint, or None. `trainer_state.json` is written last, so one without it is incomplete."""
    if not folder.is_dir():
        return None
    for incomplete in folder.glob("checkpoint-*"):
        if not (incomplete / "trainer_state.json").is_file():
            shutil.rmtree(incomplete)
    newest: str | None = get_last_checkpoint(str(folder))  # type: ignore[no-untyped-call]
    return newest


@dataclass(frozen=True)
class _Windows:
    """Training windows and how they become batches."""

    examples: Sequence[Example]
    sampler: TokenBudgetSampler
    collator: Collator

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, number: int) -> Example:
        return self.examples[number]


def _arguments(settings: TrainSettings, steps_per_epoch: int, config: Any, checkpoints: Path) -> TrainingArguments:
    known = {field.name for field in dataclasses.fields(TrainingArguments)}
    unknown = [key for key in settings.trainer if key not in known]
    if unknown:
        near = [match for key in unknown for match in difflib.get_close_matches(key, known, n=1)]
        raise SettingsError(
            f"transformers.TrainingArguments has no field {', '.join(unknown)}.",
            key="train.trainer",
            remedy=f"Did you mean {', '.join(near)}?" if near else "Its documentation lists the fields.",
        )
    wanted = min(max(math.ceil(AUTO_STEPS / steps_per_epoch), AUTO_EPOCHS[0]), AUTO_EPOCHS[1])
    epochs = wanted if settings.epochs == "auto" else settings.epochs
    rate = settings.learning_rate
    if rate == "auto":
        rate = SMALL_RATE if getattr(config, "hidden_size", SMALL_ENCODER + 1) <= SMALL_ENCODER else USUAL_RATE
    accumulated = int(settings.trainer.get("gradient_accumulation_steps", 1))
    steps = settings.max_steps or epochs * math.ceil(steps_per_epoch / accumulated)
    ours: dict[str, Any] = {
        "output_dir": str(checkpoints),
        "num_train_epochs": epochs,
        "max_steps": settings.max_steps or -1,
        "learning_rate": rate,
        "warmup_steps": round(settings.warmup * steps),
        "weight_decay": settings.weight_decay,
        "seed": settings.seed,
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "save_total_limit": 2,
        "load_best_model_at_end": True,
        "metric_for_best_model": "eval_strict_f1",
        "greater_is_better": True,
        "logging_steps": 10,
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
        "remove_unused_columns": False,
        "label_names": ["labels"],
        "dataloader_pin_memory": torch.cuda.is_available(),
    }
    return TrainingArguments(**{**ours, **settings.trainer})


def _total_steps(arguments: TrainingArguments, steps_per_epoch: int) -> int:
    if arguments.max_steps > 0:
        return arguments.max_steps
    return math.ceil(arguments.num_train_epochs * math.ceil(steps_per_epoch / arguments.gradient_accumulation_steps))


class _DocumentTrainer(Trainer):
    """A Trainer with our batches, that evaluates by predicting and scoring whole documents."""

    def __init__(
        self,
        tagger: Tagger,
        arguments: TrainingArguments,
        windows: _Windows,
        validation: Sequence[Document],
        reporter: Reporter,
    ) -> None:
        self.tagger, self.windows, self.validation, self.reporter = tagger, windows, validation, reporter
        with quiet_transformers():
            super().__init__(
                model=tagger.model,
                args=arguments,
                train_dataset=windows,
                eval_dataset=windows,  # never read: evaluate() has the documents
                data_collator=windows.collator,
                compute_loss_func=_loss,
            )
        for callback in list(self.callback_handler.callbacks):
            if type(callback).__name__ == "PrinterCallback":
                self.remove_callback(callback)

    def get_train_dataloader(self) -> WindowLoader:
        """Batches by token budget. The sampler itself shares them out among processes."""
        sampler = self.windows.sampler
        sampler.rank, sampler.processes = self.args.process_index, self.args.world_size
        return WindowLoader(self.windows, batch_sampler=sampler, collate_fn=self.windows.collator)  # type: ignore[arg-type]

    def evaluate(self, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> dict[str, float]:
        """Predict the validation documents and score them at character offsets."""
        predicted = self.tagger.predict(self.validation)
        evaluation = evaluate_documents(self.validation, predicted, resamples=100)
        metrics: dict[str, float] = {}
        said = []
        for mode in MODES:
            score = evaluation.overall(mode)
            metrics |= {f"{metric_key_prefix}_{mode}_{rate}": score[rate] for rate in RATES}
            said.append(f"{VIEW[mode]} P {score['precision']:.3f} R {score['recall']:.3f} F1 {score['f1']:.3f}")
        self.reporter.say(f"Epoch {self.state.epoch or 0:.2f}, validation: {' | '.join(said)}")
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def _loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None) -> torch.Tensor:
    """Cross entropy per labelled token, over all the tokens of an optimizer step."""
    logits = outputs["logits"]
    total = torch.nn.functional.cross_entropy(
        logits.view(-1, logits.shape[-1]).float(), labels.view(-1), ignore_index=IGNORED, reduction="sum"
    )
    return total / (num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum())


class _Watch(TrainerCallback):
    """Moves the progress bar, and ends training at the next step when asked to stop."""

    def __init__(self, advance: Advance, collator: Collator, stop: threading.Event) -> None:
        self.advance, self.collator, self.stop = advance, collator, stop
        self.started = time.perf_counter()
        self.loss = ""

    # The Trainer's callback interface: https://huggingface.co/docs/transformers/main_classes/callback
    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if logs and "loss" in logs:
            self.loss = f"loss {logs['loss']:.3f}, "

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        speed = self.collator.tokens / (time.perf_counter() - self.started)
        self.advance(state.global_step, f"{self.loss}{speed:,.0f} sub-words/s")
        if self.stop.is_set():
            control.should_save = control.should_training_stop = True
        return control


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C (or SIGTERM) sets; the second one interrupts at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(*_: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
