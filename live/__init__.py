"""A cluster of one node without containers: the real programs, as processes in private network namespaces."""
