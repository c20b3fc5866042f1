"""Makes agent/naming/vocabulary.txt and names.bin out of public material."""
