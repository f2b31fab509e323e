// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// policyRequest is a request as admission sees it.
type policyRequest struct {
	Operation string `json:"operation"`
	// As the client sent it; a rule on another version of it needs Typed.
	Kind        metav1.GroupVersionKind     `json:"kind"`
	Resource    metav1.GroupVersionResource `json:"resource"`
	Subresource string                      `json:"subresource"`
	Namespace   string                      `json:"namespace"`
	Name        string                      `json:"name"`
	UserInfo    userInfo                    `json:"userInfo"`
	DryRun      bool                        `json:"dryRun"`
	Object      json.RawMessage             `json:"object"`
	OldObject   json.RawMessage             `json:"oldObject"`
	// Reads the objects as the API server reads built-in kinds: defaulted, pruned, convertible between versions.
	// Otherwise policies see them as they are written here.
	Typed bool `json:"typed"`
}

func (request policyRequest) attributes() (admission.Attributes, admission.ObjectInterfaces, error) {
	kind := schema.GroupVersionKind(request.Kind)
	object, err := request.object(request.Object)
	if err != nil {
		return nil, nil, fmt.Errorf("object: %w", err)
	}
	oldObject, err := request.object(request.OldObject)
	if err != nil {
		return nil, nil, fmt.Errorf("oldObject: %w", err)
	}
	operation := admission.Operation(request.Operation)
	attributes := admission.NewAttributesRecord(object, oldObject, kind, request.Namespace, request.Name,
		schema.GroupVersionResource(request.Resource), request.Subresource, operation, operationOptions(operation),
		request.DryRun, request.UserInfo.info())
	interfaces := admission.NewObjectInterfacesFromScheme(legacyscheme.Scheme)
	if request.Typed {
		interfaces = equivalentVersions()
	}
	return attributes, interfaces, nil
}

func (request policyRequest) object(raw json.RawMessage) (runtime.Object, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	kind := schema.GroupVersionKind(request.Kind)
	if request.Typed {
		object, _, err := legacyscheme.Codecs.UniversalDecoder().Decode(raw, &kind, nil)
		return object, err
	}
	content := map[string]any{}
	if err := utiljson.Unmarshal(raw, &content); err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{Object: content}
	if found := object.GroupVersionKind(); found != kind {
		return nil, fmt.Errorf("it is a %v, not the %v of the request", found, kind)
	}
	return object, nil
}

func operationOptions(operation admission.Operation) runtime.Object {
	typeOf := func(kind string) metav1.TypeMeta { return metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: kind} }
	switch operation {
	case admission.Create:
		return &metav1.CreateOptions{TypeMeta: typeOf("CreateOptions")}
	case admission.Update:
		return &metav1.UpdateOptions{TypeMeta: typeOf("UpdateOptions")}
	case admission.Delete:
		return &metav1.DeleteOptions{TypeMeta: typeOf("DeleteOptions")}
	default:
		return nil
	}
}

// equivalentVersions knows that the versions of a built-in kind are the same objects.
var equivalentVersions = sync.OnceValue(func() admission.ObjectInterfaces {
	registry := runtime.NewEquivalentResourceRegistry()
	for _, group := range legacyscheme.Scheme.PrioritizedVersionsAllGroups() {
		for kind := range legacyscheme.Scheme.KnownTypes(group) {
			plural, _ := meta.UnsafeGuessKindToResource(group.WithKind(kind))
			registry.RegisterKindFor(plural, "", group.WithKind(kind))
		}
	}
	scheme := legacyscheme.Scheme
	return &admission.RuntimeObjectInterfaces{
		ObjectCreater: scheme, ObjectTyper: scheme, ObjectDefaulter: scheme, ObjectConvertor: scheme,
		EquivalentResourceMapper: registry,
	}
})
