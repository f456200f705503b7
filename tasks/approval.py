"""Await a person's approval: the flow run pauses with a form that "Resume" in the Prefect UI opens.

The run itself never pauses: it measures on, and what the form was answered goes into the ledger as any other answer
does. Nothing here waits for the server but a thread of its own, which may: an answer is good whenever it comes.
"""

import json
import logging
import threading
from collections.abc import Callable
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.input.run_input import Keyset, keyset_from_paused_state
from prefect.runtime import flow_run
from prefect.states import Paused, Running
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from phoenix.domain.decision.comparison import Comparison
from phoenix.domain.durations import format_duration
from phoenix.domain.errors import StateError
from phoenix.domain.phases import Decision
from phoenix.services.approvals import Approvals
from phoenix.services.run import approving
from phoenix.services.run.context import Run
from tasks.step import step

LOG = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""A look costs the server some 10 ms; a person who answered waits for the next one."""

LONGEST_PAUSE_SECONDS = 24.0
"""Between two tries with a server that does not answer."""

LAST_LOOK_SECONDS = 5.0
"""Before the time limit answers in a person's stead."""

CLOSING_SECONDS = 10.0
"""The run goes on then, whether or not the server was told."""

BEYOND_OURS = timedelta(days=1)
"""Prefect fails a run whose pause is over: ours must be over long before."""

IN_PREFECT = "Prefect UI"
"""Who answers the form: the server does not say which person."""

_NOT_FOUND, _CONFLICT = 404, 409


_Choice = Annotated[Decision, WithJsonSchema({"type": "string", "enum": [one.value for one in Decision]})]
"""Written out: the form in the UI leaves a field out whose schema is a reference."""


class Approval(BaseModel):
    """What a person answers."""

    model_config = ConfigDict(extra="forbid")

    decision: _Choice = Field(
        title="Decision", description="promote: the candidate takes over. decline: production stays as it is."
    )
    reason: str = Field(
        default="", title="Reason", max_length=2000, description="Why; kept in the experiment's history."
    )


@step("await-approval")
def await_approval(run: Run, comparison: Comparison) -> Comparison:
    form = _Form(run, comparison)
    try:
        return approving.await_approval(run, comparison, form.open, form.last_look)
    finally:
        form.close()


def question_markdown(run: Run, comparison: Comparison, deadline: datetime) -> str:
    """What is asked, for people: the verdict in numbers, how long there is, and what happens without an answer."""
    approval, name = run.spec.approval, run.document.metadata.name
    limit = format_duration(approval.time_limit)
    reasons = "\n".join(f"- {reason}" for reason in comparison.reasons)
    return (
        f"**{comparison.verdict}**: may {run.plan.candidate.pipeline} replace {run.plan.baseline.pipeline}"
        f" on {', '.join(host.name for host in run.hosts)}?\n\n{reasons}\n\n"
        f"Answer within {limit}, until {deadline:%Y-%m-%d %H:%M:%S} UTC; without an answer:"
        f" **{approval.otherwise}**. Both variants are measured on meanwhile, and a breach rolls back at once.\n\n"
        f"On the command line: `phoenix experiment promote {name}`, or `phoenix experiment stop {name}` to decline."
    )


