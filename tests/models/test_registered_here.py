"""A plugin that was registered in this process, without an entry point."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import open_service
from govd.types import ModelReference
from tests.benchmarks.served import Vectors

NAMES = ("red", "green", "blue", "grey", "black")


def test_its_models_are_used_here_and_do_not_travel(tmp_path: Path) -> None:
    texts = np.random.default_rng(0).normal(size=(len(NAMES), 16))
    with open_service(tmp_path) as service:
        plugins = service.core.plugins
        plugins.manager.register(Vectors(NAMES, texts), "registered here")
        service.add_model("v", "vectors", Given(labels=list(NAMES)), "ann")
        service.requests.forget("v", ForgetOptions(concepts=("red",)), "ann")
        service.reconciler.run()
        assert service.serving("v").edit.rank == 1
        model = plugins.open_model(ModelReference("vectors"))
        with pytest.raises(TypeError, match="cannot be opened again elsewhere"):
            pickle.dumps(model)
