"""From a bare board to the first reading: doctor, flash, deploy, provision, model, repl, logs."""
