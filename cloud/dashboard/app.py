"""The dashboard: `streamlit run cloud/dashboard/app.py`.

Of all settings it reads MONGODB_URI and MONGODB_DATABASE, nothing else.
"""

import sys
from pathlib import Path

# Streamlit puts the folder of this file on the path, and would find `words` before `cloud`.
sys.path[:] = [
    str(Path(__file__).resolve().parents[2]),
    *(place for place in sys.path if place != str(Path(__file__).parent)),
]

import streamlit as st  # noqa: E402

from cloud.dashboard import answer, board, episodes, fleet, model, screens  # noqa: E402

SIGN = Path(__file__).with_name("vigie.svg").read_text()

st.set_page_config(page_title="Vigie", page_icon=SIGN, layout="wide")
st.logo(SIGN, size="large")
st.html(screens.STYLE)
st.navigation(
    [fleet.page(), board.page(), episodes.page(), model.page(), answer.page()], position="top"
).run()
