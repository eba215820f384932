"""◆ The server: one process, or several that share what they loaded."""

import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from falsetrue.bundle.folder import open_bundle
from falsetrue.errors import InputError
from falsetrue.jobs.classify import Classifier
from falsetrue.registry.folder import find_model
from falsetrue.service.certificates import check_pair
from falsetrue.service.core import Core, Shared
from falsetrue.service.cors import check_origins
from falsetrue.service.early import Early
from falsetrue.service.logs import configure_logs
from falsetrue.service.process import SingleServer, WorkerServer
from falsetrue.service.protocol import CarefulConfig
from falsetrue.service.proxies import parse_networks
from falsetrue.service.spans import wants_spans
from falsetrue.service.supervisor import Post, Supervisor, Work
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier, open_redis_counts

#: Connections that may wait to be accepted.
_BACKLOG = 2048
#: File descriptors that a worker may want beside those of its connections, and how many it asks the system for.
_OTHER_DESCRIPTORS, _MOST_DESCRIPTORS = 256, 65_536
#: Beyond what it was given to finish, seconds until a worker that does not make way counts as stuck.
_SPARE_SECONDS = 10.0
_log = logging.getLogger("uvicorn.error")


def serve(settings: Settings) -> None:
    """Serve until told to stop; raises what :func:`load_classifier` raises where workers share one model."""
    configure_logs(settings.log_format)
    if settings.workers == 1:
        core = Core(settings)
        SingleServer(_configure(settings, Early(core), factory=False), core).run()
    elif hasattr(os, "fork"):
        _serve_forked(settings)
    else:
        from uvicorn.supervisors import Multiprocess  # noqa: PLC0415 - it takes time

        config = _configure(settings, partial(_early, settings), factory=True)
        Multiprocess(config, sockets=[config.bind_socket()]).run()


def _early(settings: Settings) -> ASGIApp:
    return Early(Core(settings))


def _configure(settings: Settings, app: ASGIApp | Callable[[], ASGIApp], *, factory: bool) -> uvicorn.Config:
    tls: dict[str, Any] = {}
    if settings.tls_cert is not None:
        tls = {
            "ssl_certfile": settings.tls_cert,
            "ssl_keyfile": settings.tls_key,
            "ssl_context_factory": _make_tls_context,
        }
    return CarefulConfig(
        app,
        most_connections=min(settings.max_connections, raise_descriptor_limit() - _OTHER_DESCRIPTORS),
        answer_seconds=settings.answer_seconds,
        timeout_keep_alive=settings.idle_seconds,
        factory=factory,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        backlog=_BACKLOG,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=settings.stop_seconds,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        **tls,
    )


