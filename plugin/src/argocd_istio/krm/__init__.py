"""The function that kustomize runs."""
