"""What a preview says to people of what it was counted on."""

from govd.cli.counted import found_by_word, of_labelled, of_pool, told_apart


def test_a_domain_that_is_told_apart_badly_is_told() -> None:
    row = {"domain": "ink", "pictures": 40, "others": 100}
    for taken, others_taken, is_bad in ((40, 0, False), (30, 40, True), (9, 0, True)):
        counts = {"taken": taken, "others_taken": others_taken}
        line = told_apart(row | counts)
        assert f"of 40 labelled pictures in ink {taken} are taken for it" in line
        assert ("badly" in line) == is_bad


def test_pictures_are_counted_in_words() -> None:
    one = {"what": "concepts", "pictures": 1, "on": "9 pool embeddings"}
    two = one | {"pictures": 2}
    whole = two | {"what": "domains"}
    assert of_pool(one).startswith("of 1 picture that looks like it to the model, ")
    assert of_pool(two).startswith("of 2 pictures that look like it to the model, ")
    assert of_labelled(one).startswith("of 1 picture that shows it, ")
    assert of_labelled(two).startswith("of 2 pictures that show it, ")
    assert of_labelled(whole).startswith("of 2 pictures in it, ")


def test_search_is_told_by_an_area() -> None:
    line = found_by_word({"pictures": 1, "before": 0.994, "after": 0.5})
    assert line.startswith(
        "its word finds 1 labelled picture among all others with AUC"
    )
    assert "0.99 → 0.50" in line
