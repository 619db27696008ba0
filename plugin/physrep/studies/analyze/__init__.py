"""All analyses of a trajectory in one pass: a collector fed frame by frame, and its report.

    analysis = collector.TrajectoryAnalysis(numbers, n_frames, interval)
    for frame in frames:  # io.trajectories.frames.Frame, from a file or a running simulation
        analysis.observe(frame)
    results = analysis.finish()
    chapters.chapters({"300 K": results}), record.as_dict(results)

What a trajectory does not resolve is a gap with its reason, never a number.
"""
