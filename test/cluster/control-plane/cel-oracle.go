// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/version"
	admissioncel "k8s.io/apiserver/pkg/admission/plugin/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
)

// celQuestion is an expression to compile once and to evaluate for each of the inputs.
type celQuestion struct {
	Expression string                 `json:"expression"`
	Variables  map[string]celVariable `json:"variables"`
	// Values by variable that stand for those in Variables, one evaluation each.
	Inputs []map[string]json.RawMessage `json:"inputs"`
	// The Kubernetes minor that a new expression must be compatible with; without it the environment of stored
	// expressions, which is the one that policies are evaluated in.
	Version        string         `json:"version"`
	User           userInfo       `json:"user"`
	Authorizations authorizations `json:"authorizations"`
}

type celVariable struct {
	// As the checker prints types; dyn without it.
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

type celAnswer struct {
	Type string `json:"type,omitempty"`
	// Set when the expression never ran.
	Error   *celError   `json:"error,omitempty"`
	Results []celResult `json:"results,omitempty"`
	// What the expression may cost, when nothing is known of the sizes of its variables.
	Estimate *celEstimate `json:"estimate,omitempty"`
}

// Both are the text of a uint64, which a JSON number does not carry everywhere.
type celEstimate struct {
	Min string `json:"min"`
	Max string `json:"max"`
}

type celResult struct {
	// Absent when there is an error: null is a value.
	Value *json.RawMessage `json:"value,omitempty"`
	Cost  *uint64          `json:"cost,omitempty"`
	Error *celError        `json:"error,omitempty"`
}

type celError struct {
	// compile: parser or checker; program: constant folding and the like; runtime; panic: the checker broke down.
	Kind string `json:"kind"`
	Text string `json:"text"`
	// Both count from 1, in code points; 0 where the place is not known.
	Line   int        `json:"line"`
	Column int        `json:"column"`
	Issues []celIssue `json:"issues,omitempty"`
}

type celIssue struct {
	Text   string `json:"text"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

const (
	requestTypeName    = "kubernetes.AdmissionRequest"
	namespaceTypeName  = "kubernetes.Namespace"
	authorizerTypeName = "kubernetes.authorization.Authorizer"
)

var celEnvironments sync.Map

func answerCEL(line []byte) any {
	var question celQuestion
	if err := json.Unmarshal(line, &question); err != nil {
		return failure{Failed: err.Error()}
	}
	env, err := celEnvironment(question)
	if err != nil {
		return failure{Failed: err.Error()}
	}
	ast, failed := compileSafely(env, question.Expression)
	if failed != nil {
		return celAnswer{Error: failed}
	}
	answer := celAnswer{Type: ast.OutputType().String()}
	if estimate, err := env.EstimateCost(ast, &library.CostEstimator{}); err == nil {
		answer.Estimate = &celEstimate{strconv.FormatUint(estimate.Min, 10), strconv.FormatUint(estimate.Max, 10)}
	}
	program, err := env.Program(ast, cel.InterruptCheckFrequency(celconfig.CheckFrequency))
	if err != nil {
		answer.Error = &celError{Kind: "program", Text: err.Error()}
		return answer
	}
	inputs := question.Inputs
	if len(inputs) == 0 {
		inputs = []map[string]json.RawMessage{nil}
	}
	for _, input := range inputs {
		variables, err := question.activation(input)
		if err != nil {
			return failure{Failed: err.Error()}
		}
		answer.Results = append(answer.Results, evaluate(program, ast, variables))
	}
	return answer
}

func evaluate(program cel.Program, ast *cel.Ast, variables map[string]any) celResult {
	value, details, err := program.ContextEval(context.Background(), variables)
	result := celResult{Cost: details.ActualCost()}
	if err == nil {
		encoded := json.RawMessage(mustEncode(tagged(value)))
		result.Value = &encoded
		return result
	}
	result.Error = &celError{Kind: "runtime", Text: err.Error()}
	var failed *types.Err
	if errors.As(err, &failed) && failed.NodeID() != 0 {
		if place := ast.NativeRep().SourceInfo().GetStartLocation(failed.NodeID()); place.Line() > 0 {
			result.Error.Line, result.Error.Column = place.Line(), place.Column()+1
		}
	}
	return result
}

// compileSafely survives what the checker itself does not: a panic is an answer too, one that no engine need repeat.
func compileSafely(env *cel.Env, expression string) (ast *cel.Ast, failed *celError) {
	defer func() {
		if reason := recover(); reason != nil {
			failed = &celError{Kind: "panic", Text: fmt.Sprint(reason)}
		}
	}()
	ast, issues := env.Compile(expression)
	if issues != nil {
		return nil, compileError(issues)
	}
	return ast, nil
}

func compileError(issues *cel.Issues) *celError {
	failed := &celError{Kind: "compile", Text: issues.String()}
	for _, issue := range issues.Errors() {
		failed.Issues = append(failed.Issues, celIssue{issue.Message, issue.Location.Line(), issue.Location.Column() + 1})
	}
	if len(failed.Issues) > 0 {
		failed.Line, failed.Column = failed.Issues[0].Line, failed.Issues[0].Column
	}
	return failed
}

// celEnvironment is the one that policies get: the versioned base, their variables, strict cost.
func celEnvironment(question celQuestion) (*cel.Env, error) {
	names := make([]string, 0, len(question.Variables))
	for name := range question.Variables {
		names = append(names, name)
	}
	sort.Strings(names)
	key := strings.Builder{}
	key.WriteString(question.Version)
	for _, name := range names {
		fmt.Fprintf(&key, "\x00%s\x00%s", name, question.Variables[name].Type)
	}
	if known, found := celEnvironments.Load(key.String()); found {
		return known.(*cel.Env), nil
	}

	compatibility := environment.DefaultCompatibilityVersion()
	if question.Version != "" {
		var err error
		if compatibility, err = version.ParseGeneric(question.Version); err != nil {
			return nil, err
		}
	}
	// The type objects are new each time: one environment's resolver must not see another's.
	declared := map[string]*apiservercel.DeclType{
		requestTypeName:   admissioncel.BuildRequestType(),
		namespaceTypeName: admissioncel.BuildNamespaceType(),
	}
	options := environment.VersionedOptions{IntroducedVersion: version.MajorMinor(1, 0)}
	for _, name := range names {
		text := question.Variables[name].Type
		var celType *cel.Type
		switch declaration := declared[text]; {
		case declaration != nil:
			celType = declaration.CelType()
			options.DeclTypes = append(options.DeclTypes, declaration)
		case text == authorizerTypeName:
			celType = library.AuthorizerType
		default:
			var err error
			if celType, err = parseType(text); err != nil {
				return nil, err
			}
		}
		options.EnvOptions = append(options.EnvOptions, cel.Variable(name, celType))
	}
	set, err := environment.MustBaseEnvSet(compatibility).Extend(options, environment.StrictCostOpt)
	if err != nil {
		return nil, err
	}
	env := set.StoredExpressionsEnv()
	if question.Version != "" {
		env = set.NewExpressionsEnv()
	}
	celEnvironments.Store(key.String(), env)
	return env, nil
}

func (question celQuestion) activation(input map[string]json.RawMessage) (map[string]any, error) {
	variables := map[string]any{}
	for name, variable := range question.Variables {
		raw, given := input[name]
		if !given {
			raw = variable.Value
		}
		if variable.Type == authorizerTypeName {
			variables[name] = library.NewAuthorizerVal(question.User.info(), question.Authorizations)
			continue
		}
		if raw == nil {
			continue // declared, and bound to nothing
		}
		var value any
		if err := utiljson.Unmarshal(raw, &value); err != nil {
			return nil, fmt.Errorf("variable %s: %w", name, err)
		}
		native, err := nativeOf(variable.Type, value)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", name, err)
		}
		variables[name] = native
	}
	return variables, nil
}

// nativeOf gives JSON the type that the variable was declared with, where JSON has no such type.
func nativeOf(typeName string, value any) (any, error) {
	switch value := value.(type) {
	case int64:
		switch typeName {
		case "uint":
			return uint64(value), nil
		case "double":
			return float64(value), nil
		}
	case string:
		switch typeName {
		case "bytes":
			return base64.StdEncoding.DecodeString(value)
		case "duration", "google.protobuf.Duration":
			return time.ParseDuration(value)
		case "timestamp", "google.protobuf.Timestamp":
			return time.Parse(time.RFC3339Nano, value)
		}
	}
	return value, nil
}
