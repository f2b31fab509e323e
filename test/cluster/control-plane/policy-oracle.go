// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	_ "unsafe" // go:linkname

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/generic"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/admissionregistration"
	"k8s.io/kubernetes/pkg/apis/admissionregistration/validation"
)

// policyQuestion is a cluster in small and the requests that its policies judge.
type policyQuestion struct {
	Policies   []json.RawMessage  `json:"policies"`
	Bindings   []json.RawMessage  `json:"bindings"`
	Params     []json.RawMessage  `json:"params"`
	ParamKinds []paramKind        `json:"paramKinds"`
	Namespaces []corev1.Namespace `json:"namespaces"`
	// What the authorizer says; no opinion where none of them fits.
	Authorizations authorizations  `json:"authorizations"`
	Requests       []policyRequest `json:"requests"`
}

type policyAnswer struct {
	// Why the API server would not store a policy or binding, by kind and name; such a one takes no part.
	Refused map[string][]string `json:"refused"`
	Answers []policyVerdict     `json:"answers"`
}

type policyVerdict struct {
	Deny             *policyDenial     `json:"deny"`
	Decisions        []policyDecision  `json:"decisions"`
	Warnings         []string          `json:"warnings"`
	AuditAnnotations map[string]string `json:"auditAnnotations"`
	// The dispatcher gave up: a namespace that is not there and the like.
	Failed string `json:"failed,omitempty"`
}

type policyDenial struct {
	Message string   `json:"message"`
	Reason  string   `json:"reason"`
	Code    int32    `json:"code"`
	Causes  []string `json:"causes"`
}

// policyDecision is what one validation of one policy came to, for one binding and param.
type policyDecision struct {
	Policy     string `json:"policy"`
	Validation int    `json:"validation"`
	Action     string `json:"action"`
	Evaluation string `json:"evaluation"`
	Message    string `json:"message"`
	Reason     string `json:"reason"`
}

func answerPolicies(line []byte) any {
	var question policyQuestion
	if err := json.Unmarshal(line, &question); err != nil {
		return failure{Failed: err.Error()}
	}
	answer := policyAnswer{Refused: map[string][]string{}, Answers: []policyVerdict{}}
	hooks, err := question.hooks(answer.Refused)
	if err != nil {
		return failure{Failed: err.Error()}
	}
	namespaces := namespaceList(question.Namespaces)
	matcher := generic.NewPolicyMatcher(matching.NewMatcher(namespaces, namespaces.client()))
	dispatcher := validating.NewDispatcher(question.Authorizations, matcher)
	for _, request := range question.Requests {
		answer.Answers = append(answer.Answers, request.judge(dispatcher, hooks))
	}
	return answer
}

// compilePolicy is what the admission plugin itself makes of a policy, environments and declarations included.
//
//go:linkname compilePolicy k8s.io/apiserver/pkg/admission/plugin/policy/validating.compilePolicy
func compilePolicy(policy *validating.Policy) validating.Validator

// preparedPolicy is a policy as it is stored, or why it would not be.
type preparedPolicy struct {
	policy    *validating.Policy
	refused   []string
	evaluator validating.Validator
}

// Compiling takes some 30 ms, far longer than judging, and one policy may be asked about line after line. Each keeps
// environments of its own alive, so only the last ones stay.
var (
	preparedPolicies     = map[string]preparedPolicy{}
	preparedPoliciesLock sync.Mutex
)

const preparedPoliciesKept = 64

func prepare(raw json.RawMessage) (preparedPolicy, error) {
	preparedPoliciesLock.Lock()
	known, found := preparedPolicies[string(raw)]
	preparedPoliciesLock.Unlock()
	if found {
		return known, nil
	}
	prepared := preparedPolicy{policy: &validating.Policy{}}
	if err := json.Unmarshal(raw, prepared.policy); err != nil {
		return prepared, err
	}
	legacyscheme.Scheme.Default(prepared.policy)
	var internal admissionregistration.ValidatingAdmissionPolicy
	if err := legacyscheme.Scheme.Convert(prepared.policy, &internal, nil); err != nil {
		return prepared, err
	}
	for _, refusal := range validation.ValidateValidatingAdmissionPolicy(&internal) {
		prepared.refused = append(prepared.refused, refusal.Error())
	}
	if len(prepared.refused) == 0 {
		prepared.evaluator = compilePolicy(prepared.policy)
	}
	preparedPoliciesLock.Lock()
	defer preparedPoliciesLock.Unlock()
	if len(preparedPolicies) >= preparedPoliciesKept {
		clear(preparedPolicies)
	}
	preparedPolicies[string(raw)] = prepared
	return prepared, nil
}

