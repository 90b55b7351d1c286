"""What every long-running process has: log, health, memory, and how it fails."""
