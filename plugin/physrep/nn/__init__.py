"""Small pure layers: cutoff envelopes, radial bases, activations, sums over edges, perceptrons."""
