"""Settings: typed, documented, read from TOML, the environment and the command line in one place.

Later sources win: defaults, `spanwright.toml`, `.env`, the environment (`SPANWRIGHT__TRAIN__EPOCHS=3`), `--set
train.epochs=3`. All mistakes are reported at once, each with its key and what would have been allowed.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Literal

import tomlkit
from dotenv import dotenv_values, find_dotenv
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from spanwright.errors import PathError, Problem, SettingsError

FILE_NAME = "spanwright.toml"
ENVIRONMENT_PREFIX = "SPANWRIGHT__"

OURS = {
    "output_dir": "the -o option",
    "num_train_epochs": "train.epochs",
    "max_steps": "train.max_steps",
    "learning_rate": "train.learning_rate",
    "warmup_steps": "train.warmup",
    "weight_decay": "train.weight_decay",
    "seed": "train.seed",
    "data_seed": "train.seed",
    "per_device_train_batch_size": "train.batch_tokens",
    "auto_find_batch_size": "train.batch_tokens",
    "per_device_eval_batch_size": "predict.batch_tokens",
    "train_sampling_strategy": "train.batch_tokens (windows are always batched by length)",
    "eval_strategy": "nothing: every epoch is evaluated on whole documents",
    "eval_steps": "nothing: every epoch is evaluated on whole documents",
    "save_strategy": "nothing: every epoch is saved",
    "save_steps": "nothing: every epoch is saved",
    "load_best_model_at_end": "nothing: the best epoch by document F1 is kept",
    "metric_for_best_model": "nothing: the best epoch by document F1 is kept",
    "greater_is_better": "nothing: the best epoch by document F1 is kept",
    "remove_unused_columns": "nothing: windows have no unused columns",
    "label_names": "nothing: windows are built here",
    "resume_from_checkpoint": "the --resume option",
    "disable_tqdm": "nothing: progress is shown by Spanwright",
    "dataloader_num_workers": "nothing: windows are ready in memory",
}
"""`TrainingArguments` fields that would contradict ours, and what to use instead."""


class Section(BaseModel):
    """Common rules: unknown keys are mistakes, defaults are checked, values do not change."""

    model_config = ConfigDict(
        extra="forbid", validate_default=True, frozen=True, allow_inf_nan=False, populate_by_name=True
    )


Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class ImportSettings(Section):
    """Where the annotations are and how to read them."""

    sources: tuple[Path, ...] = Field(
        default=(), description="Files and folders that Label Studio wrote; a relative path counts from this file."
    )
    group_key: str = Field(
        default="",
        description="Key of the task data that names the article a chunk was cut from. Empty: found by itself.",
    )
    text_key: str = Field(default="", description="Key of the task data that holds the text. Empty: found by itself.")
    skip_bad: bool = Field(default=False, description="Leave out (and count) what cannot be read, instead of stopping.")


class SplitSettings(Section):
    """How articles are divided; the three shares must add up to 1."""

    train: Share = Field(default=0.7, description="Share of the groups to learn from.")
    validation: Share = Field(default=0.15, description="Share of the groups to choose the best epoch on.")
    test: Share = Field(default=0.15, description="Share of the groups to report on; never used for a choice.")
    seed: int = Field(default=42, description="Another seed, another split.")

    @model_validator(mode="after")
    def _shares_add_up(self) -> SplitSettings:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train, validation and test must add up to 1, but add up to {total:g}")
        return self

    @property
    def ratios(self) -> dict[str, float]:
        """The shares by part."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


class WindowSettings(Section):
    """How long documents are cut for the model; the text itself is never shortened."""

    length: Annotated[int, Field(ge=16)] = Field(
        default=256, description="Sub-words per window, special tokens included; a shorter limit of the model wins."
    )
    stride: Annotated[int, Field(ge=0)] = Field(default=32, description="Sub-words that neighbouring windows share.")

    @model_validator(mode="after")
    def _stride_fits(self) -> WindowSettings:
        if self.stride >= self.length:
            raise ValueError(f"stride must be below length, but they are {self.stride} and {self.length}")
        return self


