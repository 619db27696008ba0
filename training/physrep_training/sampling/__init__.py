"""MD whose frames are to be labelled: which potential, which runs, which frames, what is kept."""
