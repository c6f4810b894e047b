"""Judges a render: `rule` says what a rule is, `rules` has them by domain, `run` applies them to the facts of `render`.

IDs are those of the catalogue of faults: a letter for the domain and a number.
"""