class TrainSettings(Section):
    """How the model learns."""

    base_model: str = Field(
        default="builtin:minilm",
        description="builtin:minilm, a folder, or a name on the Hugging Face Hub such as FacebookAI/roberta-base.",
    )
    epochs: Count | Literal["auto"] = Field(
        default="auto",
        description='Passes over the training windows. "auto": enough for about 200 steps, from 4 to 20.',
    )
    max_steps: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Stop after this many optimizer steps; 0: no limit."
    )
    learning_rate: Annotated[float, Field(gt=0)] | Literal["auto"] = Field(
        default="auto",
        description='Peak learning rate. "auto": 5e-4 for small encoders (hidden size up to 512), else 5e-5.',
    )
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.1, description="Share of the steps to warm up in.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(default=0.01, description="Weight decay of AdamW.")
    batch_tokens: Count = Field(default=1024, description="Sub-words per step, padding included.")
    whole_words: bool | Literal["auto"] = Field(
        default="auto",
        description='Let spans begin and end at the edges of words only. "auto": when at most 1% of the training '
        "boundaries lie inside a word.",
    )
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="Dropout of attention weights; above 0 a CPU needs twice the time."
    )
    seed: int = Field(default=42, description="Of the new layer, dropout and the order of windows.")
    trainer: dict[str, Any] = Field(
        default_factory=dict, description="Passed on to transformers.TrainingArguments, such as bf16 = true."
    )

    @field_validator("trainer")
    @classmethod
    def _no_conflicts(cls, value: dict[str, Any]) -> dict[str, Any]:
        refused = [f"{key} (use {OURS[key]})" for key in value if key in OURS]
        if refused:
            raise ValueError(f"these fields of TrainingArguments are set by Spanwright: {'; '.join(refused)}")
        return value


class PredictSettings(Section):
    """How texts are run through the model."""

    batch_tokens: Count = Field(default=2048, description="Sub-words per forward pass, padding included.")


class EvaluateSettings(Section):
    """How results are measured."""

    parts: tuple[Literal["train", "validation", "test"], ...] = Field(
        default=("train", "validation", "test"), description="Which parts of the data to evaluate."
    )
    resamples: Annotated[int, Field(ge=100)] = Field(
        default=1000, description="Bootstrap samples (of articles) behind every interval."
    )


