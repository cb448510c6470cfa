"""Which failures are worth another try."""

from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.definitions.context import Context

from connectors.errors import ConnectorError
from headwater.errors import HeadwaterError

RETRY_ARGUMENTS: dict[str, Any] = {
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
}
"""Two more tries, after half a minute and after a minute; only where `RetryIfRetryable` allows them."""


class RetryIfRetryable(RetryPolicy):
    """Fails at once on an error that would come again, such as a wrong password, and retries the rest."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """See `RetryPolicy.evaluate`."""
        if isinstance(exception, HeadwaterError | ConnectorError) and not exception.retryable:
            return RetryDecision.fail(reason=f"{type(exception).__name__} would come again: {exception}")
        return RetryDecision.default()
