"""What stands between us and a host, in our words: what, why, and what to do about it; one line each.

host_key_unknown, host_key_changed, host_key_revoked    nothing was sent to the host
unreachable         details.reason: unknown_name, refused, no_route, no_answer, dropped, jump
login_refused       no key was accepted
ssh_config_invalid  the user's OpenSSH configuration, or a file that it names
ssh_protocol        the other side does not do what SSH says
"""

import errno
import re
import shlex
import socket
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import asyncssh

from phoenix.adapters.machines.ssh_plan import Plan
from phoenix.adapters.machines.ssh_trust import fingerprint
from phoenix.domain.errors import DependencyError

_ERRNO = re.compile(r"\[Errno (\d+)\]")
_DEFAULT_PORT = 22
_TOO_MANY = "Too many authentication failures"


def not_connected(plan: Plan, error: Exception, patience: timedelta, *, through: bool) -> DependencyError:
    """Why there is no connection.

    Args:
        plan: To whom.
        error: What asyncssh or the operating system said.
        patience: How long was waited.
        through: Whether a jump host stood between.
    """
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return _not_trusted(plan, error.reason)
        case asyncssh.KeyExchangeFailed() if plan.trust.known and "host key" in error.reason.lower():
            return _changed(plan, "shows none of a kind that is known")
        case asyncssh.ChannelOpenError():
            return _unreachable(plan, "jump", f"the host before it does not get there: {error.reason}")
        case asyncssh.Error() if _TOO_MANY in error.reason:
            return refused(plan, (), why="it was offered more keys than it hears")
        case asyncssh.ConnectionLost() if "timeout" in error.reason.lower():
            return _unreachable(plan, "no_answer", f"no log-in within {patience.total_seconds():g} s")
        case asyncssh.ConnectionLost() | ConnectionResetError():
            return _unreachable(plan, "dropped", "it drops the connection before the log-in")
        case socket.gaierror() | UnicodeError():  # the latter from a name that no resolver could be asked for
            return _unreachable(plan, "unknown_name", f"the name {plan.host} is not known")
        case OSError():
            return _unreachable(plan, *_reason(plan, error, patience, through=through))
        case ValueError():
            return DependencyError(
                f"{plan.endpoint.label}: a key or an option cannot be used: {error}",
                code="ssh_config_invalid",
                hint=f"look into {plan.config} and the keys it names",
            )
        case _:
            return DependencyError(
                f"{plan.endpoint.label} does not speak SSH as it should: {error}",
                code="ssh_protocol",
                hint=f"is an SSH server at port {plan.port} of {plan.host}?",
                details=_details(plan),
            )


def refused(plan: Plan, agent_keys: Sequence[str], why: str = "") -> DependencyError:
    """The host takes none of our keys."""
    tried = [*plan.tried, *agent_keys]
    why = why or (f"it accepts none of {', '.join(tried)}" if tried else "there is no key to offer")
    own = (
        f"try {_by_hand(plan)}; the user, or IdentityFile in {plan.config}, may be another; "
        "a key with a passphrase is used through ssh-agent only"
    )
    lent = f"the user in the URI of {plan.lender}, or its private key, may be another; no other key is tried"
    return DependencyError(
        f"{plan.endpoint.label} refuses to log {plan.user} in: {why}",
        code="login_refused",
        hint=lent if plan.has_lent_key else own,
        details={**_details(plan), "user": plan.user, "tried": tried},
    )


def endless(plan: Plan) -> DependencyError:
    """Jump hosts that need each other."""
    return DependencyError(
        f"{plan.endpoint.label}: too many jump hosts, perhaps in a circle",
        code="ssh_config_invalid",
        hint=f"look for ProxyJump in {plan.config}",
    )


def _not_trusted(plan: Plan, reason: str) -> DependencyError:
    label, shown = plan.endpoint.label, plan.trust.shown
    if "revoked" in reason:
        return DependencyError(
            f"the host key of {label} is revoked",
            code="host_key_revoked",
            hint="whoever has that key may be anybody: give the host a new one",
            details=_details(plan),
        )
    if shown is None:
        return DependencyError(
            f"the host certificate of {label} is not valid: {reason}",
            code="host_key_unknown",
            hint="let its authority sign it anew",
            details=_details(plan),
        )
    if plan.trust.known:
        return _changed(plan, f"is {fingerprint(shown)}")
    return DependencyError(
        f"the host key of {label} is not known: {fingerprint(shown)}",
        code="host_key_unknown",
        hint=f"compare it with what the host says at its console (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then "
        f"accept it once: {_by_hand(plan)}"
        + (f", or put its line into the known hosts of {plan.lender}" if plan.lender else ""),
        details=_details(plan),
    )


def _changed(plan: Plan, what: str) -> DependencyError:
    known = ", ".join(fingerprint(key) for key in plan.trust.known)
    files = [file for file in plan.trust.files if file.exists()]
    forget = shlex.join(["ssh-keygen", "-R", plan.known_as, *(["-f", str(files[0])] if files else [])])
    return DependencyError(
        f"the host key of {plan.endpoint.label} changed: it {what}, known is {known}",
        code="host_key_changed",
        hint=f"somebody may stand between; if the host was made anew, verify its key at its console, then {forget}",
        details={**_details(plan), "known": known},
    )


def _unreachable(plan: Plan, reason: str, why: str) -> DependencyError:
    return DependencyError(
        f"{plan.endpoint.label} cannot be reached: {why}",
        code="unreachable",
        hint=f"try {_by_hand(plan)}",
        details={**_details(plan), "reason": reason},
    )


def _reason(plan: Plan, error: OSError, patience: timedelta, *, through: bool) -> tuple[str, str]:
    if isinstance(error, TimeoutError):
        after = "no log-in" if plan.trust.has_answered else "no answer"
        by = " through the jump host" if through else ""
        return "no_answer", f"{after} within {patience.total_seconds():g} s{by}"
    # Of several addresses asyncio tells only a text.
    number = error.errno or int((_ERRNO.findall(str(error)) or ["0"])[0])
    if number == errno.ECONNREFUSED:
        return "refused", f"nothing listens at port {plan.port} of {plan.host}"
    if number in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return "no_route", f"no route leads to {plan.host}"
    return "dropped", str(error)


def _by_hand(plan: Plan) -> str:
    """The command by which a person logs in."""
    asked = plan.endpoint
    words = ["ssh"]
    if plan.config_files and plan.config.expanduser() != Path.home() / ".ssh" / "config":
        words += ["-F", str(plan.config)]
    if asked.port not in (None, _DEFAULT_PORT):
        words += ["-p", str(asked.port)]
    return shlex.join([*words, f"{asked.user}@{asked.host}" if asked.user else asked.host])


def _details(plan: Plan) -> dict[str, object]:
    details: dict[str, object] = {"host": plan.host, "port": plan.port}
    if plan.trust.shown:
        details["fingerprint"] = fingerprint(plan.trust.shown)
    return details
