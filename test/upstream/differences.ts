// Where our answers differ from upstream's on purpose, and why.

interface Difference {
  readonly reason: string;
  /** Tells of which cases this is so. */
  readonly cases: RegExp;
}

const DIFFERENCES: readonly Difference[] = [
  {
    reason: "what is stored but not yet built says so in a warning",
    cases: /^(apiextensions|apiregistration|admissionregistration).*: create( again)?$/,
  },
  {
    reason: "a dry run is told the truth of addresses and ports too; upstream does not look at them",
    cases: /^v1\/services: create \{("spec\.type":"NodePort",.*"nodePort":(99|70000).*|"spec\.clusterIP":"10\.96\.0\.1")\}/,
  },
  {
    reason: "a dry run is told an address that the service could have; upstream answers with that of the network",
    cases:
      /^v1\/services: create \{("metadata\.name":"1web"|"spec\.ports":\[\{"port":80,"targetPort":0\}\]|"spec\.type":"(NodePort|LoadBalancer)"|"spec\.ipFamilyPolicy":"PreferDualStack"|"spec\.sessionAffinity":"(ClientIP"|None","spec\.sessionAffinityConfig".*))\}$/,
  },
  {
    reason: "answers are written in JSON and YAML, and the refusal of another form says so",
    cases: /^protocol: GET .*\(accept: (text\/html|.*as=Nope.*|.*v=v9)\)$/,
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
    cases: /^protocol: (impersonation of a group|.*\?limit=-1|DELETE .*fieldSelector=.*&dryRun=All|GET .*configmaps\/\.\.)$/,
  },
  { reason: "a path that leaves its place is refused, not followed", cases: /^protocol: GET \S+configmaps\/a%2Fb$/ },
];

/** The reason why a case is meant to differ. */
export function intendedDifference(key: string): string | undefined {
  return DIFFERENCES.find(({ cases }) => cases.test(key))?.reason;
}

/** Upstream's server works on these in the background: what is there when the next request comes is a matter of luck. */
export function isUnsettled(key: string): boolean {
  return /^(apiextensions|apiregistration|flowcontrol)\S+: (get|get as a table|delete)$/.test(key);
}
