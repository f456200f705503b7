"""The value of `--set exporters=TEXT`: YAML or JSON, or `@FILE` that holds it."""

from dataclasses import replace
from pathlib import Path

from phoenix.adapters.yaml.documents import load_yaml, parse_yaml
from phoenix.domain.errors import SpecError
from phoenix.domain.paths import join_path

_EXAMPLE = (
    "write exporters='{otlp_http: {endpoint: ...}}', or exporters=@FILE; docs/exporters.md has examples"
)


def exporters_of_text(text: str, *, path: str = "parameters.exporters") -> object:
    """The document that a person's text means; whether it is a map of exporters is judged with the other parameters.

    Args:
        text: YAML (JSON is YAML too), or `@` and the name of a file; a relative name is looked up where the person is.
        path: Where the value belongs, for the findings.

    Raises:
        SpecError: The file cannot be read, or the text is no YAML document. No message repeats a value: one may be a
            secret that does not belong there.
    """
    try:
        if text.startswith("@"):
            return load_yaml(Path(text[1:]).expanduser())
        return parse_yaml(text, "exporters")
    except SpecError as fault:
        findings = [replace(found, path=join_path(path, found.path)) for found in fault.findings]
        raise SpecError(fault.message, findings=findings, code=fault.code, hint=_EXAMPLE) from fault
