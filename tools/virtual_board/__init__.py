"""Virtual boards: a real MicroPython interpreter that runs the artefact that goes onto an ESP32."""
