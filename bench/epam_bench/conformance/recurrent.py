"""Recurrent layers: at each step, every gate multiplies the input and the state by a matrix each."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from epam_bench.conformance.case import Arguments, Case, drawn

GROUP = "recurrent"

GRU_GATES = 3
LSTM_GATES = 4


class StepByStep(nn.Module):
    """A cell called once a frame."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(features, width)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, T, C) → (N, width)``: the last state."""
        state: tuple[Tensor, Tensor] | None = None
        for frame in x.unbind(dim=1):
            state = self.cell(frame, state)
        assert state is not None
        return state[0]


class ConvolutionalGate(nn.Module):
    """A convolutional LSTM's step: one convolution of input and state makes all four gates."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 + 3, LSTM_GATES * 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, T, 2, H, W) → (N, 3, H, W)``."""
        hidden = cell = x.new_zeros(x.shape[0], 3, *x.shape[3:])
        for frame in x.unbind(dim=1):
            keep, write, show, new = self.gates(torch.cat((frame, hidden), dim=1)).chunk(4, dim=1)
            cell = keep.sigmoid() * cell + write.sigmoid() * new.tanh()
            hidden = show.sigmoid() * cell.tanh()
        return hidden


class Packed(nn.Module):
    """An LSTM over two clips of five and three frames, padded to five."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(2, 5, 4) → (2, 5, 3)``."""
        packed = pack_padded_sequence(x, torch.tensor([5, 3], device="cpu"), batch_first=True)
        states, _ = self.lstm(packed)
        return pad_packed_sequence(states, batch_first=True)[0]


def _case(
    name: str, build: Callable[[], nn.Module], args: Callable[[], Arguments], truth: int, working: str
) -> Case:
    return Case(name=name, group=GROUP, build=build, args=args, truth=truth, working=working)


CASES = (
    _case(
        "GRU",
        lambda: nn.GRU(4, 6, batch_first=True),
        drawn((2, 5, 4)),
        (2 * 5) * GRU_GATES * 6 * (4 + 6),
        "2 × 5 steps × 3 gates × 6 wide × (4 inputs + 6 of the state)",
    ),
    _case(
        "GRU, bidirectional",
        lambda: nn.GRU(4, 3, bidirectional=True),
        drawn((5, 2, 4)),
        2 * (5 * 2) * GRU_GATES * 3 * (4 + 3),
        "2 directions × 5 steps × 2 × 3 gates × 3 wide × (4 + 3)",
    ),
    _case(
        "GRU without a batch dimension",
        lambda: nn.GRU(4, 3),
        drawn((6, 4)),
        6 * GRU_GATES * 3 * (4 + 3),
        "6 steps × 3 gates × 3 wide × (4 + 3)",
    ),
    _case(
        "LSTM",
        lambda: nn.LSTM(5, 4),
        drawn((3, 2, 5)),
        (3 * 2) * LSTM_GATES * 4 * (5 + 4),
        "3 steps × 2 × 4 gates × 4 wide × (5 + 4)",
    ),
    _case(
        "LSTM, bidirectional, two layers",
        lambda: nn.LSTM(5, 4, num_layers=2, bidirectional=True, batch_first=True),
        drawn((2, 3, 5)),
        (2 * 3) * (2 * LSTM_GATES * 4 * (5 + 4) + 2 * LSTM_GATES * 4 * (2 * 4 + 4)),
        "2 × 3 steps × 2 directions × 4 gates × 4 wide × (5 + 4), then × (2·4 + 4)",
    ),
    _case(
        "LSTM over clips of different lengths",
        Packed,
        drawn((2, 5, 4)),
        (5 + 3) * LSTM_GATES * 3 * (4 + 3),
        "5 + 3 steps × 4 gates × 3 wide × (4 + 3): what is padded is not computed",
    ),
    _case(
        "LSTM with a projection of its state",
        lambda: nn.LSTM(5, 6, proj_size=2, batch_first=True),
        drawn((1, 4, 5)),
        4 * (LSTM_GATES * 6 * (5 + 2) + 6 * 2),
        "4 steps × (4 gates × 6 wide × (5 + 2) + 6 projected to 2)",
    ),
    _case(
        "plain recurrent network, two layers",
        lambda: nn.RNN(4, 3, num_layers=2),
        drawn((5, 1, 4)),
        5 * (3 * (4 + 3) + 3 * (3 + 3)),
        "5 steps × (3 wide × (4 + 3), then × (3 + 3))",
    ),
    _case(
        "GRU cell",
        lambda: nn.GRUCell(4, 6),
        drawn((3, 4), (3, 6)),
        3 * GRU_GATES * 6 * (4 + 6),
        "3 × 3 gates × 6 wide × (4 + 6)",
    ),
    _case(
        "LSTM cell, frame by frame",
        lambda: StepByStep(4, 5),
        drawn((2, 3, 4)),
        (2 * 3) * LSTM_GATES * 5 * (4 + 5),
        "2 × 3 steps × 4 gates × 5 wide × (4 + 5)",
    ),
    _case(
        "convolutional LSTM",
        ConvolutionalGate,
        drawn((1, 3, 2, 4, 4)),
        3 * (4 * 4) * (4 * 3) * (2 + 3) * (3 * 3),
        "3 steps × 4·4 places × 12 filters (4 gates × 3) × 5 channels × 3·3",
    ),
)
