"""`erasus` on a case, in a process and an environment of its own: python run_erasus.py CASE.npz
MOVED.npy

Its unlearner with its own defaults (gradient ascent on what is forgotten, descent on the rest), on
a classifier whose weight is the projection, from the identity, and whose classes are the labels'
texts at the logit scale of CLIPs; the labels of the pool are the model's own guesses.
"""

import sys

import numpy as np
import torch
from erasus import ErasusUnlearner
from torch.utils.data import DataLoader, TensorDataset

SCALE, BATCH = 100.0, 64


class Projection(torch.nn.Module):
    """Logits of vectors that a square matrix moves."""

    def __init__(self, texts: torch.Tensor) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(texts.shape[1]))
        self.register_buffer("texts", texts)

    def moved(self, x: torch.Tensor) -> torch.Tensor:
        """Unit vectors after the projection."""
        return torch.nn.functional.normalize(x @ self.weight.T, dim=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return SCALE * self.moved(x) @ self.texts.T


case = np.load(sys.argv[1])
torch.manual_seed(0)
texts, pool, x = (
    torch.from_numpy(case[name].astype(np.float32)) for name in ("labels", "pool", "x")
)
guessed = torch.from_numpy(case["guessed"].astype(np.int64))
own = torch.from_numpy(np.isin(case["guessed"], case["forgotten"]))
forget, retain = (
    DataLoader(TensorDataset(pool[rows], guessed[rows]), batch_size=BATCH, shuffle=True)
    for rows in (own, ~own)
)
result = ErasusUnlearner(model=Projection(texts)).fit(forget, retain)
with torch.no_grad():
    np.save(sys.argv[2], result.model.moved(x).numpy())
