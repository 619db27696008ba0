"""From structures to batches: splits, references, neighbour lists."""
