// SPDX-License-Identifier: Apache-2.0
// What generated expressions are evaluated on, as JSON text: objects shaped like workloads and like attacks. `self` has a
// field of every sort under a name that the generator knows; in its other forms these names hold something else, so that
// an expression that fits one of them errs on another.

const whole = `{
  "i": 7, "zero": 0, "neg": -7, "big": 9007199254740993, "max": 9223372036854775807, "min": -9223372036854775808,
  "d": 1.5, "whole": 2.0, "tiny": 1e-7, "huge": 1e21, "s": "abc", "e": "", "u": "😀é～", "num": "42", "up": "  Ab É ",
  "t": true, "f": false, "n": null, "l": [1, 2, 3], "ls": ["b", "a", "b"], "mixed": [1, "a", null, 2.5, true], "el": [],
  "nested": [[1], [2, [3]], []], "lm": [{"name": "a", "v": 1}, {"name": "b"}], "one": {"k": "v"}, "em": {},
  "m": {"a": 1, "b": null, "c": "x", "constructor": "x", "__proto__": "y", "": 0, "a.b/c-d": true},
  "ts": "2024-02-29T12:34:56.789Z", "dur": "1h30m", "re": "a+b?", "deep": {"a": {"b": {"c": 1}}}
}`;

const other = `{
  "i": "seven", "zero": 0.0, "neg": null, "big": 4611686018427387904, "max": [1], "min": {}, "d": 3, "whole": "2",
  "tiny": false, "huge": 18446744073709551615, "s": 5, "e": [], "u": {"x": 1}, "num": "4_2", "up": null, "t": "true", "f": 0,
  "n": {"x": null}, "l": "abc", "ls": [1, "a"], "mixed": {"a": 1}, "el": null, "nested": [], "lm": [{}], "one": ["k"], "em": "",
  "m": [["a", 1]], "ts": "yesterday", "dur": 90, "re": "(", "deep": {"a": [1]}
}`;

const attack = `{
  "i": -1, "zero": 1, "neg": 9223372036854775807, "big": -9007199254740993, "max": 1, "min": 1, "d": -0.0, "whole": 1e300,
  "tiny": 5e-324, "huge": -1e308, "s": "constructor", "e": "\\u0000", "u": "\\ud83d\\ude00\\u0301\\u200b", "num": "9223372036854775808",
  "up": "\\u00a0ẞ\\u2028", "t": true, "f": false, "n": null, "l": [9223372036854775807, -1], "ls": ["__proto__", "toString", ""],
  "mixed": [[], {}, ""], "el": [[]], "nested": [[[[]]]], "lm": [{"name": "a"}, {"name": "a", "v": 1.0}, null],
  "one": {"__proto__": {"polluted": true}}, "em": {"": ""},
  "m": {"__proto__": 1, "constructor": 2, "toString": 3, "hasOwnProperty": 4, "valueOf": null, "length": 5, "a": 1.0},
  "ts": "9999-12-31T23:59:59.999999999Z", "dur": "-0s", "re": "(a*)*$", "deep": {"a": {"b": null}}
}`;

const pod = `{
  "apiVersion": "v1", "kind": "Pod",
  "metadata": {"name": "web-0", "namespace": "acme", "labels": {"app": "web", "tier": "front"},
    "annotations": {"a.b/c": "1", "note": "line one\\nline two"}, "creationTimestamp": "2024-05-01T10:00:00Z", "generation": 1},
  "spec": {"serviceAccountName": "default", "securityContext": {}, "replicas": 3, "priority": 0, "terminationGracePeriodSeconds": 30,
    "containers": [
      {"name": "app", "image": "registry.example.com/app:1.2.3", "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
       "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "capabilities": {"drop": ["ALL"]}}, "ports": [{"containerPort": 8080}]},
      {"name": "proxy", "image": "proxy@sha256:abc", "resources": {}, "env": [{"name": "A", "value": "1"}]}],
    "tolerations": [{"operator": "Exists"}], "nodeSelector": {"disk": "ssd"}}
}`;

const deployment = `{
  "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {}, "finalizers": ["a/b"]},
  "spec": {"replicas": 0, "paused": false, "selector": {"matchLabels": {"app": "web"}}, "strategy": {"rollingUpdate": {"maxSurge": "25%"}},
    "template": {"metadata": {}, "spec": {"containers": [{"name": "c", "image": "x", "securityContext": {"privileged": false}}]}}}
}`;

const custom = `{
  "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "__proto__", "labels": {"constructor": "prototype"}},
  "spec": {"replicas": "3", "containers": {"app": {}}, "template": null, "nodeSelector": [], "serviceAccountName": 5}
}`;

/** Each expression runs on all of these. */
export const INPUTS: readonly Readonly<Record<'self' | 'object', string>>[] = [
  { self: whole, object: pod },
  { self: other, object: custom },
  { self: attack, object: deployment },
].map(({ self, object }) => ({ self: self.replaceAll(/\n\s*/g, ' '), object: object.replaceAll(/\n\s*/g, ' ') }));
