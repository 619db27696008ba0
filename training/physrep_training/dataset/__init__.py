"""Collections of labelled frames: checked, described, divided, joined, thinned out."""
