"""Windows without loss: text → tokens → windows → tags → spans, for three families of tokenizers and any Unicode text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from spanwright.document import Document, Span
from spanwright.labels import LabelSet, trim
from spanwright.model.decode import Scored, decode
from spanwright.model.encode import IGNORED, EncodedDocument, encode, pad_batch, training_examples
from spanwright.model.encoder import frame_of
from spanwright.windows import plan_windows

LABELS = LabelSet(("SITE", "TAXA"))
TOKENIZERS = {kind: tiny.tokenizer(kind) for kind in tiny.KINDS}
PIECES = [
    "Pinus", "sylvestris", "8,940", " ", "  ", "\t", "\r\n", "\n", "\u00a0", "\u200b", "\u200d", "e\u0301", "Zoë",
    "😀", "👨‍👩‍👧‍👦", "🇩🇪", "𝐁𝐨𝐥𝐝", "東京", "ﬁ", "(", ")", ".", "-", "AT&amp;T", "\u0000", "\ufeff", "Å", "İ",
]  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Texts of awkward pieces, with any spans, overlapping ones too."""
    text = "".join(draw(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=24)))
    spans = set()
    if text:
        for start, length, label in draw(
            st.lists(
                st.tuples(st.integers(0, len(text) - 1), st.integers(1, 12), st.sampled_from(LABELS.names)), max_size=6
            )
        ):
            spans.add(Span(start, min(len(text), start + length), label))
    return Document("d", text, tuple(spans))


def one_hot(tags: np.ndarray) -> np.ndarray:
    """Scores that say exactly these tags."""
    scores = np.full((len(tags), len(LABELS.tags)), -20.0)
    scores[np.arange(len(tags)), tags] = 0.0
    return scores


def through_windows(document: Document, kind: str, length: int, stride: int) -> tuple[EncodedDocument, set[Span]]:
    """A document cut into training windows, put together again from their cores, and decoded."""
    tokens = TOKENIZERS[kind]
    frame = frame_of(tokens, tiny.model(tokens, LABELS).config)
    examples, tally = training_examples([document], tokens, frame, LABELS, length, stride)
    assert tally.records_in == len(document.spans or ())
    [encoded] = encode([document], tokens)
    tags = np.concatenate([example.tags[example.tags != IGNORED] for example in examples] or [np.zeros(0, dtype=int)])
    assert len(tags) == len(encoded), "every token counts exactly once"
    scored = Scored(encoded.offsets, one_hot(tags), encoded.glued(whole_words=False), encoded.empty())
    return encoded, set(decode([scored], LABELS)[0])


def expressible(document: Document, encoded: EncodedDocument) -> set[Span]:
    """Spans that begin and end where tokens do and want no token that another span's characters need."""
    spans = [s for s in document.spans or () if trim(document.text, s.start, s.end) == (s.start, s.end)]
    filled = [pair for pair in encoded.offsets if pair[0] < pair[1]]
    found = set()
    for span in spans:
        tokens = [pair for pair in filled if pair[0] < span.end and pair[1] > span.start]
        exact = tokens and tokens[0][0] == span.start and max(end for _, end in tokens) == span.end
        rivals = [other for other in document.spans or () if other != span]
        free = not any(pair[0] < other.end and pair[1] > other.start for other in rivals for pair in tokens)
        if exact and free:
            found.add(span)
    return found


@pytest.mark.parametrize("kind", tiny.KINDS)
@given(document=documents(), length=st.integers(16, 40), stride=st.integers(0, 12))
@settings(deadline=None, max_examples=120)
def test_every_span_that_tokens_can_express_comes_back(document: Document, kind: str, length: int, stride: int) -> None:
    encoded, found = through_windows(document, kind, length, stride)
    assert expressible(document, encoded) <= found


@pytest.mark.parametrize("kind", tiny.KINDS)
@given(document=documents())
@settings(deadline=None, max_examples=60)
def test_what_comes_back_covers_a_labelled_span_and_no_other(document: Document, kind: str) -> None:
    _, found = through_windows(document, kind, 64, 8)
    for span in found:
        assert any(span.overlaps(gold) and span.label == gold.label for gold in document.spans or ())


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize(
    ("text", "surface"),
    [
        ("(Alnus) rose", "Alnus"),
        ("(9.5) ka BP", "9.5"),
        ("near Zoë.", "Zoë"),
        ("😀 Pinus 🎉", "Pinus"),
        ("one\r\ntwo\tBetula", "Betula"),
        ("see 👨‍👩‍👧‍👦 here", "👨‍👩‍👧‍👦"),
        ("in 東京 now", "東京"),
    ],
)
def test_spans_in_awkward_text_come_back_exactly(kind: str, text: str, surface: str) -> None:
    start = text.index(surface)
    span = Span(start, start + len(surface), "TAXA")
    _, found = through_windows(Document("d", text, (span,)), kind, 64, 8)
    if kind == "wordpiece" and surface.startswith("👨"):
        # BERT's normalizer removes the joiners, and the last face of the family is its last token.
        assert {(s.start, s.label) for s in found} == {(start, "TAXA")}
    else:
        assert found == {span}


def test_a_byte_level_tokenizer_cuts_an_emoji_into_glued_tokens() -> None:
    [encoded] = encode([Document("d", "a😀b")], TOKENIZERS["byte-bpe"])
    inside = [index for index, (start, end) in enumerate(encoded.offsets) if (start, end) == (1, 2)]
    assert len(inside) > 1
    assert encoded.glued(whole_words=False).nonzero()[0].tolist() == inside[1:]


def test_whole_words_glue_the_sub_words_of_a_word_but_not_punctuation() -> None:
    [encoded] = encode([Document("d", "xylophone-x")], TOKENIZERS["wordpiece"])
    glued = encoded.glued(whole_words=True)
    text = encoded.document.text
    for token in range(1, len(encoded)):
        start = encoded.offsets[token][0]
        assert glued[token] == (text[start - 1] != "-" and text[start] != "-")


def test_offsets_never_hold_white_space() -> None:
    text = " Pinus  sylvestris\n\tBetula \u00a0x"
    for kind in tiny.KINDS:
        [encoded] = encode([Document("d", text)], TOKENIZERS[kind])
        for start, end in encoded.offsets:
            assert text[start:end] == text[start:end].strip()


def test_windows_put_special_tokens_around_and_ignore_everything_but_the_core() -> None:
    tokens = TOKENIZERS["wordpiece"]
    frame = frame_of(tokens, tiny.model(tokens, LABELS).config)
    document = Document("d", "Pinus " * 60, ())
    examples, _ = training_examples([document], tokens, frame, LABELS, 32, 8)
    [encoded] = encode([document], tokens)
    windows = plan_windows(len(encoded), 30, 8)
    assert len(examples) == len(windows)
    for example, window in zip(examples, windows, strict=True):
        assert (example.ids[0], example.ids[-1]) == (tokens.cls_token_id, tokens.sep_token_id)
        assert example.ids[1:-1].tolist() == encoded.ids[window.start : window.end].tolist()
        assert (example.tags != IGNORED).sum() == window.core_end - window.core_start


def test_pad_batch_fills_up_on_the_right() -> None:
    assert pad_batch([np.array([1, 2]), np.array([3])], 9).tolist() == [[1, 2], [3, 9]]
