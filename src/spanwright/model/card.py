"""What goes beside the weights: `spanwright.json` for us, `README.md` (the model card) for everyone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spanwright.config import TrainSettings, WindowSettings
from spanwright.files import replacing, write_json
from spanwright.model.encoder import quiet_transformers
from spanwright.model.tagger import CARD_NAME
from spanwright.model.train import VIEW, Training
from spanwright.record import now, versions


def save(
    training: Training,
    folder: Path,
    settings: TrainSettings,
    windows: WindowSettings,
    data: Mapping[str, Any],
) -> None:
    """Write a Hugging Face checkpoint with our two files beside it.

    Args:
        folder: exists; files of the same name are replaced.
        data: what was learned from, per part its path, SHA-256 and number of documents.
    """
    tagger = training.tagger
    with quiet_transformers():
        tagger.model.save_pretrained(folder)
        tagger.tokenizer.save_pretrained(folder)
    evaluations = [entry for entry in training.history if "eval_strict_f1" in entry]
    best = max(evaluations, key=lambda entry: entry["eval_strict_f1"], default={})
    write_json(
        folder / CARD_NAME,
        {
            "schema": 1,
            "labels": list(tagger.labels.names),
            "base_model": settings.base_model,
            "windows": windows.model_dump(),
            "decoding": {
                "method": "constrained-viterbi",
                "score": "span-marginal",
                "whole_words": tagger.whole_words,
            },
            "data": dict(data),
            "training": {**training.facts, "finished": now(), "history": training.history},
            "versions": versions(),
        },
    )
    with replacing(folder / "README.md") as stream:
        stream.write(_card(folder.name.removesuffix(".partial"), settings, tagger.labels.names, data, best))


def _card(
    name: str, settings: TrainSettings, labels: Sequence[str], data: Mapping[str, Any], best: Mapping[str, float]
) -> str:
    rows = "\n".join(
        f"| {VIEW[mode]} | {best[f'eval_{mode}_precision']:.3f} | {best[f'eval_{mode}_recall']:.3f} "
        f"| {best[f'eval_{mode}_f1']:.3f} |"
        for mode in VIEW
        if f"eval_{mode}_f1" in best
    )
    parts = "\n".join(
        f"- {part}: {facts['documents']} documents, SHA-256 `{facts['sha256']}`" for part, facts in data.items()
    )
    base = "" if settings.base_model.startswith("builtin:") else f"base_model: {settings.base_model}\n"
    return f"""---
library_name: transformers
pipeline_tag: token-classification
{base}tags:
- token-classification
- named-entity-recognition
- spanwright
---
# {name}

A token classifier for {", ".join(labels)}, fine-tuned from `{settings.base_model}` with Spanwright.

## Use

```python
from spanwright import Tagger

[document] = Tagger.load("{name}").predict(["A text of any length."])
print(document.spans)  # character offsets, labels and probabilities
```

`transformers.pipeline("token-classification", model="{name}", aggregation_strategy="simple")` works too, on texts up to
the model's longest input and without constrained decoding.

## Validation

Whole documents, micro average: entities count when start, end and label agree; tokens are whitespace-delimited words.

| view | precision | recall | F1 |
|---|---|---|---|
{rows}

The best epoch was chosen on these documents. Scores to report come from a test part: `spanwright evaluate`.

## Data

{parts}
"""
