// Package series names the series that processes have in common, and does arithmetic on their values.
package series

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Number is the value of a data point. Integers stay integers: bytes read by a busy host outgrow a float's 53 bits.
type Number struct {
	integer int64
	float   float64
	isFloat bool
}

// Int makes an integer Number.
func Int(v int64) Number { return Number{integer: v} }

// Float makes a floating-point Number.
func Float(v float64) Number { return Number{float: v, isFloat: true} }

// FromPoint reads a data point; false means that it holds no number.
func FromPoint(dp pmetric.NumberDataPoint) (Number, bool) {
	if dp.Flags().NoRecordedValue() {
		return Number{}, false
	}
	switch dp.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		return Int(dp.IntValue()), true
	case pmetric.NumberDataPointValueTypeDouble:
		v := dp.DoubleValue()
		return Float(v), !math.IsNaN(v) && !math.IsInf(v, 0)
	default:
		return Number{}, false
	}
}

// Plus adds; the sum is an integer only if both are.
func (n Number) Plus(m Number) Number {
	if n.isFloat || m.isFloat {
		return Float(n.AsFloat() + m.AsFloat())
	}
	return Int(n.integer + m.integer)
}

// Minus subtracts; the difference is an integer only if both are.
func (n Number) Minus(m Number) Number {
	if n.isFloat || m.isFloat {
		return Float(n.AsFloat() - m.AsFloat())
	}
	return Int(n.integer - m.integer)
}

// Less compares by value.
func (n Number) Less(m Number) bool {
	if n.isFloat || m.isFloat {
		return n.AsFloat() < m.AsFloat()
	}
	return n.integer < m.integer
}

// AsFloat is the value as floating point.
func (n Number) AsFloat() float64 {
	if n.isFloat {
		return n.float
	}
	return float64(n.integer)
}

// Into writes the value to a data point.
func (n Number) Into(dp pmetric.NumberDataPoint) {
	if n.isFloat {
		dp.SetDoubleValue(n.float)
		return
	}
	dp.SetIntValue(n.integer)
}
