"""Looks at a running exposure: `ask` asks, `judging` judges the answers, `report` prints both.

The questions are fixed, read-only, and need no login. Facts and judgement are separate: no judge opens a connection.
"""
