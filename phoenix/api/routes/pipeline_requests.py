"""Bodies about pipelines: one of the catalog, or a configuration as text."""

import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from phoenix.api.routes.texts import MOST_SETTINGS, ConfigText, Name, Reason, Scalar, Targets


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class PipelineBody(_Body):
    """A pipeline of the catalog by name or alias, or the text of a collector configuration."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"pipeline": "process-topk-v1", "settings": {"k": 20}}]}
    )

    pipeline: Name | None = Field(default=None, description="Name or alias of the catalog; never a file.")
    settings: dict[Name, Scalar] = Field(
        default_factory=dict[str, Scalar],
        max_length=MOST_SETTINGS,
        description="Values of its parameters; the others keep their defaults.",
    )
    config: ConfigText | None = None

    def texts(self) -> Mapping[str, str]:
        """The settings as a person types them."""
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in self.settings.items()
        }


class PlacedBody(PipelineBody):
    """A pipeline, and the hosts that it is for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"pipeline": "process-topk-v1", "settings": {"k": 20}, "targets": ["role=web"]}]
        }
    )

    targets: Targets
    name: Name | None = Field(
        default=None,
        description="The deployment's name; the pipeline's if left out. With `config` it must be given.",
    )


class DeploymentBody(PlacedBody):
    """A pipeline that is to serve."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "pipeline": "process-topk-v1",
                    "targets": ["web-1", "web-2"],
                    "onFailure": "skip",
                    "reason": "cheaper",
                }
            ]
        }
    )

    on_failure: Literal["stop", "skip"] = Field(
        default="stop",
        alias="onFailure",
        description="Where a host fails: begin no further one, or go on with the others.",
    )
    reason: Reason = ""


class HostsBody(_Body):
    """Hosts."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"targets": ["web-1"], "reason": "it is retired"}]}
    )

    targets: Targets
    reason: Reason = ""


class RollbackBody(HostsBody):
    """Hosts that are to go back."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"targets": ["web-1"], "to": 3, "reason": "too slow"}]}
    )

    to: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="A revision's number; what served before the active one if left out."
    )
