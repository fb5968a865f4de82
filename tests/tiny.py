"""Small tokenizers and models that tests make themselves, so that nothing is fetched.

The tokenizers are trained on a few lines with the `tokenizers` library, one of each family that matters for offsets:
WordPiece (BERT), byte-level BPE (RoBERTa) and Unigram (XLM-RoBERTa).
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast, set_seed

from spanwright.labels import LabelSet

LINES = [
    "Alnus glutinosa grew near Lake Onega at 8,940 cal yr BP, 412 m a.s.l.",
    "Pollen of Pinus sylvestris and Betula was counted by A. Nonymous (2011).",
    "Write to pollen.lab@example.org; the site lies at 66°14′N, 18°32′E.",
    "naïve café Zoë München 東京 Ελλάδα Привет e\u0301 ﬁ",
    "The quick brown fox jumps over the lazy dog. THE QUICK BROWN FOX!",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
KINDS = ("wordpiece", "byte-bpe", "unigram")


def tokenizer(kind: str, longest: int = 64) -> PreTrainedTokenizerFast:
    """A tokenizer of a kind, with special tokens around a text."""
    if kind == "wordpiece":
        raw = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        raw.normalizer = normalizers.BertNormalizer(lowercase=True)
        raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        raw.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIAL)
    elif kind == "byte-bpe":
        raw = Tokenizer(models.BPE())
        raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        raw.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet)
    else:
        raw = Tokenizer(models.Unigram())
        raw.normalizer = normalizers.NFKC()
        raw.pre_tokenizer = pre_tokenizers.Metaspace()
        raw.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=200, special_tokens=SPECIAL, unk_token="[UNK]", show_progress=False
        )
    trainer.show_progress = False
    raw.train_from_iterator(LINES * 4, trainer)
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(token, raw.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        model_max_length=longest,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )


def model(
    tokens: PreTrainedTokenizerFast, labels: LabelSet, seed: int = 0, spread: float = 0.6
) -> BertForTokenClassification:
    """A BERT of 2 layers and 32 dimensions with random weights; a large `spread` makes its tags vary, a small one lets it learn."""
    set_seed(seed)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=spread,
        id2label=dict(enumerate(labels.tags)),
        label2id={tag: number for number, tag in enumerate(labels.tags)},
    )
    return BertForTokenClassification(config).eval()


def checkpoint(folder: Path, labels: LabelSet, kind: str = "wordpiece", seed: int = 0, spread: float = 0.6) -> Path:
    """A model folder with a tokenizer, as `save_pretrained` writes it."""
    tokens = tokenizer(kind)
    model(tokens, labels, seed, spread).save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder
