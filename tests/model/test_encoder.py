"""Finding models and tokenizers: the built-in one, folders, names; and clear words where one cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, RobertaConfig

import tiny
from spanwright.errors import MissingExtraError, ModelError
from spanwright.labels import LabelSet
from spanwright.model import encoder
from spanwright.model.encoder import frame_of, load_for_training, load_tokenizer, load_trained, locate, longest_input

LABELS = LabelSet(("SITE", "TAXA"))


def test_the_built_in_encoder_has_the_published_weights() -> None:
    assert (Path(locate("builtin:minilm")) / "config.json").is_file()


def test_changed_weights_of_the_built_in_encoder_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "BUILTIN_SHA256", "0" * 64)
    with pytest.raises(ModelError, match="force-reinstall"):
        locate("builtin:minilm")


def test_a_missing_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "spanwright\[minilm\]"'):
        locate("builtin:minilm")


def test_an_unknown_built_in_name_lists_the_known_one() -> None:
    with pytest.raises(ModelError, match="builtin:minilm"):
        locate("builtin:large")


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/model", "a/b/c"])
def test_a_path_that_leads_nowhere_is_no_hub_name(name: str) -> None:
    with pytest.raises(ModelError, match="Check the path"):
        locate(name)


def test_a_hub_name_is_passed_on() -> None:
    assert locate("FacebookAI/roberta-base") == "FacebookAI/roberta-base"


def test_a_folder_without_a_config_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json"):
        locate(str(tmp_path))


def test_broken_weights_are_a_message_and_no_traceback(tmp_path: Path) -> None:
    folder = tiny.checkpoint(tmp_path / "model", LABELS)
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_trained(str(folder))


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_the_frame_is_what_the_tokenizer_puts_around_a_text(kind: str) -> None:
    tokens = tiny.tokenizer(kind)
    frame = frame_of(tokens, BertConfig(max_position_embeddings=48))
    assert frame.prefix == (tokens.cls_token_id,)
    assert frame.suffix == (tokens.sep_token_id,)
    assert frame.pad == tokens.pad_token_id
    assert frame.length == 48


def test_roberta_counts_positions_from_the_padding_index() -> None:
    tokens = tiny.tokenizer("byte-bpe", longest=10**30)
    assert longest_input(tokens, RobertaConfig(max_position_embeddings=514)) == 512
    assert longest_input(tokens, BertConfig(max_position_embeddings=512)) == 512


def test_an_encoder_gets_a_new_head_and_our_attention_dropout(tmp_path: Path) -> None:
    folder = tiny.checkpoint(tmp_path / "model", LabelSet(("OTHER",)))
    model = load_for_training(str(folder), LABELS, attention_dropout=0.0)
    assert model.config.attention_probs_dropout_prob == 0.0
    assert list(model.config.id2label.values()) == ["O", "B-SITE", "I-SITE", "B-TAXA", "I-TAXA"]
    assert model.classifier.out_features == 5


def test_an_encoder_without_a_head_is_no_tagger() -> None:
    with pytest.raises(ModelError, match="spanwright train"):
        load_trained(locate("builtin:minilm"))


def test_tags_that_are_not_bio_are_named(tmp_path: Path) -> None:
    folder = tiny.checkpoint(tmp_path / "model", LABELS)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"]["2"] = "E-SITE"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="E-SITE"):
        load_trained(str(folder))


def test_labels_come_in_the_order_of_the_checkpoint(tmp_path: Path) -> None:
    _, labels = load_trained(str(tiny.checkpoint(tmp_path / "model", LabelSet(("Z", "A")))))
    assert labels == LabelSet(("Z", "A"))


def test_a_pytorch_bin_checkpoint_loads(tmp_path: Path) -> None:
    folder = tiny.checkpoint(tmp_path / "model", LABELS)
    model, _ = load_trained(str(folder))
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    loaded, labels = load_trained(str(folder))
    assert labels == LABELS
    assert torch.equal(loaded.classifier.weight, model.classifier.weight)


def test_a_tokenizer_without_offsets_is_refused_with_a_choice(tmp_path: Path) -> None:
    folder = tiny.checkpoint(tmp_path / "model", LABELS)
    for file in folder.glob("tokenizer*"):
        file.unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "ByT5Tokenizer"}))
    with pytest.raises(ModelError, match="roberta-base"):
        load_tokenizer(str(folder))


def test_without_a_network_a_hub_name_fails_at_once_and_says_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_names(*_: object) -> None:
        raise OSError("no network")

    def no_request(*_: object, **__: object) -> None:
        raise AssertionError("the Hub was asked although its name does not resolve")

    monkeypatch.setattr(encoder.socket, "getaddrinfo", no_names)
    monkeypatch.setattr("huggingface_hub.file_download.get_hf_file_metadata", no_request)
    encoder._hub_can_be_found.cache_clear()
    with pytest.raises(ModelError, match=r"no such folder here.*local folder"):
        load_tokenizer("no-such-organization/no-such-model")
    encoder._hub_can_be_found.cache_clear()
