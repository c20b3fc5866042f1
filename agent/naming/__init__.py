"""Naming: what endpoints, operations, keys and lone pods are called, without data."""
