import pytest
from pydantic import ValidationError

from headwater.model.documents import Notifier

EMAIL = {"name": "ops", "type": "email", "connection": "smtp_default", "to": ["a@b.c"], "events": ["ing_load_failure"]}


def test_an_email_needs_addresses_and_slack_has_none() -> None:
    assert Notifier.from_json(EMAIL).to == ("a@b.c",)
    for wrong in (EMAIL | {"to": []}, EMAIL | {"type": "slack"}):
        with pytest.raises(ValidationError, match="`to` names the addresses of an e-mail"):
            Notifier.from_json(wrong)


@pytest.mark.parametrize("address", ["ops", "a@b\nBcc: x@y.z", "a@b.c, d@e.f", "A <a@b.c>", "a@b.c;d@e.f"])
def test_an_address_is_one_address(address: str) -> None:
    with pytest.raises(ValidationError):
        Notifier.from_json(EMAIL | {"to": [address]})
