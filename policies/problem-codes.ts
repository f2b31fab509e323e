// SPDX-License-Identifier: Apache-2.0
// The catalogue of every code that a user can meet. docs/reference/errors.md is generated from it and a test holds the
// two equal, and holds each code used somewhere. Codes are stable: rename none, add below the fitting heading.

type ProblemCodeEntry = { readonly summary: string; readonly fix: string };

export const problemCodes = {
  // documents
  DOCUMENT_TOO_LARGE: { summary: 'The document is larger than the limit.', fix: 'split it or shorten it' },
  DOCUMENT_ENCODING: { summary: 'The document is not plain UTF-8 with LF line ends.', fix: 'save it as UTF-8 without BOM and with LF' },
  DOCUMENT_SYNTAX: { summary: 'The document is not valid YAML.', fix: 'correct the YAML at the place named' },
  DOCUMENT_COUNT: { summary: 'A file must hold exactly one YAML document.', fix: 'put each object into a file of its own' },
  DOCUMENT_FORBIDDEN: {
    summary: 'The document uses a YAML feature that signed documents may not use.',
    fix: 'write the value out without anchors, aliases, merge keys or tags',
  },
  DOCUMENT_DUPLICATE_KEY: { summary: 'A mapping has the same key twice.', fix: 'keep one of the two' },
  DOCUMENT_NUMBER: { summary: 'A number cannot be carried exactly.', fix: 'use a smaller number, or quote it where text is meant' },
  DOCUMENT_TOO_COMPLEX: { summary: 'The document is nested too deeply or has too many values.', fix: 'split it or flatten it' },
  DOCUMENT_AMBIGUOUS: { summary: 'A plain scalar reads differently in YAML 1.1 and 1.2.', fix: 'quote it' },
  DOCUMENT_INVALID: { summary: 'The object does not fit its schema.', fix: 'correct the field named' },
  DOCUMENT_UNKNOWN_FIELD: {
    summary: 'The object has a field that its kind does not know.',
    fix: 'remove the field or correct its spelling',
  },
  DOCUMENT_UNKNOWN_KIND: {
    summary: 'The kind is not one that may come from a policy repository.',
    fix: 'use apiVersion writ.dev/v1alpha1 and one of its kinds',
  },

  // admission
  POLICY_EXPIRED: {
    summary: 'The policy is past its date or that of its seals; what it matches is closed.',
    fix: 'publish a newer version with a later spec.expires, or seal it again by a key that is valid now',
  },
  POLICY_ROLLBACK: {
    summary: 'The document is an older version of a policy that is enforced.',
    fix: 'sign the content that you want with a higher spec.version',
  },
  POLICY_EQUIVOCATION: {
    summary: 'Two different documents carry the same policy name and version.',
    fix: 'raise spec.version of the newer one and sign it again',
  },
  REMOVAL_UNSEALED: {
    summary: 'An enforced document would end without a seal that says so.',
    fix: 'put the file back with spec.retired: true under a higher version, sealed; or seal the repository anew with `writ sign --as set --source`',
  },
  SET_ROLLBACK: {
    summary: 'The set seal is older than one that was applied from this source.',
    fix: 'seal the repository anew with a higher --sequence',
  },
  SET_EQUIVOCATION: {
    summary: 'Two different set seals of one source carry the same sequence.',
    fix: 'seal the repository anew with a higher --sequence',
  },
  MARK_UNMET: {
    summary: 'A document that was enforced in this cluster is not here in that version or a later one.',
    fix: 'wait until the operator has put it back; if it cannot, apply the document again, or publish a higher version of it',
  },
  SPEC_DIFFERS: {
    summary: 'The spec of the object is not that of the document that it carries under seal.',
    fix: 'change the file, seal it under a higher version and publish it; what `writ sign --output=resource` prints may be applied as it is',
  },
  INVENTORY_UNPROVEN: {
    summary: 'The inventory orders a document that is not in this cluster, or that does not verify.',
    fix: 'change what is enforced through the repository of the GitSource; the operator writes the inventory',
  },
  MARK_LOWERED: {
    summary: 'The marks, which keep old orders from coming back, would fall or go.',
    fix: 'leave the ConfigMap writ-marks to the operator; publish what you want enforced under a higher version',
  },
  MARK_UNPROVEN: {
    summary: 'A mark would rise to a document that is not in this cluster, or that does not verify.',
    fix: 'leave the ConfigMap writ-marks to the operator, which writes it after a commit',
  },
  TRUST_KEPT: {
    summary: 'The trust policy cannot be deleted, since every seal is judged by it.',
    fix: 'to change it, publish its next version; to remove Writ, remove its webhook configurations first',
  },
  POLICY_NAME_MISMATCH: {
    summary: 'The signed document names another policy than the object that carries it.',
    fix: 'give the object the name that the document has',
  },
  POLICY_UNSIGNED: {
    summary: 'The policy object carries no signed document, so it is not enforced.',
    fix: 'make it with `writ sign --output=resource`, or publish it through a GitSource',
  },
  TRUST_MISSING: {
    summary: 'There is no trust policy, so no seal can be good.',
    fix: 'apply the TrustPolicy `cluster` whose digest --trust-digest names',
  },
  WEBHOOK_NOT_READY: {
    summary: 'This replica has not yet loaded the policies that were current when it started.',
    fix: 'wait; /readyz names what is missing',
  },
  NAMESPACE_UNKNOWN: {
    summary: 'The namespace of the request has not reached this replica yet, or not with its tenant label.',
    fix: 'try again; if it stays, look at the watch age of namespaces in the metrics',
  },
  REQUEST_TOO_LARGE: { summary: 'The request body is larger than 7 MiB.', fix: 'make the object smaller' },
  REQUEST_MEDIA_TYPE: {
    summary: 'The request body is not uncompressed application/json.',
    fix: 'send an AdmissionReview as application/json',
  },
  REQUEST_ENCODING: { summary: 'The request body is not UTF-8, or was cut short.', fix: 'send the whole AdmissionReview as UTF-8' },
  REQUEST_NOT_FOUND: { summary: 'There is nothing at this path or for this method.', fix: 'POST an AdmissionReview to /validate' },
  REQUEST_DEADLINE: {
    summary: 'The request was not complete and decided within its time.',
    fix: 'try again; if it stays, look at the latency and in-flight metrics',
  },
  REQUEST_OVERLOAD: { summary: 'Too many requests are being decided at once.', fix: 'try again, and add a webhook replica' },
  TLS_MISSING: {
    summary: 'There is no serving certificate yet.',
    fix: 'look at the Secret writ-webhook-tls, which the operator writes, or at --tls-cert-file',
  },
  TLS_PAIR_INVALID: {
    summary: 'The certificate and the key are unreadable or do not belong together; the pair before stands.',
    fix: 'replace tls.crt and tls.key together',
  },

  // apply
  APPLY_OWNED_ELSEWHERE: {
    summary: 'The object already comes from another source.',
    fix: 'remove it from one of the two repositories, or rename it',
  },
  APPLY_REFUSED: { summary: 'The API server refuses the object.', fix: 'correct the document as the message says' },
  APPLY_TOO_MANY: {
    summary: 'The commit holds more documents than one inventory can name.',
    fix: 'split the repository into several GitSources',
  },
  APPLY_NOT_READY: {
    summary: 'The API server cannot be told yet to ask about what the commit brings; it is tried again.',
    fix: 'wait; if it stays, look at the Secret writ-webhook-tls and what the operator logs of it',
  },
  APPLY_INTERRUPTED: {
    summary: 'The API server did not take the commit this time; it is tried again.',
    fix: 'wait; if it stays, look at the health of the API server',
  },
  INVENTORY_INVALID: {
    summary: 'The list of what the commit holds could not be read by the replicas, so it is not written.',
    fix: 'correct the name, the revision or the document that the message speaks of',
  },
  PRUNE_EMPTY: {
    summary: 'The commit would remove every object of the source.',
    fix: 'set spec.prune.allowEmpty to true if that is meant',
  },
  PRUNE_BUDGET: {
    summary: 'The commit removes more objects than the prune budget allows.',
    fix: 'raise spec.prune.maxDeletions for this commit if that is meant',
  },

  // source
  SOURCE_URL_REFUSED: {
    summary: 'The URL of the remote is not one that Writ will run git with.',
    fix: 'write an https:// or ssh:// URL without a credential in it',
  },
  SOURCE_REF_INVALID: { summary: 'The ref is not a name, range or commit id that git allows.', fix: 'correct spec.ref' },
  SOURCE_REF_NOT_FOUND: {
    summary: 'The remote has no such branch, tag or commit.',
    fix: 'push it again, or correct spec.ref; what was enforced stays enforced',
  },
  SOURCE_PATH_INVALID: {
    summary: 'The path is not a folder inside the repository.',
    fix: 'write spec.path relative to the root of the repository, without ".."',
  },
  SOURCE_PATH_NOT_FOUND: { summary: 'The commit has no folder of the name in spec.path.', fix: 'correct spec.path, or push the folder' },
  SOURCE_IGNORE_INVALID: { summary: 'The ignore patterns are too long to be meant.', fix: 'shorten spec.ignore' },
  SOURCE_CREDENTIAL_INVALID: {
    summary: 'The Secret does not hold a credential that fits the URL.',
    fix: 'set identity and known_hosts for ssh; username and password, or bearerToken, for https',
  },
  SOURCE_CREDENTIAL_REFUSED: {
    summary: 'The remote does not accept the credential, or asks for one.',
    fix: 'renew the Secret that spec.secretRef names and see that it may read this repository',
  },
  SOURCE_HOST_KEY: {
    summary: 'The host key of the ssh remote is not among the known ones.',
    fix: 'compare the key of the host with the one its owner publishes, then put it into known_hosts of the Secret',
  },
  SOURCE_TLS: {
    summary: 'No trusted TLS connection to the remote could be made.',
    fix: 'put the certificate authority of the remote into ca.crt of the Secret, and see that its certificate is in date and names the host',
  },
  SOURCE_UNREACHABLE: {
    summary: 'The remote cannot be reached.',
    fix: 'look at the host name, the network policy and the state of the remote; it is tried again',
  },
  SOURCE_REDIRECTED: {
    summary: 'The remote answers with a redirect, which is not followed.',
    fix: 'write the URL that the remote redirects to (often with .git at its end)',
  },
  SOURCE_NOT_FOUND: {
    summary: 'There is no repository at the URL, or the credential may not see it.',
    fix: 'correct spec.url, or grant the credential read access',
  },
  SOURCE_EMPTY: { summary: 'The repository has no commit.', fix: 'push the first commit' },
  SOURCE_TREE_EMPTY: {
    summary: 'The commit has no file under the path.',
    fix: 'push the files again, correct spec.path and spec.ignore, or set spec.prune.allowEmpty if that is meant',
  },
  SOURCE_TIMEOUT: {
    summary: 'The remote did not answer in time.',
    fix: 'raise spec.timeout, or look at the load of the remote; it is tried again',
  },
  SOURCE_CANCELLED: { summary: 'The fetch was ended before it was done.', fix: 'nothing: it is tried again' },
  SOURCE_TOO_MANY_FILES: {
    summary: 'The commit holds more files than the limit.',
    fix: 'point spec.path at the folder with the policies, or name the rest in spec.ignore',
  },
  SOURCE_TOO_MANY_REFS: {
    summary: 'The list of refs or files that the remote sends is longer than the limit.',
    fix: 'use a repository of its own for policies',
  },
  SOURCE_FILE_TOO_LARGE: { summary: 'A file is larger than the limit for a document.', fix: 'split the file, or name it in spec.ignore' },
  SOURCE_TOO_LARGE: {
    summary: 'The documents of the commit are together larger than the limit.',
    fix: 'split the repository into several GitSources',
  },
  SOURCE_REPOSITORY_TOO_LARGE: {
    summary: 'The repository does not fit into the space for its mirror.',
    fix: 'use a repository of its own for policies, or a server that supports partial clone',
  },
  SOURCE_PATH_HOSTILE: { summary: 'The tree holds a name that no file here may have.', fix: 'rename the file in the repository' },
  SOURCE_SYMLINK: { summary: 'The tree holds a symbolic link.', fix: 'commit the file itself, or name the link in spec.ignore' },
  SOURCE_SUBMODULE: { summary: 'The tree holds a submodule.', fix: 'commit the files themselves, or name the submodule in spec.ignore' },
  SOURCE_DISK_FULL: {
    summary: 'The disk under the mirror is full.',
    fix: 'give the cache folder of the operator more space; it is tried again',
  },
  SOURCE_GIT_MISSING: {
    summary: 'The program git could not be started.',
    fix: 'use the image of the operator, or install git 2.39 or newer',
  },
  SOURCE_FAILED: { summary: 'Git failed in a way that Writ does not know.', fix: 'read the message of git; it is tried again' },
  RECEIVER_NOT_FOUND: {
    summary: 'No push receiver is at this path, or the method is not POST.',
    fix: 'POST to the path in status.receiverPath of the GitSource',
  },
  RECEIVER_UNSIGNED: {
    summary: 'The delivery carries no signature or token.',
    fix: 'set the secret of the webhook at the forge to the token in the Secret of spec.receiver',
  },
  RECEIVER_SIGNATURE: {
    summary: 'The signature or token of the delivery is wrong.',
    fix: 'set the secret of the webhook at the forge to the token in the Secret of spec.receiver',
  },
  RECEIVER_TOO_LARGE: { summary: 'The delivery is larger than 25 MiB.', fix: 'send push events only' },
  RECEIVER_RATE: {
    summary: 'More deliveries arrive for this source than its allowance.',
    fix: 'wait as Retry-After says; the interval of the source finds the push all the same',
  },
  RECEIVER_UNAVAILABLE: {
    summary: 'The push was genuine and could not be passed on.',
    fix: 'send the delivery again; the interval of the source finds the push all the same',
  },
  RECEIVER_TOKEN: {
    summary: 'The token of the push receiver is too short to keep anyone out.',
    fix: 'make one with `openssl rand -hex 32` and put it under the key token of the Secret',
  },

  // manifest
  MANIFEST_MISPLACED: {
    summary: 'A file lies where documents are expected, but has no name that a document may have.',
    fix: 'name it policies/NAME.yaml, tenants/NAME.yaml or rulesets/NAME/ruleset.yaml in lower case, or move it out of that folder',
  },
  MANIFEST_NAME: { summary: 'The name of the object is not the name of its file.', fix: 'make metadata.name and the file name the same' },
  MANIFEST_KIND: { summary: 'The document is of another kind than its folder is for.', fix: 'move the file to the folder of its kind' },
  MANIFEST_DUPLICATE: { summary: 'Two files of one commit hold the same object.', fix: 'remove one of the two' },
  SEAL_ORPHAN: { summary: 'A seal names no file of the commit.', fix: 'remove the seal, or push the file that it belongs to' },
  SEAL_MISSING: { summary: 'A document has no seal beside it.', fix: 'sign the file with `writ sign FILE` and commit FILE.sigstore.json' },
  SEAL_ENCODING: { summary: 'A seal is not UTF-8 text.', fix: 'make the seal again with `writ sign` or `cosign sign-blob --bundle`' },

  // rulesets
  RULESET_MEMBER_MISSING: {
    summary: 'A file that the ruleset names is not there.',
    fix: 'bring the file of this release back; to drop it, take it out of the ruleset, raise spec.version and sign again',
  },
  RULESET_MEMBER_DIGEST: {
    summary: 'A member is not the file that the ruleset seals: it was changed, or is of another release.',
    fix: 'bring back the file of this release, or write the new digests with `writ pin`, raise spec.version and sign again',
  },
  RULESET_MEMBER_EXTRA: {
    summary: 'A file lies among the members of a ruleset that does not name it.',
    fix: 'name it in spec.policies and write its digest with `writ pin`, or remove the file',
  },
  RULESET_MEMBER_DUPLICATE: { summary: 'A ruleset holds one member twice.', fix: 'keep one of the two' },
  RULESET_MEMBER_KIND: { summary: 'A member of a ruleset is no Policy.', fix: 'put documents of other kinds into their own folders' },
  RULESET_MEMBER_FIELD: {
    summary: "A member says what is the ruleset's to say.",
    fix: 'take the field out of the member; where it is meant for the whole release, set it in the ruleset',
  },
  RULESET_MEMBER_PARAMS: {
    summary: 'The settings that a ruleset gives to a member do not fit the policy.',
    fix: 'correct params of the member; spec.params of the policy says what it takes',
  },
  RULESET_TOO_LARGE: { summary: 'A ruleset and its members are too large for one object.', fix: 'split it into several rulesets' },
  RULESET_REQUIRES_MISSING: {
    summary: 'A ruleset requires another one that is not there.',
    fix: 'install the ruleset named, in the same commit or before',
  },
  RULESET_REQUIRES_RELEASE: {
    summary: 'A ruleset requires another release of a ruleset than the one that is there.',
    fix: 'install a release within the range, in the same commit or before',
  },
  RULESET_REQUIRES_RANGE: { summary: 'What a ruleset requires is no range of releases.', fix: 'write a range such as ">=1.2.0" or "^1.4"' },
  RULESET_REQUIRES_CYCLE: {
    summary: 'Rulesets require each other in a circle.',
    fix: 'take one of the requirements out; what both need belongs into a third ruleset',
  },
  RULESET_REQUIRES_CONFLICT: {
    summary: 'Two rulesets require releases of a third that no release can be at once.',
    fix: 'install releases of the two that agree, or one of them only',
  },
  RULESET_NOT_INSTALLED: {
    summary: 'A tenant subscribes to a ruleset that is not there.',
    fix: 'install the ruleset, or take the subscription out of the Tenant',
  },
  RULESET_RELEASE_UNFIT: {
    summary: 'A tenant subscribes to another release of a ruleset than the one that binds it.',
    fix: 'change the range in spec.rulesets of the Tenant, or install a release within it',
  },

  // policies
  POLICY_EXPRESSION: { summary: 'A CEL expression of the policy does not compile.', fix: 'correct the expression at the place named' },
  POLICY_PARAM_KIND: {
    summary: 'The policy takes its parameters from objects of the cluster, which needs a binding.',
    fix: 'put the values into spec.params.defaults',
  },
  POLICY_PARAMS: { summary: 'The parameters do not fit their schema.', fix: 'correct spec.params.defaults or spec.params.schema' },
  POLICY_SCHEMA: { summary: 'The JSON Schema is not one that can be enforced.', fix: 'correct the schema at the path named' },
  POLICY_MATCH: {
    summary: 'The policy does not say clearly to which requests it applies.',
    fix: 'give matchConstraints.resourceRules or workloads, as for a ValidatingAdmissionPolicy',
  },
  RULE_NOT_GOVERNED: {
    summary: "A rule names what Writ never decides about: it governs what lies in tenants' namespaces, and those namespaces.",
    fix: 'take it out of resourceRules; hold cluster-scoped kinds by a ValidatingAdmissionPolicy, and name the apiGroup where `*` stands',
  },
  POLICY_FIELD: { summary: 'A field of the policy has a value that means nothing.', fix: 'correct the field named' },
  POLICY_EMPTY: { summary: 'The policy demands nothing.', fix: 'give validations, jsonSchema or auditAnnotations' },
  POLICY_NAME_TAKEN: { summary: 'Two policies have one name.', fix: 'rename one of the two' },
  BINDING_INVALID: { summary: 'A binding is not one that the API server would take.', fix: 'correct the field named' },
  POLICY_UNBOUND: { summary: 'A ValidatingAdmissionPolicy has no binding, so it says nothing.', fix: 'give its binding too' },
  BINDING_ORPHAN: { summary: 'A binding names a policy that is not there.', fix: 'correct spec.policyName, or give the policy too' },
  EXPRESSION_TYPES: {
    summary: 'An expression does not fit the types of the objects that the policy is about.',
    fix: 'correct the field or its use, or narrow the rules to the kinds that have it; dyn(…) tells the checker not to look',
  },
  EXPRESSION_COST: {
    summary: 'An expression costs more than Kubernetes grants one, whatever the object.',
    fix: 'split it over several validations or variables, or ask less: an authorizer check costs 350,000 of the 1,000,000',
  },
  MATCH_UNREACHABLE: { summary: 'A part of the policy can never match a request.', fix: 'correct what is named, or remove it' },
  REVIEW_NOT_JSON: { summary: 'The review is not JSON.', fix: 'send an AdmissionReview of admission.k8s.io/v1 as JSON' },
  REVIEW_NOT_REVIEW: {
    summary: 'The object is not an AdmissionReview.',
    fix: 'send kind: AdmissionReview, apiVersion: admission.k8s.io/v1',
  },
  REVIEW_VERSION: { summary: 'The AdmissionReview is of a version that is not served.', fix: 'send apiVersion: admission.k8s.io/v1' },
  REVIEW_INVALID: { summary: 'The AdmissionReview lacks something that every review has.', fix: 'give the field named' },
  REVIEW_WITHOUT_OBJECT: {
    summary: 'The AdmissionReview lacks the object that its operation is about.',
    fix: 'give request.object, or request.oldObject for a DELETE',
  },
  NO_VERIFIED_POLICY: {
    summary: 'No policy has been verified, so workloads of governed namespaces are refused.',
    fix: 'look at the conditions of the GitSources and Policies: `kubectl get writ -A`',
  },
  DECISION_BUDGET: {
    summary: 'The policies took more work for this request than one decision may.',
    fix: 'make the object smaller, or simplify the expressions that walk over lists within lists',
  },

  // tenants
  NAMESPACE_FORBIDDEN: { summary: 'A system namespace never belongs to a tenant.', fix: 'name another namespace' },
  NAMESPACE_OWNED_BY_ANOTHER: {
    summary: 'The namespace belongs to another tenant.',
    fix: 'name another namespace, or take it out of the other Tenant and remove its label',
  },
  NAMESPACE_NOT_ADOPTED: {
    summary: 'The namespace exists and was not made for the tenant.',
    fix: 'set spec.namespaces.adoptionPolicy to IfUnowned if the tenant may take it',
  },

  // operator
  SOURCE_FIELD_UNSUPPORTED: { summary: 'The GitSource asks for something that this version does not do.', fix: 'remove the field named' },
  SOURCE_SECRET_MISSING: { summary: 'The Secret that the GitSource names is not there.', fix: 'create it, or correct the name' },
  // seals
  SEAL_TOO_LARGE: { summary: 'A bundle is too large, or there are too many of them.', fix: 'keep at most 8 bundles of at most 64 KiB' },
  SEAL_MALFORMED: {
    summary: 'A bundle is not a well-formed Sigstore bundle.',
    fix: 'make it again with `writ sign` or `cosign sign-blob --bundle`',
  },
  SEAL_UNSUPPORTED: {
    summary: 'A bundle proves something in a way that is not supported.',
    fix: 'sign with ECDSA P-256 or P-384, Ed25519, RSA of 3072 bits or more, or keyless with Sigstore',
  },
  SEAL_DIGEST_MISMATCH: {
    summary: 'A bundle was made for other bytes than these.',
    fix: 'sign the file again as it is now, or bring back the file that was signed',
  },
  SEAL_UNKNOWN_KEY: {
    summary: 'A bundle is by a key that the trust policy does not list.',
    fix: 'sign with a listed key, or have the key added to the trust policy',
  },
  SEAL_KEY_NOT_VALID: { summary: 'A bundle is by a key that is not valid at this time.', fix: 'sign again with a key that is valid now' },
  SEAL_REVOKED: { summary: 'The document, a key or a principal was revoked.', fix: 'sign a new version with a key that is still trusted' },
  SEAL_KEY_WEAK: {
    summary: 'A bundle is by an RSA key that is too short, or has an unusual exponent.',
    fix: 'sign with a longer key (`writ keygen --type rsa-4096`) and have it added to the trust policy',
  },
  SEAL_STATEMENT: {
    summary: 'A bundle holds a statement that approves no document.',
    fix: 'make it with `writ sign --as approval` or `--as set`',
  },
  SEAL_CERTIFICATE: {
    summary: 'The certificate of a keyless seal is not one that the pinned trusted root stands for, or not at that time.',
    fix: 'sign again through the Sigstore instance whose trusted_root.json the trust policy pins',
  },
  SEAL_SCT: {
    summary: 'No certificate log of the pinned trusted root vouches for the certificate of a keyless seal.',
    fix: 'sign again through the Sigstore instance whose trusted_root.json the trust policy pins',
  },
  SEAL_LOG: {
    summary: 'The transparency log entry of a seal is missing, or is not proven to be of this signature.',
    fix: 'sign again and keep the bundle as it was written',
  },
  SEAL_TIMESTAMP: {
    summary: 'Nothing that can be believed says when a seal was made.',
    fix: 'sign again with a timestamp authority or a log of the pinned trusted root',
  },
  SEAL_UNKNOWN_IDENTITY: {
    summary: 'A keyless seal is by an identity that the trust policy does not list.',
    fix: 'have issuer, subject and oids added to the trust policy exactly as the message has them',
  },
  SEAL_SIGNATURE: { summary: 'A signature does not fit the bytes and the key.', fix: 'sign the file again' },
  SEAL_THRESHOLD: { summary: 'Too few of the principals that a rule asks for have signed.', fix: 'add the seals of the principals named' },
  SEAL_NO_RULE: { summary: 'No rule of the trust policy fits the document.', fix: 'have a rule for this kind added to the trust policy' },
  SEAL_KIND: {
    summary: 'Documents of this kind are not proven by a seal.',
    fix: 'seal Policies, Rulesets, Tenants and TrustPolicies only',
  },
  SEAL_VERSION: { summary: 'A sealed document has no version.', fix: 'add spec.version, a whole number that rises with every change' },
  SEAL_EXPIRED: { summary: 'The sealed document has expired.', fix: 'raise spec.version, set a later spec.expires and sign again' },
  // trust
  TRUST_NOT_PINNED: {
    summary: 'The trust policy is not the one that is pinned, and no chain of versions leads to it from there.',
    fix: 'compare the files with the digest given by --trust-digest; keep each earlier version as trust/VERSION.yaml with its seals; change the pin only when you know who changed the file',
  },
  TRUST_CHAIN_BROKEN: {
    summary: 'An earlier version of the trust policy is missing, unreadable, or the chain of them is too long.',
    fix: 'bring back the file that it was, byte for byte; or set --trust-digest to the digest of a version that you have checked',
  },
  TRUST_CHAIN_SEALS_BEFORE: {
    summary: 'A version of the trust policy has too few seals by the rules of the version before it.',
    fix: 'have those seal it whom the version before names for TrustPolicy, as the message says',
  },
  TRUST_CHAIN_SEALS_OWN: {
    summary: 'A version of the trust policy has too few seals by its own rules.',
    fix: 'have those seal it whom it names itself for TrustPolicy, so that it is known that they can',
  },
  TRUST_CHAIN_VERSION: {
    summary: 'The version of a trust policy is not one more than that of the one before it.',
    fix: 'number the versions without a gap, and keep each earlier one as trust/VERSION.yaml',
  },
  TRUST_CHAIN_EQUIVOCATION: {
    summary: 'Two different trust policies carry one version.',
    fix: 'find out who sealed the other one and revoke them; then seal a version that follows the one in force',
  },
  TRUST_ROLLBACK: {
    summary: 'The trust policy is older than the one in force.',
    fix: 'bring back the newer one; to undo it, seal its older content under a higher version',
  },
  TRUST_INVALID: { summary: 'The document is not a usable trust policy.', fix: 'correct the field named' },
  TRUST_KEY_INVALID: { summary: 'A public key in the trust policy cannot be read.', fix: 'give one PEM block BEGIN PUBLIC KEY' },
  TRUST_KEY_SHARED: { summary: 'One key is listed twice in the trust policy.', fix: 'list each key once, under one principal' },
  TRUST_IDENTITY_SHARED: {
    summary: 'One certificate could be two principals of the trust policy.',
    fix: 'list each identity once, or tell the two apart by an oid that both name',
  },
  TRUST_ROOT_MISSING: {
    summary: 'A seal needs the Sigstore trusted root, and there is none.',
    fix: 'put trusted_root.json beside the trust policy and its digest into spec.trustedRootSha256',
  },
  TRUST_ROOT_MISMATCH: {
    summary: 'The Sigstore trusted root is not the one that the trust policy pins.',
    fix: 'bring back the pinned trusted_root.json, or pin the new one in a new version of the trust policy',
  },
  TRUST_ROOT_INVALID: {
    summary: 'The pinned Sigstore trusted root cannot be used.',
    fix: 'take trusted_root.json as your Sigstore instance publishes it, and pin its digest',
  },
  TRUST_ROOT_OLD: {
    summary: 'Nothing shows that anybody has looked after the pinned Sigstore trusted root for long.',
    fix: 'fetch trusted_root.json anew from your Sigstore instance and pin it in a new version of the trust policy; if it has not changed, seal a new version all the same, keyless or with a timestamp; --trust-root-max-age sets the bound',
  },
  TRUST_EXPIRED: { summary: 'The trust policy has expired.', fix: 'raise its version, set a later expires, have it sealed and publish it' },

  // receipts
  RECEIPT_MALFORMED: {
    summary: 'The file is not a spool of receipts, or not one receipt, as Writ writes them.',
    fix: 'take the file as the webhook or `writ verify-receipt --extract` wrote it; what was changed by hand proves nothing',
  },
  RECEIPT_KEY: {
    summary: 'Receipts are sealed by a key that is not trusted, or that is not the one that comes along with them.',
    fix: 'give the public key of that replica with --key, as its report or its log named it',
  },
  RECEIPT_SIGNATURE: {
    summary: 'The signature of a batch of receipts does not hold.',
    fix: 'the batch was changed: take it from another copy of the spool',
  },
  RECEIPT_INCLUSION: {
    summary: 'A record is not the one that was sealed in its batch.',
    fix: 'records were changed, moved, added or taken out: take them from another copy of the spool',
  },
  RECEIPT_CHAIN: {
    summary: 'Batches of receipts do not follow each other without a gap.',
    fix: 'give all files of the spool, each once; what is missing was taken out',
  },
  RECEIPT_UNSEALED: {
    summary: 'A file of a spool ends in records that no seal covers.',
    fix: 'the replica was killed while it wrote, or the file was cut: the records under no seal prove nothing',
  },
  RECEIPT_NOT_FOUND: {
    summary: 'The spool has no receipt of this decision.',
    fix: 'check the id, and that the spool is that of the replica that answered',
  },

  // command line
  FILE_UNREADABLE: { summary: 'A file cannot be read or written.', fix: 'check the path and its permissions' },
  FILE_EXISTS: { summary: 'A file is there already and would be lost.', fix: 'choose another name or move the file away' },
  FILE_NONE: { summary: 'No document was found.', fix: 'name a file, or a folder with YAML documents of writ.dev' },
  SIGNER_FAILED: {
    summary: 'The signer gave no signature that verifies, so nothing was written.',
    fix: 'run the signer by hand, and see that it uses the key whose public half is given',
  },
  SIGNER_SERVICE: {
    summary: 'A service of the Sigstore instance did not answer as it should, so nothing was written.',
    fix: 'check the URL and whether the service runs; nothing is lost by trying again',
  },
  TOKEN_INVALID: {
    summary: 'The identity token says nobody whom Fulcio could write into a certificate.',
    fix: 'ask the OpenID Connect provider for an identity token with the audience sigstore',
  },
  EDIT_IMPOSSIBLE: {
    summary: 'The file cannot be changed without touching more of it than is meant.',
    fix: 'change the field by hand and seal the file',
  },
  KEY_UNREADABLE: {
    summary: 'The private key cannot be read.',
    fix: 'give a private key in PEM as `writ keygen` or cosign writes it, and its password where it has one',
  },
  CASES_INVALID: { summary: 'A cases file does not have the format that `writ test` reads.', fix: 'correct the field named' },
  DECISION_NOT_FOUND: {
    summary: 'The log has no decision of this id.',
    fix: 'check the id, and that the log is that of the replica that answered',
  },

  // demo
  DEMO_UNAVAILABLE: { summary: 'The demo cannot run from here.', fix: 'clone the repository and run make demo' },
  DEMO_FAILED: { summary: 'A step of the demo did not come out as told.', fix: 'look at the logs of operator and webhook; run it again' },
} as const satisfies Record<string, ProblemCodeEntry>;

export type ProblemCode = keyof typeof problemCodes;
