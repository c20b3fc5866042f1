"""The parts of the detector's benchmark."""