class _Form:
    """The form of one question: opened when it is asked, closed when it is answered or has no more sense."""

    def __init__(self, run: Run, comparison: Comparison) -> None:
        self._run = run
        self._comparison = comparison
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._shown: tuple[UUID, Keyset] | None = None

    def open(self, deadline: datetime) -> None:
        """Begin to ask; nothing where there is no flow run."""
        if flow_run.id is None:
            return
        shown = UUID(flow_run.id)
        text = question_markdown(self._run, self._comparison, deadline)
        seconds = int((deadline - datetime.now(UTC) + BEYOND_OURS).total_seconds())
        paused: State = Paused(timeout_seconds=seconds, pause_key=f"approval-{self._run.id}")
        keys = keyset_from_paused_state(paused)
        paused.state_details.run_input_keyset = {**keys}
        self._shown = shown, keys
        # Settings such as the server's URL are of the context, which a thread does not inherit.
        self._thread = threading.Thread(
            target=copy_context().run,
            args=(self._ask, shown, paused, keys, text),
            name="approval",
            daemon=True,
        )
        self._thread.start()

    def last_look(self) -> None:
        """Hear what was answered since the last look; does not wait for a server that does not answer."""
        if self._shown is None:
            return
        shown, keys = self._shown

        def hear(client: SyncPrefectClient) -> bool:
            return self._is_heard(client, shown, keys)

        look = threading.Thread(
            target=copy_context().run, args=(self._patiently, hear, 1), name="last look", daemon=True
        )
        look.start()
        look.join(LAST_LOOK_SECONDS)

    def close(self) -> None:
        """Let the flow run go on; does not wait for a server that does not answer."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(CLOSING_SECONDS)

    def _ask(self, shown: UUID, paused: State, keys: Keyset, text: str) -> None:
        if self._patiently(lambda client: _put_form(client, shown, keys, text)):
            self._patiently(lambda client: _pause(client, shown, paused))
        while not self._over.wait(LOOK_SECONDS):
            if self._patiently(lambda client: self._is_heard(client, shown, keys)):
                break
        self._over.wait()
        self._patiently(lambda client: _go_on(client, shown), tries=8)

    def _is_heard(self, client: SyncPrefectClient, shown: UUID, keys: Keyset) -> bool:
        """Whether there is no more to hear: it was answered here, or the flow run ends."""
        state = client.read_flow_run(shown).state
        if state is None or state.is_paused():
            return False
        if not state.is_running():
            return True
        answer = _answer(client, shown, keys)
        if answer is not None:
            self._decide(answer)
        return answer is not None

    def _decide(self, answer: Approval) -> None:
        try:
            reason = answer.reason.strip() or "answered in the Prefect UI"
            Approvals(self._run.store).decide(self._run.id, answer.decision, reason, IN_PREFECT)
        except StateError as late:
            LOG.warning("The answer in Prefect came too late: %s", late)

    def _patiently(self, call: Callable[[SyncPrefectClient], bool], tries: int = 0) -> bool:
        """What the call returns, however long the server is away; False when it is over first, or after `tries`."""
        pause, tried = LOOK_SECONDS, 0
        while True:
            try:
                with get_client(sync_client=True) as client:
                    return call(client)
            except Exception as error:  # noqa: BLE001 - whatever the client raises, the run does not depend on it
                if not tried:
                    LOG.warning(
                        "The form in Prefect waits for its server: %s: %s", type(error).__name__, error
                    )
            tried += 1
            if tried == tries or (not tries and self._over.wait(pause)):
                return False
            if tries:
                threading.Event().wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _put_form(client: SyncPrefectClient, shown: UUID, keys: Keyset, text: str) -> bool:
    """Before the pause: who sees the run paused finds the form."""
    for key, value in ((keys["schema"], Approval.model_json_schema()), (keys["description"], text)):
        try:
            client.create_flow_run_input(shown, key, json.dumps(value))
        except PrefectHTTPStatusError as refusal:
            if refusal.response.status_code != _CONFLICT:  # that is our own, of a try whose answer was lost
                raise
    return True


def _pause(client: SyncPrefectClient, shown: UUID, paused: State) -> bool:
    """Not by force: a run that is being cancelled stays so."""
    client.set_flow_run_state(shown, paused)
    return True


def _go_on(client: SyncPrefectClient, shown: UUID) -> bool:
    """Whatever ended the question, the flow run goes on to its end."""
    state = client.read_flow_run(shown).state
    if state is not None and state.is_paused():
        client.set_flow_run_state(shown, Running())
    return True


def _answer(client: SyncPrefectClient, shown: UUID, keys: Keyset) -> Approval | None:
    try:
        said: Any = client.read_flow_run_input(shown, keys["response"])
    except ObjectNotFound:
        return None
    except PrefectHTTPStatusError as refusal:
        if refusal.response.status_code == _NOT_FOUND:
            return None
        raise
    return Approval.model_validate_json(said)
