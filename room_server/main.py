"""The only place that knows everyone: builds the adapters, starts the servers, stops them in order.

    data folder ─► database ─► lease ─► engine ─► services ─► signalling ─► HTTP ─► rooms ─► jobs ─► READY
    SIGTERM: DRAINING ─► jobs, rooms stop ─► connections close ─► requests end ─► engine, database close

Invariant: whatever was started is stopped, in reverse, also when a later step of the start fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from room_server.access.key import server_key
from room_server.access.routes import ENTRY, AccessRoutes, Surroundings
from room_server.access.rules import TEAM_PER_ROOM, Closing
from room_server.access.service import Access, AccessLimits, OnClosing
from room_server.access.turn import Turn
from room_server.accounts import routes as account_routes
from room_server.accounts.composition import Accounts, accounts
from room_server.accounts.providers import Providers, open_providers
from room_server.accounts.routes.forms import Forms
from room_server.accounts.rules import HostAccess
from room_server.accounts.service import Workspaces
from room_server.accounts.tokens import FormTokens
from room_server.addresses import reachable_addresses, spoken
from room_server.clock import Clock, WallClock, wall_now
from room_server.cluster.folder import hold
from room_server.cluster.lease import Lease
from room_server.config import Settings
from room_server.events.service import Events
from room_server.http import app as http_app
from room_server.http.address import Addresses
from room_server.http.health import Phase, Readiness
from room_server.http.limits import JoinLimits, JoinRate, SignInLimits, SignInRate, TicketRate
from room_server.http.listening import listen, port_refused
from room_server.http.metrics import HttpMetrics, JobMetrics, QualityMetrics
from room_server.http.operations import Operation
from room_server.http.pages import Pages
from room_server.http.static import StaticFiles
from room_server.http.texts import texts
from room_server.http.tls import server_context
from room_server.ids import ConnectionId, NodeId
from room_server.jobs.runner import Runner
from room_server.jobs.service import Jobs
from room_server.mail.outbox import JOB_KIND, Outbox
from room_server.mail.sending import POLICY, Sending
from room_server.occasion import SERVING, Occasion
from room_server.room.log import ChatLogs
from room_server.room.plan import Plans
from room_server.room.ports import Ports
from room_server.room.quality import QualityWatch
from room_server.room.routes import ChatLogRoutes
from room_server.room.service import RoomService
from room_server.storage import Database
from room_server.storage.upgrade_process import upgrade_apart
from room_server.whip import routes as whip_routes
from room_server.whip.service import Streams, Way
from signaling.fanout import SocketFanout
from signaling.server import Signalling, create

if TYPE_CHECKING:
    from datetime import datetime

    from media.engine import Engine, EngineEvent

_log = structlog.get_logger(__name__)


class RoomServer:
    """One running server.  Made by `start`, ended by `close`."""

    def __init__(self, settings: Settings, occasion: Occasion, stack: AsyncExitStack) -> None:
        self.settings = settings
        self.occasion = occasion
        self._stack = stack
        self.lost = asyncio.Event()
        self.database: Database
        self.clock: Clock
        self.lease: Lease
        self.jobs: Jobs
        self.runner: Runner
        self.outbox: Outbox
        self.engine: Engine
        self.workspaces: Workspaces
        self.accounts: Accounts
        self.providers: Providers
        self.events: Events
        self.plans: Plans
        self.access: Access
        self.rooms: RoomService
        self.signalling: Signalling
        self.streams: Streams
        self.readiness: Readiness
        self.app: web.Application
        self.metrics = HttpMetrics()
        self.url = ""
        self.metrics_url = ""

    @classmethod
    async def start(
        cls, settings: Settings, wall: Callable[[], datetime] = wall_now, occasion: Occasion = SERVING
    ) -> RoomServer:
        """Start everything and return when the server is ready.

        `wall` is the database's clock.  Raises `Refused`: `data_folder_in_use`, `data_folder_unusable`,
        `port_in_use`, `storage_too_new`, `server_key_unusable`, `tls_unusable`.
        """
        async with AsyncExitStack() as stack:
            server = cls(settings, occasion, stack)
            await server._open_storage(wall)
            server._open_jobs()
            await server._open_providers()
            await server._open_rooms()
            await server._open_http()
            await server._run_jobs()
            server._stack = stack.pop_all()
        server.readiness.phase = Phase.READY
        return server

    async def close(self) -> None:
        """Drain and stop; a second call does nothing."""
        self.readiness.phase = Phase.DRAINING
        await self._stack.aclose()

    @property
    def udp_port(self) -> int:
        return self.engine.udp_port

    # ---- starting, in this order

    async def _open_storage(self, wall: Callable[[], datetime]) -> None:
        settings, stack = self.settings, self._stack
        folder = hold(settings.data_dir)
        stack.callback(folder.release)
        given = settings.key.get_secret_value() if settings.key else None
        key = server_key(settings.data_dir, given)
        await upgrade_apart(settings.database_path)
        self.database = await Database.open(settings.database_path, wall)
        stack.push_async_callback(self.database.close)
        self.clock = WallClock(wall)
        self.lease = await Lease.begin(self.database, self.clock, NodeId(settings.node_id))
        self.lease.on_lost = self._give_up
        self.workspaces = Workspaces(self.database)
        self._words = FormTokens(key.secret)
        self.events = Events(self.database)
        self.plans = Plans(self.database)
        self.access = Access(self.database, key, self.lease, AccessLimits(settings.people_per_room))
        self.readiness = Readiness(self.lease.current)
        stack.push_async_callback(self.access.close)

    def _open_jobs(self) -> None:
        settings = self.settings
        self.jobs = Jobs(self.database)
        self.runner = Runner(self.database, self.clock, NodeId(settings.node_id))
        self.jobs.on_hint = self.runner.hint
        self.outbox = Outbox(self.database, self.jobs, settings.mail_domain)
        policy = HostAccess(settings.host_access)
        self.accounts = accounts(self.database, self.outbox, policy, lambda: self.url)
        self._stack.callback(self.accounts.close)
        delivery = self.occasion.delivery(settings)
        if delivery is None:
            _log.warning("mail_waits", reason="no mail server", settings="ROOM_SMTP_URL, ROOM_MAIL_FROM")
            return
        self._stack.push_async_callback(delivery.close)
        sending = Sending(self.database, delivery)
        self.runner.handle(JOB_KIND, sending.send, POLICY, sending.given_up)

    async def _open_providers(self) -> None:
        known = self.settings.oidc, self.clock, self.database
        opened = open_providers(*known, self.accounts.signing_in, self.outbox, lambda: self.url)
        self.providers = await self._stack.enter_async_context(opened)

    async def _run_jobs(self) -> None:
        """Begin once every feature has said what it handles."""
        watched = JobMetrics(self.metrics.registry)
        self.metrics.before_scrape(lambda: watched.read(self.jobs.counts))
        await self.runner.begin()
        self._stack.push_async_callback(self.runner.close, self.settings.drain_s)
        running = asyncio.create_task(self.runner.run(), name="jobs")
        self._stack.push_async_callback(_ended, running)

    async def _open_rooms(self) -> None:
        settings, stack = self.settings, self._stack
        self.engine = await _start_engine(settings, self._media_event)
        stack.push_async_callback(self.engine.close)
        self.lease.silence(self.engine)
        quality = QualityMetrics(self.metrics.registry)
        watch = QualityWatch(self.engine.stats, quality.observe)
        watching = asyncio.create_task(watch.run(), name="media-quality")
        stack.push_async_callback(_ended, watching)
        renewing = asyncio.create_task(self.lease.run(), name="lease")
        stack.push_async_callback(_ended, renewing)
        fanout = SocketFanout()
        self.rooms = RoomService(
            Ports(
                db=self.database,
                events=self.events,
                seats=self.access,
                node=self.lease,
                media=self.engine,
                fanout=fanout,
                clock=self.clock,
                asset_folder=settings.assets_dir.joinpath,
            )
        )
        self._addresses = Addresses(self.settings.trusted_proxy, self.settings.origin)
        door = TicketRate(self.settings.joins_per_minute, self._addresses)
        self.signalling = create(self.rooms, self.access, door, fanout, texts().refusal)
        self.streams = Streams(self.rooms, self.access, self.engine)
        self.access.on_closing = _each(self.signalling.on_closing, self.streams.on_closing)

    async def _open_http(self) -> None:
        settings, stack = self.settings, self._stack
        static = StaticFiles()
        pages = Pages(static.entry(ENTRY).styles)
        health = self.readiness.operations()
        occasion = self.occasion
        besides = occasion.operations(self.database, pages)
        operations = (*self._operations(static, pages), *besides, *health)
        guard, links = account_routes.guard(self.accounts), (*occasion.links, account_routes.HOME_LINK)
        around = http_app.Around(self.metrics, static, pages, self._addresses, links, guard)
        self.app = app = http_app.public(operations, around)
        self.signalling.attach(app)
        self.metrics.watch(self._read_engine)
        tls = _tls(settings)
        port = await listen(stack, app, settings.host, settings.port, tls, "ROOM_PORT", settings.drain_s)
        private = http_app.private(health, self.metrics)
        metrics_port = await listen(
            stack, private, settings.metrics_host, settings.metrics_port, None, "ROOM_METRICS_PORT", 0.1
        )
        scheme = "http" if tls is None else "https"
        self.url = settings.origin or f"{scheme}://{spoken(settings.host)}:{port}"
        self.metrics_url = f"http://{spoken(settings.metrics_host)}:{metrics_port}/metrics"
        stack.push_async_callback(self.signalling.close)
        stack.push_async_callback(self.streams.close)
        stack.push_async_callback(self.rooms.close)
        await self.rooms.start()

    def _operations(self, static: StaticFiles, pages: Pages) -> Iterable[Operation]:
        """What the features serve."""
        settings, addresses, readiness, metrics = self.settings, self._addresses, self.readiness, self.metrics
        rate = JoinRate(JoinLimits(settings.joins_per_minute, settings.unknown_links_per_minute))
        turn = _turn(settings)
        log = ChatLogRoutes(self.access, ChatLogs(self.database))
        entry = static.entry(ENTRY)
        around = Surroundings(pages, entry, rate, turn, addresses, readiness, metrics, log)
        yield from AccessRoutes(self.access, around).operations()
        yield from log.operations()
        beside = whip_routes.Surroundings(rate, turn, addresses, readiness, metrics)
        yield from whip_routes.StreamRoutes(self.streams, beside).operations()
        entering = SignInRate(SignInLimits(settings.sign_ins_per_minute, settings.sign_in_tries), addresses)
        forms = Forms(pages, self._words, static.style(account_routes.STYLE), self.providers.ways)
        yield from account_routes.operations(self.accounts, entering, forms, self.providers)

    # ---- running

    def _media_event(self, event: EngineEvent) -> None:
        self.rooms.media_event(event)
        self.streams.media_event(event)

    async def _give_up(self) -> None:
        """Another process took this node's place: whoever runs the server starts it anew."""
        self.lost.set()

    def _read_engine(self) -> Iterable[tuple[str, str, float]]:
        stats = self.engine.stats()
        yield "room_media_peers", "Media connections", float(len(stats.peers))
        yield "room_whep_streams", "Players that watch by WHEP", float(self.streams.count(Way.WHEP))
        yield "room_whip_streams", "Programs that publish by WHIP", float(self.streams.count(Way.WHIP))
        for name, value in stats.totals.items():
            yield f"room_media_{name}_total", f"Media: {name.replace('_', ' ')}", float(value)
        yield "room_media_frames_refused_total", "Media: frames refused", float(stats.frames_refused)
        yield "room_media_unknown_datagrams_total", "Media: unknown datagrams", float(stats.unknown_datagrams)
        yield (
            "room_media_panics_total",
            "Media: faults of ours, each of which closed a room",
            float(stats.panics),
        )
        yield "room_media_events_lost_total", "Media: events lost", float(stats.events_lost)
        yield (
            "room_media_stats_complete",
            "Every media thread was heard for this scrape",
            float(stats.complete),
        )


