"""What a model card says of a checkpoint that this backend writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from govd_clip.headers import Slot
from govd_clip.layouts import Family
from govd_clip.open_clip import stored

PROJECTION: Final = {
    "image": "visual_projection.weight",
    "text": "text_projection.weight",
}
NAMES: Final = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
}
BITS: Final = {"F16": 11, "BF16": 8}
"""Bits of a significand, the hidden one included."""
_HUGGING_FACE: Final = """```python
from transformers import {model}, {processor}

model = {model}.from_pretrained(".")
processor = {processor}.from_pretrained(".")
```

`govd model add NAME DIR` loads it, too."""
_OPEN_CLIP: Final = """```python
import open_clip

model, preprocess = open_clip.create_model_from_pretrained("local-dir:.")
tokenizer = open_clip.get_tokenizer("local-dir:.")
```

`govd model add NAME DIR` loads it, too."""
_MAP: Final = """
**Without the map in `govd_edit.safetensors` this model has forgotten nothing.** Pictures need it:

```python
from safetensors.torch import load_file

edit = load_file("govd_edit.safetensors")
images = model.get_image_features(**processor(images=pictures, return_tensors="pt"))
images = getattr(images, "pooler_output", images)
images = images - (images @ edit["L"]) @ edit["B"].T
images = images / images.norm(dim=-1, keepdim=True)
```"""
_FOLDED: Final = (
    "The edit lies in the weights: {layer} differ{s} from the base's in {its} values, and no other"
    " tensor and no other file of the base differs in a byte."
)
_ADDED: Final = (
    "The image tower of a SigLIP ends in attention pooling and an MLP with a residual, without a"
    " plain projection: no weight can carry the edit. It is an added linear map in"
    " `govd_edit.safetensors`, and every file of the base is as it was."
)


def notes(family: Family, slots: Mapping[str, Slot]) -> dict[str, str]:
    """Notes for the card of a checkpoint (`ModelFacts.card`). `slots`: its tensors."""
    if family == "siglip":
        return _of_siglip(slots)
    library = "open_clip" if family == "open_clip" else "transformers"
    clip = _HUGGING_FACE.format(model="CLIPModel", processor="CLIPProcessor")
    card = {"library": library, "load": _OPEN_CLIP if family == "open_clip" else clip}
    card |= {"open_clip:library": "open_clip", "open_clip:load": _OPEN_CLIP}
    for side, layer in PROJECTION.items():
        name = layer
        if family == "open_clip":
            name = stored(layer, slots).name
        card[side] = _FOLDED.format(layer=f"`{name}`", s="s", its="its")
        card[f"open_clip:{side}"] = (
            f"The edit lies in the weights: in `{stored(layer, ()).name}` alone. Every other tensor"
            " is the base's, under the name that open_clip gives it."
        )
    kind = next(
        slot.dtype for name, slot in slots.items() if name.endswith("proj.weight")
    )
    return card | _rounding(kind)


def _of_siglip(slots: Mapping[str, Slot]) -> dict[str, str]:
    load = _HUGGING_FACE.format(model="SiglipModel", processor="AutoProcessor")
    head = "`text_model.head.weight` and `text_model.head.bias`"
    return {
        "library": "transformers",
        "load": load,
        "image": _ADDED + "\n" + _MAP,
        "image:carries": "map",
        "text": _FOLDED.format(layer=head, s="", its="their"),
        **_rounding(slots["text_model.head.weight"].dtype),
    }


def _rounding(kind: str) -> dict[str, str]:
    if kind not in BITS:
        return {}
    return {
        "rounding": (
            f"An edited layer is stored in float32, where the base has it in {NAMES[kind]}: what"
            " loads the base loads this. Loaded in half precision, each of its values is rounded by"
            f" a share of up to 2^-{BITS[kind]}, as the base's were."
        )
    }
