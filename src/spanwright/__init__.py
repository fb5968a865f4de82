"""Spanwright: from Label Studio annotations to a trained, honestly measured token-classification model.

Public names, imported when they are first used, so that `import spanwright` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spanwright.config import Settings as Settings
    from spanwright.document import Document as Document
    from spanwright.document import Span as Span
    from spanwright.errors import SpanwrightError as SpanwrightError
    from spanwright.formats import read_annotations as read_annotations
    from spanwright.formats import read_documents as read_documents
    from spanwright.formats import write_documents as write_documents
    from spanwright.model.tagger import Tagger as Tagger
    from spanwright.pipeline import demo as demo
    from spanwright.pipeline import run as run
    from spanwright.scoring import Evaluation as Evaluation
    from spanwright.scoring import evaluate_documents as evaluate_documents
    from spanwright.split import split_documents as split_documents
    from spanwright.steps import evaluate_model as evaluate_model
    from spanwright.steps import import_annotations as import_annotations
    from spanwright.steps import predict_files as predict_files
    from spanwright.steps import score_files as score_files
    from spanwright.steps import split_corpus as split_corpus
    from spanwright.steps import train_model as train_model
    from spanwright.tally import Tally as Tally

__version__ = "0.1.0"

_HOMES = {
    "Document": "document",
    "Evaluation": "scoring",
    "Settings": "config",
    "Span": "document",
    "SpanwrightError": "errors",
    "Tagger": "model.tagger",
    "Tally": "tally",
    "demo": "pipeline",
    "evaluate_documents": "scoring",
    "evaluate_model": "steps",
    "import_annotations": "steps",
    "predict_files": "steps",
    "read_annotations": "formats",
    "read_documents": "formats",
    "run": "pipeline",
    "score_files": "steps",
    "split_corpus": "steps",
    "split_documents": "split",
    "train_model": "steps",
    "write_documents": "formats",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'spanwright' has no attribute {name!r}")
    return getattr(importlib.import_module(f"spanwright.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
