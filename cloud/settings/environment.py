"""Reads settings from the environment and a file, and collects everything that is wrong into one error."""

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from dotenv.parser import parse_stream

from cloud.settings.names import KEYS, MAKE_KEY
from cloud.words import LANGUAGES

Part = TypeVar("Part")


class SettingsError(Exception):
    """What is wrong with the settings, all of it."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(
            "\n".join(["The settings do not work:", *(f"  - {problem}" for problem in problems)])
        )


def old_language(place: str, values: Mapping[str, object]) -> list[str]:
    """What to say where a file of ours, `place`, still has LANGUAGE: that name belongs to gettext."""
    value = str(values.get("LANGUAGE", "")).strip().lower()
    problem = f"{place}: LANGUAGE is called VIGIE_LANGUAGE now: write VIGIE_LANGUAGE={value}"
    return [problem] if value in LANGUAGES else []


class Source:
    """Values by key, each with the place that it came from; collects what is wrong."""

    def __init__(self, environment: Mapping[str, str], file: Path | None) -> None:
        self.problems: list[str] = []
        self._asked: set[str] = set()
        self._values: dict[str, tuple[str, str]] = {}  # key -> (value, place)
        if file is not None:
            self._read_file(file)
        self._filed = dict(self._values)  # also what the environment says otherwise
        for key, value in environment.items():
            self._values[key] = (value, "environment")
        self._file = file.name if file is not None else "environment"

    def text(self, key: str, cure: str) -> str:
        return self.checked(key, None, lambda value: None, cure)

    def checked(
        self, key: str, default: str | None, problem: Callable[[str], str | None], cure: str = ""
    ) -> str:
        """The value of `key`, "" when it is wrong: `problem` says how. An empty value is no value."""
        self._asked.add(key)
        value, place = self._values.get(key, ("", self._file))
        if not value.strip():
            if default is None:
                self.problems.append(f"{place}: {key} is missing: set it to {cure}")
                return ""
            return default
        value = value.strip()
        if (wrong := problem(value)) is not None:
            self.problems.append(f"{place}: {key} {wrong}")
            return ""
        return value

    def number(self, key: str, default: int, least: int, most: int) -> int:
        def problem(value: str) -> str | None:
            if re.fullmatch(r"[0-9]{1,9}", value) and least <= int(value) <= most:
                return None
            return f'must be a whole number from {least} to {most}, not "{value}"'

        return int(self.checked(key, str(default), problem) or default)

    def existing_file(self, key: str) -> str | None:
        def problem(value: str) -> str | None:
            there = Path(value).is_file()
            return None if there else f'names no file: "{value}" (a CA certificate in PEM form)'

        return self.checked(key, "", problem) or None

    def choice(self, key: str, default: str, allowed: tuple[str, ...]) -> str:
        def problem(value: str) -> str | None:
            known = ", ".join(allowed)
            return None if value.lower() in allowed else f'must be one of {known}, not "{value}"'

        return self.checked(key, default, problem).lower()

    def old_language(self) -> None:
        value, place = self._filed.get("LANGUAGE", ("", ""))
        self.problems += old_language(place, {"LANGUAGE": value})

    def secret(self, key: str, *, needed: bool = True, cure: str = MAKE_KEY) -> bytes:
        """32 bytes from 64 hex digits. `cure`: how to get a key that is missing or wrong."""

        def problem(value: str) -> str | None:
            if re.fullmatch(r"[0-9a-fA-F]{64}", value):
                return None
            return f"must be 64 hex digits, it has {len(value)} characters: {cure}"

        return bytes.fromhex(self.checked(key, None if needed else "", problem, f"64 hex digits; {cure}"))

    def finish(self, *, whole: bool) -> None:
        """Raise SettingsError with everything that is wrong.

        Unless the settings were read as a `whole`, only misspellings of what was asked for count.
        """
        for key, (_, place) in self._values.items():
            if key in KEYS or key in self._asked or (place == "environment" and not self._is_ours(key)):
                continue
            close = difflib.get_close_matches(key, KEYS, 1, 0.8)
            if close and (whole or close[0] in self._asked):
                self.problems.append(f"{place}: {key} is not a setting: did you mean {close[0]}?")
        if self.problems:
            raise SettingsError(self.problems)

    @staticmethod
    def _is_ours(key: str) -> bool:
        """Whether `key` begins like one of our names: an environment holds many other variables."""
        return key.startswith(tuple({name.partition("_")[0] + "_" for name in KEYS}))

    def _read_file(self, file: Path) -> None:
        try:
            with file.open(encoding="utf-8") as stream:
                for binding in parse_stream(stream):
                    place = f"{file.name} line {self._line(binding.original.string, binding.original.line)}"
                    if binding.error or (binding.key is not None and binding.value is None):
                        self.problems.append(f"{place}: is not KEY=value")
                    elif binding.key is not None:
                        self._values[binding.key] = (binding.value or "", place)
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as problem:
            self.problems.append(f"{file.name}: cannot be read: {problem}")

    @staticmethod
    def _line(text: str, line: int) -> int:
        """The line of the binding itself: the parser counts from the blank lines and comments before it."""
        return line + len(text) - len(text.lstrip("\n"))
