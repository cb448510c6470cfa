"""E-mails and Slack messages by Airflow's own notifiers, which read their Connections."""

import logging
from importlib import import_module
from typing import Any, Final

from airflow.sdk.bases.notifier import BaseNotifier
from airflow.sdk.definitions.context import Context

from headwater.model.documents import Notifier
from headwater.notify.delivery import SendResult
from headwater.notify.messages import Message

logger = logging.getLogger(__name__)

_CLASSES: Final = {
    "email": ("airflow.providers.smtp.notifications.smtp", "SmtpNotifier", "apache-airflow-providers-smtp"),
    "slack": (
        "airflow.providers.slack.notifications.slack_webhook",
        "SlackWebhookNotifier",
        "apache-airflow-providers-slack",
    ),
}
"""Of each type: module, class, and the package that has them."""
_SLACK_TIMEOUT_SECONDS: Final = 10


class AirflowNotifiers:
    """The messenger of a task (see `headwater.flows.messages.Messenger`)."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def send(self, notifier: Notifier, message: Message) -> SendResult:
        """Make one attempt; whatever an Airflow notifier raises counts as one that failed, and is tried again."""
        module, name, package = _CLASSES[notifier.type]
        try:
            notifier_class = getattr(import_module(module), name)
        except ImportError:
            detail = f"notifier {notifier.name!r} needs the package {package}, which is not installed"
            return SendResult(ok=False, retryable=True, status=None, detail=detail)
        try:
            built: BaseNotifier = notifier_class(**_arguments(notifier, message))
            built.notify(self._context)  # not called: that would render the text as a template
        except Exception as error:
            logger.debug("notifier %r failed", notifier.name, exc_info=True)
            detail = (
                f"notifier {notifier.name!r} could not send by Connection {notifier.connection!r} "
                f"({type(error).__name__}); test the Connection"
            )
            return SendResult(ok=False, retryable=True, status=None, detail=detail)
        return SendResult(ok=True, retryable=False, status=None, detail=f"sent by {notifier.name}")


def _arguments(notifier: Notifier, message: Message) -> dict[str, Any]:
    if notifier.type == "slack":
        return {
            "slack_webhook_conn_id": notifier.connection,
            "text": message.to_slack(),
            "timeout": _SLACK_TIMEOUT_SECONDS,
            "unfurl_links": False,
        }
    return {
        "smtp_conn_id": notifier.connection,
        "to": list(notifier.to),
        "subject": message.title,
        "html_content": message.to_html(),
        "custom_headers": {"X-Headwater-Event-Id": message.event_id, "Auto-Submitted": "auto-generated"},
    }
