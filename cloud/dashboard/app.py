"""The dashboard: `streamlit run cloud/dashboard/app.py`.

Which settings it reads, and what each opens: docs/dashboard.md.
"""

import sys
from pathlib import Path
from typing import Literal

# Streamlit puts the folder of this file on the path, so that Python would find modules there before `cloud`.
sys.path[:] = [
    str(Path(__file__).resolve().parents[2]),
    *(place for place in sys.path if place != str(Path(__file__).parent)),
]

import streamlit as st  # noqa: E402

from cloud.dashboard import frame, language  # noqa: E402
from cloud.dashboard.views import access, answer, episodes, fleet, models, one_board, system, usage  # noqa: E402

SIGN = Path(__file__).with_name("vigie.svg").read_text()

st.set_page_config(page_title="Vigie", page_icon=SIGN, layout="wide")
st.logo(SIGN, size="large")
st.html(frame.STYLE)
pages = (fleet, one_board, episodes, models, usage, system, access, answer)
position: Literal["hidden", "top"] = "hidden" if st.context.is_embedded else "top"
st.navigation([page.page() for page in pages], position=position).run()
if not st.context.is_embedded:
    language.choice()
