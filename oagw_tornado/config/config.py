"""From the command line, the environment and a file to one `Config`, or to one error that names what is wrong.

An option overrides the environment, the environment overrides the file, the file overrides the default.
Nothing here looks at the clock, the process or the machine: everything it reads is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from oagw_tornado.config.defaults import DEFAULT_HOST, DEFAULT_MODELS, DEFAULT_PORT, DEFAULT_TOKEN
from oagw_tornado.config.listeners import CERTIFICATE_FAULTS, Listener, TlsFault
from oagw_tornado.config.options import CONFIG, ENVIRONMENT_PREFIX, OPTIONS, Option
from oagw_tornado.config.settings import ConfigError, Setting
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.units.documents import quoted
from oagw_tornado.units.nearest import nearest
from oagw_tornado.units.record import record

if TYPE_CHECKING:
    from oagw_tornado.config.state_address import StateAddress
    from oagw_tornado.knobs.upstream_document import UpstreamDocument


@record
class Config:
    """How a simulator is to behave. Times in seconds, sizes in bytes. `Config()` is the default of every option."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    watch: bool = False
    is_short: bool = True
    """Host and port are an address to listen on: they are given, or nothing else is."""
    listen: tuple[Listener, ...] = ()
    control_listen: tuple[Listener, ...] = ()
    proxy_protocol: bool = False
    tls: str = "off"
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    tls_fault: TlsFault | None = None
    tokens: tuple[str, ...] = (DEFAULT_TOKEN,)
    admin_token: str | None = None
    control_hosts: tuple[str, ...] = ()
    oauth_clients: tuple[tuple[str, str], ...] = ()
    """Clients of the upstream oauth, with their secrets; if empty, any id with any secret."""
    mounts: tuple[tuple[str, str], ...] = ()
    """Aliases and the prefixes at which they are served too; an empty prefix is the root."""
    cors: tuple[str, ...] = ()
    token_in_query: bool = False
    openai_profile: str = "prototype"
    strict_requests: bool | None = None
    """None: in the profile openai, and of anthropic."""
    models: tuple[str, ...] = DEFAULT_MODELS
    strict: bool = False
    """What no rule answers is a 503 of the gateway."""
    reasoning_field: str = "reasoning_content"
    prompt_cache: bool = False
    model_name_knobs: bool = True
    replay: str | None = None
    """The directory whose recordings answer."""
    replay_ignore: tuple[str, ...] = ()
    replay_per: str | None = None
    on_miss: str = "fail"
    record: str | None = None
    """The directory of the recordings of all real upstreams that have none of their own."""
    record_max: int = 2**30
    max_body_size: int = 64 * 2**20
    max_buffered: int = 256 * 2**20
    max_header_size: int = 64 * 2**10
    max_header_lines: int = 100
    header_timeout: float = 10.0
    body_timeout: float = 60.0
    idle_timeout: float = 75.0
    gate_timeout: float = 30.0
    drain_timeout: float = 5.0
    journal_size: int = 1000
    journal_memory: int = 64 * 2**20
    journal_body_size: int = 64 * 2**10
    unmasked: tuple[str, ...] = ()
    no_control: bool = False
    workers: int = 1
    """Processes; 0: one for each processor."""
    state: StateAddress | None = None
    """What they share, and other machines with them."""
    http_server: str = "auto"
    loop: str = "auto"
    pacer_resolution: float | None = None
    """None: it follows the load."""
    realtime: bool = False
    log_level: str = "info"
    access_log: bool | None = None
    """None: only if stderr is a terminal."""
    knobs: Knobs = Knobs()
    rules: tuple[Any, ...] = ()
    """The rules of the file, as they are written there."""
    upstreams: tuple[UpstreamDocument, ...] = ()
    """The upstreams that the file adds to those there are."""
    rule_places: tuple[str, ...] = field(default=(), compare=False)
    """Where each of them stands, such as ``sim.yaml: rules: line 4``; empty if that is not known."""


