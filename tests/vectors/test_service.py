"""A model that is only vectors, from registering to an edit file, by commands, in a home, and over
HTTP.
"""

import base64
import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

import govd as public
from govd.cli.show_requests import show_request
from govd.errors import BadFile, UnreadableImage, Unsupported, Usage
from govd.home.home import Home
from govd.models.given import Given
from govd.requests import ForgetOptions
from govd.service.service import Service, open_service
from govd.web.app import create_app
from govd.web.context import Context

LABELS = ("dog", "cat", "car", "tree", "house", "boat")
OTHERS = ("lamp", "river", "shoe", "cloud")
DIM = 24


class World:
    """Texts around a common direction, pictures around their texts; every tenth picture is of
    nothing that has a name.
    """

    def __init__(self, folder: Path) -> None:
        draw = np.random.default_rng(4)
        names = [*LABELS, *OTHERS]
        self.texts = _unit(
            0.8 * _unit(draw.normal(size=(1, DIM)))
            + _unit(draw.normal(size=(len(names), DIM)))
        )
        self.of = draw.integers(0, len(LABELS), 240)
        shift = 0.7 * _unit(draw.normal(size=(1, DIM)))
        self.pictures = _unit(
            shift + self.texts[self.of] + 0.5 * draw.normal(size=(240, DIM)) / DIM**0.5
        )
        self.model, self.evaluation, self.three = (
            folder / "m.npz",
            folder / "e.npz",
            folder / "three.npy",
        )
        np.savez(
            self.model,
            text_names=np.array(names),
            text_vectors=self.texts,
            labels=np.array(len(LABELS)),
            image_vectors=self.pictures[:160],
        )
        np.savez(
            self.evaluation,
            image_vectors=self.pictures[160:],
            labels=np.array([LABELS[i] for i in self.of[160:]]),
        )
        np.save(self.three, self.pictures[160:163].astype(np.float32) * 7)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def service(tmp_path: Path, world: World, example_plugins: None) -> Any:
    with open_service(tmp_path / "home") as opened:
        opened.add_model(
            "v", str(world.model), Given(images=str(world.evaluation)), "ann"
        )
        yield opened


def test_what_the_file_brings_is_what_is_registered(service: Service) -> None:
    record = service.models.show("v")
    assert (record["labels"], record["anchors"], record["pool"], record["dim"]) == (
        6,
        4,
        160,
        DIM,
    )
    assert (record["use"], record["templates"], record["backend"]) == (
        "labels",
        ["{}"],
        "vectors",
    )


def test_vectors_are_answered_as_the_pictures_that_they_are_of(
    service: Service, world: World
) -> None:
    answers = service.classify("v", [(str(world.three), world.three)])
    assert [a["path"] for a in answers] == [f"{world.three}[{i}]" for i in range(3)]
    scores = world.pictures[160:163] @ world.texts[: len(LABELS)].T
    assert [a["label"] for a in answers] == [LABELS[i] for i in scores.argmax(1)]
    assert abs(answers[1]["scores"][LABELS[0]] - scores[1, 0]) < 1e-5
    rows, _ = service.embeddings("v", images=[world.three])
    assert np.abs(rows - world.pictures[160:163]).max() < 1e-6


def test_a_forget_goes_and_comes_back_to_the_last_bit(
    service: Service, world: World, tmp_path: Path
) -> None:
    before, _ = service.embeddings("v", images=[world.three])
    request = service.requests.forget("v", ForgetOptions(concepts=("dog",)), "ann")
    service.reconciler.run()
    if service.requests.show(request["id"])["state"] == "waiting":
        service.requests.decide(request["id"], "approve", "seen", "bob")
        service.reconciler.run()
    assert service.requests.show(request["id"])["state"] == "in_force"
    found = service.evaluate("v", None)["metrics"]
    assert found["forgotten_images"] == int((world.of[160:] == 0).sum())
    assert found["forget_acc"] < found["forget_acc_before"]
    (tmp_path / "out").mkdir()
    service.export("v", tmp_path / "out", "ann", None, "edit")
    edit = public.load_edit(next((tmp_path / "out").glob("*.safetensors")))
    after, _ = service.embeddings("v", images=[world.three])
    assert (
        np.abs(edit.apply(world.pictures[160:163].astype(np.float32)) - after).max()
        < 1e-6
    )
    service.requests.revert(request["id"], "back", "ann")
    service.reconciler.run()
    again, _ = service.embeddings("v", images=[world.three])
    assert again.tobytes() == before.tobytes()


