"""Leaving each forget out once, against loops over pictures."""

import dataclasses

import numpy as np
import pytest

from govd.edit import Basis, Edit, compose
from govd.edit.interference import answered, concerned, left_out, pictures_of
from govd.methods import builtin
from tests.edit.conftest import World

METHODS = builtin()


def called(basis: Basis, edit: Edit, x: np.ndarray) -> str:
    names, texts = basis.anchors
    moved = edit.apply(x[None])[0] if edit.side == "image" else x
    rows = texts if edit.side == "image" else edit.move(texts)
    return max(zip(names, rows, strict=True), key=lambda pair: float(moved @ pair[1]))[
        0
    ]


@pytest.mark.parametrize(
    ("pool", "method"), [(True, "fitted"), (True, "bilateral"), (False, "oblique")]
)
def test_leave_one_out_is_a_difference_of_two_edits(
    world: World, pool: bool, method: str
) -> None:
    basis, names = world.basis(pool=pool), world.names
    gone = [world.contribution(basis, n, method=method) for n in (names[3], names[9])]
    gone.append(world.contribution(basis, names[5], method=method, domains=("sketch",)))
    pictures = pictures_of(basis, world.data)
    vectors = basis.tensors["pool"] if pool else world.data.vectors
    domain_of = basis.tensors["pool_domains"] if pool else world.data.domain_of
    assert np.array_equal(pictures.vectors, vectors)

    whole, nothing = compose(basis, gone, METHODS), Edit.nothing(basis.dim)
    base = [called(basis, nothing, x) for x in vectors]
    own_name = base if pool else [world.data.classes[i] for i in world.data.class_of]

    def is_about(i: int, forget: int, name: str) -> bool:
        return name == (names[3], names[9], names[5])[forget] and (
            forget < 2 or domain_of[i] == 1
        )

    about = [concerned(basis, pictures, c) for c in gone]
    for forget, mask in enumerate(about):
        assert mask.tolist() == [
            is_about(i, forget, own_name[i]) for i in range(len(vectors))
        ]
    for place in range(3):
        rest = [c for i, c in enumerate(gone) if i != place]
        without = compose(basis, rest, METHODS)
        row = left_out(
            pictures,
            gone,
            about,
            place,
            answered(basis, pictures, whole, gone),
            answered(basis, pictures, without, rest),
        )
        with_it = [called(basis, whole, x) for x in vectors]
        after = [called(basis, without, x) for x in vectors]
        stays = [
            i
            for i in range(len(vectors))
            if not any(
                is_about(i, f, own_name[i]) or is_about(i, f, base[i]) for f in range(3)
            )
        ]
        assert row["retained"] == len(stays)
        changed, changed_without = (
            np.mean([answers[i] != base[i] for i in stays])
            for answers in (with_it, after)
        )
        assert row["changed"] == pytest.approx(changed)
        assert row["cost"] == pytest.approx(changed - changed_without)
        others = [
            i
            for i in range(len(vectors))
            for f in range(3)
            if f != place and is_about(i, f, own_name[i])
        ]
        named = np.mean(
            [any(is_about(i, f, with_it[i]) for f in range(3)) for i in others]
        )
        named_without = np.mean(
            [
                any(is_about(i, f, after[i]) for f in range(3) if f != place)
                for i in others
            ]
        )
        assert row["others_named"] == pytest.approx(named)
        assert row["others_named_without"] == pytest.approx(named_without)


def test_a_whole_domain_is_still_named_where_nothing_changed(world: World) -> None:
    basis = world.basis()
    gone = [
        world.contribution(basis, method="bilateral", domains=("sketch",)),
        world.contribution(basis, world.names[3]),
    ]
    pictures = pictures_of(basis, None)
    about = [concerned(basis, pictures, c) for c in gone]
    whole = compose(basis, gone, METHODS)
    rest = answered(basis, pictures, compose(basis, gone[1:], METHODS), gone[1:])
    row = left_out(
        pictures, gone, about, 0, answered(basis, pictures, whole, gone), rest
    )
    inside = basis.tensors["pool_domains"] == 1
    assert about[0].tolist() == inside.tolist()
    nothing = Edit.nothing(basis.dim)
    same = [
        called(basis, nothing, x) == called(basis, whole, x)
        for x in basis.tensors["pool"][inside]
    ]
    assert row["named"] == pytest.approx(np.mean(same))
    assert row["retained"] == int((~inside & ~about[1]).sum())


def test_without_a_picture_texts_stand_in(world: World) -> None:
    basis = world.basis(pool=False)
    gone = [world.contribution(basis, world.names[i]) for i in (3, 9)]
    pictures = pictures_of(basis, None)
    assert pictures.on == "40 texts"
    assert [int(concerned(basis, pictures, c).sum()) for c in gone] == [1, 1]
    cell = world.contribution(basis, world.names[5], domains=("sketch",))
    assert not concerned(basis, pictures, cell).any(), "a text is of no domain"


def test_labelled_pictures_without_a_domain_are_of_none(world: World) -> None:
    basis = world.basis(pool=False)
    domain_of = np.where(world.data.class_of == 3, -1, world.data.class_of % 2)
    known = dataclasses.replace(world.data, domain_of=domain_of)
    pictures = pictures_of(basis, known)
    assert np.array_equal(pictures.domain_of, known.domain_of)
    foreign = dataclasses.replace(known, domains=("poster", world.data.domains[1]))
    assert set(pictures_of(basis, foreign).domain_of) == {-1, 1}
