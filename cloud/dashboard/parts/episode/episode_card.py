"""One episode as a row: what happened, what people said of it, why it fired, and the buttons."""

import streamlit as st

from cloud.dashboard import frame
from cloud.dashboard.parts import common, needs
from cloud.dashboard.parts.episode import why, writing
from cloud.dashboard.parts.markdown import plain
from cloud.dashboard.views import access
from cloud.read.causes import CAUSES, NOTE, Cause
from cloud.read.rows import Episode
from cloud.words import Words


def row(episode: Episode, now: float) -> None:
    """One episode as a row; its board's name leads to the readings around it."""
    say = frame.say()
    with st.container(border=True, gap="xsmall", key=f"episode {episode.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            common.need(needs.Need.SEVERE if episode.severity == "severe" else needs.Need.WARNING)
            common.link(episode.site, episode.device, f"**{plain(episode.device)}**", episode)
            length = say.duration((episode.closed or now) - episode.opened)
            until = say("over after" if episode.closed is not None else "going on for", length=length)
            st.markdown(f"{say.clock(episode.opened, now)}, {until}", width="content")
            answers_of(say, episode, now)
        st.markdown(needs.about(say, episode))
        st.caption(" · ".join(details(say, episode)))
        _buttons(say, episode)


def answers_of(say: Words, episode: Episode, now: float) -> None:
    """What people said of it."""
    if episode.acknowledged is not None:
        st.badge(
            say("seen at", when=say.clock(episode.acknowledged, now)),
            icon=":material/visibility:",
            color="green",
        )
    if episode.label in ("real", "false", "unknown"):
        real = episode.label == "real"
        answer = say(f"cause {episode.cause}") if episode.cause in CAUSES else say(f"label {episode.label}")
        icon = ":material/warning:" if real else ":material/school:"
        st.badge(answer, icon=icon, color="blue" if real else "gray")
        if episode.note:
            st.caption(f"\N{LEFT DOUBLE QUOTATION MARK}{plain(episode.note)}\N{RIGHT DOUBLE QUOTATION MARK}")


def _buttons(say: Words, episode: Episode) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        known = access.person() is not None
        if known and episode.of_readings:
            _answer(say, episode)
        asked = episode.of_readings and st.toggle(say("why"), key=f"why {episode.id}")
        if known and episode.acknowledged is None:
            # Last, because it goes: what moves up may be drawn anew, without what is typed in it.
            st.button(
                say("do acknowledge"),
                key=f"seen {episode.id}",
                icon=":material/visibility:",
                on_click=writing.acknowledge,
                args=(episode,),
            )
    if asked:
        why.show(say, episode)


def _answer(say: Words, episode: Episode) -> None:
    ask, note = say("answer other" if episode.label else "answer ask"), f"note {episode.id}"

    def answer(cause: Cause) -> None:
        writing.label(episode, cause, st.session_state.get(note, ""))

    # The key keeps it open when its words change.
    with st.popover(ask, icon=":material/school:", key=f"ask {episode.id}"):
        st.text_input(say("answer note"), max_chars=NOTE, key=note)
        with st.container(horizontal=True):
            for cause in CAUSES:  # one click says what it was
                st.button(
                    say(f"cause {cause}"),
                    key=f"{cause} {episode.id}",
                    type="primary" if episode.cause == cause else "secondary",
                    on_click=answer,
                    args=(cause,),
                )


def details(say: Words, episode: Episode) -> list[str]:
    """What an episode was made of."""
    parts = [say("at site", site=plain(episode.site))]
    if episode.abnormal:
        parts.append(say.many(episode.abnormal, "abnormal reading"))
    if episode.t_min is not None and episode.t_max is not None:
        parts.append(say.span(episode.t_min, episode.t_max, "°C"))
    if episode.h_min is not None and episode.h_max is not None:
        parts.append(say.span(episode.h_min, episode.h_max, "%RH"))
    if episode.why and episode.abnormal:
        parts.append(say("read failed", why=plain(say.reason(episode.why))))
    known = episode.alert in ("pending", "sending", "sent", "failed", "unknown")
    parts.append(say(f"mail {episode.alert}" if known else "mail none"))
    return parts
