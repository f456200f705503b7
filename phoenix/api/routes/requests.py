"""Bodies that people send, and what all routes share of a request."""

from typing import Annotated, Any

from fastapi import Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from phoenix.api.gate.gate import principal_of
from phoenix.composition import Phoenix
from phoenix.domain.scenario import is_scenario

LONGEST_NAME = 200

Reference = Annotated[
    str, Path(description="Id, or name: a name means its newest.", min_length=1, max_length=LONGEST_NAME)
]

EXAMPLE: dict[str, Any] = {
    "document": {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "topk-on-web"},
        "spec": {
            "baseline": {"pipeline": "process-baseline-v1"},
            "candidate": {"pipeline": "process-topk-v1", "parameters": {"k": 20}},
            "targets": ["local"],
            "load": {"profile": "high-cardinality", "processes": 500, "seed": 7},
            "criticalProcesses": ["^nginx$", "^java$"],
            "objective": {"metric": "series", "minimumReduction": 0.5},
            "guardrails": [{"metric": "critical_retention", "minimum": 1.0}],
        },
    }
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ExperimentBody(_Body):
    """An experiment, and the files that it names. A bare document is taken too."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    document: dict[str, Any] = Field(
        description="As in an experiment file; docs/reference.md has every field."
    )
    files: dict[str, str] = Field(
        default_factory=dict, description="Text of each file that the document names, by the name it uses."
    )
    start: bool = Field(default=True, description="Whether it begins at once.")

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, given: Any) -> Any:
        is_bare = isinstance(given, dict) and "document" not in given
        return {"document": given} if is_bare and ("kind" in given or is_scenario(given)) else given


class ReasonBody(_Body):
    """Why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "it is cheaper"}]})

    reason: str = Field(default="", max_length=2000, description="Why; kept in the history and in the audit.")


class PromoteBody(ReasonBody):
    """What to promote, and why."""

    variant: str = Field(
        default="candidate", max_length=20, description="Only the candidate, also called B, can be promoted."
    )


def reason_of(request: Request, body: ReasonBody | None, otherwise: str) -> str:
    """The reason that was given, told to the audit; else that of the door."""
    given = body.reason.strip() if body else ""
    request.state.reason = given
    return given or otherwise


async def services(request: Request) -> Phoenix:
    """The services of this installation."""
    return request.app.state.phoenix


async def asked_by(request: Request) -> str:
    """The name of who asks."""
    return principal_of(request).name


Services = Annotated[Phoenix, Depends(services)]
"""The services of this installation, for a route that needs them."""

Asker = Annotated[str, Depends(asked_by)]
"""The name of who asks, for a route that needs it."""
