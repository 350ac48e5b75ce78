"""A run directory: its bundles, and the state that lets a run go on as if it had never stopped.

    config.yaml      the resolved recipe            metrics.jsonl   one line a report
    index.json       names the best and last bundle log.txt         what the terminal showed
    bundles/         update-000500/, …              README.md       the run card
    state/           update-000500.pt, its SHA-256  curves.svg      its picture
    tokenizer/       the SentencePiece models       tensorboard/    the same numbers, if installed

A checkpoint is written in this order: bundle, state, index. Each appears complete or not at all,
and the index is replaced last, so that whatever happens in between the previous checkpoint stays
whole.
"""

import pickle
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mt.bundle import Metadata, open_bundle, read_index, write_bundle, write_index
from mt.config import StrictConfig
from mt.errors import TrainingError
from mt.files import atomic_file, sha256, write_atomically
from mt.model.contract import EncoderDecoder
from mt.model.loading import weights_of
from mt.text.tokenizer import Tokenizers
from mt.training.config import AveragingConfig
from mt.training.progress import Progress, best_of
from mt.training.validation import ValidationResult


class Checkpoints:
    """Keeps the best bundle, the last one with its state, and those that will be averaged."""

    def __init__(
        self,
        run: Path,
        config: StrictConfig,
        tokenizers: Tokenizers,
        metadata: Metadata,
        averaging: AveragingConfig,
    ) -> None:
        """Describe what is written.

        Args:
            run: The run directory.
            config: Written into every bundle.
            tokenizers: Likewise.
            metadata: Likewise; update, scores and averaged updates are filled in.
            averaging: Which checkpoints are kept to be averaged.
        """
        self.run = run
        self.config = config
        self.tokenizers = tokenizers
        self.metadata = metadata
        self.averaging = averaging

    def save(self, model: EncoderDecoder, state: Mapping[str, Any], progress: Progress) -> None:
        """Write a checkpoint of ``progress.update`` and forget those no longer needed."""
        path = self.bundle(progress.update)
        results = {result.update: result for result in progress.history}
        self._write(path, weights_of(model), progress.update, results.get(progress.update))
        with atomic_file(self._state(progress.update)) as scratch:
            torch.save(dict(state), scratch)
            write_atomically(self._checksum(progress.update), sha256(scratch))
        best = best_of(progress.history).update if progress.history else progress.update
        write_index(self.run, best=self.bundle(best), last=path)
        self._forget(progress, best)

    def load_state(self) -> dict[str, Any] | None:
        """Return the state of the last checkpoint, or nothing if there is none yet.

        Raises:
            TrainingError: If the state of the last checkpoint is missing or damaged.
        """
        last = read_index(self.run).get("last")
        if last is None:
            return None
        update = open_bundle(last).metadata.update
        path = self._state(update)
        try:
            intact = sha256(path) == self._checksum(update).read_text(encoding="utf-8")
            reason = "the file differs from its SHA-256"
            if intact:
                state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
                return state
        except (OSError, RuntimeError, EOFError, UnicodeError, pickle.UnpicklingError) as error:
            reason = " ".join(str(error).split())[:200]
        raise TrainingError(
            f"{path}: expected the state of the last checkpoint, but {reason}; "
            "the bundle beside it still translates, a new run needs another --out"
        )

    def last_weights(self) -> dict[str, Tensor]:
        """Return the weights of the last checkpoint."""
        return open_bundle(read_index(self.run)["last"]).weights()

    def average(
        self, history: Sequence[ValidationResult]
    ) -> tuple[dict[str, Tensor], tuple[int, ...]]:
        """Return the mean of the weights that are to be averaged, and their updates."""
        updates = self._averaged(history)
        weights = [open_bundle(self.bundle(update)).weights() for update in updates]
        return average_weights(weights), updates

    def save_average(
        self,
        weights: Mapping[str, Tensor],
        result: ValidationResult,
        updates: tuple[int, ...],
    ) -> None:
        """Write the bundle of averaged weights."""
        path = self._average(result.update)
        self._write(path, weights, result.update, result, averaged=updates)

    def prefer_average(self, result: ValidationResult, history: Sequence[ValidationResult]) -> bool:
        """Make the averaged bundle the best if its result says so, and tell whether it did."""
        better = result.selection_score >= best_of(history).selection_score
        if better:
            best, last = self._average(result.update), self.bundle(result.update)
            write_index(self.run, best=best, last=last)
        return better

    def validated_average(self, update: int) -> ValidationResult | None:
        """Return the result on the averaged bundle that ends at an update, if there is one."""
        path = self._average(update)
        return (
            ValidationResult.from_json(update, open_bundle(path).metadata.scores)
            if path.exists()
            else None
        )

    def bundle(self, update: int) -> Path:
        """Name the bundle of an update."""
        return self.run / "bundles" / f"update-{update:06d}"

    def _average(self, update: int) -> Path:
        return self.run / "bundles" / f"average-{update:06d}"

    def _state(self, update: int) -> Path:
        return self.run / "state" / f"update-{update:06d}.pt"

    def _checksum(self, update: int) -> Path:
        return self._state(update).with_suffix(".sha256")

    def _write(
        self,
        path: Path,
        weights: Mapping[str, Tensor],
        update: int,
        result: ValidationResult | None,
        averaged: tuple[int, ...] = (),
    ) -> None:
        scores = result.to_json() if result else {}
        metadata = replace(self.metadata, update=update, scores=scores, averaged=averaged)
        write_bundle(path, weights, self.config, self.tokenizers, metadata)

    def _averaged(self, history: Sequence[ValidationResult]) -> tuple[int, ...]:
        count = self.averaging.count
        if self.averaging.of == "best":
            chosen = sorted(history, key=lambda result: -result.selection_score)[:count]
        else:
            chosen = list(history[-count:])
        return tuple(sorted(result.update for result in chosen))

    def _forget(self, progress: Progress, best: int) -> None:
        needed = {progress.update, best, *self._averaged(progress.history)}
        bundles = {self.bundle(update) for update in needed}
        # Hidden leftovers of a killed run come first; a bundle is hidden before it is taken apart.
        for path in sorted((self.run / "bundles").iterdir()):
            if path.name.startswith("."):
                shutil.rmtree(path, ignore_errors=True)
            elif path not in bundles:
                shutil.rmtree(path.rename(path.with_name(f".{path.name}")), ignore_errors=True)
        states = {self._state(progress.update), self._checksum(progress.update)}
        for path in (self.run / "state").iterdir():
            if path not in states:
                path.unlink(missing_ok=True)


def average_weights(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of each tensor, computed in float64."""
    return {
        name: torch.stack([each[name].double() for each in weights]).mean(dim=0).to(first.dtype)
        for name, first in weights[0].items()
    }
