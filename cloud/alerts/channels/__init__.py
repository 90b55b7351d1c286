"""The channels that mails go out by; `open_sender` chooses the one of the settings."""

from cloud.alerts.channels.channel import MailSender
from cloud.alerts.channels.sendgrid import SendGrid
from cloud.alerts.channels.smtp import Folder, Smtp
from cloud.alerts.channels.timely import Timely
from cloud.settings import FolderSettings, MailSettings, SendGridSettings, SmtpSettings


def open_sender(settings: MailSettings) -> MailSender:
    """The sender that the settings name; it connects only when it sends."""
    match settings.via:
        case SendGridSettings() as via:
            return Timely(SendGrid(via, settings.sender))
        case SmtpSettings() as via:
            return Timely(Smtp(via, settings.sender))
        case FolderSettings(folder=folder):
            return Folder(folder, settings.sender)
