"""`python -m tests.benchmarks.serving.torch_server CHECKPOINT PORT`: what somebody would write who
serves a checkpoint with FastAPI and torch: one route, the model once, no batches but a call's own.

`POST /embed` takes a picture as it is, `POST /embed-many` JSON with pictures in base64.
"""

import base64
import io
import sys
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image
from transformers import CLIPModel
from transformers.models.auto.image_processing_auto import AutoImageProcessor


def application(folder: str) -> FastAPI:
    """The application over a checkpoint."""
    model = CLIPModel.from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    app = FastAPI()

    def encode(files: list[bytes]) -> list[list[float]]:
        pictures = [Image.open(io.BytesIO(data)).convert("RGB") for data in files]
        with torch.inference_mode():
            pixels = processor(images=pictures, return_tensors="pt")["pixel_values"]
            features: Any = model.get_image_features(pixel_values=pixels)
            rows = getattr(features, "pooler_output", features)
            unit: list[list[float]] = torch.nn.functional.normalize(
                rows, dim=-1
            ).tolist()
        return unit

    @app.post("/embed")
    async def embed(request: Request) -> dict[str, Any]:
        return {"embeddings": await run_in_threadpool(encode, [await request.body()])}

    @app.post("/embed-many")
    async def embed_many(request: Request) -> dict[str, Any]:
        files = [base64.b64decode(text) for text in (await request.json())["images"]]
        return {"embeddings": await run_in_threadpool(encode, files)}

    return app


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), port=int(sys.argv[2]), log_level="warning")
