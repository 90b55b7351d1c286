"""One episode as a row: what happened, what people said of it, why it fired, and the buttons."""

from __future__ import annotations

import streamlit as st

from cloud.dashboard import frame
from cloud.dashboard.parts import common, needs, why, writing
from cloud.dashboard.parts.markdown import plain
from cloud.dashboard.views import access
from cloud.read.causes import CAUSES, NOTE, Cause
from cloud.read.rows import Episode
from cloud.words import Words


def row(one: Episode, now: float) -> None:
    """One episode as a row; its board's name leads to the readings around it."""
    say = frame.say()
    with st.container(border=True, gap="xsmall", key=f"episode {one.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            common.severity(one)
            common.link(one.site, one.device, f"**{plain(one.device)}**", one)
            length = say.duration((one.closed or now) - one.opened)
            until = say("over after" if one.closed is not None else "going on for", length=length)
            st.markdown(f"{say.clock(one.opened, now)}, {until}", width="content")
            said(say, one, now)
        st.markdown(needs.about(say, one))
        st.caption(" · ".join(details(say, one)))
        _buttons(say, one)


def said(say: Words, one: Episode, now: float) -> None:
    """What people said of it."""
    if one.acknowledged is not None:
        st.badge(
            say("seen at", when=say.clock(one.acknowledged, now)), icon=":material/visibility:", color="green"
        )
    if one.label in ("real", "false", "unknown"):
        real = one.label == "real"
        told = say(f"cause {one.cause}") if one.cause in CAUSES else say(f"label {one.label}")
        icon = ":material/warning:" if real else ":material/school:"
        st.badge(told, icon=icon, color="blue" if real else "gray")
        if one.note:
            st.caption(f"\N{LEFT DOUBLE QUOTATION MARK}{plain(one.note)}\N{RIGHT DOUBLE QUOTATION MARK}")


def _buttons(say: Words, one: Episode) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if access.person() is not None:
            _answers(say, one)
        asked = one.of_readings and st.toggle(say("why"), key=f"why {one.id}")
    if asked:
        why.show(say, one)


def _answers(say: Words, one: Episode) -> None:
    if one.acknowledged is None:
        st.button(
            say("do acknowledge"),
            key=f"seen {one.id}",
            icon=":material/visibility:",
            on_click=writing.acknowledge,
            args=(one,),
        )
    if one.of_readings:
        with st.popover(say("answer other" if one.label else "answer ask"), icon=":material/school:"):
            _causes(say, one)


def _causes(say: Words, one: Episode) -> None:
    """One click says what it was."""
    st.text_input(say("answer note"), max_chars=NOTE, key=f"note {one.id}")
    with st.container(horizontal=True):
        for cause in CAUSES:
            st.button(
                say(f"cause {cause}"),
                key=f"{cause} {one.id}",
                type="primary" if one.cause == cause else "secondary",
                on_click=_answer,
                args=(one, cause),
            )


def _answer(one: Episode, cause: Cause) -> None:
    writing.label(one, cause, st.session_state.get(f"note {one.id}", ""))


def details(say: Words, one: Episode) -> list[str]:
    """What an episode was made of."""
    found = [say("at site", site=plain(one.site))]
    if one.abnormal:
        found.append(say.many(one.abnormal, "abnormal reading"))
    if one.t_min is not None and one.t_max is not None:
        found.append(say.span(one.t_min, one.t_max, "°C"))
    if one.h_min is not None and one.h_max is not None:
        found.append(say.span(one.h_min, one.h_max, "%RH"))
    if one.why and one.abnormal:
        found.append(say("read failed", why=plain(say.reason(one.why))))
    known = one.alert in ("pending", "sending", "sent", "failed", "unknown")
    found.append(say(f"mail {one.alert}" if known else "mail none"))
    return found
