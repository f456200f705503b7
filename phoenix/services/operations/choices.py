"""The pipeline that a request is about: one of the catalog, or a configuration that came as text; never a file of ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from phoenix.domain.errors import SpecError
from phoenix.domain.findings import Finding
from phoenix.services.operations.given_files import file_refused
from phoenix.services.pipelines import Pipelines, ResolvedPipeline, fit_to_serve, is_path

_FILE_MARK = "@"
"""What begins a setting that the command line reads from a file."""

_UNNAMED = "given"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a request names; exactly one of `pipeline` and `config`.

    Attributes:
        pipeline: Name or alias of the catalog.
        config: The text of a collector configuration.
        settings: Of the catalog pipeline's parameters, as text.
        name: What to call a configuration that came as text.

    Raises:
        SpecError: Both are given, or none; or one of them would have the server open a file (code `file_not_given`).
    """

    pipeline: str | None
    config: str | None
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    name: str = _UNNAMED

    def __post_init__(self) -> None:
        if (self.pipeline is None) == (self.config is None):
            raise SpecError(
                "Give either a pipeline of the catalog or the text of a collector configuration.",
                code="one_pipeline",
                hint="`pipeline` is a name or an alias, `config` is YAML text",
            )
        if self.config is not None and self.settings:
            raise SpecError(
                "A configuration has no parameters to set.",
                code="no_parameters",
                hint="leave out the settings, or edit the configuration",
            )
        if self.pipeline is not None and is_path(self.pipeline):
            raise file_refused("pipeline", self.pipeline, "send the text of the configuration as `config`")
        refuse_files_in(self.settings)


def refuse_files_in(settings: Mapping[str, str]) -> None:
    """Refuse what the command line would read from a file of whoever types it.

    Raises:
        SpecError: Code `file_not_given`.
    """
    for name, text in settings.items():
        if text.startswith(_FILE_MARK):
            raise file_refused(
                f"settings.{name}", text, "write out the value itself; [@] is an @ of a pattern"
            )


class ChosenPipelines:
    """Pipelines by choice.

    Args:
        pipelines: Of the catalog, and of text.
    """

    def __init__(self, pipelines: Pipelines) -> None:
        self._pipelines = pipelines

    def rendered(self, choice: Choice) -> ResolvedPipeline:
        """What was chosen, whatever its findings say.

        Raises:
            SpecError: There is no such pipeline, a setting is wrong, or the text is no configuration.
        """
        if choice.config is not None:
            return self._pipelines.of_text(choice.config, choice.name)
        _, resolved = self._pipelines.show(choice.pipeline or "", choice.settings)
        return resolved

    def to_serve(self, choice: Choice) -> ResolvedPipeline:
        """What was chosen, fit to serve: nothing in it is an error.

        Raises:
            SpecError: See `rendered`; and code `wrong_pipeline` where a rule refuses it.
        """
        return fit_to_serve(self.rendered(choice), choice.pipeline or choice.name)

    def findings(self, choice: Choice) -> tuple[Finding, ...]:
        """Everything that is wrong with it, the collector's words among them.

        Raises:
            SpecError: There is no such pipeline.
            StateError, DependencyError: There is no collector to ask, and nothing else was found.
        """
        if choice.config is not None:
            return self._pipelines.validate_text(choice.config)
        return self._pipelines.validate(choice.pipeline or "", choice.settings)
