"""Single faults seeded into renders and consumers that have none: see seeds.py."""
