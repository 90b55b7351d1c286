"""From abnormal readings to one mail that a person reads: episodes, what is said of them, how it is sent."""
