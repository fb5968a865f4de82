"""`Tagger`: a trained model that turns texts into documents with spans. The one inference path of the package."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spanwright.document import Document
from spanwright.errors import ModelError
from spanwright.files import require_exists
from spanwright.labels import LabelSet
from spanwright.model.decode import Scored, decode
from spanwright.model.encode import EncodedDocument, encode, framed, pad_batch, window_length
from spanwright.model.encoder import frame_of, load_tokenizer, load_trained, locate
from spanwright.progress import SILENT, Advance, Reporter
from spanwright.windows import Window, plan_windows

CARD_NAME = "spanwright.json"
DEFAULT_LENGTH, DEFAULT_STRIDE = 256, 32
DEFAULT_BATCH_TOKENS = 2_048
"""Tokens of one forward pass. On a CPU small batches that stay in its cache are the fastest."""
TOKENS_AT_ONCE = 200_000
"""Documents are worked through in portions of about this many tokens, which bounds the memory."""


class Tagger:
    """A token-classification model with its tokenizer, windows and decoding.

    Results do not depend on what else is in a batch: windows are padded and masked, and each token's scores come from
    the one window in which it sees most context.

    Args:
        model, tokenizer: as loaded by transformers; the tokenizer must have offsets.
        labels: in the order of the model's tags.
        length: tokens per window, special tokens included; a shorter limit of the model wins.
        stride: tokens that neighbouring windows share.
        whole_words: spans begin and end at the edges of words.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        labels: LabelSet,
        *,
        length: int = DEFAULT_LENGTH,
        stride: int = DEFAULT_STRIDE,
        whole_words: bool = False,
    ) -> None:
        self.model, self.tokenizer, self.labels = model, tokenizer, labels
        self.length, self.stride, self.whole_words = length, stride, whole_words
        self.frame = frame_of(tokenizer, model.config)
        # The checkpoint may list its tags in any order; decoding wants O, B-a, I-a, B-b, I-b.
        place = {tag: number for number, tag in model.config.id2label.items()}
        self._columns = [int(place.get(tag, -1)) for tag in labels.tags]

    @classmethod
    def load(cls, source: str | Path, device: str | None = None) -> Tagger:
        """A model folder of `spanwright train`, or any Hugging Face token-classification folder or Hub name.

        Args:
            source: folder or name.
            device: such as `cpu` or `cuda:0`; the best one there is by default.

        Raises:
            PathError, ModelError: there is no such model, or it cannot be used.
        """
        if str(source).startswith("builtin:"):
            raise ModelError(f"{source} is an encoder that has not learned any labels.", remedy="Train it first.")
        if Path(source).is_absolute() or str(source).startswith("."):
            require_exists(Path(source), "The model folder")
        folder = locate(str(source))
        model, labels = load_trained(folder)
        tokenizer = load_tokenizer(folder)
        settings = _settings_of(Path(folder))
        windows = settings.get("windows", {})
        torch.nn.Module.to(model, device or best_device())
        return cls(
            model,
            tokenizer,
            labels,
            length=windows.get("length", DEFAULT_LENGTH),
            stride=windows.get("stride", DEFAULT_STRIDE),
            whole_words=settings.get("decoding", {}).get("whole_words", False),
        )

    def predict(
        self,
        documents: Sequence[Document | str],
        *,
        batch_tokens: int = DEFAULT_BATCH_TOKENS,
        reporter: Reporter = SILENT,
    ) -> list[Document]:
        """The documents with predicted spans; a string becomes a document named by its position.

        Args:
            documents: gold spans are ignored and replaced.
            batch_tokens: padded tokens of one forward pass.
            reporter: gets one task over all characters.

        Returns:
            Documents in the order they came in; each span's `score` is its marginal probability.
        """
        whole = [Document(str(i), item) if isinstance(item, str) else item for i, item in enumerate(documents)]
        predicted: list[Document] = []
        done = 0
        with reporter.task("Predicting", sum(len(document.text) for document in whole)) as advance:
            for portion in _portions(encode(whole, self.tokenizer)):
                characters = sum(len(encoded.document.text) for encoded in portion)
                moved = partial(_move, advance, done, characters)
                spans = decode(self._score(portion, batch_tokens, moved), self.labels)
                predicted += [e.document.with_spans(found) for e, found in zip(portion, spans, strict=True)]
                done += characters
                advance(done, "characters")
        return predicted

    def _score(
        self, portion: Sequence[EncodedDocument], batch_tokens: int, moved: Callable[[float], None] = lambda _: None
    ) -> list[Scored]:
        """Label scores of every token, stitched from the cores of the windows; `moved` is told the share that is done."""
        tags = len(self.labels.tags)
        scores = [np.zeros((len(encoded), tags), dtype=np.float32) for encoded in portion]
        windows = [
            (number, window)
            for number, encoded in enumerate(portion)
            for window in plan_windows(len(encoded), window_length(self.frame, self.length), self.stride)
        ]
        windows.sort(key=lambda pair: len(pair[1]))
        was_training = self.model.training
        self.model.eval()
        done = 0
        with torch.inference_mode():
            for batch in _batches(windows, batch_tokens, len(self.frame.prefix) + len(self.frame.suffix)):
                ids = [framed(portion[number], window, self.frame) for number, window in batch]
                for (number, window), found in zip(batch, self._forward(ids), strict=True):
                    core = slice(window.core_start, window.core_end)
                    shift = len(self.frame.prefix) - window.start
                    scores[number][core] = found[core.start + shift : core.stop + shift]
                done += len(batch)
                moved(done / len(windows))
        self.model.train(was_training)
        return [
            Scored(e.offsets, s, e.glued(self.whole_words), e.empty()) for e, s in zip(portion, scores, strict=True)
        ]

    def _forward(self, ids: Sequence[Any]) -> Any:
        """Log-probabilities of the tags in decoding order, shape (windows, tokens, tags)."""
        device = self.model.device
        batch = torch.from_numpy(pad_batch(ids, self.frame.pad)).to(device)
        lengths = torch.tensor([len(row) for row in ids], device=device)
        mask = (torch.arange(batch.shape[1], device=device)[None, :] < lengths[:, None]).long()
        logits = self.model(input_ids=batch, attention_mask=mask).logits.float()
        log_probabilities = torch.log_softmax(logits, dim=-1).cpu().numpy()
        columns = [max(column, 0) for column in self._columns]
        ordered = log_probabilities[:, :, columns]
        ordered[:, :, [place for place, column in enumerate(self._columns) if column < 0]] = -1e4
        return ordered


