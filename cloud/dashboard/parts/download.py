"""The readings of a range as a file: CSV for people, Parquet for programs. Made when asked for."""

import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import streamlit as st

from cloud.dashboard import source
from cloud.dashboard.source import BoardHistory
from cloud.read import export
from cloud.words import Words

MOST = 500_000  # readings in one file; a browser and a small host carry no more


def show(say: Words, site: str, device: str, history: BoardHistory) -> None:
    """Two buttons, or the command to use for more."""
    if history.curve.readings > MOST:
        st.caption(say("download too much", most=say.count(MOST)))
        return
    first, last = (datetime.fromtimestamp(at, UTC).strftime("%Y%m%d") for at in (history.start, history.end))
    name = f"{site}-{device}-{first}-{last}"

    with st.container(horizontal=True):
        for kind, mime in (("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet")):
            st.download_button(
                say(f"download {kind}"),
                partial(made, kind, site, device, history.start, history.end),
                file_name=f"{name}.{kind}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"download {kind}",
            )


def made(kind: str, site: str, device: str, start: float, end: float) -> bytes:
    """The content of the file."""
    with tempfile.TemporaryDirectory(prefix="vigie-") as folder:
        path = Path(folder) / f"readings.{kind}"
        export.write([source.reader().readings(site, device, start=start, end=end)], path, kind)
        return path.read_bytes()
