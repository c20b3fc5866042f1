"""Administration: the doors' data as pages, for those who say who may come in."""
