"""Pictures of calls that come at once are one batch of the model's, and each call gets its own."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from govd.errors import MachineFault, UnreadableImage
from govd.models.embeddings import Encoder
from govd.pictures import png
from govd.serve import queues
from govd.serve.batching import Batches
from govd.serve.queues import AT_WORK, BATCH
from govd.serve.waiting import finished
from govd.service.service import Service
from govd.types import Bytes, Floats, ModelFacts, Progress, silent

SECONDS = 20


class Brightness:
    """A model of two dimensions: how bright the first pixel is. It works as long as `gate` is not
    set, keeps the sizes of its batches, and refuses whole batches with a `poisoned` brightness.
    """

    facts = ModelFacts("brightness", "b" * 64, "test", "cpu", 2, 1.0, 4)

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.poisoned = -1
        self.begun = threading.Semaphore(0)

    def encode_images(
        self, images: Sequence[Any], progress: Progress = silent
    ) -> Floats:
        self.sizes.append(len(images))
        self.begun.release()
        assert self.gate.wait(SECONDS)
        values = [int(image[0, 0, 0]) for image in images]
        if self.poisoned in values:
            raise UnreadableImage("poisoned", advice="Leave it out.")
        angles = np.array(values, np.float32) / 255
        return np.stack([np.cos(angles), np.sin(angles)], 1)


Model = Brightness
Asked = Callable[[Sequence[bytes]], Any]


def picture(value: int) -> bytes:
    rows: Bytes = np.full((4, 4, 3), value, np.uint8)
    return png(rows)


@pytest.fixture
def model() -> Brightness:
    return Brightness()


@pytest.fixture
def batches() -> Iterator[Batches]:
    batches = Batches(wait_seconds=0.5)
    yield batches
    batches.close()


@pytest.fixture
def busy(model: Brightness, batches: Batches) -> Iterator[Asked]:
    """Asks in a thread of its own; the model is at work already, as many times as it can be, until
    its gate is opened.
    """
    encoder = Encoder(model)  # type: ignore[arg-type]
    with ThreadPoolExecutor(40) as threads:

        def asked(pictures: Sequence[bytes]) -> Any:
            names = [f"{i}.png" for i in range(len(pictures))]
            return threads.submit(judged, batches, encoder, pictures, names)

        for _ in range(AT_WORK):
            asked([picture(0)])
            assert model.begun.acquire(timeout=SECONDS)
        yield asked
        model.gate.set()


def judged(
    batches: Batches, encoder: Encoder, pictures: Sequence[bytes], names: Sequence[str]
) -> Any:
    """What becomes of some pictures, waited for."""
    return finished(batches.judged(encoder, pictures, names))


def waiting(batches: Batches, count: int) -> None:
    """Until so many pictures wait."""
    end = time.monotonic() + SECONDS
    while batches.waiting() != count:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_calls_that_come_while_a_model_works_are_one_batch(
    model: Brightness, batches: Batches, busy: Asked
) -> None:
    calls = [busy([picture(value)]) for value in range(BATCH)]
    waiting(batches, BATCH)
    model.gate.set()
    for value, call in enumerate(calls):
        rows, faults = call.result(SECONDS)
        assert (list(rows), faults) == ([0], {})
        assert rows[0] == pytest.approx(
            [np.cos(value / 255), np.sin(value / 255)], abs=1e-6
        )
    assert sum(model.sizes) == AT_WORK + BATCH
    assert len(model.sizes) <= AT_WORK + AT_WORK + 1  # in parts that are about as large
    assert batches.waiting() == 0


def test_an_idle_model_waits_for_nobody(model: Brightness) -> None:
    model.gate.set()
    batches = Batches(wait_seconds=SECONDS)
    began = time.monotonic()
    rows, _ = judged(batches, Encoder(model), [picture(9)], ["a.png"])  # type: ignore[arg-type]
    batches.close()
    assert len(rows) == 1
    assert time.monotonic() - began < SECONDS / 2


def test_a_batch_waits_for_company_no_longer_than_it_may(
    model: Brightness, batches: Batches, busy: Asked
) -> None:
    model.gate.set()
    assert len(busy([picture(3)]).result(SECONDS)[0]) == 1


def test_a_bad_picture_is_the_fault_of_its_own_call(
    model: Brightness, batches: Batches, busy: Asked
) -> None:
    good, bad, mixed = (
        busy([picture(1)]),
        busy([b"no picture"]),
        busy([picture(2), b"", picture(3)]),
    )
    waiting(batches, 5)
    model.gate.set()
    assert list(good.result(SECONDS)[0]) == [0]
    rows, faults = bad.result(SECONDS)
    assert rows == {}
    assert "0.png" in faults[0].message
    rows, faults = mixed.result(SECONDS)
    assert (sorted(rows), list(faults)) == ([0, 2], [1])
    assert sum(model.sizes) == AT_WORK + 3


def test_what_makes_a_whole_batch_fail_fails_one_call(
    model: Brightness, batches: Batches, busy: Asked
) -> None:
    model.poisoned = 7
    good, poisoned = busy([picture(1)]), busy([picture(7)])
    waiting(batches, 2)
    model.gate.set()
    assert list(good.result(SECONDS)[0]) == [0]
    assert "poisoned" in poisoned.result(SECONDS)[1][0].message


def test_an_error_of_the_model_is_raised_where_it_was_asked(batches: Batches) -> None:
    class Broken(Brightness):
        def encode_images(
            self, images: Sequence[Any], progress: Progress = silent
        ) -> Floats:
            raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        judged(batches, Encoder(Broken()), [picture(1)], ["a.png"])  # type: ignore[arg-type]


def test_a_call_of_many_pictures_lets_others_in_between(
    model: Brightness, batches: Batches, busy: Asked
) -> None:
    many = busy([picture(value) for value in range(3 * BATCH)])
    waiting(batches, 3 * BATCH)
    single = busy([picture(200)])
    waiting(batches, 3 * BATCH + 1)
    model.gate.set()
    rows, _ = many.result(SECONDS)
    assert single.result(SECONDS)[0].keys() == {0}
    assert [
        round(float(np.arctan2(y, x)) * 255) for x, y in (rows[i] for i in sorted(rows))
    ] == [*range(3 * BATCH)]
    assert max(model.sizes) == BATCH


def test_who_waits_when_a_home_is_let_go_is_answered(
    model: Brightness, batches: Batches, busy: Asked
) -> None:
    call = busy([picture(5)])
    waiting(batches, 1)
    batches.close()
    model.gate.set()
    assert len(call.result(SECONDS)[0]) == 1
    with pytest.raises(MachineFault):
        judged(batches, Encoder(model), [picture(5)], ["a.png"])  # type: ignore[arg-type]


def test_vectors_are_those_of_the_model_asked_picture_by_picture(
    service: Service, pictures: Path
) -> None:
    files = sorted(pictures.rglob("*.png"))[:40]
    rows, _ = service.embeddings("m", images=files)
    with ThreadPoolExecutor(8) as threads:
        alone = list(
            threads.map(
                lambda file: service.embeddings("m", images=[file])[0][0], files
            )
        )
    assert rows == pytest.approx(np.stack(alone), abs=1e-5)


def test_answers_go_out_once_the_model_is_at_work_on_the_next_batch(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "AT_WORK", 1)
    answered = list[bool]()

    class Telling(Brightness):
        def encode_images(
            self, images: Sequence[Any], progress: Progress = silent
        ) -> Floats:
            if self.sizes:
                answered.append(first.done())
                progress("pictures", 0, len(images))
                answered.append(first.result(SECONDS) is not None)
            return super().encode_images(images)

    model = Telling()
    encoder = Encoder(model)  # type: ignore[arg-type]
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(judged, batches, encoder, [picture(1)], ["a.png"])
        assert model.begun.acquire(timeout=SECONDS)
        second = threads.submit(judged, batches, encoder, [picture(2)], ["b.png"])
        waiting(batches, 1)
        model.gate.set()
        assert list(second.result(SECONDS)[0]) == [0]
    assert answered == [False, True]


def test_a_batch_leaves_company_for_those_who_are_answered_now(
    model: Brightness, batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "AT_WORK", 1)
    encoder = Encoder(model)  # type: ignore[arg-type]
    with ThreadPoolExecutor(25) as threads:
        eight = [picture(value) for value in range(8)]
        calls = [threads.submit(judged, batches, encoder, eight, ["p"] * 8)]
        assert model.begun.acquire(timeout=SECONDS)
        for value in range(24):
            calls += [threads.submit(judged, batches, encoder, [picture(value)], ["p"])]
        waiting(batches, 24)
        model.gate.set()
        for call in calls:
            assert call.result(SECONDS)[1] == {}
    assert model.sizes == [8, 16, 8]


def test_texts_of_calls_are_one_batch_and_each_gets_its_own(service: Service) -> None:
    texts = ["red", "a red thing", "blue", ""]
    together, _ = service.embeddings("m", texts=texts)
    with ThreadPoolExecutor(4) as threads:
        alone = list(
            threads.map(lambda t: service.embeddings("m", texts=[t])[0][0], texts)
        )
    assert together == pytest.approx(np.stack(alone), abs=1e-6)
