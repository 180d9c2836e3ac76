"""Each forget alone and all together, by govd, by the published baselines, and by deleting the
label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from govd.cli.demo.story import ALL, MODEL
from govd.cli.tables import scope
from govd.edit import EvaluationData, Method, compose, metrics
from govd.edit.strength import auc
from govd.methods.baselines import Ccup
from govd.records.request import spec_of
from govd.service.service import Service
from govd.types import Contribution, Floats, ForgetSpec, Json, Record


def evaluation(service: Service) -> EvaluationData:
    """The model's labelled pictures, as embeddings."""
    data = service.measuring.evaluation(MODEL)
    assert data is not None, "mini brings an evaluation set"
    return data


def rows(service: Service, requests: Sequence[Record]) -> list[dict[str, Json]]:
    """A row for each request alone, one for all together: `what`, and figures by the keys of `HOW`
    (None: it cannot do that).
    """
    data = evaluation(service)
    methods = service.core.plugins.methods
    compared = []
    for subset in (*([r] for r in requests), list(requests)):
        specs = [spec_of(r) for r in subset]
        plain = [replace(s, method="nullspace", target=None) for s in specs]
        compared.append(
            {
                "what": scope(subset[0]) if len(subset) == 1 else ALL,
                "govd": _measured(service, specs, methods, data),
                "nullspace": _measured(service, plain, methods, data),
                "ccup": _ccup(service, Ccup(), specs, data),
                "ccup_other": _ccup(service, Ccup(transposed=False), specs, data),
                "label": _without_label(
                    service.core.models.opened(MODEL).basis.anchors, subset, data
                ),
            }
        )
    return compared


def _contribution(service: Service, spec: ForgetSpec) -> Contribution:
    return service.contributions.computing.compute(
        spec, service.core.models.opened(MODEL)
    )


def _measured(
    service: Service,
    specs: Sequence[ForgetSpec],
    methods: Mapping[str, Method],
    data: EvaluationData,
) -> dict[str, Json]:
    basis = service.core.models.opened(MODEL).basis
    contributions = [_contribution(service, spec) for spec in specs]
    return metrics.on_images(
        basis, compose(basis, contributions, methods), contributions, data
    )


def _ccup(
    service: Service, reading: Ccup, specs: Sequence[ForgetSpec], data: EvaluationData
) -> dict[str, Json] | None:
    """The published form in one of its two readings; it knows concepts, not whole domains."""
    if any(s.scope.paradigm == "domains" for s in specs):
        return None
    ccup_specs = [replace(s, method="ccup", target=None, strength=1.0) for s in specs]
    return _measured(
        service, ccup_specs, {**service.core.plugins.methods, "ccup": reading}, data
    )


def _without_label(
    anchors: tuple[tuple[str, ...], Floats],
    chosen: Sequence[Record],
    data: EvaluationData,
) -> dict[str, Json] | None:
    """Deleting the label: possible for a concept everywhere; the vectors still know, so a search
    for the word finds as before.
    """
    if len(chosen) > 1 or chosen[0]["domains"]:
        return None
    names, texts = anchors
    forgotten_names = {c["name"] for c in chosen[0]["concepts"]}
    columns = [i for i, n in enumerate(names) if n not in forgotten_names]
    true = np.array([names.index(c) for c in data.classes])[data.class_of]
    first = (data.vectors @ texts.T).argmax(1)
    answers = np.array(columns)[(data.vectors @ texts[columns].T).argmax(1)]
    of_forgotten = np.array([names[i] in forgotten_names for i in true])
    scores = data.vectors @ texts[[i for i in range(len(names)) if i not in columns]].T
    return {
        "forget_acc_before": float((first == true)[of_forgotten].mean()),
        "forget_acc": float((answers == true)[of_forgotten].mean()),
        "retain_acc_before": float((first == true)[~of_forgotten].mean()),
        "retain_acc": float((answers == true)[~of_forgotten].mean()),
        # nothing moves: the order of the labels that are left is what it was
        "retain_agreement": 1.0,
        "text_auc": auc(scores[of_forgotten, 0], scores[~of_forgotten, 0]),
    }
