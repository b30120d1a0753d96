"""The command `room-server`: serve, demo, probe, doctor, session, jobs, accounts, access-requests.

Exit codes: 0 done; 1 refused, or `doctor` found a fault; 2 wrong usage or settings; `probe` has its own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Coroutine, Mapping
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from room_server import __version__
from room_server.errors import Refused

app = typer.Typer(
    name="room-server",
    help="A self-hosted server for live and automated event rooms.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

session_app = typer.Typer(
    name="session",
    help="Look at sessions and cancel them, while a server runs or not.",
    no_args_is_help=True,
)
app.add_typer(session_app)

jobs_app = typer.Typer(
    name="jobs",
    help="Look at what the server has still to do, mail included, and retry what was given up.",
    no_args_is_help=True,
)
app.add_typer(jobs_app)

accounts_app = typer.Typer(
    name="accounts",
    help="Make the first owner of a workspace, while a server runs or not.",
    no_args_is_help=True,
)
app.add_typer(accounts_app)

requests_app = typer.Typer(
    name="access-requests",
    help="Look at requests for host access and answer them, while a server runs or not.",
    no_args_is_help=True,
)
app.add_typer(requests_app)

RequestArgument = Annotated[str, typer.Argument(help="As `access-requests list` prints it.")]

_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
_DEMO_OPTIONS = {"ROOM_PORT": "--port", "ROOM_UDP_PORT": "--udp-port", "ROOM_DATA_DIR": "--data-dir"}

JsonOption = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def room_server(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Settings come from ROOM_* variables, and from the file that ROOM_CONFIG names."""
    del version


@app.command()
def serve() -> None:
    """Serve until SIGTERM, which drains."""
    from room_server import main
    from room_server.http import logs

    settings = _settings()
    logs.set_up(settings.log_level)

    async def ready(_server: main.RoomServer) -> None:
        """The log says it."""

    _run(main.serve(settings, ready))


