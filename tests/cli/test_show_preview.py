"""What a preview says to people of what it was counted on."""

from govd.cli.show_preview import told_apart


def test_a_domain_that_is_told_apart_badly_is_told() -> None:
    row = {"domain": "ink", "pictures": 40, "others": 100}
    for taken, others_taken, is_bad in ((40, 0, False), (30, 40, True), (9, 0, True)):
        counts = {"taken": taken, "others_taken": others_taken}
        line = told_apart(row | counts)
        assert f"of 40 labelled pictures in ink {taken} are taken for it" in line
        assert ("badly" in line) == is_bad
