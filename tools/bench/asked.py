"""What a person asks of a bench in the environment, such as READINGS=50000."""

from collections.abc import Mapping

from tools.process.child import WrongUse


def whole(environment: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    """The whole number in the variable `name`, else `default`. Raises WrongUse below `least`."""
    text = environment.get(name, "").strip() or str(default)
    if not text.isdecimal() or int(text) < least:
        raise WrongUse(f'{name} must be a whole number from {least} on, not "{text}"')
    return int(text)
