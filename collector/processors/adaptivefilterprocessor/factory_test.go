package adaptivefilterprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor/processortest"
)

func TestTheDefaultConfigurationIsValid(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	assert.NoError(t, createDefaultConfig().(*Config).Validate())
}

func TestItSaysThatItChangesPayloads(t *testing.T) {
	factory := NewFactory()
	p, err := factory.CreateMetrics(
		t.Context(), processortest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	assert.True(t, p.Capabilities().MutatesData)
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	config := createDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(faulty).Unmarshal(config))
	err := config.Validate()
	require.Error(t, err)
	for _, fault := range faults {
		assert.ErrorContains(t, err, fault)
	}
}
