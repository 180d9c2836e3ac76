"""Composing in an array namespace, as on a device, beside the host's exact arithmetic."""

import numpy as np
import pytest

from govd.edit import compose
from govd.edit.algebra import OnArrays
from govd.errors import OverCapacity
from govd.methods import builtin
from tests.edit.conftest import World

DEVICE = OnArrays(np)


def test_a_system_is_solved_and_one_that_is_singular_is_refused() -> None:
    draw = np.random.default_rng(0)
    rows, right = draw.normal(size=(20, 6)), draw.normal(size=(6, 2))
    system = rows.T @ rows
    assert np.allclose(system @ DEVICE.solve(system, right), right)
    assert np.allclose(DEVICE.factor(system).solve(right), DEVICE.solve(system, right))
    assert DEVICE.solve(np.zeros((0, 0)), np.zeros((0, 2))).shape == (0, 2)
    nearly = system + 1e-20
    nearly[0] = nearly[1] + 1e-15
    nearly[:, 0] = nearly[:, 1] + 1e-15
    with pytest.raises(OverCapacity, match="singular"):
        DEVICE.solve(nearly, right)


@pytest.mark.parametrize("method", ["oblique", "bilateral"])
def test_an_edit_of_a_device_is_that_of_the_host_but_for_its_last_bits(
    world: World, method: str
) -> None:
    basis = world.basis()
    parts = [world.contribution(basis, name, method=method) for name in world.names[:3]]
    host = compose(basis, parts, builtin())
    device = compose(basis, parts, builtin(), DEVICE)
    assert np.allclose(device.B @ device.L.T, host.B @ host.L.T, atol=1e-9)
