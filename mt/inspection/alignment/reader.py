"""Cross-attention of a model that is given both sides of sentence pairs (forced decoding)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mt import hardware
from mt.bundle import Bundle, load_bundle
from mt.data.batches import pad_sequences
from mt.data.lengths import group_by_length
from mt.devices import DeviceName
from mt.errors import BundleError
from mt.inspection.alignment.views import View, all_views
from mt.inspection.recorder import record_attention
from mt.model.contract import EncoderDecoder
from mt.model.loading import load_model
from mt.text.tokenizer import END, START, Tokenizers
from mt.text.words import TokenizedLine, WordKind, tokenize_line

BATCH_CELLS = 65_536
"""Padded source times target tokens of a batch: the weights of one head of one layer."""


class TokenizedPair(NamedTuple):
    """Both sides of a pair."""

    source: TokenizedLine
    target: TokenizedLine


class PairReader:
    """A model that is given both sides of a pair (forced decoding) instead of searching for one.

    Attributes:
        name: How messages call the model.
        languages: What it translates from and into.
        longest: Tokens of a side, the end mark included, that the model was trained for.
    """

    def __init__(
        self,
        model: EncoderDecoder,
        tokenizers: Tokenizers,
        longest: int,
        device: torch.device,
        *,
        name: str = "model",
        languages: tuple[str, str] = ("source", "target"),
    ) -> None:
        self._model = model.to(device).eval()
        self._tokenizers = tokenizers
        self._device = device
        self.longest = longest
        self.name = name
        self.languages = languages

    def tokenize(self, source: str, target: str, words: WordKind) -> TokenizedPair:
        """Tokenize both sides, and find the tokens of each word."""
        sides = zip(
            (source, target), (self._tokenizers.source, self._tokenizers.target), strict=True
        )
        return TokenizedPair(*(tokenize_line(line, tokenizer, words) for line, tokenizer in sides))

    def views(self) -> list[View]:
        """List the views of this model.

        Raises:
            BundleError: If it has no cross-attention.
        """
        layers = self._record([[END]], [[START]])
        if not layers:
            raise BundleError(
                f"{self.name}: expected a model whose decoder attends to the source, but it has no "
                "cross-attention to read links from; choose another model"
            )
        return all_views([weights.shape[1] for weights in layers])

    def cross_attention(
        self, pairs: Sequence[TokenizedPair], views: Sequence[View]
    ) -> Iterator[tuple[int, Float[Tensor, "views target_len source_len"]]]:
        """Read pairs in batches, and return the weights of their tokens in some views.

        Args:
            pairs: None of them with a blank side.
            views: Of :meth:`views`.

        Returns:
            The index of each pair, in no particular order, and its weights on the CPU: of every
            target token to each source token and, in the last column, to the source's end mark.
        """
        sources = [len(pair.source.tokens) + 1 for pair in pairs]
        targets = [len(pair.target.tokens) + 1 for pair in pairs]
        for indices in group_by_length(sources, targets, budget=BATCH_CELLS):
            batch = [pairs[index] for index in indices]
            layers = self._record(
                [[*pair.source.tokens, END] for pair in batch],
                [[START, *pair.target.tokens] for pair in batch],
            )
            selected = torch.stack([view.weights(layers) for view in views], dim=1).cpu()
            for index, pair, weights in zip(indices, batch, selected, strict=True):
                rows, columns = len(pair.target.tokens), len(pair.source.tokens) + 1
                yield index, weights[:, :rows, :columns]

    def _record(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> list[Float[Tensor, "batch heads target_len source_len"]]:
        with torch.inference_mode(), record_attention(self._model, roles=["cross"]) as record:
            self._model(*(pad_sequences(side, self._device) for side in (sources, targets)))
        return [call.weights for call in record.cross]


def load_reader(path: Path, device: DeviceName = "auto") -> PairReader:
    """Load the model in a bundle, or in a run directory whose best bundle is meant.

    Raises:
        BundleError: If there is no sound model at ``path``.
        ConfigError: If the machine has no such device.
    """

    def load(bundle: Bundle) -> PairReader:
        tokenizers = bundle.tokenizers()
        return PairReader(
            load_model(bundle, tokenizers),
            tokenizers,
            bundle.metadata.max_tokens,
            hardware.choose_device(device),
            name=str(path),
            languages=bundle.metadata.languages,
        )

    return load_bundle(path, load)
