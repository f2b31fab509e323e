// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// tagged is a CEL value as JSON in which no two values of different CEL types look the same: null, booleans, strings and
// lists are themselves, everything else is an object with one key that names the type.
func tagged(value ref.Val) any {
	// Some functions answer with a pointer to the type that others answer with.
	switch v := value.(type) {
	case *apiservercel.Quantity:
		value = *v
	case *apiservercel.IP:
		value = *v
	case *apiservercel.CIDR:
		value = *v
	case *apiservercel.URL:
		value = *v
	case *apiservercel.Semver:
		value = *v
	case *apiservercel.Format:
		value = *v
	}
	switch v := value.(type) {
	case types.Null:
		return nil
	case types.Bool:
		return bool(v)
	case types.String:
		return string(v)
	case types.Int:
		return tag("int", strconv.FormatInt(int64(v), 10))
	case types.Uint:
		return tag("uint", strconv.FormatUint(uint64(v), 10))
	case types.Double:
		return tag("double", doubleText(float64(v)))
	case types.Bytes:
		return tag("bytes", base64.StdEncoding.EncodeToString(v))
	case types.Timestamp:
		return tag("timestamp", v.Time.UTC().Format(time.RFC3339Nano))
	case types.Duration:
		return tag("duration", strconv.FormatInt(int64(v.Duration), 10))
	case *types.Type:
		return tag("type", v.TypeName())
	case *types.Optional:
		if !v.HasValue() {
			return tag("optional", []any{})
		}
		return tag("optional", []any{tagged(v.GetValue())})
	case *types.Err:
		return tag("error", v.Error())
	case apiservercel.Quantity:
		// Exact: the canonical form of a quantity rounds below nano.
		copied := v.Quantity.DeepCopy()
		return tag("quantity", copied.AsDec().String())
	case apiservercel.IP:
		return tag("ip", v.Addr.String())
	case apiservercel.CIDR:
		return tag("cidr", v.Prefix.String())
	case apiservercel.URL:
		return tag("url", v.URL.String())
	case apiservercel.Semver:
		return tag("semver", v.Version.String())
	case apiservercel.Format:
		return tag("format", v.Name)
	case traits.Mapper:
		return taggedMap(v)
	case traits.Lister:
		list := []any{}
		for each := v.Iterator(); each.HasNext() == types.True; {
			list = append(list, tagged(each.Next()))
		}
		return list
	default:
		return tag("opaque", fmt.Sprint(value.Type().TypeName()))
	}
}

func tag(name string, value any) any { return map[string]any{name: value} }

func taggedMap(m traits.Mapper) any {
	type entry struct {
		sortKey string
		pair    [2]any
	}
	var entries []entry
	for keys := m.Iterator(); keys.HasNext() == types.True; {
		key := keys.Next()
		pair := [2]any{tagged(key), tagged(m.Get(key))}
		text, _ := json.Marshal(pair[0])
		entries = append(entries, entry{string(text), pair})
	}
	// Go walks maps in another order each time.
	sort.Slice(entries, func(i, j int) bool { return entries[i].sortKey < entries[j].sortKey })
	pairs := make([][2]any, len(entries))
	for i, e := range entries {
		pairs[i] = e.pair
	}
	return tag("map", pairs)
}

// doubleText names every double differently, the sign of zero included.
func doubleText(value float64) string {
	switch {
	case math.IsNaN(value):
		return "NaN"
	case math.IsInf(value, 1):
		return "Infinity"
	case math.IsInf(value, -1):
		return "-Infinity"
	default:
		return strconv.FormatFloat(value, 'g', -1, 64)
	}
}
