"""Our builds and applies beside upstream's, in one run: `python -m bench --help`."""
