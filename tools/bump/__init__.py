"""Changes the install to another release of Argo CD: `python -m tools.bump --help`."""
