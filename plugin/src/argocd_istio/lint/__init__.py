"""Checks a render: `rule` defines what a rule is, `rules` has all rules by domain, `run` applies them to the facts.

An ID is a letter for the domain and a number, as in the catalogue of faults.
"""
