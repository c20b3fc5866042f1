"""Makes agent/digger/vocabulary.txt and names.bin out of public material."""
