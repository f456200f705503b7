"""A reference names one pipeline."""

import pytest
from pydantic import ValidationError

from phoenix.domain.pipelines.pipeline import PipelineRef


def test_a_catalog_pipeline_with_parameters():
    ref = PipelineRef.model_validate({"pipeline": "process-topk-v1", "parameters": {"k": 20}})
    assert (ref.display_name, ref.parameters) == ("process-topk-v1", {"k": 20})


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"pipeline": "a", "file": "b"},
        {"file": "b", "parameters": {"k": 1}},
        {"pipeline": ""},
        {"pipeline": "a", "params": {}},
    ],
)
def test_anything_else_is_refused(document):
    with pytest.raises(ValidationError):
        PipelineRef.model_validate(document)
