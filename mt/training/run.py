"""One run, from its recipe to its card."""

import logging
import math
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from mt import hardware
from mt.errors import MtError, TrainingError
from mt.logs import logged_to
from mt.model.contract import EncoderDecoder, count_parameters
from mt.training.card import write_card
from mt.training.checkpoints import Checkpoints
from mt.training.interruption import Interruption
from mt.training.listeners import usual_listeners
from mt.training.loop import updates
from mt.training.objective import Objective
from mt.training.order import TrainingOrder
from mt.training.outcome import Outcome
from mt.training.preparation import Prepared, open_run, prepare_run, release_run
from mt.training.progress import Progress, best_of, without_improvement
from mt.training.recipe import RecipeConfig
from mt.training.reports import Listeners, Window
from mt.training.validation import Validation
from mt.translation import TranslationConfig, Translator
from mt.translation.engines.torch import TorchEngine

log = logging.getLogger(__name__)


def train(
    recipe: RecipeConfig, run: Path, resume: bool, device: torch.device, console: Console
) -> Outcome:
    """Train a model.

    Args:
        recipe: Everything that determines the run.
        run: The run directory; new unless ``resume``.
        resume: Go on from the last checkpoint, or start if there is none yet.
        device: Where to compute.
        console: Where a progress bar may be drawn.

    Raises:
        TrainingError: If the directory holds another run, or training diverges.
        DataError: If a corpus cannot be used.
    """
    hardware.prepare_training(device, recipe.training.precision)
    open_run(recipe, run, resume)
    try:
        with logged_to(run / "log.txt"):
            return _train(recipe, run, device, console)
    except MtError:
        release_run(run)
        raise


def _train(recipe: RecipeConfig, run: Path, device: torch.device, console: Console) -> Outcome:
    prepared = prepare_run(recipe, run)
    trainer = Trainer(recipe, run, prepared, device)
    trainer.restore()
    ended = trainer.train(console)
    finished = ended != _INTERRUPTED
    if finished:
        trainer.average()
    progress = trainer.progress
    outcome = Outcome(
        run,
        ended,
        finished,
        progress.update,
        tuple(progress.history),
        progress.average,
        progress.seconds,
    )
    write_card(recipe, outcome, prepared, device)
    return outcome


_DONE = "all updates done"
_NO_IMPROVEMENT = "no improvement"
_INTERRUPTED = "interrupted"


class Trainer:
    """The parts of a run while its process lives."""

    def __init__(
        self, recipe: RecipeConfig, run: Path, prepared: Prepared, device: torch.device
    ) -> None:
        torch.manual_seed(recipe.seed)
        tokenizers = prepared.tokenizers
        self.recipe = recipe
        self.run = run
        self.device = device
        self.model = recipe.model.build(tokenizers.source.size, tokenizers.target.size).to(device)
        self.optimizer = recipe.training.optimizer.build(self.model)
        self.order = TrainingOrder(prepared.training, recipe.training.batch_tokens, recipe.seed)
        self.checkpoints = Checkpoints(run, recipe, tokenizers)
        translation = TranslationConfig(search=recipe.validation.search)
        self.validation = Validation(
            recipe.validation,
            recipe.training,
            prepared.validation,
            prepared.validation_pairs,
            Translator(
                TorchEngine(self.model, device), tokenizers, translation, recipe.data.max_tokens
            ),
            device,
        )
        self.pairs = prepared.training.fingerprint
        self.progress = Progress()
        log.info(
            "model: %s parameters, on %s",
            f"{count_parameters(self.model):,}", hardware.describe(device),
        )  # fmt: skip

    def restore(self) -> None:
        """Go back to the last checkpoint, if there is one."""
        state = self.checkpoints.load_state()
        if state is None:
            return
        if state["pairs"] != self.pairs:
            raise TrainingError(
                f"{self.run}: expected the training pairs of the run that is resumed, but the text "
                "of the corpora has changed since; restore it, or choose another --out"
            )
        _fill(self.model, self.checkpoints.last_weights())
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress.from_json(state["progress"])
        _set_random_state(state["random"], self.device)
        log.info("resuming after update %d", self.progress.update)

    def train(self, console: Console) -> str:
        """Train until something ends it, and say what."""
        config, progress = self.recipe.training, self.progress
        over = _DONE if progress.update >= config.updates else None
        over = over or (_NO_IMPROVEMENT if self._no_improvement() else None)
        if over:
            log.info("nothing left to train: %s at update %d", over, progress.update)
            return over
        members = usual_listeners(self.run, config.updates, progress.update, console)
        window = Window(progress.seconds)
        with closing(Listeners(members)) as listeners, Interruption() as interruption:
            for update in updates(
                self.model,
                Objective(config.label_smoothing),
                self.order.groups(progress.position, config.accumulate),
                self.optimizer,
                config,
                self.device,
                first=progress.update + 1,
            ):
                progress.update, progress.position = update.number, update.following
                window.add(update)
                judged = (
                    update.number % self.recipe.validation.every == 0
                    or update.number == config.updates
                )
                stopped = interruption.requested and not judged
                if judged or stopped or update.number % config.report_every == 0:
                    self._report(window, listeners)
                if judged:
                    self._validate(window, listeners)
                if judged or stopped:
                    progress.seconds = window.seconds()
                    self._save()
                if judged and self._no_improvement():
                    return _NO_IMPROVEMENT
                if interruption.requested and update.number < config.updates:
                    return _INTERRUPTED
        return _DONE

    def average(self) -> None:
        """Average checkpoints, judge the mean, and let it be the best if it is."""
        history = self.progress.history
        if self.recipe.training.average.count == 1 or len(history) <= 1:
            return
        result = self.checkpoints.validated_average(self.progress.update)
        if result is None:
            weights, averaged = self.checkpoints.average(history)
            _fill(self.model, weights)
            result = self.validation.run(self.model, self.progress.update)
            self.checkpoints.save_average(weights, result, averaged)
        better = self.checkpoints.prefer_average(result, history)
        log.info("average  validation: %s%s", result, "  (best)" if better else "")
        self.progress.average = result

    def _report(self, window: Window, listeners: Listeners) -> None:
        report = window.report(self.progress.position.epoch)
        if not math.isfinite(report.loss) or not math.isfinite(report.gradient_norm):
            raise TrainingError(
                f"{self.run}: expected a finite loss and gradient, but by update {report.update} "
                f"the loss is {report.loss} and the gradient's norm {report.gradient_norm}; lower "
                "training.optimizer.learning_rate or lengthen the warm-up, and train anew"
            )
        listeners.on_report(report)

    def _validate(self, window: Window, listeners: Listeners) -> None:
        began = time.perf_counter()
        result = self.validation.run(self.model, self.progress.update)
        self.progress.history.append(result)
        listeners.on_validation(result, best=best_of(self.progress.history) is result)
        window.pause(time.perf_counter() - began)

    def _save(self) -> None:
        state = {
            "optimizer": self.optimizer.state_dict(),
            "progress": self.progress.to_json(),
            "random": _random_state(self.device),
            "pairs": self.pairs,
        }
        self.checkpoints.save(self.model, state, self.progress)

    def _no_improvement(self) -> bool:
        config, history = self.recipe.validation, self.progress.history
        if config.patience is None:
            return False
        return without_improvement(history, config.min_improvement) >= config.patience


def _fill(model: EncoderDecoder, weights: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _set_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
