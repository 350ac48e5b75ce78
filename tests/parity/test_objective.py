"""The loss of a model over a batch is torch's cross-entropy of all its logits."""

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from mt.data.batches import Batch
from mt.model.config import TransformerConfig
from mt.model.contract import CUT
from mt.text.tokenizer import END, PAD, START
from mt.training.config import RDropConfig, SimCutConfig
from mt.training.objective import Objective, cut_off, shift_right
from mt.training.teachers import Teachers
from tests.models import build, recurrent, transformer


@pytest.fixture
def model():
    torch.manual_seed(1)
    config = TransformerConfig(
        dim=16, heads=2, feed_forward=16, encoder_layers=1, decoder_layers=1, dropout=0.0
    )
    return config.build(20, 20)


BATCH = Batch.of(
    source=torch.tensor(
        [[4, 5, 6, END], [7, END, PAD, PAD], [8, 9, END, PAD], [11, END, PAD, PAD]]
    ),
    target=torch.tensor([[14, 15, END], [17, END, PAD], [18, 12, END], [END, PAD, PAD]]),
)


def test_loss_counts_target_tokens_and_end_marks_but_no_padding(model):
    loss = Objective(0.1)(model, BATCH)
    assert loss.tokens == 3 + 2 + 3 + 1
    read = torch.tensor([[START, 14, 15], [START, 17, END], [START, 18, 12], [START, END, PAD]])
    assert torch.equal(shift_right(BATCH.target), read)
    logits = model.output(model(BATCH.source, read)).transpose(1, 2)
    for found, smoothing in ((loss.smoothed, 0.1), (loss.cross_entropy, 0.0)):
        expected = F.cross_entropy(
            logits, BATCH.target, reduction="sum", ignore_index=PAD, label_smoothing=smoothing
        )
        # Nine float32 losses of about 3 nats.
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_padding_changes_nothing(model):
    wider = Batch.of(
        source=F.pad(BATCH.source, (0, 3), value=PAD), target=F.pad(BATCH.target, (0, 2), value=PAD)
    )
    one, other = Objective(0.1)(model, BATCH), Objective(0.1)(model, wider)
    assert one.tokens == other.tokens
    torch.testing.assert_close(one.smoothed, other.smoothed, rtol=1e-6, atol=1e-5)


def test_a_uniform_model_loses_the_logarithm_of_its_vocabulary(model):
    with torch.no_grad():
        model.output.weight = nn.Parameter(torch.zeros(20, 16))
    loss = Objective(0.1)(model, BATCH)
    assert loss.smoothed.item() == pytest.approx(9 * math.log(20), rel=1e-6)
    assert loss.cross_entropy.item() == pytest.approx(9 * math.log(20), rel=1e-6)


def test_two_halves_are_one_batch(model):
    objective = Objective(0.1)

    def gradients(batches):
        model.zero_grad()
        for batch in batches:
            (objective(model, batch).smoothed / BATCH.target_tokens).backward()
        return {name: p.grad.clone() for name, p in model.named_parameters()}

    halves = [Batch.of(BATCH.source[rows], BATCH.target[rows]) for rows in (slice(2), slice(2, 4))]
    whole, parts = gradients([BATCH]), gradients(halves)
    for name, gradient in whole.items():
        # The order of float32 sums over nine tokens, gradients being at most about 1.
        torch.testing.assert_close(gradient, parts[name], rtol=1e-4, atol=1e-6)


def two_passes(model, again):
    """Return the log-probabilities of both passes, each [9 tokens, 20], and the tokens."""
    read = shift_right(BATCH.target)
    states = model(torch.cat((BATCH.source, again[0])), torch.cat((read, again[1])))
    logits = model.output(states).view(2, *BATCH.target.shape, 20)
    real = BATCH.target != PAD
    return logits[0, real].log_softmax(1), logits[1, real].log_softmax(1), BATCH.target[real]


def kl(log_p, log_q):
    return F.kl_div(log_q, log_p, reduction="sum", log_target=True)


def smoothed(log_p, targets):
    return F.cross_entropy(log_p, targets, reduction="sum", label_smoothing=0.1)