def test_examples_are_vectors(service: Service, world: World) -> None:
    boats = world.pictures[160:][world.of[160:] == 5][:6].astype(np.float32)

    def preview(*arrays: np.ndarray) -> Any:
        examples = []
        for array in arrays:
            file = io.BytesIO()
            np.save(file, array)
            examples.append(file.getvalue())
        options = ForgetOptions(concepts=("lamp",), examples=tuple(examples))
        return service.requests.preview("v", options, "ann")["near"]

    together, apart = preview(boats * 3), preview(*boats)
    assert (together[0]["name"], together[0]["given"]) == ("boat", 6)
    assert together[0]["called"] == apart[0]["called"] > 3
    with pytest.raises(UnreadableImage, match=r"example 2: the array .* \(4, 7\)"):
        preview(boats, np.ones((4, 7)))
    with pytest.raises(Usage, match="257 examples"):
        preview(np.ones((257, DIM)))


def test_labels_that_are_one_to_the_model_are_told_beforehand(
    service: Service, tmp_path: Path, world: World
) -> None:
    names = np.array(["jug", *LABELS, "ewer"])
    texts = world.texts[[3, *range(len(LABELS)), 3]]
    np.savez(tmp_path / "one.npz", names=names, vectors=texts)
    service.add_model("one", str(tmp_path / "one.npz"), Given(), "ann")

    def alike(name: str) -> Any:
        options = ForgetOptions(concepts=(name,))
        return service.requests.preview("one", options, "ann")["read_alike"]

    assert alike("jug") == sorted(["ewer", LABELS[3]])
    assert alike("ewer") == sorted(["jug", LABELS[3]])
    assert alike(LABELS[2]) == []


