// Which secrets a pod names that its service account does not list: for accounts annotated `kubernetes.io/enforce-mountable-secrets: "true"`
// (https://kubernetes.io/docs/concepts/security/service-accounts/#enforce-mountable-secrets).
import type { EnvFromSource, EnvVar, Pod, ServiceAccount } from "../../api/index.ts";

interface WithEnvironment {
  readonly name: string;
  readonly env?: readonly EnvVar[];
  readonly envFrom?: readonly EnvFromSource[];
}

/** What is wrong with the pod's references; undefined when nothing is. `onlyEphemeral`: look at ephemeral containers alone. */
export function secretReferenceProblem(account: ServiceAccount, { spec }: Pod, onlyEphemeral: boolean): string | undefined {
  const mountable = new Set((account.secrets ?? []).map(({ name }) => name));
  const suffix = `is not allowed because service account ${account.metadata.name} does not reference that`;
  const inContainers = (what: string, containers: readonly WithEnvironment[]): string | undefined => {
    for (const container of containers) {
      const variable = (container.env ?? []).find(({ valueFrom }) => valueFrom?.secretKeyRef !== undefined && !mountable.has(valueFrom.secretKeyRef.name));
      const variableSecret = variable?.valueFrom?.secretKeyRef?.name;
      if (variable !== undefined)
        return `${what} ${container.name} with envVar ${variable.name} referencing secret.secretName="${variableSecret}" ${suffix} secret`;
      const source = (container.envFrom ?? []).find(({ secretRef }) => secretRef !== undefined && !mountable.has(secretRef.name));
      if (source !== undefined) return `${what} ${container.name} with envFrom referencing secret.secretName="${source.secretRef?.name}" ${suffix} secret`;
    }
    return undefined;
  };
  if (onlyEphemeral) return inContainers("ephemeral container", spec.ephemeralContainers ?? []);
  const volume = (spec.volumes ?? []).find(({ secret }) => secret !== undefined && !mountable.has(secret.secretName));
  if (volume !== undefined) return `volume with secret.secretName="${volume.secret?.secretName}" ${suffix} secret`;
  const pullable = new Set((account.imagePullSecrets ?? []).map(({ name }) => name));
  const pull = (spec.imagePullSecrets ?? []).findIndex(({ name }) => !pullable.has(name));
  return (
    inContainers("init container", spec.initContainers ?? []) ??
    inContainers("container", spec.containers) ??
    (pull === -1 ? undefined : `imagePullSecrets[${pull}].name="${spec.imagePullSecrets?.[pull]?.name}" ${suffix} imagePullSecret`)
  );
}
