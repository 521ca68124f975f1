// The API server: composes storage, caches, authentication, authorization and admission, and starts them in order.
//
// Invariant: before `start()` resolves the bootstrap objects are there and what authorization and admission read is loaded;
// requests that come earlier are refused by `ready`.
import {
  clusterRoleBindings,
  clusterRoles,
  componentStatuses,
  customResourceDefinitions,
  ingressClasses,
  ipAddresses,
  type Kind,
  limitRanges,
  mutatingWebhookConfigurations,
  namespaces,
  nodes,
  pods,
  priorityClasses,
  resourceQuotas,
  roleBindings,
  roles,
  runtimeClasses,
  type ServiceCIDR,
  secrets,
  serviceAccounts,
  serviceCIDRs,
  services,
  serviceUnavailableError,
  storageClasses,
  validatingWebhookConfigurations,
} from "../api/index.ts";
import type { Env, Logger } from "../base/index.ts";
import type { Client } from "../client/index.ts";
import { type AdmissionChain, createAdmissionChain } from "./admission/chain.ts";
import { createAuthenticator, type ServerAuthenticator } from "./authentication/create-authenticator.ts";
import { SecretTokens } from "./authentication/secret-tokens.ts";
import { generateServiceAccountKeys, type ServiceAccountKeys } from "./authentication/service-account-keys.ts";
import { ServiceAccountTokens } from "./authentication/service-account-tokens.ts";
import { createAuthorizer, type ServerAuthorizer } from "./authorization/create-authorizer.ts";
import { announceLocalApiServices } from "./bootstrap/api-services.ts";
import { bootstrap, keepBootstrapObjects } from "./bootstrap/bootstrap.ts";
import { CacheReader } from "./cache/cache-reader.ts";
import { Resources } from "./cache/resource.ts";
import { LocalClient } from "./client/local-client.ts";
import { type ComponentCheck, componentStatusSource } from "./component-statuses.ts";
import { keepDefinitions } from "./custom/definition-keeper.ts";
import { ServedKinds } from "./custom/served-kinds.ts";
import { ConnectHandler } from "./http/connect-handler.ts";
import { DocumentsHandler } from "./http/documents-handler.ts";
import type { Handler } from "./http/message.ts";
import { Pipeline } from "./http/pipeline.ts";
import { ResourceHandler } from "./http/resource-handler.ts";
import { createMetricsSources } from "./metrics/metrics-sources.ts";
import type { ObjectReader } from "./object-reader.ts";
import type { ObjectSource } from "./object-sources.ts";
import { Operations } from "./operations.ts";
import { type ApiServerOptions, defaultIssuer, defaultNodePortRange, defaultServiceCidr } from "./options.ts";
import { createReviews } from "./reviews.ts";
import { type AddressSources, parseServiceRange, parseServiceRanges, type ServiceRange } from "./services/address-pool.ts";
import { isForeignAddress, keepIpAddresses } from "./services/ip-address-keeper.ts";
import { ServiceAllocation } from "./services/service-allocation.ts";
import { startCompaction } from "./storage/compaction.ts";
import { Registry } from "./storage/registry.ts";
import type { WriteHook } from "./storage/write-context.ts";
import { admitted } from "./subresources/admitted.ts";
import { bindingCreator } from "./subresources/binding.ts";
import type { SubresourceCreator } from "./subresources/creators.ts";
import { evictionCreator } from "./subresources/eviction.ts";
import { tokenCreator } from "./subresources/token.ts";
import type { UserInfo } from "./user.ts";

/** The server itself, when it acts as a client. */
const LOOPBACK_USER: UserInfo = { name: "system:apiserver", groups: ["system:masters", "system:authenticated"] };

/** What authorization and admission read with every request: loaded before the first one. */
const CACHES_AT_START: readonly Kind[] = [
  customResourceDefinitions,
  namespaces,
  roles,
  roleBindings,
  clusterRoles,
  clusterRoleBindings,
  serviceAccounts,
  secrets,
  pods,
  nodes,
  priorityClasses,
  storageClasses,
  ingressClasses,
  runtimeClasses,
  limitRanges,
  resourceQuotas,
  services,
  serviceCIDRs,
  ipAddresses,
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
];