def listeners_of(config: Config) -> tuple[Listener, ...]:
    """All addresses of the gateway. The short form speaks TLS if there is TLS and no other address speaks it."""
    has_tls = config.tls == "auto" or config.tls_cert is not None
    is_secure = has_tls and not any(each.is_secure for each in config.listen)
    short = (Listener(config.host, config.port, is_secure=is_secure),) if config.is_short else ()
    return tuple(
        each._replace(
            proxy_protocol=each.proxy_protocol or config.proxy_protocol,
            tls_fault=(each.tls_fault or config.tls_fault) if each.is_secure else None,
        )
        for each in short + config.listen
    )


def control_listeners_of(config: Config) -> tuple[Listener, ...]:
    """The addresses of the control endpoints, if they have some of their own. Sockets are for their owner alone."""
    return tuple(
        each._replace(mode=0o600) if each.path and each.mode is None else each for each in config.control_listen
    )


def check_listening(config: Config) -> None:
    """Raise ConfigError if the addresses, and what they need for TLS, do not go together."""
    listeners = listeners_of(config) + control_listeners_of(config)
    is_secure = any(each.is_secure for each in listeners)
    if config.tls_cert is None and config.tls_key is not None:
        raise ConfigError("--tls-key", "needs --tls-cert too")
    if config.tls_cert is not None and config.tls == "auto":
        raise ConfigError("--tls", "auto creates a certificate, and --tls-cert names one: choose one of the two")
    if is_secure and config.tls_cert is None and config.tls != "auto":
        raise ConfigError("--listen", "https needs --tls-cert FILE, or --tls auto")
    if not is_secure:
        for name in ("tls-client-ca", "tls-fault", "tls-cert"):
            if getattr(config, name.replace("-", "_")) is not None:
                raise ConfigError(f"--{name}", "no address uses https; add --tls-cert FILE or --tls auto")
        if config.tls == "auto":
            raise ConfigError("--tls", "no address uses https")
    for fault in (each.tls_fault for each in listeners):
        if fault is not None and fault.kind in CERTIFICATE_FAULTS and config.tls != "auto":
            raise ConfigError("--tls-fault", f"{fault} needs --tls auto, whose authority signs the certificate")
    if config.control_listen and config.no_control:
        raise ConfigError("--control-listen", "cannot be combined with --no-control")


def has_replays(config: Config) -> bool:
    """Whether recordings answer in the place of some upstream."""
    return config.replay is not None or any(each.replay is not None for each in config.upstreams)


def value_in(config: Config, option: Option) -> Any:
    """The value of `option` in `config`."""
    return getattr(config.knobs if option.is_knob else config, option.field)


