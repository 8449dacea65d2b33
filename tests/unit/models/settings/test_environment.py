"""Settings: from where, and which one wins."""

from pathlib import Path

import pytest

from panelstream.models.errors import FileError
from panelstream.models.settings.environment import Settings, read_env


def env_file(folder: Path, *lines: str) -> Path:
    """A .env file."""
    path = folder / ".env"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_defaults(tmp_path: Path) -> None:
    """Everything lies in the study's folder."""
    result = Settings.from_environ({}, tmp_path)
    assert result.study == tmp_path
    assert result.warehouse == f"chdb://{tmp_path.resolve() / 'warehouse'}"
    assert result.pseudonym_key_file == tmp_path / "pseudonym.key"


def test_environment_over_file(tmp_path: Path) -> None:
    """The environment wins over .env; what it does not say is read there."""
    env_file(
        tmp_path,
        "# where things are",
        "",
        "PANELSTREAM_WAREHOUSE = 'http://file:8123'",
        "PANELSTREAM_PSEUDONYM_KEY_FILE=/keys/study",
    )
    environ = {"PANELSTREAM_WAREHOUSE": "http://here:8123", "HOME": "/root"}
    result = Settings.from_environ(environ, tmp_path)
    assert result.warehouse == "http://here:8123"
    assert result.pseudonym_key_file == Path("/keys/study")
    assert Settings.from_environ({}, tmp_path).warehouse == "http://file:8123"


def test_option_over_environment(tmp_path: Path) -> None:
    """A command's option says where the study is; else the environment does."""
    environ = {"PANELSTREAM_STUDY": "elsewhere"}
    assert Settings.from_environ(environ, tmp_path).study == tmp_path
    assert Settings.from_environ(environ).study == Path("elsewhere")


@pytest.mark.parametrize(
    "line", ["PANELSTREAM_WAREHUOSE=x", "WAREHOUSE=x", "PANELSTREAM_WAREHOUSE"]
)
def test_wrong_line(tmp_path: Path, line: str) -> None:
    """A line that sets nothing panelstream knows is answered with the names it knows."""
    path = env_file(tmp_path, "# first", line)
    with pytest.raises(FileError, match=r"known: .*PANELSTREAM_WAREHOUSE") as caught:
        read_env(path)
    assert (caught.value.place, caught.value.path) == ("2", path)


def test_no_file(tmp_path: Path) -> None:
    """A study without .env is as good as one with an empty one."""
    assert read_env(tmp_path / ".env") == read_env(env_file(tmp_path)) == {}
