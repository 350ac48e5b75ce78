"""Trains one model: updates, and between them reports, validations and checkpoints."""

import copy
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from mt.errors import TrainingError
from mt.kernels import native
from mt.model.contract import EncoderDecoder
from mt.model.loading import load_weights, weights_of
from mt.training.averaging import ExponentialAverage
from mt.training.budget import Planner
from mt.training.checkpoints import Checkpoints
from mt.training.config import CheckpointAverageConfig, TrainingConfig, ValidationConfig
from mt.training.divergence import RETURNS, DivergenceError, SkippedUpdates
from mt.training.interruption import Interruption
from mt.training.listeners import Listeners
from mt.training.loop import Splits, Update, updates
from mt.training.lora import LowRankAdaptation
from mt.training.objective import Objective
from mt.training.optimizers import Optimizer
from mt.training.order import TrainingOrder
from mt.training.pace import duration
from mt.training.progress import Ending, Progress, best_of, without_improvement
from mt.training.randomness import RandomState, begin_anew, random_state, set_random_state
from mt.training.reports import ReportBuilder
from mt.training.validation import Validation, ValidationResult
from mt.training.world import World

log = logging.getLogger(__name__)


@dataclass
class Trainer:
    """Trains a model until all updates are done, it no longer improves, or a signal comes.

    Each process of a run has a trainer, and all do the same; the main one alone validates and
    writes checkpoints.
    """

    model: EncoderDecoder
    objective: Objective
    optimizer: Optimizer
    order: TrainingOrder
    validation: Validation
    checkpoints: Checkpoints
    config: TrainingConfig
    validating: ValidationConfig
    """When to validate, and when to stop early."""
    pairs: str
    """Fingerprint of training and validation pairs, lest a run is resumed with others."""
    device: torch.device
    """Where the model is."""
    world: World
    """The processes that train."""
    measures_start: bool = False
    """Validate and save before the first update too, as what it starts from may be the best."""
    follower: ExponentialAverage | LowRankAdaptation | None = None
    """Has a model that follows the one in training; it is validated and saved in its place."""
    endings: int = 0
    """What follows the last update, in validations' time."""
    began: float = field(default_factory=time.perf_counter)
    """When the budget began, as if the run had never stopped."""
    progress: Progress = field(default_factory=Progress)
    _splits: Splits = field(init=False)
    """In how many pieces each process computes batches."""

    @property
    def result(self) -> EncoderDecoder:
        """The model that training is for: that of the follower, if there is one."""
        return self.model if self.follower is None else self.follower.model

    def restore(self) -> None:
        """Go back to the newest checkpoint that is intact, if there is one.

        Raises:
            TrainingError: If all checkpoints are damaged, or of other pairs or teachers.
        """
        done = self.world.from_main(self.checkpoints.newest)
        if done is None:
            return
        state = self.checkpoints.state(done)
        if state["pairs"] != self.pairs:
            raise TrainingError(
                f"{self.checkpoints.run}: expected the pairs of the run that is resumed, "
                "but the text of the corpora has changed since; restore it, or choose another --out"
            )
        if state["teachers"] != self._teachers():
            raise TrainingError(
                f"{self.checkpoints.run}: expected the teachers of the run that is resumed, but "
                "their weights are others now; restore them, or choose another --out"
            )
        where = str(self.checkpoints.run)
        if not isinstance(self.follower, LowRankAdaptation):  # whose model is computed
            load_weights(self.result, self.checkpoints.weights(done), where)
        if self.follower is not None:
            load_weights(self.model, state["weights"], where)
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress.from_json(state["progress"])
        self.validation.start = self.progress.start
        self._restore_randomness(state["random"])
        self._compare_kernels(state["kernels"])
        self.world.from_main(lambda: self.checkpoints.go_on_from(state, self.progress))
        log.info("resuming after update %d", done)
        plan, budget = self.progress.plan, self.config.budget
        if plan is not None and plan.budget != budget:
            self.progress.plan = None if budget is None else plan.stretched(budget)
        if done == 0:  # no update has had a rate yet
            return
        before, now = self.optimizer.param_groups[0]["lr"], self.rate(done)
        if before != now and self.ended() is None and budget is None:
            log.warning(
                "training.updates=%d bends the schedule: the learning rate was %.2e at update %d, "
                "and is %.2e at the next",
                self.config.updates, before, done, self.rate(done + 1),
            )  # fmt: skip

    def _restore_randomness(self, states: Sequence[RandomState]) -> None:
        """Go back to the random state of each process, if there are as many as there were."""
        if len(states) == self.world.size:
            set_random_state(states[self.world.rank], self.device)
            return
        begin_anew(self.order.seed, self.progress.update, self.world.rank)
        log.warning(
            "processes: there were %d and are %d; from here on dropout draws other numbers than it "
            "would have, and all else goes on as it was",
            len(states), self.world.size,
        )  # fmt: skip

    def _compare_kernels(self, kernels: Sequence[str]) -> None:
        """Say so if a run goes on with kernels that draw and round otherwise."""
        if self.device.type != "cpu" or len(kernels) != self.world.size:
            return
        before, now = kernels[self.world.rank], native.in_use()
        if before != now:
            log.warning(
                "kernels: they were %s and are %s; from here on sums are rounded otherwise and "
                "dropout draws other numbers than it would have, and all else goes on as it was",
                before, now,
            )  # fmt: skip

    def go_back(self, found: DivergenceError) -> None:
        """Go back to the last checkpoint after a divergence, and on at half the learning rate.

        Raises:
            TrainingError: If there is no checkpoint, or the run has gone back too often.
        """
        returns = self.progress.returns + 1
        if returns > RETURNS or self.world.from_main(self.checkpoints.newest) is None:
            raise TrainingError(
                f"{self.checkpoints.run}: expected finite losses, gradients and weights, but "
                f"{found}; lower training.optimizer.learning_rate or lengthen the warm-up, and "
                "train anew"
            ) from found
        log.warning("%s", found)
        self.restore()
        self.progress.returns = returns
        log.warning(
            "going on from update %d at %g of the learning rate (return %d of %d)",
            self.progress.update, 2.0**-returns, returns, RETURNS,
        )  # fmt: skip

    def rate(self, update: int) -> float:
        """Return the learning rate of an update: that of the schedule, halved by each return."""
        return self.config.rate(update, self.progress.plan) * 2.0**-self.progress.returns

    @property
    def updates(self) -> int:
        """Updates of the whole run; with a budget, as far as is known."""
        if self.progress.plan is not None:
            return self.progress.plan.updates
        return self.config.updates if self.config.budget is None else self.progress.update + 1

    def ended(self) -> Ending | None:
        """Say why nothing is left to train; ``None``: something is."""
        if self.progress.update >= self.updates:
            return Ending.DONE
        return Ending.NO_IMPROVEMENT if self._no_improvement() else None

    def train(self, listeners: Listeners) -> Ending:
        """Train until something ends it.

        Raises:
            DivergenceError: If losses, gradients or weights are not finite again and again; see
                :meth:`go_back`.
        """
        progress = self.progress
        skipped = SkippedUpdates(progress, self.device)
        builder = ReportBuilder(progress.seconds, progress.unreported)
        planner = self._planner()
        self._splits = Splits(self.world)
        if self.measures_start and not progress.update and not progress.history:
            self._measure(builder, listeners, planner)
        with Interruption() as interruption:
            for update in self._updates():
                progress.update, progress.position = update.number, update.following
                self._splits.own = update.pieces
                if self.follower is not None:
                    self.follower.follow(update.number)
                builder.add(update)
                skipped.add(update)
                self._plan(planner, update)
                listeners.on_update(update.number)
                last = update.number >= self.updates
                due = last or self._validation_due()
                if due or update.number % self.config.report_every == 0:
                    skipped.read()
                    self._report(builder, listeners)
                if due:
                    self._measure(builder, listeners, planner)
                    if self._no_improvement():
                        return Ending.NO_IMPROVEMENT
                if last:
                    break
                if self.world.any(interruption.requested):
                    if not due:
                        skipped.read()
                        self._save(builder)
                    return Ending.INTERRUPTED
        return Ending.DONE

    def average(self) -> None:
        """Validate the mean of several checkpoints, and let it be the best one if it is."""
        config = self.config.average
        if not isinstance(config, CheckpointAverageConfig):
            return
        trained = [result for result in self.progress.history if result.update > 0]
        if config.count > 1 and len(trained) > 1:
            self.progress.average = self.world.from_main(self._average)

    def _updates(self) -> Iterator[Update]:
        groups = self.order.groups(self.progress.position, self.config.accumulate)
        return updates(
            self.model,
            self.objective,
            groups,
            self.optimizer,
            self.rate,
            self.world,
            clip_norm=self.config.clip_norm,
            precision=self.config.precision,
            device=self.device,
            first=self.progress.update + 1,
        )

    def _planner(self) -> Planner | None:
        """Make what fits the run to its budget, if it has one."""
        if self.config.budget is None:
            return None
        every, update = self.validating.every, self.progress.update
        return Planner(self.config, every, self.endings, update, self.began, time.perf_counter)

    def _plan(self, planner: Planner | None, update: Update) -> None:
        """Plan the rest of a run with a budget where that is due."""
        before = self.progress.plan
        if planner is None or (before is not None and update.number < before.again):
            return
        bool(update.finite)  # waits until the device has done it
        plan = self.world.from_main(lambda: planner.plan(update.number, before))
        self.progress.plan = plan
        if plan.ends_early(update.number, before):
            log.warning(
                "budget: %s are over, and the run ends after update %s, earlier than planned; "
                "raise it and add --resume to go on",
                duration(plan.budget), f"{update.number:,}",
            )  # fmt: skip
        elif before is None:
            log.info(
                "budget: about %s updates fit into %s, if all take as long as the first",
                f"{plan.updates:,}", duration(plan.budget),
            )  # fmt: skip
            comparison = self.config.consistency
            if comparison is not None and comparison.from_update > plan.updates:
                log.warning(
                    "training.consistency: expected from_update among these, but it is %s; so no "
                    "update compares two passes", f"{comparison.from_update:,}",
                )  # fmt: skip
        elif plan.pause and plan.updates != before.updates:
            log.info(
                "budget: %s updates fit into %s; validation every %s, for %.1f s each",
                f"{plan.updates:,}", duration(plan.budget), f"{plan.every:,}", plan.pause,
            )  # fmt: skip

    def _validation_due(self) -> bool:
        update, plan, history = self.progress.update, self.progress.plan, self.progress.history
        if plan is None:
            return update % self.validating.every == 0
        return update - (history[-1].update if history else 0) >= plan.every

    def _measure(
        self, builder: ReportBuilder, listeners: Listeners, planner: Planner | None
    ) -> None:
        """Validate and save."""
        began = time.perf_counter()
        self._validate(builder, listeners)
        self._save(builder)
        if planner is not None:
            planner.paused(time.perf_counter() - began)

    def _report(self, builder: ReportBuilder, listeners: Listeners) -> None:
        report = builder.report(self.progress.position.epoch)
        if report is not None:
            listeners.on_report(report)

    def _validate(self, builder: ReportBuilder, listeners: Listeners) -> None:
        began = time.perf_counter()
        update, history = self.progress.update, self.progress.history
        result = self.world.from_main(lambda: self.validation.run(self.result, update))
        if not math.isfinite(result.loss):
            raise DivergenceError(f"at update {update} the validation loss is {result.loss}")
        history.append(result)
        listeners.on_validation(result, best=best_of(history) is result)
        builder.pause(time.perf_counter() - began)

    def _save(self, builder: ReportBuilder) -> None:
        if not all(bool(weight.isfinite().all()) for weight in self.model.parameters()):
            raise DivergenceError(f"after update {self.progress.update} some weights are not")
        self.progress.seconds, self.progress.unreported = builder.seconds(), builder.sums()
        self.progress.spent = time.perf_counter() - self.began
        state = {
            "optimizer": self.optimizer.state_dict(),
            "progress": self.progress.to_json(),
            "random": self.world.gather(random_state(self.device)),
            "pairs": self.pairs,
            "teachers": self._teachers(),
            "kernels": self.world.gather(native.in_use()),
        }
        if self.follower is not None:
            state["weights"] = weights_of(self.model)
        self._splits.tell()
        self.world.from_main(lambda: self.checkpoints.save(self.result, state, self.progress))

    def _teachers(self) -> list[str]:
        """Tell the teachers of the run from others, by their weights."""
        return [] if self.objective.teachers is None else list(self.objective.teachers.sha256)

    def _average(self) -> ValidationResult:
        history, update = self.progress.history, self.progress.update
        result = self.checkpoints.validated_average(update)
        if result is None:
            weights, averaged = self.checkpoints.average(history)
            model = copy.deepcopy(self.result)
            load_weights(model, weights, str(self.checkpoints.run))
            result = self.validation.run(model, update)
            self.checkpoints.save_average(weights, result, averaged)
        better = self.checkpoints.prefer_average(result, history)
        log.info("average  validation: %s%s", result, "  (best)" if better else "")
        return result

    def _no_improvement(self) -> bool:
        patience, least = self.validating.patience, self.validating.min_improvement
        return patience is not None and (
            without_improvement(self.progress.history, least) >= patience
        )