// hooks does what the policy source does when policies or bindings change.
func (question policyQuestion) hooks(refused map[string][]string) ([]validating.PolicyHook, error) {
	bindings := map[string][]*validating.PolicyBinding{}
	for _, raw := range question.Bindings {
		binding := &validating.PolicyBinding{}
		if err := json.Unmarshal(raw, binding); err != nil {
			return nil, err
		}
		legacyscheme.Scheme.Default(binding)
		var internal admissionregistration.ValidatingAdmissionPolicyBinding
		if err := legacyscheme.Scheme.Convert(binding, &internal, nil); err != nil {
			return nil, err
		}
		if errs := validation.ValidateValidatingAdmissionPolicyBinding(&internal); len(errs) > 0 {
			for _, err := range errs {
				key := "ValidatingAdmissionPolicyBinding/" + binding.Name
				refused[key] = append(refused[key], err.Error())
			}
			continue
		}
		bindings[binding.Spec.PolicyName] = append(bindings[binding.Spec.PolicyName], binding)
	}
	var hooks []validating.PolicyHook
	for _, raw := range question.Policies {
		prepared, err := prepare(raw)
		if err != nil {
			return nil, err
		}
		name := prepared.policy.Name
		if len(prepared.refused) > 0 {
			refused["ValidatingAdmissionPolicy/"+name] = prepared.refused
			continue
		}
		// A policy without a binding is no hook.
		if len(bindings[name]) == 0 {
			continue
		}
		hook := validating.PolicyHook{Policy: prepared.policy, Bindings: bindings[name], Evaluator: prepared.evaluator}
		if kind := prepared.policy.Spec.ParamKind; kind != nil {
			if err := question.bindParams(&hook, *kind); err != nil {
				return nil, err
			}
		}
		hooks = append(hooks, hook)
	}
	return hooks, nil
}

// recordingEvaluator lets the answer say more than the dispatcher tells.
type recordingEvaluator struct {
	validating.Validator
	policy string
	record func(policyDecision)
}

func (e recordingEvaluator) Validate(ctx context.Context, resource schema.GroupVersionResource, attributes *admission.VersionedAttributes, params runtime.Object, namespace *corev1.Namespace, budget int64, authz authorizer.Authorizer) validating.ValidateResult {
	result := e.Validator.Validate(ctx, resource, attributes, params, namespace, budget, authz)
	for i, d := range result.Decisions {
		e.record(policyDecision{e.policy, i, string(d.Action), string(d.Evaluation), d.Message, string(d.Reason)})
	}
	return result
}

type warningList []string

func (w *warningList) AddWarning(_, text string) { *w = append(*w, text) }

// recordingAttributes keeps the audit annotations, which only the audit log can read otherwise.
type recordingAttributes struct {
	admission.Attributes
	annotations map[string]string
}

func (a recordingAttributes) AddAnnotation(key, value string) error {
	err := a.Attributes.AddAnnotation(key, value)
	if _, known := a.annotations[key]; err == nil && !known {
		a.annotations[key] = value
	}
	return err
}

func (request policyRequest) judge(dispatcher generic.Dispatcher[validating.PolicyHook], hooks []validating.PolicyHook) policyVerdict {
	verdict := policyVerdict{Decisions: []policyDecision{}, AuditAnnotations: map[string]string{}}
	attributes, interfaces, err := request.attributes()
	if err != nil {
		verdict.Failed = err.Error()
		return verdict
	}
	recorded := make([]validating.PolicyHook, len(hooks))
	for i, hook := range hooks {
		hook.Evaluator = recordingEvaluator{hook.Evaluator, hook.Policy.Name, func(d policyDecision) {
			verdict.Decisions = append(verdict.Decisions, d)
		}}
		recorded[i] = hook
	}
	warnings := warningList{}
	ctx := warning.WithWarningRecorder(context.Background(), &warnings)
	err = dispatcher.Dispatch(ctx, recordingAttributes{attributes, verdict.AuditAnnotations}, interfaces, recorded)
	verdict.Warnings = warnings
	var status *apierrors.StatusError
	switch {
	case err == nil:
	case errors.As(err, &status) && status.ErrStatus.Details != nil && len(status.ErrStatus.Details.Causes) > 0:
		verdict.Deny = denialOf(status.ErrStatus)
	default:
		verdict.Failed = fmt.Sprint(err)
	}
	return verdict
}

func denialOf(status metav1.Status) *policyDenial {
	denial := &policyDenial{Message: status.Message, Reason: string(status.Reason), Code: status.Code, Causes: []string{}}
	for _, cause := range status.Details.Causes {
		denial.Causes = append(denial.Causes, cause.Message)
	}
	return denial
}
