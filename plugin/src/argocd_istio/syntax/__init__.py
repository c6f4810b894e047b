"""YAML as text: parsing with limits, interpretation by different readers, output, and editing in place."""