async def serve(
    settings: Settings,
    on_ready: Callable[[RoomServer], Awaitable[None]],
    occasion: Occasion = SERVING,
) -> None:
    """Run until SIGTERM or SIGINT; a server that lost its place is started anew."""
    _open_as_many_files_as_allowed()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():
        server = await RoomServer.start(settings, occasion=occasion)
        try:
            _log.info("ready", url=server.url, udp_port=server.udp_port, metrics_url=server.metrics_url)
            await on_ready(server)
            await _first(stop, server.lost)
        finally:
            _log.info("draining")
            await server.close()
    _log.info("stopped")


def _each(*hearers: OnClosing) -> OnClosing:
    """Return what tells all of them that a connection's seat is gone."""

    async def on_closing(connection_id: ConnectionId, closing: Closing) -> None:
        await asyncio.gather(*(hear(connection_id, closing) for hear in hearers))

    return on_closing


def _open_as_many_files_as_allowed() -> None:
    """A connection is a descriptor: what a shell allows by default does not do for a thousand people."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _start_engine(settings: Settings, on_event: Callable[[EngineEvent], None]) -> Engine:
    from media.engine import Engine, EngineConfig

    advertise = tuple(map(str, settings.advertise)) or reachable_addresses(settings.host)
    config = EngineConfig(
        bind_host=settings.host,
        udp_port=settings.udp_port,
        tcp_port=settings.media_tcp_port,
        advertise=advertise,
        shards=settings.media_shards,
        max_peers_per_room=settings.people_per_room + TEAM_PER_ROOM,
    )
    try:
        return await Engine.start(config, on_event)
    except OSError as error:
        if error.filename == "tcp":
            raise port_refused(error, settings.media_tcp_port or 0, "ROOM_TCP_PORT") from error
        raise port_refused(error, settings.udp_port, "ROOM_UDP_PORT") from error


def _turn(settings: Settings) -> Turn:
    secret = settings.turn_secret.get_secret_value() if settings.turn_secret else ""
    return Turn(settings.turn_urls, secret, timedelta(seconds=settings.turn_lasts_s))


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return server_context(settings.tls_certificate, settings.tls_key)


async def _first(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
