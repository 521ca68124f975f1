// Where our answers differ from upstream's on purpose, and why.

interface Difference {
  readonly reason: string;
  /** Tells of which cases this is so. */
  readonly cases: RegExp;
}

const DIFFERENCES: readonly Difference[] = [
  {
    reason: "a dry run is told the truth of addresses and ports too; upstream does not look at them",
    cases: /^v1\/services: create \{("spec\.type":"NodePort",.*"nodePort":(99|70000).*|"spec\.clusterIP":"(10\.96\.0\.1|1\.2\.3\.4)")\}/,
  },
  {
    reason: "a dry run is told an address that the service could have; upstream answers with that of the network",
    cases:
      /^v1\/services: create (a generated name|\{("metadata\.name":"1web"|"spec\.ports":\[\{"port":80,"targetPort":0\}\]|"spec\.type":"(NodePort|LoadBalancer)"|"spec\.ipFamilyPolicy":"PreferDualStack"|"spec\.sessionAffinity":"(ClientIP"|None","spec\.sessionAffinityConfig".*))\})$/,
  },
  {
    reason: "answers are written in JSON and YAML, and the refusal of another form says so",
    cases: /^protocol: GET .*\(accept: (text\/html|.*as=PartialObjectMetadataList.*|.*as=Nope.*|.*v=v9)\)$/,
  },
  {
    reason: "a table of free capacities says of which class they are, and how much is free",
    cases: /^storage\.k8s\.io\/v1\/csistoragecapacities: get as a table$/,
  },
  { reason: "the version is our own", cases: /^protocol: GET \/version as jane$/ },
  {
    reason: "aggregated discovery names group and version of every answer; upstream leaves out those of its path",
    cases: /^documents: .*APIGroupDiscoveryList/,
  },
  {
    reason: "items of lists are the bytes that are stored, which say their kind",
    cases:
      /(?<!^v1\/resourcequotas): list by name$|^subresources: GET .*componentstatuses\?fieldSelector|^protocol: (impersonation of a group|.*\?limit=-1|DELETE .*fieldSelector=.*&dryRun=All|GET .*configmaps\/\.\.)$/,
  },
  {
    reason: "a dry run is told that what has a resourceVersion cannot be created; upstream does not look",
    cases: /create \{"metadata\.resourceVersion":"5"\}$/,
  },
  {
    reason: "an empty list and none are the same, and are told and defaulted as none; upstream's typed objects tell them apart",
    cases:
      /ingresses: create \{"spec\.rules":\[\]\}$|autoscalers: create \{"spec\.behavior":\{"scaleUp":.*"policies":\[\]|^storage\.k8s\.io\/v1\/csinodes: (create|create a generated name|get|get as .*|patch \S+|delete)$/,
  },
  {
    reason: "fields that upstream writes as null are nobody's",
    cases: /claims: create \{"spec\.dataSourceRef":\{"kind":"PersistentVolumeClaim","name":"other"\}\}$|^subresources: PATCH .*held\/status.*"example\.com\/a"/,
  },
  {
    reason: "a selector that is required and missing is told too; upstream only tells that the template does not fit it",
    cases: /daemonsets: create \{"spec(\.selector)?":"\(absent\)"\}$/,
  },
  {
    reason: "metadata in a table, or alone, is that of the object; upstream's lacks an annotation that it makes of an internal field",
    cases: /^apps\/v1\/daemonsets: get as (a table|metadata)$/,
  },
  { reason: "a row has as many cells as there are columns; upstream's has one more", cases: /^networking\.k8s\.io\/v1\/ipaddresses: get as a table$/ },
  {
    reason: "YAML that cannot be read is told in the words of our parser",
    cases: /^protocol: \S+ .* (a: \[|a:\n\tb: c\n) \(content-type: application\/(yaml|apply-patch\+yaml)\)$/,
  },
  { reason: "CEL that cannot be read is told in words of our own", cases: /deviceclasses: create .*"expression":""/ },
  {
    reason: "a refused binding is Invalid, with its causes; upstream answers with an error of the server",
    cases: /^protocol: POST .*missing\/binding .*"kind":"Pod"/,
  },
  { reason: "a refused question says of which kind it was", cases: /^protocol: POST \S+\/(selfsubject|subject)accessreviews \{[^}]*"spec":\{\}\}$/ },
  { reason: "the paths are our own", cases: /^protocol: (GET|POST) \/( \{\})?$/ },
  {
    reason: "a name is told as it was generated, and once; a name that must fit the spec is told after the metadata",
    cases: /^(networking\.k8s\.io\/v1\/ipaddresses: create a generated name|(apiextensions|apiregistration)\S+: create a (generated name|label that is none))$/,
  },
  { reason: "fields that a kind cannot be selected by are told of in the same words for all kinds", cases: /^batch\/v1\/jobs: list by a field it has not$/ },
  {
    reason: "what the server adds is nobody's",
    cases: /^autoscaling\/v1\/horizontalpodautoscalers: create \{"spec\.targetCPUUtilizationPercentage":"\(absent\)"\}$/,
  },
  { reason: "watching what cannot be watched is refused as any other method is", cases: /^subresources: GET .*componentstatuses\?watch=1$/ },
  { reason: "who scaled has a time, as every manager of fields", cases: /^protocol: the deployment after the patches$/ },
  { reason: "a path that leaves its place is refused, not followed", cases: /^protocol: GET \S+configmaps\/a%2Fb$/ },
];

/** The reason why a case is meant to differ. */
export function intendedDifference(key: string): string | undefined {
  return DIFFERENCES.find(({ cases }) => cases.test(key))?.reason;
}

/** Upstream's server works on these in the background: what is there when the next request comes is a matter of luck. */
export function isUnsettled(key: string): boolean {
  return /^(apiextensions|apiregistration|flowcontrol)\S+: (get|list by name|patch|delete$)/.test(key);
}
