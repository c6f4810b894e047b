"""Checks and completes the Exposure of the argocd-istio Kustomize library."""

__version__ = "0.1.0"
API_VERSION = "argocd-istio.github.io/v1alpha1"
