"""A folder's kustomizations as they are written, before a build: what is in them, in which order, and what is wrong."""
