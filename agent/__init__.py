"""Agents: what runs on nodes and in clusters."""

import os

# Read once, when gRPC is imported: else it writes a line for each handshake that fails,
# beside ours that says why.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
