"""Whether a reading is abnormal: the detectors, the numbers they go by, and the verdict."""
