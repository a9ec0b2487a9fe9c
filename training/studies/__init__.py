"""What was tried: seeds, searches, less data, comparisons, speed."""