def _make_tls_context(_config: uvicorn.Config, make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = make()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def raise_descriptor_limit() -> int:
    """Have this process, and those that it starts, open as many files as the system lets it; returns how many."""
    try:
        import resource  # noqa: PLC0415 - not on Windows, which knows no such limit
    except ImportError:
        return _MOST_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return _MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


def check_edges(settings: Settings) -> None:
    """Raise :class:`InputError` for settings of the service's edges that cannot be used, or not together."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise InputError("set both FALSETRUE_TLS_CERT and FALSETRUE_TLS_KEY, or neither")
    if settings.tls_cert is not None and settings.tls_key is not None:
        if settings.tls_self_signed:
            raise InputError(
                "--tls-self-signed makes a certificate; leave FALSETRUE_TLS_CERT and FALSETRUE_TLS_KEY out"
            )
        check_pair(settings.tls_cert, settings.tls_key)
    if settings.max_waiting_bytes < settings.max_body_bytes:
        raise InputError("setting FALSETRUE_MAX_WAITING_BYTES: must be at least FALSETRUE_MAX_BODY_BYTES")
    parse_networks(settings.trusted_proxies)
    check_origins(settings.cors_origins)
    _check_tokens(settings)
    if settings.quota_redis_url is not None:
        open_redis_counts(settings)
    wants_spans(settings.otel, os.environ)


def _check_tokens(settings: Settings) -> None:
    if settings.jwt_issuer is not None:
        from falsetrue.access.tokens import open_tokens  # noqa: PLC0415 - it takes long

        open_tokens(settings)
    elif settings.jwt_audience or settings.jwt_jwks or settings.jwt_secret:
        raise InputError("setting FALSETRUE_JWT_ISSUER: must be set where other FALSETRUE_JWT_ settings are")


def check_address(settings: Settings) -> None:
    """Raise :class:`InputError` where the address or port cannot be had; uvicorn says six lines and exits with 3."""
    _listen(settings.host, settings.port, 1)[0].close()


def _listen(host: str, port: int, count: int) -> list[socket.socket]:
    """``count`` sockets that share an address, and the connections that come to it; raises :class:`InputError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sockets.append(socket.create_server((host, port), family=family, backlog=_BACKLOG, reuse_port=count > 1))
            port = sockets[0].getsockname()[1]
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}, port {port}: {error.strerror}; choose another --host or --port"
        ) from error
    return sockets


# --- several processes -----------------------------------------------------------------------------


def _serve_forked(settings: Settings) -> None:
    # Linux deals connections out evenly among sockets; of one that all accept from, one worker may take nearly all.
    sockets = _listen(settings.host, settings.port, settings.workers if sys.platform == "linux" else 1)
    shared = Shared(settings, settings.workers)
    work = _prepare_work(settings, sockets, shared)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "http" if settings.tls_cert is None else "https"
    _log.info("Uvicorn running on %s://%s:%d (Press CTRL+C to quit)", scheme, host, sockets[0].getsockname()[1])

    def let_go() -> None:
        for each in sockets:
            each.close()

    Supervisor(
        settings.workers,
        work,
        on_stop=let_go,
        refresh=partial(_renew, settings, sockets, shared),
        leave_seconds=settings.drain_seconds + settings.stop_seconds + _SPARE_SECONDS,
    ).run()


def _prepare_work(settings: Settings, sockets: list[socket.socket], shared: Shared) -> Work:
    """What each worker does, with everything loaded that they share; raises what :func:`load_classifier` raises."""
    from falsetrue.service.app import make_app  # noqa: PLC0415 - a single worker is ready before it has this

    core = Core(settings, _load_once(settings), shared=shared)
    if core.storage.is_wanted:
        # Each worker would import these for itself, and hold them apart: 10 MB and 0.1 s.
        import falsetrue.access.key_store  # noqa: PLC0415
        import falsetrue.database.schema  # noqa: PLC0415
        import falsetrue.journal.store  # noqa: F401, PLC0415
    core.storage.prepare()
    config = _configure(settings, make_app(core), factory=False)
    # Each worker would do this; here it is done once, and the memory is shared.
    config.load()
    config.get_loop_factory()

    def work(post: Post) -> None:
        # That of whoever is replaced: what waits there to be accepted is not lost.
        own = sockets[post.place % len(sockets)]
        for other in sockets:
            if other is not own:
                other.close()
        core.begin(post.slot)
        WorkerServer(config, core, post).run(sockets=[own])

    return work


def _renew(settings: Settings, sockets: list[socket.socket], shared: Shared) -> Work:
    """The same once more, from files that may have changed; raises :class:`InputError` for a certificate, too."""
    if settings.tls_cert is not None and settings.tls_key is not None:
        check_pair(settings.tls_cert, settings.tls_key)
    return _prepare_work(settings, sockets, shared)


def _load_once(settings: Settings) -> Callable[[], Classifier] | None:
    """How workers get at the model: it is loaded here, or in each where its libraries might start threads."""
    manifest = open_bundle(find_model(settings.model, settings.models_folder), keep=()).manifest
    if not manifest.compiled:
        return None
    classifier = load_classifier(settings)
    return lambda: classifier
