"""Checks and completes the Exposure of the argocd-istio Kustomize library."""

__version__ = "0.1.0"
GROUP = "argocd-istio.github.io"
API_VERSION = f"{GROUP}/v1alpha1"
