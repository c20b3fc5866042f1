"""Where boxes, frames and arrows of a drawing are; pure and deterministic."""
