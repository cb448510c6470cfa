"""What an account of type `pgp` holds: the keys of encrypted files."""

from typing import Final

from pydantic import Field, SecretStr, field_validator

from headwater.model.base import Document

PGP: Final = "pgp"
"""The type of such accounts; the Airflow Connection's is `headwater_pgp`."""

_MOST_PASSPHRASE: Final = 1_000


class PgpKeys(Document):
    """Parameters of accounts of type `pgp`: keys of OpenPGP, as `gpg --armor --export` writes them, or their Base64."""

    private_key: SecretStr | None = Field(
        default=None,
        title="Private key",
        description="The key that decrypts, as `gpg --armor --export-secret-keys` writes it, or its Base64.",
    )
    passphrase: SecretStr | None = Field(
        default=None, title="Passphrase", description="Passphrase of `private_key`, if it has one."
    )
    public_keys: str | None = Field(
        default=None,
        title="Public keys",
        description="Keys of the senders whose signatures are verified, one or several, as `gpg --armor --export` "
        "writes them, or their Base64.",
    )

    @field_validator("passphrase")
    @classmethod
    def _must_fit_on_a_line(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value is not None else ""
        if len(text) > _MOST_PASSPHRASE or any(character in text for character in "\r\n\0"):
            raise ValueError(f"give one line of at most {_MOST_PASSPHRASE} characters")
        return value