def _move(advance: Advance, done: int, characters: int, share: float) -> None:
    """Move the bar by a share of a portion's characters."""
    advance(done + int(share * characters), "characters")


def best_device() -> str:
    """The accelerator if there is one, else the CPU."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _settings_of(folder: Path) -> dict[str, Any]:
    path = folder / CARD_NAME
    if not path.is_file():
        return {}
    try:
        settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(
            f"This file is not valid JSON ({error}).", path=path, remedy="Train the model again."
        ) from error
    return settings


def _portions(encoded: Iterator[EncodedDocument]) -> Iterator[list[EncodedDocument]]:
    portion: list[EncodedDocument] = []
    tokens = 0
    for document in encoded:
        portion.append(document)
        tokens += len(document)
        if tokens >= TOKENS_AT_ONCE:
            yield portion
            portion, tokens = [], 0
    if portion:
        yield portion


def _batches(
    windows: Sequence[tuple[int, Window]], batch_tokens: int, special: int
) -> Iterator[list[tuple[int, Window]]]:
    """Windows, sorted by length, in batches of at most `batch_tokens` padded tokens (at least one window each)."""
    batch: list[tuple[int, Window]] = []
    for pair in windows:
        if batch and (len(batch) + 1) * (len(pair[1]) + special) > batch_tokens:
            yield batch
            batch = []
        batch.append(pair)
    if batch:
        yield batch
