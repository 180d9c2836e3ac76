"""Data that flows between the core and its plugins. Imports nothing of govd, so that a plugin may
import it freely: `from govd.types import Vote`, wherever in here it is written.

Shapes are written `(n, d)`: `d` is the width of the model's joint space, `k` a number of concepts,
`S` of domains. Embeddings are unit length and float32 unless said otherwise.

`values`: arrays, JSON, `Record`, `Progress` · `scopes`: what a forget is about and what it adds ·
`models`: what a backend opens · `jobs`: commands that unlearn and evaluate ·
`decisions`: what policies and gates say · `policies`: those that come with a plugin · `figures`:
shares with their intervals · `feeds`: what comes in by itself · `stores`: embeddings that are kept
elsewhere · `batches`: where batch work runs.
"""

from govd.types.batches import BatchRunner
from govd.types.decisions import Gate, Needs, Vote
from govd.types.feeds import (
    DOCUMENT_BYTES,
    Answer,
    Answers,
    Document,
    Feed,
    Proposals,
    RowAnswer,
    RowForm,
)
from govd.types.figures import Figure
from govd.types.jobs import ExternalJob
from govd.types.models import (
    LinearEdit,
    Model,
    ModelFacts,
    ModelReference,
    Prototypes,
    TensorDeltas,
)
from govd.types.policies import Parameter, ReadyPolicy
from govd.types.scopes import Concept, Contribution, ForgetSpec, Scope
from govd.types.stores import (
    Batch,
    Generation,
    Hit,
    Pace,
    Paced,
    Portion,
    Purged,
    RowNumbers,
    Store,
    StoreFacts,
    StoreStamp,
)
from govd.types.values import (
    KEPT_PRIVATE,
    PRECISIONS,
    PRIVATE,
    SIDES,
    SINGLE,
    TARGETS,
    USES,
    Bools,
    Bytes,
    Decision,
    Floats,
    Json,
    Places,
    Precision,
    Progress,
    Record,
    Side,
    Target,
    Use,
    changeable,
    silent,
)

__all__ = [
    "DOCUMENT_BYTES",
    "KEPT_PRIVATE",
    "PRECISIONS",
    "PRIVATE",
    "SIDES",
    "SINGLE",
    "TARGETS",
    "USES",
    "Answer",
    "Answers",
    "Batch",
    "BatchRunner",
    "Bools",
    "Bytes",
    "Concept",
    "Contribution",
    "Decision",
    "Document",
    "ExternalJob",
    "Feed",
    "Figure",
    "Floats",
    "ForgetSpec",
    "Gate",
    "Generation",
    "Hit",
    "Json",
    "LinearEdit",
    "Model",
    "ModelFacts",
    "ModelReference",
    "Needs",
    "Pace",
    "Paced",
    "Parameter",
    "Places",
    "Portion",
    "Precision",
    "Progress",
    "Proposals",
    "Prototypes",
    "Purged",
    "ReadyPolicy",
    "Record",
    "RowAnswer",
    "RowForm",
    "RowNumbers",
    "Scope",
    "Side",
    "Store",
    "StoreFacts",
    "StoreStamp",
    "Target",
    "TensorDeltas",
    "Use",
    "Vote",
    "changeable",
    "silent",
]
