import pytest
from airflow.sdk import RetryAction

from connectors.errors import AuthenticationError, ConnectorError, UnreachableError
from headwater.errors import HeadwaterError, LakeError, ThresholdExceededError
from headwater.orchestration.retries import RetryIfRetryable


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (UnreachableError("the server does not answer"), RetryAction.DEFAULT),
        (AuthenticationError("the password is wrong"), RetryAction.FAIL),
        (ConnectorError("the source makes no sense"), RetryAction.FAIL),
        (LakeError("the lake is busy", retryable=True), RetryAction.DEFAULT),
        (ThresholdExceededError("too many records failed"), RetryAction.FAIL),
        (HeadwaterError("wrong"), RetryAction.FAIL),
        (OSError("the machine is tired"), RetryAction.DEFAULT),
    ],
)
def test_only_what_may_succeed_later_is_tried_again(error: Exception, action: RetryAction) -> None:
    assert RetryIfRetryable().evaluate(error, try_number=1, max_tries=2).action is action


def test_the_reason_names_the_error() -> None:
    decision = RetryIfRetryable().evaluate(AuthenticationError("the password is wrong"), try_number=1, max_tries=2)

    assert decision.reason == "AuthenticationError would come again: the password is wrong"
