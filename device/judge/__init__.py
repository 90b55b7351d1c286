"""Whether a reading is abnormal: the detectors, their parameters, and the verdict."""