def check_loss_and_gradients(model, objective, expected):
    """Compare with a loss that is computed with the same random numbers."""
    torch.manual_seed(2)
    loss = objective(model, BATCH).smoothed
    torch.manual_seed(2)
    wanted = expected()
    torch.testing.assert_close(loss, wanted, rtol=1e-12, atol=0)
    weights = list(model.parameters())
    gradients = (torch.autograd.grad(each, weights) for each in (loss, wanted))
    for found, gradient in zip(*gradients, strict=True):
        torch.testing.assert_close(found, gradient, rtol=1e-9, atol=1e-12)


@pytest.fixture
def dropping():
    torch.manual_seed(1)
    config = TransformerConfig(
        dim=16, heads=2, feed_forward=16, encoder_layers=1, decoder_layers=1, dropout=0.3
    )
    return config.build(20, 20).double()


def test_rdrop_is_half_of_the_papers_equation(dropping):
    """Liang et al. (2021), equations 2 to 4."""

    def expected():
        log_p, log_q, targets = two_passes(dropping, (BATCH.source, shift_right(BATCH.target)))
        likelihood = smoothed(log_p, targets) + smoothed(log_q, targets)
        divergence = (kl(log_p, log_q) + kl(log_q, log_p)) / 2
        assert divergence > 0.1
        return (likelihood + 5 * divergence) / 2

    check_loss_and_gradients(dropping, Objective(0.1, RDropConfig(weight=5)), expected)


def test_simcut_is_the_papers_equation(dropping):
    """Gao et al. (2022), equation 5; gradients flow through both passes."""

    def expected():
        again = [cut_off(side, 0.4) for side in (BATCH.source, shift_right(BATCH.target))]
        assert all((side == CUT).any() for side in again)
        log_p, log_q, targets = two_passes(dropping, again)
        return smoothed(log_p, targets) + 3 * kl(log_p, log_q)

    check_loss_and_gradients(dropping, Objective(0.1, SimCutConfig(weight=3, cut=0.4)), expected)


def test_two_passes_without_chance_are_one(model):
    one, two = (each(model, BATCH) for each in (Objective(0.1), Objective(0.1, RDropConfig())))
    torch.testing.assert_close(two.smoothed, one.smoothed, rtol=1e-6, atol=0)
    torch.testing.assert_close(two.cross_entropy, one.cross_entropy, rtol=1e-6, atol=0)


def test_two_passes_are_compared_from_an_update_on():
    objective = Objective(0.1, RDropConfig(from_update=3))
    assert [objective.at(update).consistency for update in (1, 2)] == [None, None]
    assert objective.at(3) is objective.at(4) is objective


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_a_token_that_is_cut_is_a_zero_vector(kind):
    """Cutting a token equals a token of its own whose row in the table is zero."""
    config = transformer(dropout=0.0) if kind == "transformer" else recurrent(dropout=0.0)
    model = build(config).train()
    with torch.no_grad():
        model.source_embedding.table[7] = 0
    source, target = torch.tensor([[5, CUT, END]]), torch.tensor([[START, CUT, 6]])
    twin = [torch.where(side == CUT, 7, side) for side in (source, target)]
    assert torch.equal(model(source, target), model(*twin))


def test_marks_are_never_cut_and_of_other_tokens_a_share_is():
    torch.manual_seed(1)
    marks = torch.tensor([[PAD, START, END]])
    assert torch.equal(cut_off(marks, 0.99), marks)
    tokens = torch.full((200, 200), 9)
    found = cut_off(tokens, 0.05)
    # Forty thousand draws: one standard deviation is 0.0011.
    assert (found == CUT).double().mean().item() == pytest.approx(0.05, abs=0.005)
    assert set(found.unique().tolist()) == {CUT, 9}


def test_teachers_are_a_part_of_the_target_distribution(dropping):
    teachers = [config().build(20, 20).double().eval() for config in (recurrent, transformer)]
    for teacher in teachers:
        teacher.requires_grad_(False)
    inputs, real = (BATCH.source, shift_right(BATCH.target)), BATCH.target != PAD
    predicted = [teacher.output(teacher(*inputs)).softmax(dim=-1) for teacher in teachers]
    hard = 0.9 * F.one_hot(BATCH.target, 20).double() + 0.1 / 20
    mixed = 0.6 * (predicted[0] + predicted[1]) / 2 + 0.4 * hard

    def expected():
        log_p = dropping.output(dropping(*inputs)).log_softmax(dim=-1)
        return -(mixed * log_p).sum(dim=-1)[real].sum()

    objective = Objective(0.1, teachers=Teachers(teachers, 0.6, ("one", "other")))
    check_loss_and_gradients(dropping, objective, expected)
