"""Deep sleep between samples, for boards on a battery."""
