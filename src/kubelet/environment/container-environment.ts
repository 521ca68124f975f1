// The environment variables of a container, from every source, in the order in which they may refer to each other
// (https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/).
import type { ConfigMap, Container, EnvVar, FileKeySelector, PersistentVolume, PersistentVolumeClaim, Secret, Service } from "../../api/index.ts";
import { podNamespace } from "../pods/pod-spec.ts";
import { type DownwardContext, fieldValue, resourceValue } from "./downward-api.ts";
import { EnvFileError, parseEnvFile } from "./env-file.ts";
import { expand } from "./expansion.ts";
import { serviceVariables } from "./service-variables.ts";

/** What a pod refers to; undefined: there is none of that name. */
export interface ReferencedObjects {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  claim(namespace: string, name: string): Promise<PersistentVolumeClaim | undefined>;
  persistentVolume(name: string): Promise<PersistentVolume | undefined>;
}

/** The container can't be made as the user wrote it: CreateContainerConfigError. */
export class ContainerConfigError extends Error {
  override readonly name = "ContainerConfigError";
}

export interface EnvironmentContext extends DownwardContext {
  readonly objects: ReferencedObjects;
  readonly services: readonly Service[];
  /** A file of one of the pod's volumes, undefined when it is not there; rejects when there is no such volume. */
  readonly volumeFile: (volume: string, path: string) => Promise<Uint8Array | undefined>;
}

/** Values are byte strings decoded as UTF-8. */
export async function containerEnvironment(context: EnvironmentContext, container: Container): Promise<Map<string, string>> {
  const { pod } = context;
  const fromServices = serviceVariables(context.services, podNamespace(pod), pod.spec.enableServiceLinks ?? true);
  const variables = new Map<string, string>();
  await addSources(context, container, variables);
  const lookUp = (name: string): string | undefined => variables.get(name) ?? fromServices.get(name);
  for (const variable of container.env ?? []) {
    const value = await variableValue(context, container, variable, lookUp);
    if (value !== undefined) variables.set(variable.name, value);
  }
  for (const [name, value] of fromServices) if (!variables.has(name)) variables.set(name, value);
  return variables;
}

async function addSources(context: EnvironmentContext, container: Container, variables: Map<string, string>): Promise<void> {
  const namespace = podNamespace(context.pod);
  for (const { configMapRef, secretRef, prefix = "" } of container.envFrom ?? []) {
    if (configMapRef !== undefined) {
      const configMap = await context.objects.configMap(namespace, configMapRef.name ?? "");
      if (configMap === undefined && configMapRef.optional !== true) throw notFound("configmap", configMapRef.name);
      for (const [key, value] of Object.entries(configMap?.data ?? {})) variables.set(prefix + key, value);
    } else if (secretRef !== undefined) {
      const secret = await context.objects.secret(namespace, secretRef.name ?? "");
      if (secret === undefined && secretRef.optional !== true) throw notFound("secret", secretRef.name);
      for (const [key, value] of Object.entries(secret?.data ?? {})) variables.set(prefix + key, decodeBase64Text(value));
    }
  }
}

/** Undefined: the variable is left out. */
async function variableValue(
  context: EnvironmentContext,
  container: Container,
  variable: EnvVar,
  lookUp: (name: string) => string | undefined,
): Promise<string | undefined> {
  if (variable.value !== undefined && variable.value !== "") return expand(variable.value, lookUp);
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = variable.valueFrom ?? {};
  const namespace = podNamespace(context.pod);
  if (fieldRef !== undefined) return fieldValue(context, fieldRef);
  if (resourceFieldRef !== undefined) return resourceValue(context, resourceFieldRef, container);
  if (fileKeyRef !== undefined) return valueFromFile(context, fileKeyRef);
  if (configMapKeyRef !== undefined) {
    const { name = "", key, optional } = configMapKeyRef;
    const configMap = await context.objects.configMap(namespace, name);
    if (configMap === undefined && optional !== true) throw notFound("configmap", name);
    const value = configMap?.data?.[key];
    if (value === undefined && optional !== true) throw new ContainerConfigError(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
    return value;
  }
  if (secretKeyRef !== undefined) {
    const { name = "", key, optional } = secretKeyRef;
    const secret = await context.objects.secret(namespace, name);
    if (secret === undefined && optional !== true) throw notFound("secret", name);
    const value = secret?.data?.[key];
    if (value === undefined && optional !== true) throw new ContainerConfigError(`couldn't find key ${key} in Secret ${namespace}/${name}`);
    return value === undefined ? undefined : decodeBase64Text(value);
  }
  return "";
}

async function valueFromFile(context: EnvironmentContext, { volumeName, path, key, optional }: FileKeySelector): Promise<string | undefined> {
  const data = await context.volumeFile(volumeName, path);
  let value: string;
  try {
    if (data === undefined) throw new EnvFileError(`there is no file ${path}`);
    value = parseEnvFile(new TextDecoder().decode(data), key);
  } catch (error) {
    // What the file holds is the container's, not for an event.
    if (error instanceof EnvFileError) throw new ContainerConfigError("couldn't parse env file");
    throw error;
  }
  if (value !== "") return value;
  if (optional === true) return undefined;
  throw new ContainerConfigError(`environment variable key "${key}" not found in file "${path}"`);
}

function notFound(resource: string, name: string | undefined): ContainerConfigError {
  return new ContainerConfigError(`${resource} ${JSON.stringify(name ?? "")} not found`);
}

export function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
function decodeBase64Text(text: string): string {
  return new TextDecoder().decode(decodeBase64(text));
}
