// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// authorization answers the checks that it fits; a field that is absent fits everything.
type authorization struct {
	User        *string `json:"user"`
	Verb        *string `json:"verb"`
	Group       *string `json:"group"`
	Resource    *string `json:"resource"`
	Subresource *string `json:"subresource"`
	Namespace   *string `json:"namespace"`
	Name        *string `json:"name"`
	Path        *string `json:"path"`
	// allow, deny or no-opinion
	Decision string `json:"decision"`
	Reason   string `json:"reason"`
	Error    string `json:"error"`
}

type authorizations []authorization

func (rules authorizations) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	fits := func(wanted *string, actual string) bool { return wanted == nil || *wanted == actual }
	for _, rule := range rules {
		if !fits(rule.User, a.GetUser().GetName()) || !fits(rule.Verb, a.GetVerb()) || !fits(rule.Group, a.GetAPIGroup()) ||
			!fits(rule.Resource, a.GetResource()) || !fits(rule.Subresource, a.GetSubresource()) ||
			!fits(rule.Namespace, a.GetNamespace()) || !fits(rule.Name, a.GetName()) || !fits(rule.Path, a.GetPath()) {
			continue
		}
		var err error
		if rule.Error != "" {
			err = errors.New(rule.Error)
		}
		decision := authorizer.DecisionNoOpinion
		switch rule.Decision {
		case "allow":
			decision = authorizer.DecisionAllow
		case "deny":
			decision = authorizer.DecisionDeny
		}
		return decision, rule.Reason, err
	}
	return authorizer.DecisionNoOpinion, "", nil
}

type userInfo struct {
	Username string              `json:"username"`
	UID      string              `json:"uid"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

func (u userInfo) info() user.Info {
	return &user.DefaultInfo{Name: u.Username, UID: u.UID, Groups: u.Groups, Extra: u.Extra}
}
