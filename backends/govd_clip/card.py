"""What a model card says of a checkpoint that this backend writes."""

from __future__ import annotations

from typing import Final

from govd_clip.headers import Slot

PROJECTION: Final = {"image": "visual_projection.weight", "text": "text_projection.weight"}
NAMES: Final = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
BITS: Final = {"F16": 11, "BF16": 8}
"""Bits of a significand, the hidden one included."""
LOAD: Final = """```python
from transformers import CLIPModel, CLIPProcessor

model = CLIPModel.from_pretrained(".")
processor = CLIPProcessor.from_pretrained(".")
```

`govd model add NAME DIR` loads it, too."""


def notes(slots: dict[str, Slot]) -> dict[str, str]:
    """Notes for the card of a CLIPModel (`ModelFacts.card`). `slots`: its tensors."""
    kind = slots[PROJECTION["image"]].dtype
    card = {"library": "transformers", "load": LOAD}
    for side, name in PROJECTION.items():
        card[side] = (
            f"The edit lies in the weights: `{name}` differs from the base's in its values, and no"
            " other tensor and no other file of the base differs in a byte."
        )
    if kind in BITS:
        card["rounding"] = (
            f"The edited projection is stored as the base's is, in {NAMES[kind]}: each of its"
            f" values is rounded by a share of up to 2^-{BITS[kind]}, as the base's were."
        )
    return card