def read_config(argv: Sequence[str], environ: Mapping[str, str], read_file: Callable[[str], str]) -> Config:
    """The configuration that the arguments, the environment and the file that either of them names give together.

    `read_file` gets a path and gives the text of that file; it raises OSError or UnicodeDecodeError.
    Raises ConfigError.
    """
    arguments = list(_from_arguments(argv))
    variables = list(_from_environment(environ))
    named = [setting for setting in variables + arguments if setting.option is CONFIG]
    if not named:
        return _layered(Config(), variables, arguments)

    from oagw_tornado.config.config_file import parse_config_file

    source, _, path = named[-1]
    try:
        text = read_file(path)
    except OSError as error:
        raise ConfigError(source, f"cannot read {path!r}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(source, f"{path!r} is not UTF-8 text") from None
    file = parse_config_file(text, path, read_file)
    described = Config(rules=file.rules, rule_places=file.rule_places, upstreams=file.upstreams)
    return _layered(described, file.settings, variables, arguments)


def _layered(config: Config, *layers: list[Setting]) -> Config:
    config = _assign(config, *layers)
    given = {setting.option.field for layer in layers for setting in layer}
    if config.listen and not given & {"host", "port"}:
        config = replace(config, is_short=False)
    return config


def config_as_json(config: Config) -> dict[str, Any]:
    """The options by their names, with their values as JSON has them. Credentials are masked."""
    return {option.name: option.show(value_in(config, option)) for option in OPTIONS.values() if not option.form_of}


def change_config(config: Config, changes: Mapping[str, Any], is_read_again: bool = False) -> Config:
    """`config` with `changes` applied: option names to JSON values; None stands for the default.

    All or nothing: raises ConfigError if one of them is not an option, is invalid or is fixed at start.
    `is_read_again`: they come from a file, and may be of options that nobody can change over HTTP.
    """
    settings: list[Setting] = []
    defaults: list[Option] = []
    for name, value in changes.items():
        option = OPTIONS.get(name)
        if option is None:
            raise ConfigError(name[:80], "no such option" + nearest(name, OPTIONS))
        if option.is_fixed:
            raise ConfigError(name, "cannot be changed while the server runs")
        if not (option.is_live or is_read_again):
            raise ConfigError(name, "cannot be changed over HTTP: change it in the file, and reload that")
        if value is None:
            defaults.append(option)
        elif isinstance(value, bool) and option.is_flag:
            settings.append(Setting(name, option, "yes" if value else "no"))
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
            settings.append(Setting(name, option, str(value)))
        elif isinstance(value, list) and option.is_repeatable and all(isinstance(each, str) for each in value):
            settings += [Setting(name, option, each) for each in value]
            defaults += [] if value else [option]
        else:
            raise ConfigError(name, f"{quoted(value)} is neither a text nor a number")
    return _assign(_replace(config, {option: value_in(Config(), option) for option in defaults}), settings)


def _from_arguments(argv: Sequence[str]) -> Iterator[Setting]:
    remaining = iter(argv)
    port: str | None = None
    for argument in remaining:
        if not argument.startswith("-"):
            if port is not None:
                raise ConfigError("PORT", f"{argument[:80]!r}: there is already a port, {port[:80]!r}")
            port = argument
            # The prototype is started with its port as the only argument; its clients still do so.
            yield Setting("PORT", OPTIONS["port"], argument)
            continue
        switch, equals, text = argument.partition("=")
        option, implied = _SWITCHES.get(switch, (None, None))
        if option is None:
            raise ConfigError(switch[:80], "no such option" + nearest(switch, _SWITCHES))
        if not equals and implied is not None:
            text = implied
        elif not equals:
            text = next(remaining, "--")
            if text.startswith("--"):
                raise ConfigError(switch, f"needs a value: {switch} {option.metavar}")
        yield Setting(switch, option, text)


def _from_environment(environ: Mapping[str, str]) -> Iterator[Setting]:
    for variable, text in environ.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            option = _VARIABLES.get(variable)
            if option is None:
                raise ConfigError(variable[:80], "no such option" + nearest(variable, _VARIABLES))
            for part in text.split(",") if option.is_repeatable else [text]:
                yield Setting(variable, option, part.strip())


def _switches() -> Iterator[tuple[str, tuple[Option, str | None]]]:
    for option in (CONFIG, *OPTIONS.values()):
        yield f"--{option.name}", (option, "yes" if option.is_flag else None)
        if option.is_flag and not option.name.startswith("no-"):
            yield f"--no-{option.name}", (option, "no")


_SWITCHES: Mapping[str, tuple[Option, str | None]] = dict(_switches())
_VARIABLES: Mapping[str, Option] = {option.environment: option for option in (CONFIG, *OPTIONS.values())}


def _assign(config: Config, *layers: Iterable[Setting]) -> Config:
    """`config` with the settings of each layer, a later layer over an earlier one."""
    values: dict[Option, Any] = {}
    for layer in layers:
        repeated: dict[Option, list[Any]] = {}
        forms: dict[str, Option] = {}
        for source, option, text in layer:
            if forms.setdefault(option.field, option) is not option:
                raise ConfigError(source, f"cannot be combined with {forms[option.field].name}, another form of it")
            value = _parse(source, option, text)
            if option.is_repeatable:
                repeated.setdefault(option, []).extend(value if option.is_list else [value])
                value = tuple(repeated[option])
            values.pop(option, None)  # of two forms of one thing, the last one counts
            values[option] = value
    values.pop(CONFIG, None)
    return _replace(config, values)


def _parse(source: str, option: Option, text: str) -> Any:
    try:
        return option.parse(text)
    except ValueError as error:
        reason = str(error)
        if not option.is_secret and repr(text[:80]) not in reason:
            reason = f"{text[:80]!r}: {reason}"
        raise ConfigError(source, reason) from None


def _replace(config: Config, values: Mapping[Option, Any]) -> Config:
    own = {option.field: value for option, value in values.items() if not option.is_knob}
    knobs = {option.field: value for option, value in values.items() if option.is_knob}
    if knobs:
        own["knobs"] = replace(config.knobs, **knobs)
    return replace(config, **own) if own else config
