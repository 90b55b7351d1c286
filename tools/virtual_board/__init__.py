"""Virtual boards: a real MicroPython interpreter that runs what goes onto an ESP32, byte for byte."""
