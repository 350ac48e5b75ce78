"""A run directory: its bundles, and the state that lets a run go on as if it had never stopped.

    config.yaml      the resolved recipe            metrics.jsonl   one line a report
    index.json       names the best and last bundle log.txt         what the terminal showed
    bundles/         update-000500/, …              README.md       the run card
    state/           update-000500.pt, its SHA-256  curves.svg      its picture
    tokenizer/       the SentencePiece models       tensorboard/    the same numbers, if installed

A checkpoint is written in this order: bundle, state, index. Each appears complete or not at all,
and the index is replaced last, so that whatever happens in between the previous checkpoint stays
whole. It is kept even then: if the newest is damaged or missing when the run is resumed, the run
goes on from the one before.
"""

import errno
import hashlib
import io
import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mt.bundle import CONFIG, Metadata, open_bundle, read_index, write_bundle, write_index
from mt.config import StrictConfig
from mt.errors import BundleError, MtError, TrainingError
from mt.files import LOCK, atomic_file, flush, sha256, sha256_on_disk, write_atomically
from mt.model.contract import EncoderDecoder
from mt.model.loading import weights_of
from mt.text.tokenizer import Tokenizers
from mt.training.config import AverageConfig, ExponentialAverageConfig
from mt.training.listeners import METRICS
from mt.training.progress import Progress, best_of
from mt.training.validation import ValidationResult

if TYPE_CHECKING:
    from typing_extensions import Buffer

log = logging.getLogger(__name__)

_STATE = frozenset({"optimizer", "progress", "random", "pairs", "teachers", "kernels", "curve"})
"""What the state of every run has; that of a follower's has ``weights`` too."""


