// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// paramKind is a kind that the cluster serves, so that a policy may name it as its paramKind. ConfigMaps are always there.
type paramKind struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespaced bool   `json:"namespaced"`
}

// bindParams gives a hook the informer of its params, or the error that an unknown kind is.
func (question policyQuestion) bindParams(hook *validating.PolicyHook, wanted admissionregistrationv1.ParamKind) error {
	group, err := schema.ParseGroupVersion(wanted.APIVersion)
	if err != nil {
		return fmt.Errorf("failed to parse paramKind APIVersion: %w", err)
	}
	gvk := group.WithKind(wanted.Kind)
	served := append([]paramKind{{APIVersion: "v1", Kind: "ConfigMap", Namespaced: true}}, question.ParamKinds...)
	for _, kind := range served {
		if kind.APIVersion != wanted.APIVersion || kind.Kind != wanted.Kind {
			continue
		}
		store := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
		if err := question.fillParams(store, gvk); err != nil {
			return err
		}
		hook.ParamInformer = paramInformer{lister: cache.NewGenericLister(store, schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind})}
		hook.ParamScope = meta.RESTScopeRoot
		if kind.Namespaced {
			hook.ParamScope = meta.RESTScopeNamespace
		}
		return nil
	}
	hook.ConfigurationError = fmt.Errorf("failed to find resource referenced by paramKind: '%v'", gvk)
	return nil
}

func (question policyQuestion) fillParams(store cache.Indexer, gvk schema.GroupVersionKind) error {
	for _, raw := range question.Params {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			return err
		}
		if object.GroupVersionKind() != gvk {
			continue
		}
		if !clientscheme.Scheme.Recognizes(gvk) {
			if err := store.Add(object); err != nil {
				return err
			}
			continue
		}
		// Informers of built-in kinds hold typed objects without apiVersion and kind.
		typed, err := clientscheme.Scheme.New(gvk)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, typed); err != nil {
			return err
		}
		typed.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
		if err := store.Add(typed); err != nil {
			return err
		}
	}
	return nil
}

type paramInformer struct{ lister cache.GenericLister }

var _ informers.GenericInformer = paramInformer{}

func (p paramInformer) Informer() cache.SharedIndexInformer { return syncedInformer{} }
func (p paramInformer) Lister() cache.GenericLister         { return p.lister }

// syncedInformer is asked for one thing only.
type syncedInformer struct{ cache.SharedIndexInformer }

func (syncedInformer) HasSynced() bool { return true }

// namespaceList answers as the lister of namespaces and as the client that is asked when the lister knows none.
type namespaceList []corev1.Namespace

func (list namespaceList) List(selector labels.Selector) ([]*corev1.Namespace, error) {
	var found []*corev1.Namespace
	for i := range list {
		if selector.Matches(labels.Set(list[i].Labels)) {
			found = append(found, &list[i])
		}
	}
	return found, nil
}

func (list namespaceList) Get(name string) (*corev1.Namespace, error) {
	for i := range list {
		if list[i].Name == name {
			return &list[i], nil
		}
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, name)
}

var _ corelisters.NamespaceLister = namespaceList{}

type (
	namespacesClient struct {
		kubernetes.Interface
		list namespaceList
	}
	namespacesCore struct {
		typedcorev1.CoreV1Interface
		list namespaceList
	}
	namespacesAPI struct {
		typedcorev1.NamespaceInterface
		list namespaceList
	}
)

func (list namespaceList) client() kubernetes.Interface { return namespacesClient{list: list} }

func (c namespacesClient) CoreV1() typedcorev1.CoreV1Interface { return namespacesCore{list: c.list} }

func (c namespacesCore) Namespaces() typedcorev1.NamespaceInterface {
	return namespacesAPI{list: c.list}
}

func (c namespacesAPI) Get(_ context.Context, name string, _ metav1.GetOptions) (*corev1.Namespace, error) {
	return c.list.Get(name)
}
