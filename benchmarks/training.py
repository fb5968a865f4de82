"""Training on a real corpus, side by side with the plain recipe, in the same run on the same machine.

The plain recipe is what `run_ner.py` of transformers does with its defaults: sentences as rows of words, the first
sub-word of a word carries its tag, Hugging Face's Trainer with 3 epochs, learning rate 5e-5, batches of 16, padding to the
longest row, attention dropout as the model has it, arg-max decoding. Its predictions are put back to character offsets
and scored like ours: whole documents, strict start, end and label, counted here and not by the package.

    SPANWRIGHT_CORPORA=... python benchmarks/training.py [--corpus copious] [--rounds 1]

Each side is a process of its own; wall time is that of the whole process, imports, evaluation and prediction included.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PARTS = {"train": "train", "validation": "dev", "test": "test"}
WORD = re.compile(r"\w+|[^\w\s]")


def read(corpus: Path, part: str) -> list[dict[str, Any]]:
    """Documents as plain dictionaries."""
    return [json.loads(line) for line in (corpus / f"{PARTS[part]}.jsonl").read_text(encoding="utf-8").splitlines()]


def f1(gold: list[dict[str, Any]], found: set[tuple[str, int, int, str]]) -> float:
    """Document-level strict F1, counted independently."""
    wanted = {(d["id"], s["start"], s["end"], s["label"]) for d in gold for s in d["spans"]}
    return 2 * len(wanted & found) / (len(wanted) + len(found))


def ours(corpus: Path, overrides: list[str]) -> float:
    """Spanwright's defaults."""
    from spanwright import config, formats
    from spanwright.model.train import train

    documents = {part: formats.read_documents(corpus / f"{name}.jsonl") for part, name in PARTS.items()}
    settings = config.load(None, overrides)
    with tempfile.TemporaryDirectory() as folder:
        training = train(documents["train"], documents["validation"], settings.train, settings.windows, Path(folder))
    predicted = training.tagger.predict(documents["test"])
    found = {(d.id, s.start, s.end, s.label) for d in predicted for s in d.spans or ()}
    print(json.dumps(training.facts), file=sys.stderr)
    return f1(read(corpus, "test"), found)


def sentences(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Lines of a document as words with tags and offsets."""
    rows = []
    for line in re.finditer(r"[^\n]+", document["text"]):
        words = [(m.start() + line.start(), m.end() + line.start()) for m in WORD.finditer(line.group())]
        if not words:
            continue
        tags = ["O"] * len(words)
        for span in document["spans"]:
            inside = [i for i, (start, end) in enumerate(words) if start < span["end"] and end > span["start"]]
            for number, i in enumerate(inside):
                tags[i] = ("I-" if number else "B-") + span["label"]
        rows.append({"id": document["id"], "words": words, "tags": tags, "text": document["text"]})
    return rows


def plain(corpus: Path, overrides: list[str]) -> float:
    """The plain recipe."""
    import numpy as np
    from transformers import (
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    from spanwright.model.encoder import locate

    rows = {part: [row for d in read(corpus, part) for row in sentences(d)] for part in PARTS}
    names = ["O", *sorted({tag for row in rows["train"] for tag in row["tags"]} - {"O"})]
    source = locate("builtin:minilm")
    tokenizer = AutoTokenizer.from_pretrained(source)

    def encode(row: dict[str, Any]) -> dict[str, Any]:
        words = [row["text"][start:end] for start, end in row["words"]]
        encoded = tokenizer(words, is_split_into_words=True, truncation=True, max_length=512)
        places = encoded.word_ids()
        first = [place is not None and place != before for before, place in zip([None, *places], places, strict=False)]
        labels = [
            names.index(row["tags"][place]) if is_first and place is not None and row["tags"][place] in names else -100
            for is_first, place in zip(first, places, strict=True)
        ]
        firsts.append([i for i, is_first in enumerate(first) if is_first])
        return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"], "labels": labels}

    firsts: list[list[int]] = []
    set_seed(42)
    model = AutoModelForTokenClassification.from_pretrained(source, num_labels=len(names))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, num_train_epochs=3, learning_rate=5e-5, per_device_train_batch_size=16, per_device_eval_batch_size=8,
            save_strategy="no", report_to="none", seed=42, disable_tqdm=True,
        )  # fmt: skip
        encoded = {part: [encode(row) for row in rows[part]] for part in ("train", "test")}
        firsts = firsts[len(rows["train"]) :]
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=encoded["train"],  # type: ignore[arg-type]
            data_collator=DataCollatorForTokenClassification(tokenizer),
        )
        trainer.train()
        logits = trainer.predict(encoded["test"]).predictions  # type: ignore[arg-type]
    found: set[tuple[str, int, int, str]] = set()
    for row, marked, scores in zip(rows["test"], firsts, logits, strict=True):
        tags = [names[int(np.argmax(scores[i]))] for i in marked]
        current: list[Any] | None = None
        for (start, end), tag in zip(row["words"], tags, strict=False):
            if tag.startswith("I-") and current is not None and current[2] == tag[2:]:
                current[1] = end
                continue
            if current is not None:
                found.add((row["id"], *current))
            current = [start, end, tag[2:]] if tag != "O" else None
        if current is not None:
            found.add((row["id"], *current))
    return f1(read(corpus, "test"), found)


SIDES = {"ours": ours, "plain": plain}


def measure(side: str, corpus: Path, overrides: list[str]) -> tuple[float, float]:
    """F1 and seconds of one side in a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, __file__, "--side", side, "--corpus", corpus.name, "--set", *overrides]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])["f1"], time.perf_counter() - started


def main() -> None:
    """Run both sides in turn and print one line a round, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="copious")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--side", choices=SIDES, help="run one side only, in this process")
    parser.add_argument("--set", nargs="*", default=[], help="settings of our side, such as train.epochs=3")
    options = parser.parse_args()
    root = os.environ.get("SPANWRIGHT_CORPORA")
    if not root:
        sys.exit("Set SPANWRIGHT_CORPORA to a folder of corpora (copious/train.jsonl, dev.jsonl, test.jsonl).")
    corpus = Path(root) / options.corpus
    if options.side:
        print(json.dumps({"f1": SIDES[options.side](corpus, options.set)}))
        return
    ratios = []
    for number in range(1, options.rounds + 1):
        (our_f1, our_seconds), (plain_f1, plain_seconds) = (measure(side, corpus, options.set) for side in SIDES)
        ratios.append(our_seconds / plain_seconds)
        print(
            f"{options.corpus}, round {number}: ours F1 {our_f1:.3f} in {our_seconds:.0f} s, "
            f"plain F1 {plain_f1:.3f} in {plain_seconds:.0f} s, time ratio {ratios[-1]:.2f}"
        )
    print(f"median time ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
