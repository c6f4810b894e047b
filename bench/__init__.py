"""Compares our builds and applies with upstream's, in one run: `python -m bench --help`."""
