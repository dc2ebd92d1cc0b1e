"""E-mail: messages as people read them, handed to a mail server over TLS."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.config.service import Smtp
from kobo_sync.errors import ConfigError, KoboSyncError

TIMEOUT_S = 30
TYPES = {"zip": ("application", "zip"), "pdf": ("application", "pdf")}


class MailRefused(KoboSyncError):
    """The mail server cannot be reached, or does not take the message; it is tried again later."""


def message(
    smtp: Smtp,
    subject: str,
    body: str,
    *,
    to: Sequence[str],
    cc: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
    event: str,
    now: datetime,
) -> EmailMessage:
    """A plain-text message. The same *event* gives the same Message-ID, so that a mail sent twice shows once."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = smtp.sender, ", ".join(to), " ".join(subject.split())
    if cc:
        mail["Cc"] = ", ".join(cc)
    mail["Date"] = format_datetime(now)
    mark = hashlib.sha256(event.encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{mark}@{smtp.sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body)
    for name, content in sorted((files or {}).items()):
        main, sub = TYPES.get(name.rpartition(".")[2], ("application", "octet-stream"))
        mail.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return mail


def send(smtp: Smtp, password: str, mail: EmailMessage, ca_file: str = "") -> None:
    """Hand *mail* to the server. Raises: MailRefused, saying why but never the password; ConfigError."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            "the certificate file cannot be read", file=MISSION_FILE, key="notices.smtp.ca_file", hint="give a PEM file"
        ) from error
    try:
        if smtp.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(smtp.host, smtp.port, timeout=TIMEOUT_S)
        with server:
            if smtp.security == "starttls":
                server.starttls(context=context)
            if smtp.username:
                server.login(smtp.username, password)
            refused = server.send_message(mail)
    except smtplib.SMTPAuthenticationError as error:
        raise MailRefused(
            f"the mail server refuses the account {smtp.username}", hint="check SMTP_PASSWORD in config/secrets.env"
        ) from error
    except smtplib.SMTPException as error:
        raise MailRefused(
            f"the mail server does not take the message ({type(error).__name__})",
            hint="check notices.smtp and the addresses in config/mission.toml",
        ) from error
    except (OSError, ssl.SSLError) as error:
        raise MailRefused(
            f"the mail server {smtp.host} cannot be reached ({type(error).__name__})",
            hint="check notices.smtp.host, port and security, and the network",
        ) from error
    if refused:
        raise MailRefused(f"{len(refused)} addresses were refused", hint="correct them in config/mission.toml")
