"""Checks both configurations with the collector itself, before anything is touched."""

from phoenix.adapters.ports import ConfigValidator
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.errors import SpecError
from phoenix.domain.findings import Finding, Severity
from phoenix.domain.phases import Phase
from phoenix.domain.rules.references import without_files
from phoenix.domain.samples import Variant
from phoenix.manifests.plan import Plan
from phoenix.services.pipelines import SAMPLE_ENVIRON
from phoenix.services.run.context import Run


def validate(run: Run) -> dict[Variant, str]:
    """Render both measurement configurations and have the collector check them.

    Returns:
        The configuration of each variant, YAML.

    Raises:
        SpecError: With what the collector says of each variant it refuses.
    """
    run.enter(Phase.VALIDATING)
    run.check_stop()
    return validated(run.plan, run.validator())


def validated(plan: Plan, collector: ConfigValidator) -> dict[Variant, str]:
    """See `validate`; without a run."""
    configs = {variant: plan.arm(variant).measurement_config() for variant in Variant}
    findings = tuple(
        Finding(
            Severity.ERROR, "refused_by_collector", f"spec.{variant}", complaint, "correct the configuration"
        )
        for variant, config in configs.items()
        if (complaint := collector.validate(dump_yaml(without_files(config)), SAMPLE_ENVIRON))
    )
    if findings:
        raise SpecError("The collector refuses a configuration.", findings=findings)
    return {variant: dump_yaml(config) for variant, config in configs.items()}
