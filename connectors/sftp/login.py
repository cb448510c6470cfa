"""Ways of logging in: a key, an agent's keys, a password; only those that are configured."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import paramiko

from connectors.sftp.agent import agent_keys
from connectors.sftp.config import SftpConfig
from connectors.sftp.refusals import dropped, no_answer

_PASSWORD, _DIALOGUE = "password", "password in a dialogue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way of logging in: with a key, or else with the password.

    Attributes:
        name: For people.
        key: The key.
    """

    name: str
    key: paramiko.PKey | None = field(default=None, repr=False)


@contextmanager
def login_plans(config: SftpConfig, private_key: paramiko.PKey | None) -> Iterator[list[tuple[Method, ...]]]:
    """Give what to try on one connection after the other, each with the methods that together log in.

    With a key and a password the server may want both, or take only the password. Each try needs a connection of its
    own, because some servers hang up when paramiko tries again after a refusal. An agent is used while the block runs.
    """
    with ExitStack() as stack:
        keys = [] if private_key is None else [Method(name="public key", key=private_key)]
        if config.agent_socket is not None:
            keys += [Method(name="SSH agent", key=key) for key in stack.enter_context(agent_keys(config.agent_socket))]
        password = Method(name=_PASSWORD)
        yield [(key,) for key in keys] if config.password is None else [*((key, password) for key in keys), (password,)]


def plan_for_dialogue(tried: Sequence[Method], offers: Sequence[str]) -> tuple[Method, ...] | None:
    """Return what to try where a server takes no password as such, but asks for it; None elsewhere.

    Args:
        tried: The methods that were tried.
        offers: What the server then offered, in the words of RFC 4252.
    """
    if tried[-1].name == _PASSWORD and "keyboard-interactive" in offers and "password" not in offers:
        return (*tried[:-1], Method(name=_DIALOGUE))
    return None


def authenticate(
    transport: paramiko.Transport, config: SftpConfig, methods: Sequence[Method]
) -> tuple[list[Method], list[str]]:
    """Try methods until the user is logged in or one is refused.

    Returns:
        The methods that were tried, and what the server then offers, in the words of RFC 4252, if it says.
    """
    tried: list[Method] = []
    offers: list[str] = []
    try:
        for method in methods:
            tried.append(method)
            offers = _use(method, transport, config)
            if transport.is_authenticated():
                break
    except paramiko.BadAuthenticationType as error:
        offers = error.allowed_types
    except paramiko.AuthenticationException as error:
        if "timeout" in str(error):
            raise no_answer(config, "the login") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise dropped(config, "the login") from error
    return tried, offers


def _use(method: Method, transport: paramiko.Transport, config: SftpConfig) -> list[str]:
    if method.key is not None:
        return transport.auth_publickey(config.username, method.key)
    password = config.password.get_secret_value() if config.password else ""
    if method.name == _DIALOGUE:
        return transport.auth_interactive(config.username, _Dialogue(password))
    return transport.auth_password(config.username, password, fallback=False)


class _Dialogue:
    """Answers the first question with a hidden answer, if it comes alone; all others with nothing."""

    def __init__(self, password: str) -> None:
        self._password: str | None = password

    def __call__(self, _title: str, _instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        if len(prompts) == 1 and not prompts[0][1] and self._password is not None:
            password, self._password = self._password, None
            return [password]
        return [""] * len(prompts)
