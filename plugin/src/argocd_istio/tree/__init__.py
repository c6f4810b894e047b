"""A folder's kustomizations before a build: their contents, their order, and the faults in them."""