class Checkpoints:
    """Keeps the best bundle, the last two with their states, and those that will be averaged."""

    def __init__(
        self,
        run: Path,
        config: StrictConfig,
        tokenizers: Tokenizers,
        metadata: Metadata,
        averaging: AverageConfig,
    ) -> None:
        """Describe what is written.

        Args:
            run: The run directory.
            config: Written into every bundle.
            tokenizers: Likewise.
            metadata: Likewise; update, scores and averaged updates are filled in.
            averaging: Which checkpoints are kept to be averaged; none where the average moves.
        """
        self.run = run
        self.config = config
        self.tokenizers = tokenizers
        self.metadata = metadata
        self.averaging = averaging
        self._intact: int | None = None
        """The update of the newest checkpoint that was read back as it was written."""

    def save(self, model: EncoderDecoder, state: Mapping[str, Any], progress: Progress) -> None:
        """Write a checkpoint of ``progress.update`` and forget those no longer needed.

        Raises:
            TrainingError: If the run directory has been removed or is on a disk that has gone.
            OSError: If it cannot be written, or reads back otherwise than it was written.
            BundleError: Likewise.
        """
        if not any((self.run / name).exists() for name in (LOCK, CONFIG)):
            raise TrainingError(
                f"{self.run}: expected the run directory, in which training began, but it is gone; "
                f"update {progress.update} is not saved; if it comes back, add --resume to go on "
                "from its last checkpoint"
            )
        path = self.bundle(progress.update)
        results = {result.update: result for result in progress.history}
        self._write(path, weights_of(model), progress.update, results.get(progress.update))
        open_bundle(path)
        if (self.run / METRICS).exists():
            flush(self.run / METRICS)
        self._save_state(progress.update, {**state, "curve": self._curve()})
        self._write_index(progress)
        self._forget(progress)
        self._intact = progress.update

    def newest(self) -> int | None:
        """Return the update of the newest checkpoint that is intact; ``None``: there is none yet.

        If it is not the last that was written, a warning says so.

        Raises:
            TrainingError: If all are damaged.
        """
        damaged: list[tuple[int, str]] = []
        for update in saved_updates(self.run):
            reason = self._damage(update)
            if reason is None:
                for newer, found in damaged:
                    log.warning(
                        "%s: expected the state of the last checkpoint, but %s; going on from the "
                        "one before, %s",
                        self._state(newer), found, self._state(update),
                    )  # fmt: skip
                self._intact = update
                return update
            damaged.append((update, reason))
        if not damaged:
            return None
        update, reason = damaged[0]
        raise TrainingError(
            f"{self._state(update)}: expected the state of the last checkpoint, but {reason}, and "
            "none before it is whole; a new run needs another --out"
        )

    def state(self, update: int) -> dict[str, Any]:
        """Load the state of an intact checkpoint.

        Raises:
            TrainingError: If it holds something else than this version writes, such as objects with
                code, which is not run.
        """
        path = self._state(update)
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except UnpicklingError:
            state = {}
        if not isinstance(state, dict) or not state.keys() >= _STATE:
            raise TrainingError(
                f"{path}: expected the state of a run as this version writes it, but found "
                "something else; resume with the version that wrote it, or choose another --out"
            )
        return state

    def weights(self, update: int) -> dict[str, Tensor]:
        """Load the weights of a checkpoint."""
        return open_bundle(self.bundle(update)).weights()

    def go_on_from(self, state: Mapping[str, Any], progress: Progress) -> None:
        """Make index, curve and origin fit a checkpoint from which the run goes on."""
        origin = open_bundle(self.bundle(progress.update)).metadata.origin
        self.metadata = replace(self.metadata, origin=origin)
        try:
            last = read_index(self.run).get("last")
        except BundleError as error:
            log.warning("%s; it is written anew", str(error).rpartition(";")[0])
            last = None
        if last != self.bundle(progress.update):
            self._write_index(progress)
        size, digest = state["curve"]
        if self._curve(size) != [size, digest]:
            log.warning(
                "%s: expected what the run wrote up to update %d, but the file differs; whatever "
                "is a whole line is kept",
                self.run / METRICS, progress.update,
            )  # fmt: skip

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
        better = result.rank >= best_of(history).rank
        if better:
            best, last = self._average(result.update), self.bundle(result.update)
            write_index(self.run, best=best, last=last)
        return better

    def validated_average(self, update: int) -> ValidationResult | None:
        """Return the result on the averaged bundle that ends at an update, if there is one."""
        path = self._average(update)
        if not path.exists():
            return None
        try:
            scores = open_bundle(path).metadata.scores
        except MtError as error:
            log.warning("%s; it is computed anew", str(error).rpartition(";")[0])
            return None
        return ValidationResult.from_json(update, scores)

    def bundle(self, update: int) -> Path:
        """Name the bundle of an update."""
        return self.run / "bundles" / f"update-{update:06d}"

    def _average(self, update: int) -> Path:
        return self.run / "bundles" / f"average-{update:06d}"

    def _state(self, update: int) -> Path:
        return self.run / "state" / f"update-{update:06d}.pt"

    def _checksum(self, update: int) -> Path:
        return self._state(update).with_suffix(".sha256")

    def _curve(self, size: int | None = None) -> list[Any]:
        """Return the size of the curve's file, or of its beginning, and the SHA-256 of that."""
        path = self.run / METRICS
        content = path.read_bytes()[:size] if path.exists() else b""
        return [len(content), hashlib.sha256(content).hexdigest()]

    def _damage(self, update: int) -> str | None:
        """Say what is wrong with a checkpoint; ``None``: nothing."""
        try:
            if sha256(self._state(update)) != self._checksum(update).read_text(encoding="utf-8"):
                return "the file differs from its SHA-256"
            open_bundle(self.bundle(update))
        except (OSError, UnicodeError, MtError) as error:
            return " ".join(str(error).split())
        return None

    def _save_state(self, update: int, state: dict[str, Any]) -> None:
        with atomic_file(self._state(update)) as scratch:
            with _SummedFile(scratch) as file:
                try:
                    torch.save(state, file)
                except RuntimeError:
                    if file.failure is None:
                        raise
                    raise file.failure from None
            if sha256_on_disk(scratch) != file.digest():
                raise OSError(
                    errno.EIO, "it reads back otherwise than it was written", str(scratch)
                )
            write_atomically(self._checksum(update), file.digest())

    def _write_index(self, progress: Progress) -> None:
        update, history = progress.update, self._present(progress.history)
        best = best_of(history).update if history else update
        write_index(self.run, best=self.bundle(best), last=self.bundle(update))

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
        if isinstance(self.averaging, ExponentialAverageConfig):
            return ()
        count = self.averaging.count
        trained = [result for result in self._present(history) if result.update > 0]
        if self.averaging.of == "best":
            chosen = sorted(trained, key=lambda result: result.rank, reverse=True)[:count]
        else:
            chosen = trained[-count:]
        return tuple(sorted(result.update for result in chosen))

    def _present(self, history: Sequence[ValidationResult]) -> list[ValidationResult]:
        """Leave out results of which the bundle is not there, as somebody may have removed it."""
        return [result for result in history if self.bundle(result.update).exists()]

    def _forget(self, progress: Progress) -> None:
        """Remove what neither this checkpoint nor the one before needs."""
        kept = {progress.update, self._intact or progress.update}
        needed = set(kept)
        for update in kept:
            history = [result for result in progress.history if result.update <= update]
            if history := self._present(history):
                needed |= {best_of(history).update, *self._averaged(history)}
        bundles = {self.bundle(update) for update in needed}
        # Hidden leftovers of a killed run come first; a bundle is hidden before it is taken apart.
        for path in sorted((self.run / "bundles").iterdir()):
            if path.name.startswith("."):
                shutil.rmtree(path, ignore_errors=True)
            elif path not in bundles:
                shutil.rmtree(path.rename(path.with_name(f".{path.name}")), ignore_errors=True)
        states = {name(update) for update in kept for name in (self._state, self._checksum)}
        for path in (self.run / "state").iterdir():
            if path not in states:
                path.unlink(missing_ok=True)


class _SummedFile(io.BufferedWriter):
    """A new file, and the SHA-256 of what is written to it."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "w"))
        self._sum = hashlib.sha256()
        self.failure: OSError | None = None
        """What the system answered to a write; torch says something else."""

    def write(self, content: "Buffer") -> int:
        self._sum.update(content)
        try:
            return super().write(content)
        except OSError as error:
            self.failure = error
            raise

    def digest(self) -> str:
        return self._sum.hexdigest()


def saved_updates(run: Path) -> list[int]:
    """Return the updates of which a run has a checkpoint, the last one first.

    A damaged index is passed over: the states beside it say as much.
    """
    names = {path.stem for path in (run / "state").glob("update-*.pt")}
    try:
        last = read_index(run).get("last")
        names |= {last.name} if last else set()
    except BundleError:
        pass
    found = (re.fullmatch(r"update-(\d+)", name) for name in names)
    return sorted((int(each[1]) for each in found if each), reverse=True)


def average_weights(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of each tensor, computed in float64."""
    return {
        name: torch.stack([each[name].double() for each in weights]).mean(dim=0).to(first.dtype)
        for name, first in weights[0].items()
    }
