"""The functions that kustomize runs."""
