// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
)

var namedTypes = map[string]*cel.Type{
	"":                          cel.DynType,
	"dyn":                       cel.DynType,
	"any":                       cel.AnyType,
	"bool":                      cel.BoolType,
	"bytes":                     cel.BytesType,
	"double":                    cel.DoubleType,
	"int":                       cel.IntType,
	"null_type":                 cel.NullType,
	"string":                    cel.StringType,
	"uint":                      cel.UintType,
	"duration":                  cel.DurationType,
	"google.protobuf.Duration":  cel.DurationType,
	"timestamp":                 cel.TimestampType,
	"google.protobuf.Timestamp": cel.TimestampType,
}

// parseType reads a type as the checker prints it: int, list(string), map(string, list(dyn)).
func parseType(text string) (*cel.Type, error) {
	parser := &typeParser{rest: text}
	parsed, err := parser.next()
	if err == nil && parser.rest != "" {
		err = fmt.Errorf("%q follows a type", parser.rest)
	}
	if err != nil {
		return nil, fmt.Errorf("type %q: %w", text, err)
	}
	return parsed, nil
}

type typeParser struct{ rest string }

func (p *typeParser) next() (*cel.Type, error) {
	p.rest = strings.TrimSpace(p.rest)
	end := strings.IndexAny(p.rest, "(),")
	if end < 0 {
		end = len(p.rest)
	}
	name := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	if !strings.HasPrefix(p.rest, "(") {
		if named, found := namedTypes[name]; found {
			return named, nil
		}
		return nil, fmt.Errorf("unknown type %q", name)
	}
	var parameters []*cel.Type
	for {
		p.rest = p.rest[1:]
		parameter, err := p.next()
		if err != nil {
			return nil, err
		}
		parameters = append(parameters, parameter)
		p.rest = strings.TrimSpace(p.rest)
		if strings.HasPrefix(p.rest, ",") {
			continue
		}
		if !strings.HasPrefix(p.rest, ")") {
			return nil, fmt.Errorf("%s( is not closed", name)
		}
		p.rest = strings.TrimSpace(p.rest[1:])
		break
	}
	switch {
	case name == "list" && len(parameters) == 1:
		return cel.ListType(parameters[0]), nil
	case name == "map" && len(parameters) == 2:
		return cel.MapType(parameters[0], parameters[1]), nil
	case name == "optional_type" && len(parameters) == 1:
		return cel.OptionalType(parameters[0]), nil
	}
	return nil, fmt.Errorf("%s takes other parameters", name)
}
