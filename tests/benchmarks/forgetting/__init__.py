"""What every method forgets and costs on a portfolio of models: `python -m
tests.benchmarks.forgetting --help`.

`sets` reads the portfolio, `rows` are the methods, `figures` the columns, `cells` what happens in
one domain alone, `__main__` the table. A new row is a function `(Case) → (n, d) vectors to (n, d)
vectors`, added to `rows.ROWS`; a new set is a folder.
"""
