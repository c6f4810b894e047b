"""The real programs as processes in private network namespaces: a cluster of one node, without containers."""
