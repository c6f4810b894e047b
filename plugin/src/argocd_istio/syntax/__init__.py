"""YAML as text: read within limits, read as each reader would, written, and changed in place."""
