"""What there is: clusters, namespaces and workloads, and one search over all."""