export interface ApiServer {
  /** The kinds of the custom resource definitions that are established. */
  readonly customKinds: Pick<ServedKinds, "custom" | "onChange">;
  /** A client in this process that acts as `user`. */
  localClient(user: UserInfo): Client;
  /** Answers requests of any transport. */
  readonly handler: Handler;
  /** Loads the caches and creates the bootstrap objects. */
  start(): Promise<void>;
  /** Ends all watches. The store stays open: it is its opener's. */
  stop(): Promise<void>;
  /** Tells whether `start()` has finished and `stop()` has not begun. */
  ready(): boolean;
}

export function createApiServer(env: Env, options: ApiServerOptions): ApiServer {
  return new Server(env, options);
}

/** What exists once the keys are there. */
interface Parts {
  readonly keys: ServiceAccountKeys;
  readonly tokens: ServiceAccountTokens;
  readonly authenticator: ServerAuthenticator;
  readonly operations: Operations;
}

class Server implements ApiServer {
  readonly #env: Env;
  readonly #log: Logger;
  readonly #options: ApiServerOptions;
  readonly #resources: Resources;
  readonly #objects: ObjectReader;
  readonly #authorizer: ServerAuthorizer;
  readonly #admission: AdmissionChain;
  readonly #registry: Registry;
  readonly #serviceRanges: readonly ServiceRange[];
  readonly #serviceAllocation: ServiceAllocation;
  readonly #loopback: Client;
  readonly customKinds: ServedKinds;
  readonly handler: Handler;
  #parts: Parts | undefined;
  #starting: Promise<void> | undefined;
  #state: "new" | "ready" | "stopped" = "new";
  #stopCompaction: () => void = () => undefined;
  #stopKeeping: () => void = () => undefined;
  #stopAnnouncing: () => void = () => undefined;