@app.command()
def demo(
    port: Annotated[int | None, typer.Option(help="HTTP port; 0: any free.", min=0, max=65_535)] = None,
    udp_port: Annotated[int | None, typer.Option(help="UDP port; 0: any free.", min=0, max=65_535)] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep everything here; go on with what it holds.")
    ] = None,
    participants: Annotated[int, typer.Option(help="Participants' links a session.", min=0, max=5_000)] = 3,
    starts_in: Annotated[
        float, typer.Option(help="Seconds until the automated session.", min=0, max=86_400)
    ] = 20,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    language: Annotated[
        str | None, typer.Option(help="What the demo speaks, en or fr; the terminal's by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start the server with a demo workspace and print its links; Ctrl-C ends it."""
    from room_server.demo.folder import chosen
    from room_server.http.texts import LANGUAGES

    if language not in (None, *LANGUAGES):
        raise typer.BadParameter(f"choose from {', '.join(LANGUAGES)}", param_hint="--language")
    with chosen(data_dir) as folder:
        overrides: dict[str, Any] = {"data_dir": folder, "host": host, "metrics_port": 0}
        overrides |= {
            name: value for name, value in (("port", port), ("udp_port", udp_port)) if value is not None
        }
        wish = (participants, starts_in, language or _language())
        _demo(_settings(**overrides), wish, temporary=data_dir is None, as_json=as_json)


def _demo(settings: Any, wish: tuple[int, float, str], *, temporary: bool, as_json: bool) -> None:
    from room_server.demo import film

    planning = film.Planning(settings.demo_film or film.usual_folder(settings.data_dir))
    try:  # the rest loads while the film is looked at
        from room_server.demo import telling
        from room_server.demo.command import DemoCommand
        from room_server.demo.workspace import Demo, Wish
        from room_server.http import logs
        from room_server.http.texts import texts

        language = wish[-1]
        logs.set_up("warning")
        if not ip_address(settings.host).is_loopback:
            print(texts().page("demo.https", language, host=settings.host), file=sys.stderr)

        def tell(found: Demo, where: telling.Where) -> None:
            said = telling.as_json(found, where) if as_json else telling.as_text(found, where, language)
            print(said, flush=True)

        command = DemoCommand(settings, planning, Wish(*wish), temporary, tell)
        _run(command.run(), language, _DEMO_OPTIONS)
    finally:
        planning.give_up()


@app.command()
def probe(
    link: Annotated[str, typer.Argument(help="An access link.")],
    seconds: Annotated[float, typer.Option(help="How long to stay.", min=0.1, max=86_400)] = 10,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Move the seat from another device.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Join as a participant from an independent stack and report what came.

    Exits 0 when media flowed, 3 when refused, 4 without media; stderr has the reason's code, then a sentence.
    """
    from room_server.probe import TakeOver, command

    output = command.Output.JSON if as_json else command.Output.TEXT
    policy = TakeOver.AT_ONCE if take_over else TakeOver.NEVER
    raise typer.Exit(command.run(link, seconds, policy, output, _language()))


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Check ports, UDP reach, mail, clock, disk, database, codecs and certificates, and say what to do."""
    from room_server.doctor import command
    from room_server.doctor.finding import Status

    findings = command.examine(_settings())
    if as_json:
        print(json.dumps(command.as_json(findings, _language()), ensure_ascii=False))
    else:
        print(command.as_text(findings, _language()), end="")
    raise typer.Exit(1 if command.worst(findings) is Status.FAIL else 0)


@session_app.command("list")
def list_sessions() -> None:
    """Print every session: its id, state, start and title."""
    from room_server.console import sessions

    _run(sessions.list_sessions(_settings().database_path, _language(), print))


@session_app.command("cancel")
def cancel_session(session_id: Annotated[str, typer.Argument(help="As `session list` prints it.")]) -> None:
    """Cancel a session, scheduled or on air: everybody in its room is told and put out within a second."""
    from room_server.console import sessions

    _run(sessions.cancel(_settings().database_path, session_id, _language(), print))


@jobs_app.command("list")
def list_jobs(
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print every job that waits, is in work or was given up: its id, state, kind, due time, tries, error."""
    from room_server.console import jobs

    which = jobs.Which.DEAD if dead else jobs.Which.OPEN
    form = jobs.Form.JSON if as_json else jobs.Form.TEXT
    _run(jobs.list_jobs(_settings().database_path, which, form, _language(), print))


@jobs_app.command("retry")
def retry_job(job_id: Annotated[str, typer.Argument(help="As `jobs list --dead` prints it.")]) -> None:
    """Begin a job anew that was given up; a running server takes it up within a second."""
    from room_server.console import jobs

    _run(jobs.retry(_settings().database_path, job_id, _language(), print))


@accounts_app.callback()
def accounts() -> None:
    """Make the first owner of a workspace, while a server runs or not."""


@accounts_app.command("create")
def create_account(
    email: Annotated[str, typer.Argument(help="The owner's e-mail address.")],
    workspace: Annotated[str, typer.Option(help="The workspace; it is made if there is none of that name.")],
    name: Annotated[str, typer.Option(help="The owner's name; they can change it.")] = "",
) -> None:
    """Make an owner of a workspace and print a link by which they sign in, once, within a week."""
    from room_server.console import accounts

    _run(accounts.create(_settings(), email, workspace, name, _language(), print))


@requests_app.command("list")
def list_requests() -> None:
    """Print every request for host access, those that wait first."""
    from room_server.console import accounts

    _run(accounts.list_requests(_settings(), _language(), print))


@requests_app.command("grant")
def grant_request(request_id: RequestArgument) -> None:
    """Give the workspace that was asked for; its owner gets a letter with a link to sign in."""
    from room_server.console import accounts

    _run(accounts.grant(_settings(), request_id, _language(), print))


@requests_app.command("refuse")
def refuse_request(request_id: RequestArgument) -> None:
    """Refuse a request; who asked gets a letter that says so."""
    from room_server.console import accounts

    _run(accounts.refuse(_settings(), request_id, _language(), print))


def _settings(**overrides: Any) -> Any:
    """Read the settings; wrong ones end the command with their names, unknown ones are told."""
    from pydantic import ValidationError

    from room_server.config import load
    from room_server.console import settings as words

    language = _language()
    try:
        found = load(**overrides)
    except ValidationError as error:
        wrong = words.faults(error, language)
    except OSError as error:
        wrong = [words.unreadable(error, language)]
    else:
        wrong = []
    for sentence in (*words.warnings(language), *wrong):
        print(sentence, file=sys.stderr)
    if wrong:
        raise typer.Exit(2)
    return found


def _run(
    main: Coroutine[Any, Any, None], language: str | None = None, options: Mapping[str, str] = _NO_OPTIONS
) -> None:
    """Run to the end; a refusal is told in the reader's language and ends with 1.

    `options` name what sets a variable in this command's own words.
    """
    import uvloop

    from room_server.http.texts import texts

    try:
        uvloop.run(main)
    except KeyboardInterrupt:  # before the server was there to end cleanly
        raise typer.Exit(130) from None
    except Refused as refused:
        facts = dict(refused.facts)
        if (setting := facts.get("setting")) in options:
            facts["setting"] = options[str(setting)]
        print(texts().refusal(refused.code, language or _language(), facts), file=sys.stderr)
        raise typer.Exit(1) from None


def _language() -> str:
    """Return the terminal's language, by the usual variables."""
    from room_server.http.texts import known

    wanted = next(
        (os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "en"
    )
    return known(wanted.partition("_")[0].partition(".")[0])


if __name__ == "__main__":
    app()
