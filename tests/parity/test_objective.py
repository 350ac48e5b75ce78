"""The loss of a model over a batch is torch's cross-entropy of all its logits."""

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from mt.data.batches import Batch
from mt.model.config import TransformerConfig
from mt.text.tokenizer import END, PAD, START
from mt.training.objective import Objective, shift_right, target_states


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


def kl(states, others, output):
    """Sum the divergence of the distributions of one pass from those of another."""
    ours, theirs = (output(part).log_softmax(dim=-1) for part in (states, others))
    return F.kl_div(theirs, ours, reduction="sum", log_target=True)


def test_what_two_passes_compute_can_be_compared():
    """R-Drop (Liang et al. 2021, equation 4) needs nothing but the states of two passes."""
    torch.manual_seed(1)
    config = TransformerConfig(
        dim=16, heads=2, feed_forward=16, encoder_layers=1, decoder_layers=1, dropout=0.3
    )
    model = config.build(20, 20).double()
    (one, targets), (other, _) = target_states(model, BATCH), target_states(model, BATCH)
    assert targets.tolist() == [14, 15, END, 17, END, 18, 12, END, END]
    divergence = (kl(one, other, model.output) + kl(other, one, model.output)) / 2
    expected = 0.0
    for rows in zip(one, other, strict=True):
        p, q = (model.output(row).softmax(dim=-1).tolist() for row in rows)
        expected += sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True)) / 2
    assert divergence.item() == pytest.approx(expected, rel=1e-12)
    assert expected > 0.1
    divergence.backward()
    assert all(weight.grad.any() for weight in model.parameters())