class Settings(Section):
    """Everything `spanwright run` needs."""

    output: Path = Field(default=Path("run"), description="Folder for everything that is written.")
    import_: ImportSettings = Field(default_factory=ImportSettings, alias="import")
    split: SplitSettings = Field(default_factory=SplitSettings)
    windows: WindowSettings = Field(default_factory=WindowSettings)
    train: TrainSettings = Field(default_factory=TrainSettings)
    predict: PredictSettings = Field(default_factory=PredictSettings)
    evaluate: EvaluateSettings = Field(default_factory=EvaluateSettings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values under the names of the file."""
        return self.model_dump(mode="json", by_alias=True)

    def to_toml(self) -> str:
        """A commented `spanwright.toml` that reads back as these settings."""
        document = tomlkit.document()
        document.add(
            tomlkit.comment("Settings of `spanwright run`. Every key is optional; the values are the defaults")
        )
        document.add(tomlkit.comment("or what was set. Change one here, or for once with --set train.epochs=3."))
        values = _toml_values(self.model_dump(by_alias=True))
        for name, field in type(self).model_fields.items():
            key = field.alias or name
            section = getattr(self, name)
            document.add(tomlkit.nl())
            if isinstance(section, Section):
                document.add(key, _table(section, values[key]))
            else:
                document.add(tomlkit.comment(field.description or ""))
                document.add(key, values[key])
        return tomlkit.dumps(document)


def _toml_values(value: Any) -> Any:
    """Values that TOML can hold."""
    if isinstance(value, Mapping):
        return {key: _toml_values(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_toml_values(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _table(section: Section, values: Mapping[str, Any]) -> Any:
    table = tomlkit.table()
    table.add(tomlkit.comment((type(section).__doc__ or "").strip()))
    for name, field in type(section).model_fields.items():
        table.add(tomlkit.comment(field.description or ""))
        table.add(name, values[name])
    return table


def load(path: Path | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Settings from a file, `.env`, the environment and `key=value` overrides.

    Args:
        path: a TOML file; None for the defaults. Relative paths in it count from its folder.
        overrides: such as `train.epochs=3`; the value is read as TOML, or else taken as text.

    Raises:
        PathError: there is no such file.
        SettingsError: it is no TOML, or keys or values are wrong; all of them are named.
    """
    values = _read(path) if path is not None else {}
    origins: dict[str, str] = {}
    problems = []
    for origin, key, value in [*_from_environment(), *(_split(override) for override in overrides)]:
        if not _put(values, key, value):
            problems.append(
                Problem(f"{origin} is no setting.", "Write section.key=value, such as train.epochs=3.", key=key or None)
            )
        origins[key] = origin
    if problems:
        raise SettingsError("The settings have mistakes:", problems=problems)
    return check(values, path, origins)


def check(values: Mapping[str, Any], path: Path | None = None, origins: Mapping[str, str] | None = None) -> Settings:
    """Settings from plain values.

    Args:
        path: the file that the values came from.
        origins: where values of single keys came from instead.

    Raises:
        SettingsError: keys or values are wrong; all of them are named.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = _merged([_problem(detail, path, origins or {}) for detail in error.errors()])
        raise SettingsError(f"The settings have {len(problems)} mistake(s):", problems=problems) from error


def load_environment() -> None:
    """Put the names of the nearest `.env` into the environment, where not set yet.

    For the libraries below, which read their own names there, such as HF_TOKEN.
    """
    for name, value in _dotenv().items():
        os.environ.setdefault(name, value)


def _dotenv() -> dict[str, str]:
    """Names and values of the nearest `.env`, from the current folder upwards."""
    return {name: value for name, value in dotenv_values(find_dotenv(usecwd=True)).items() if value is not None}


def write_initial(folder: Path, overwrite: bool = False) -> Path:
    """Write a commented `spanwright.toml` with the defaults; returns its path.

    Raises:
        PathError: there is one already.
    """
    path = folder / FILE_NAME
    if path.exists() and not overwrite:
        raise PathError("There is a settings file already.", path=path, remedy="Edit it, or add --overwrite.")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(Settings.model_validate({"import": {"sources": ["annotations"]}}).to_toml(), encoding="utf-8")
    return path


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise PathError("There is no settings file.", path=path, remedy="Write one with `spanwright init`.")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"This is not valid TOML: {error}.", path=path, remedy="See https://toml.io.") from error
    base = path.parent
    section = values.get("import")
    if isinstance(section, dict) and isinstance(section.get("sources"), list):
        section["sources"] = [
            str(base / source) if isinstance(source, str) else source for source in section["sources"]
        ]
    if isinstance(values.get("output"), str):
        values["output"] = str(base / values["output"])
    return values


def _from_environment() -> Iterable[tuple[str, str, str]]:
    for name, value in sorted({**_dotenv(), **os.environ}.items()):
        if name.startswith(ENVIRONMENT_PREFIX):
            yield name, name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", "."), value


def _split(override: str) -> tuple[str, str, str]:
    """Where it came from, key and value of `key=value`; the key is empty when there is none."""
    key, equals, value = override.partition("=")
    return f"--set {override}", key.strip() if equals else "", value.strip()


def _put(values: dict[str, Any], key: str, text: str) -> bool:
    """Set the value of a dotted key; false when that is not possible."""
    *sections, name = key.split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            return False
        values = inner
    if not name:
        return False
    try:
        values[name] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        values[name] = text
    return True


def _problem(detail: Any, path: Path | None, origins: Mapping[str, str]) -> Problem:
    """One mistake that pydantic found, in our words."""
    location, model = _locate([str(part) for part in detail["loc"]])
    key = ".".join(location)
    where = origins.get(key, path)
    if detail["type"] == "extra_forbidden":
        known = [field.alias or name for name, field in model.model_fields.items()]
        near = difflib.get_close_matches(location[-1], known, n=1)
        remedy = f"Did you mean {near[0]}?" if near else ""
        return Problem("There is no such setting.", remedy, path=where, key=key, allowed=tuple(known))
    message = str(detail["msg"]).removeprefix("Value error, ")
    return Problem(f"{message[:1].upper()}{message[1:]}, but the value is {detail['input']!r}.", path=where, key=key)


def _locate(parts: Sequence[str]) -> tuple[list[str], type[BaseModel]]:
    """The names down to the setting itself, and the section it is in.

    Below it pydantic gives the place in a list, which is kept, or the branch of a union, which a reader cannot use.
    """
    model: type[BaseModel] = Settings
    for depth, part in enumerate(parts, start=1):
        annotation = {f.alias or name: f.annotation for name, f in model.model_fields.items()}.get(part)
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            places = takewhile(str.isdigit, parts[depth:])
            return [*parts[:depth], *places], model
        model = annotation
    return list(parts), model


def _merged(problems: Sequence[Problem]) -> list[Problem]:
    """One problem per key: a value that fits no branch of a union is one mistake, not one per branch."""
    by_key: dict[str | None, Problem] = {}
    for problem in problems:
        first = by_key.setdefault(problem.key, problem)
        if first is not problem:
            reason = problem.what.rsplit(", but the value is", 1)[0]
            by_key[problem.key] = replace(first, what=f"{reason}; or: {first.what}")
    return list(by_key.values())
