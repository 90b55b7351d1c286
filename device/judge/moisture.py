"""Humidity carried to one reference temperature: what stays when warm air only got warmer.

Relative humidity falls as air warms although nobody dried it. A temperature step that the humidity follows is
weather or heating; one that it does not follow is the sensor. m = h * exp(k * (t - t_ref)), to second order.
"""

from ..chip.compat import const

SPAN = const(2400)  # hundredths of degC: the parabola is used no farther from t_ref than this


def moisture(t, h, coupling, t_ref):
    """m in hundredths of %RH at t_ref. `coupling`: k in 2^-22 per 0.01 degC (0.045/degC = 1887)."""
    away = t - t_ref
    away = SPAN if away > SPAN else -SPAN if away < -SPAN else away
    u = coupling * away >> 10
    return h * (4096 + u + (u * u >> 13)) >> 12