def test_what_means_the_same_is_told_to_whoever_files_without_a_preview(
    service: Service, tmp_path: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    puppy = _unit(world.texts[:1] + 0.1 * (world.texts[6:7] - world.texts[7:8]))[0]
    np.savez(
        tmp_path / "near.npz",
        text_names=np.array([*LABELS, "ewer", "puppy", *OTHERS]),
        text_vectors=np.stack(
            [*world.texts[:6], world.texts[3], puppy, *world.texts[6:]]
        ),
        labels=np.array(len(LABELS) + 1),
        image_vectors=world.pictures[:160],
    )
    service.add_model("near", str(tmp_path / "near.npz"), Given(), "ann")

    def filed(*names: str, **more: Any) -> Any:
        options = ForgetOptions(concepts=names, **more)
        request = service.requests.forget("near", options, "ann")
        service.reconciler.run()
        return service.requests.show(request.id)

    options = ForgetOptions(concepts=("dog",))
    previewed = service.requests.preview("near", options, "ann")["near"]
    dog = filed("dog")
    assert [row["name"] for row in dog["predicted"]["near"]] == ["puppy"]
    assert dog["predicted"]["near"] == [row for row in previewed if row["ask"]]
    assert "read_alike" not in dog["predicted"]
    show_request(dog)
    told = " ".join(capsys.readouterr().out.split())
    assert "puppy (1.00 of its pictures are this): forget it too?" in told
    assert filed(LABELS[3])["predicted"]["read_alike"] == ["ewer"]
    filed("puppy")
    assert "near" not in filed("dog", "cat")["predicted"], "puppy goes already"
    hidden = filed("car", private=True)["predicted"]
    assert not {"near", "read_alike"} & set(hidden), "they would tell what it is about"


def test_what_is_published_is_the_edit_alone(service: Service, tmp_path: Path) -> None:
    service.update_model("v", Given(publish_to=str(tmp_path / "served")), "ann")
    service.requests.forget("v", ForgetOptions(concepts=("dog",)), "ann")
    service.reconciler.run()
    assert sorted(p.name for p in (tmp_path / "served" / "current").iterdir()) == [
        "edit.safetensors",
        "model.sig",
        "revision.json",
        "statement.dsse.json",
    ]
    edit = public.load_edit(tmp_path / "served" / "current" / "edit.safetensors")
    assert (
        edit.digest
        == edit.facts["edit_digest"]
        == service.revision("v", 1)["edit_digest"]
    )
    assert edit.facts["model_digest"] == service.models.show("v")["digest"]


def test_a_model_of_vectors_is_warm_without_a_word(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """It encodes no picture, and no text that its file lacks: nothing is wrong with that."""
    service.warm.is_wanted = True
    with caplog.at_level(logging.WARNING, "govd"):
        service.warm.registered("v")
        service.warm.model("v", lambda: False)
    assert caplog.text == ""


def test_what_cannot_be_done_with_vectors_is_said(
    service: Service, world: World, tmp_path: Path
) -> None:
    with pytest.raises(Unsupported, match="no vector for the text 'cow'"):
        service.requests.preview("v", ForgetOptions(concepts=("cow",)))
    entries = service.core.desk.ledger.size()
    for options in (
        ForgetOptions(concepts=("cow",)),
        ForgetOptions(concepts=("dog",), aliases=("cow",)),
    ):
        with pytest.raises(Unsupported, match="no vector for the text 'cow'"):
            service.requests.forget("v", options, "ann")
    assert service.core.desk.ledger.size() == entries, (
        "what cannot be meant makes no entry"
    )
    (answer,) = [service.classify("v", [("a.npy", world.three)])[0]]
    assert answer["label"]
    np.save(tmp_path / "wide.npy", np.ones((2, DIM + 1)))
    with pytest.raises(Exception, match=r"vectors are \(n, 24\)"):
        service.classify("v", [("wide.npy", tmp_path / "wide.npy")])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"labels": np.array(["dog"])}, "no image_vectors"),
        ({"image_vectors": np.ones((2, DIM))}, "no labels"),
        (
            {"image_vectors": np.ones((2, DIM)), "labels": np.array(["dog"])},
            "labels is",
        ),
        (
            {"image_vectors": np.ones((1, DIM)), "labels": np.array(["cow"])},
            "not one row is of a label",
        ),
        (
            {"image_vectors": np.zeros((1, DIM)), "labels": np.array(["dog"])},
            "zero or not finite",
        ),
    ],
)
def test_an_evaluation_set_that_cannot_be_meant_is_refused(
    service: Service, tmp_path: Path, arrays: dict[str, np.ndarray], words: str
) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises((BadFile, Usage), match=words):
        service.evaluate("v", str(tmp_path / "bad.npz"))


def test_vectors_over_http(tmp_path: Path, world: World, example_plugins: None) -> None:
    home = Home(tmp_path / "web")
    service = Service(home)
    try:
        service.add_model("v", str(world.model), Given(), "ann")
        client = TestClient(create_app(Context(service)), base_url="http://127.0.0.1")
        headers = {"Authorization": f"Bearer {home.token()}"}
        body = {
            "images": [
                base64.b64encode(world.three.read_bytes()).decode(),
                base64.b64encode(b"no").decode(),
            ]
        }
        answer = client.post("/v1/models/v/classify", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert [a["path"] for a in answer.json()] == [
            "image 0[0]",
            "image 0[1]",
            "image 0[2]",
            "image 1",
        ]
        assert answer.json()[3]["label"] is None
    finally:
        service.close()
