// SPDX-License-Identifier: Apache-2.0

// Control-plane is every Kubernetes program that the tests and the demo need, in one file: the verb is the first
// argument, the rest goes to that program as it is. One link of one program is what makes a cold build bearable: they
// share nearly all of their code. Two more verbs, the oracles, answer what Kubernetes itself would say to an expression
// or a policy, without a server.
package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	_ "time/tzdata" // a CronJob may name a time zone, and a bare machine has no zone files

	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubectl against a cluster of the user's own
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlerrors "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

// A verb finds its own name and arguments in os.Args and answers with the exit code.
var verbs = map[string]func() int{
	"etcd":                    func() int { etcdmain.Main(os.Args); return 0 },
	"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
	"kubectl":                 runKubectl,
	"cel-oracle":              func() int { return answerLines(answerCEL) },
	"policy-oracle":           func() int { return answerLines(answerPolicies) },
}

func runKubectl() int {
	// CheckErr prints what kubectl's users are used to and ends the process with kubectl's own exit code.
	kubectlerrors.CheckErr(cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()))
	return 0
}

func main() {
	if len(os.Args) > 1 {
		if run, found := verbs[os.Args[1]]; found {
			os.Args = os.Args[1:]
			os.Exit(run())
		}
	}
	names := slices.Sorted(maps.Keys(verbs))
	fmt.Fprintf(os.Stderr, "usage: control-plane %s [arguments]\n", strings.Join(names, "|"))
	os.Exit(2)
}
