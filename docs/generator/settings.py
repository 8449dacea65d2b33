"""The page of settings and the example of a `.env` file, from the list of settings."""

from panelstream.models.settings.environment import SETTINGS
from panelstream.models.settings.setting import Setting

_HEAD = """\
# Settings

From the environment, else from a `.env` file in the study folder (`deploy/.env.example` shows one); a command's option wins over both. Read once, when a command starts. A wrong value ends the command with exit code 3 and one line: the variable, what is expected, and where it was set. So does a misspelt name, in either place, as it would be without effect: every variable that begins with `PANELSTREAM_` must be one of these (what Kubernetes sets for a service is passed over).

| variable | default | meaning | read by |
|---|---|---|---|
"""
_FOOT = """
`PANELSTREAM_TRACEBACK=1` (in the environment only) shows the whole traceback of a defect. It may quote personal data, so read it before you send it on.

**Which warehouse.** `chdb://PATH` is taken as it is written (`#`, `%` and blanks are letters like others; only `?` is refused). A server is `http://user:password@host:port/database`, or `https://…`, with which nothing but TLS is spoken, on whatever port; `https://…?ca_cert=/secure/place/ca.pem` names the certificate authority, if the system does not know it. In a password, write `%23` for `#`, `%2F` for `/`, `%40` for `@`.

The DSN of a server holds a password: keep `.env` at mode 0600 and out of version control (`init` lists it in `.gitignore`). `PANELSTREAM_CLUSTER`: [the cluster](../explanation/scale.md#the-cluster). Kafka: [streaming](../how-to/streaming.md).
"""


def render_settings() -> str:
    """The page: each setting with its default, its meaning, and what reads it."""
    rows = [
        f"| `{setting.variable}` | {_default(setting)} | {setting.meaning} | {setting.read_by} |\n"
        for setting in SETTINGS
    ]
    return _HEAD + "".join(rows) + _FOOT


def render_example() -> str:
    """A `.env` file in which every line is a comment until it is uncommented."""
    blocks = [
        f"\n# {setting.meaning.replace('`', '')}.\n# {setting.variable}={setting.example}\n"
        for setting in SETTINGS
    ]
    head = "# Copy to .env in the study folder and uncomment what you need; see docs/reference/settings.md.\n"
    return head + "".join(blocks)


def _default(setting: Setting[object]) -> str:
    """The default as a reader of the table needs it."""
    if setting.default == ".":
        return "the current folder"
    if "{" in setting.default:
        return f"`{setting.default.rpartition('/')[2]}` in the study folder"
    return f"`{setting.default}`" if setting.default else ""
