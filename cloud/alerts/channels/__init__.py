"""Which sender the settings ask for."""

from __future__ import annotations

from cloud.alerts.channels.channel import Sender
from cloud.alerts.channels.sendgrid import SendGrid
from cloud.alerts.channels.smtp import Folder, Smtp
from cloud.settings import FolderSettings, MailSettings, SendGridSettings, SmtpSettings


def open_sender(settings: MailSettings) -> Sender:
    """The one sender of a backend; nothing is sent or connected yet."""
    match settings.via:
        case SendGridSettings() as via:
            return SendGrid(via, settings.sender)
        case SmtpSettings() as via:
            return Smtp(via, settings.sender)
        case FolderSettings(folder=folder):
            return Folder(folder, settings.sender)