  constructor(env: Env, options: ApiServerOptions) {
    this.#log = env.log.child("apiserver");
    this.#env = { ...env, log: this.#log };
    this.#options = options;
    this.#resources = new Resources(this.#env, options.store);
    this.customKinds = new ServedKinds(this.#resources);
    this.#objects = new CacheReader(this.#env, this.#resources);
    this.#authorizer = createAuthorizer({ objects: this.#objects });
    this.#loopback = this.localClient(LOOPBACK_USER);
    this.#admission = createAdmissionChain(this.#env, {
      objects: this.#objects,
      client: this.#loopback,
      authorizer: this.#authorizer,
      kinds: () => this.customKinds.list(),
      connector: options.nodes,
    });
    const { serviceCidr = defaultServiceCidr, nodePortRange = defaultNodePortRange } = options;
    this.#serviceRanges = parseServiceRanges(serviceCidr);
    this.#serviceAllocation = new ServiceAllocation(this.#env, { addresses: this.#addressSources(), nodePorts: nodePortRange });
    const hooks = new Map<Kind, WriteHook>([[services, this.#serviceAllocation]]);
    this.#registry = new Registry(this.#env, { store: options.store, resources: this.#resources, admission: this.#admission, hooks });
    this.handler = this.#createPipeline().handle;
  }

  #createPipeline(): Pipeline {
    const { advertise, nodes: connector, serviceAccountIssuer = defaultIssuer } = this.#options;
    const externalAddress = advertise === undefined ? "localhost" : `${advertise.address}:${advertise.port}`;
    const client = this.#loopback;
    return new Pipeline(this.#env, {
      authenticator: () => this.#ready().authenticator,
      authorizer: this.#authorizer,
      kinds: this.customKinds,
      resources: new ResourceHandler(this.#env, () => this.#ready().operations),
      connections: new ConnectHandler(this.#env, { nodes: connector, client, authorizer: this.#authorizer, admission: this.#admission }),
      documents: new DocumentsHandler(this.#env, {
        issuer: serviceAccountIssuer,
        keys: () => this.#ready().keys,
        externalAddress,
        kinds: this.customKinds,
        checks: [
          { name: "ping", check: () => undefined },
          { name: "etcd", check: () => this.#storeProblem() },
          { name: "poststarthook/bootstrap", check: () => (this.ready() ? undefined : "not finished") },
        ],
      }),
    });
  }

  #addressSources(): AddressSources {
    const isReady = ({ metadata, status }: ServiceCIDR): boolean =>
      metadata.deletionTimestamp === undefined && status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true;
    return {
      configured: this.#serviceRanges,
      added: () => {
        const ranges = this.#objects.list(serviceCIDRs).filter(isReady);
        return ranges.flatMap(({ spec }) => (spec?.cidrs ?? []).map(parseServiceRange)).filter((range) => range !== undefined);
      },
      isForeign: (address) => {
        const record = this.#objects.get(ipAddresses, "", address);
        return record !== undefined && isForeignAddress(record);
      },
    };
  }

  async #storeProblem(): Promise<string | undefined> {
    try {
      await this.#options.store.range({ key: "/registry", limit: 1, keysOnly: true });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #componentChecks(): Readonly<Record<string, ComponentCheck>> {
    const unknown: ComponentCheck = () => "not running in the API server's process";
    const { scheduler = unknown, "controller-manager": manager = unknown } = this.#options.components ?? {};
    return { "controller-manager": manager, scheduler, "etcd-0": () => this.#storeProblem() };
  }

  localClient(user: UserInfo): Client {
    return new LocalClient(
      () => this.#ready().operations,
      () => this.#authorizer,
      this.customKinds,
      user,
    );
  }

  ready(): boolean {
    return this.#state === "ready";
  }

  start(): Promise<void> {
    this.#starting ??= this.#begin();
    return this.#starting;
  }

  async stop(): Promise<void> {
    this.#state = "stopped";
    this.#stopCompaction();
    this.#stopKeeping();
    this.#stopAnnouncing();
    this.#authorizer.close();
    this.#admission.stop();
    this.#resources.stop();
  }

  async #begin(): Promise<void> {
    const { advertise, clientCa, store } = this.#options;
    const [keys] = await Promise.all([
      this.#options.serviceAccountKeys ?? generateServiceAccountKeys(),
      ...CACHES_AT_START.map((kind) => this.#resources.of(kind).cache.start()),
    ]);
    // Before anybody else watches definitions: who sees one established finds its kinds served.
    const stopServing = this.customKinds.follow(this.#objects);
    this.#serviceAllocation.load(this.#objects.list(services));
    this.#parts = this.#compose(keys);
    const wanted = { serviceCidrs: this.#serviceRanges.map(({ text }) => text), advertise, clientCa };
    await bootstrap(this.#env, this.#loopback, wanted);
    this.#admission.startWebhooks();
    const stopKeepers = [
      stopServing,
      keepBootstrapObjects(this.#env, this.#loopback, wanted),
      keepIpAddresses(this.#env, this.#objects, this.#loopback),
      keepDefinitions(this.#env, { objects: this.#objects, client: this.#loopback, registry: this.#registry, user: LOOPBACK_USER }),
    ];
    this.#stopKeeping = () => {
      for (const stop of stopKeepers) stop();
    };
    this.#stopAnnouncing = announceLocalApiServices(this.#env, this.#loopback);
    this.#stopCompaction = startCompaction(this.#env, store);
    this.#state = "ready";
  }

  #compose(keys: ServiceAccountKeys): Parts {
    const { serviceAccountIssuer: issuer = defaultIssuer, staticTokens } = this.#options;
    const tokens = new ServiceAccountTokens(this.#env, { keys, issuer, objects: this.#objects, client: this.#loopback });
    const authenticator = createAuthenticator(this.#env, {
      objects: this.#objects,
      serviceAccountTokens: tokens,
      secretTokens: new SecretTokens(this.#env, { keys, client: this.#loopback }),
      staticTokens,
    });
    const binding = bindingCreator(this.#env, this.#registry, this.#admission);
    const creators = new Map<string, SubresourceCreator>([
      ["/bindings", binding],
      ["/pods/binding", binding],
      ["/pods/eviction", admitted(this.#admission, { kind: pods, subresource: "eviction" }, evictionCreator(this.#env, this.#registry))],
      ["/serviceaccounts/token", admitted(this.#admission, { kind: serviceAccounts, subresource: "token" }, tokenCreator(tokens))],
    ]);
    const operations = new Operations(this.#env, {
      registry: this.#registry,
      creators,
      reviews: createReviews(this.#env, authenticator, this.#authorizer),
      sources: new Map<Kind, ObjectSource>([
        ...createMetricsSources(this.#env, { objects: this.#objects, nodes: this.#options.nodes }),
        [componentStatuses, componentStatusSource(this.#componentChecks())],
      ]),
      authorizer: this.#authorizer,
      admission: this.#admission,
    });
    return { keys, tokens, authenticator, operations };
  }

  #ready(): Parts {
    if (this.#parts === undefined || this.#state === "stopped") throw serviceUnavailableError("the API server is not running");
    return this.#parts;
  }
}
