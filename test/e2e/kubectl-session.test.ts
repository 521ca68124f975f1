// A day's work with an unmodified kubectl: every command that the introductions to Kubernetes list, on real containers. What an old
// kubectl lacks is skipped for it. What the API server answers, and what kubectl then prints, is compared with upstream's elsewhere
// (`test/upstream-requests.test.ts`, `test/kubectl-output.test.ts`).
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { buildTestImages } from "../images/build.host.ts";
import { containerTests } from "../machine.host.ts";
import { eventually, type TestCluster, testCluster } from "./cluster.host.ts";
import { kubectlProgram, type Run, runProgram } from "./kubectl.host.ts";
import { leftBehind, type MachineState, machineState } from "./machine-state.host.ts";

const { reason } = containerTests();

describe.skipIf(reason !== undefined)("a session with kubectl", () => {
  let cluster: TestCluster;
  let before: MachineState;
  let folder: string;
  let minor: number;

  beforeAll(async () => {
    before = machineState();
    folder = mkdtempSync(join(tmpdir(), "kubets-session-"));
    cluster = testCluster();
    await cluster.start();
    for (const archive of await buildTestImages(folder)) await cluster.kubets("image", "load", archive);
    const version = JSON.parse(await cluster.kubectl.run(["version", "--client", "-o", "json"])) as { clientVersion: { minor: string } };
    minor = Number.parseInt(version.clientVersion.minor, 10);
  });

  afterAll(async () => {
    await cluster?.dispose();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    expect(leftBehind(before, machineState())).toEqual([]);
  });

  /** Runs one line; words are parted by blanks, and what holds blanks comes in `more`. */
  const kubectl = (line: string, ...more: string[]): Promise<string> => cluster.kubectl.run([...line.split(" "), ...more]);
  const attempt = (line: string, ...more: string[]): Promise<Run> => cluster.kubectl.try([...line.split(" "), ...more]);
  const apply = (manifest: unknown, ...args: string[]): Promise<string> =>
    cluster.kubectl.run(["apply", "-f", "-", ...args], { input: typeof manifest === "string" ? manifest : JSON.stringify(manifest) });
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const needs = (context: TestContext, least: number): void => {
    if (minor < least) context.skip(`kubectl 1.${minor} has no such command`);
  };
  const map = (name: string, value: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {set: one}}\ndata: {x: "${value}"}\n`;

  it("runs pods and deployments, and waits for them", async () => {
    await kubectl("run web --image=nginx:local --port=80 --labels=app=web --expose");
    await kubectl(
      "run talker --image=busybox:local --restart=Never --grace-period=1 --command -- sh -c",
      "i=0; while sleep 0.1; do i=$((i+1)); echo line $i; done",
    );
    await kubectl("run shell --image=busybox:local --restart=Never -i --tty --attach=false --command -- sh");
    await kubectl("create deployment dep --image=nginx:local --replicas=2 --port=80");
    expect(await kubectl("wait --for=condition=Ready pod/web pod/talker --timeout=60s")).toBe("pod/web condition met\npod/talker condition met\n");
    await kubectl("rollout status deploy/dep --timeout=60s");
    expect(await kubectl("expose deployment dep --name=front --port=8080 --target-port=80")).toBe("service/front exposed\n");
  });

  it("gets objects in every form", async () => {
    expect(await kubectl("get all")).toMatch(/pod\/web .*service\/front .*deployment\.apps\/dep .*replicaset\.apps\/dep-/s);
    expect(await kubectl("get pods -o name -l app=web")).toBe("pod/web\n");
    expect(await kubectl("get pod web -o wide --show-labels --no-headers")).toMatch(/^web +1\/1 +Running .* 10\.244\.\S+ .*app=web\n$/);
    expect(await kubectl("get pod web -L app --no-headers")).toMatch(/ web\n$/);
    expect(await kubectl("get pod web -o custom-columns=N:.metadata.name,I:.spec.containers[0].image")).toBe("N     I\nweb   nginx:local\n");
    expect(await kubectl("get pod web -o", "go-template={{.metadata.name}} {{(index .spec.containers 0).image}}")).toBe("web nginx:local");
    expect(JSON.parse(await kubectl("get pod web -o json"))).toMatchObject({ kind: "Pod", metadata: { name: "web" } });
    expect(await kubectl("get pod web -o yaml")).toContain("\n  name: web\n");
    expect(await kubectl("get pods -o name --field-selector=metadata.name=web,status.phase=Running")).toBe("pod/web\n");
    expect(await kubectl("get pods -A --sort-by=.metadata.name -o name")).toMatch(/^pod\/dep-\S+\npod\/dep-\S+\npod\/shell\npod\/talker\npod\/web\n/);
    expect(await kubectl("get event --field-selector=involvedObject.name=web,reason=Scheduled -o", "jsonpath={.items[0].message}")).toMatch(
      /^Successfully assigned default\/web/,
    );
    await eventually(
      () => kubectl("get ep web --no-headers"),
      (row) => /^web +10\.244\.\d+\.\d+:80 /.test(row),
    );
    const kinds = (await kubectl("api-resources --verbs=list -o name")).trim().split("\n");
    expect(kinds.length).toBeGreaterThan(50);
    const every = kinds.filter((name) => !name.endsWith(".metrics.k8s.io")).join(",");
    expect(await kubectl(`get ${every} -A -o wide --ignore-not-found`)).toContain("pod/web");
    expect((await attempt("get pods missing")).stderr).toBe('Error from server (NotFound): pods "missing" not found\n');
    expect((await attempt("get missing")).stderr).toBe('error: the server doesn\'t have a resource type "missing"\n');
  });

  it("watches", async () => {
    const watch = await cluster.kubectl.start(["get", "configmaps", "-w", "--no-headers", "-o", "name", "-l", "watched"]);
    const table = await cluster.kubectl.start(["get", "configmaps", "-w", "-l", "watched"]);
    let printed = "";
    let rows = "";
    watch.stdout?.on("data", (chunk: Buffer) => (printed += chunk.toString()));
    table.stdout?.on("data", (chunk: Buffer) => (rows += chunk.toString()));
    await kubectl("create configmap seen --from-literal=a=1");
    await kubectl("label configmap seen watched=1");
    await eventually(
      async () => printed,
      (text) => text === "configmap/seen\n",
    );
    await kubectl("patch configmap seen -p", '{"data":{"b":"2"}}');
    await eventually(
      async () => rows,
      (text) => /^NAME +DATA +AGE\nseen +1 +\S+\nseen +2 +\S+\n$/.test(text),
    );
    watch.kill();
    table.kill();
  });

  it("describes every kind of a day's work", async () => {
    await kubectl("create job sum --image=busybox:local -- true");
    const described = ["pod web", "deploy dep", "rs -l app=dep", "svc front", "node", "ns default", "job sum", "sa default", "cm seen"];
    if (minor >= 25) described.push("endpointslices -l kubernetes.io/service-name=web");
    for (const what of described) expect(await kubectl(`describe ${what}`), what).toMatch(/^Name: +\S/);
    expect(await kubectl("describe pod web")).toMatch(/Node: +\S+\/\d.*Containers:.*Conditions:.*Volumes:.*Events:/s);
  });

  it("shows logs", async () => {
    await eventually(
      () => kubectl("logs talker"),
      (log) => log.split("\n").length > 5,
    );
    expect(await kubectl("logs talker --tail=1")).toMatch(/^line \d+\n$/);
    expect(await kubectl("logs talker --since=1s --timestamps")).toMatch(/^\d{4}-\d\d-\d\dT\S+Z line \d+\n/);
    expect(await kubectl("logs -l run=talker --all-containers --prefix --tail=1")).toMatch(/^\[pod\/talker\/talker\] line \d+\n$/);
    expect((await attempt("logs deployment/dep --tail=1")).code).toBe(0);
    const previous = await attempt("logs talker -p");
    expect(previous.stderr).toBe('Error from server (BadRequest): previous terminated container "talker" in pod "talker" not found\n');
    const follow = await cluster.kubectl.start(["logs", "-f", "--tail=1", "talker"]);
    let lines = "";
    follow.stdout?.on("data", (chunk: Buffer) => (lines += chunk.toString()));
    await eventually(
      async () => lines,
      (text) => text.split("\n").length > 3,
    );
    follow.kill();
  });

  it("executes, attaches and copies", async () => {
    const failed = await attempt("exec talker -- sh -c", "exit 7");
    expect([failed.code, failed.stderr]).toEqual([7, "command terminated with exit code 7\n"]);
    const program = await kubectlProgram();
    const env = { ...process.env, KUBECONFIG: cluster.kubeconfig };
    // `script` gives the terminal that -t asks for.
    const terminal = await runProgram({ program: "script", args: ["-qec", `${program} exec -it talker -- sh -c 'tty; echo $TERM'`, "/dev/null"], env });
    expect(terminal.stdout).toMatch(/\/dev\/pts\/\d+\r\n/);
    const attached = await cluster.kubectl.start(["attach", "talker"]);
    let heard = "";
    attached.stdout?.on("data", (chunk: Buffer) => (heard += chunk.toString()));
    await eventually(
      async () => heard,
      (text) => /line \d+\nline \d+\n/.test(text),
    );
    attached.kill();
    const typed = await runProgram({ program: "script", args: ["-qec", `${program} attach -it shell`, "/dev/null"], env, input: "echo $((40+2)); exit\n" });
    expect(typed.stdout).toContain("\r\n42\r\n");
    mkdirSync(join(folder, "tree/inner"), { recursive: true });
    file("tree/one", "1");
    file("tree/inner/two", "2");
    await cluster.kubectl.run(["cp", join(folder, "tree"), "talker:/tmp/tree"]);
    expect(await kubectl("exec talker -- cat /tmp/tree/one /tmp/tree/inner/two")).toBe("12");
    await cluster.kubectl.run(["cp", "talker:/tmp/tree", join(folder, "back")]);
    expect(readFileSync(join(folder, "back/inner/two"), "utf8")).toBe("2");
  });

  it("rolls out, back, and on", async () => {
    await kubectl("set image deployment/dep nginx=nginx:nowhere");
    await kubectl("rollout undo deploy/dep");
    await kubectl("rollout status deploy/dep --timeout=60s");
    expect((await kubectl("rollout history deploy/dep")).trim().split("\n").slice(2)).toEqual(["2         <none>", "3         <none>"]);
    expect((await attempt("rollout history deploy/dep --revision=1")).stderr).toBe("error: unable to find the specified revision\n");
    expect(await kubectl("rollout restart deploy/dep")).toBe("deployment.apps/dep restarted\n");
    expect(await kubectl("rollout pause deploy/dep")).toBe("deployment.apps/dep paused\n");
    await kubectl("set env deploy/dep COLOUR=red");
    await kubectl("set resources deploy/dep --limits=memory=128Mi --requests=cpu=10m");
    await kubectl("create serviceaccount robot");
    await kubectl("set serviceaccount deploy/dep robot");
    expect(await kubectl("rollout resume deploy/dep")).toBe("deployment.apps/dep resumed\n");
    await kubectl("set selector service front app=dep");
    await kubectl("rollout status deploy/dep --timeout=90s");
    expect(await kubectl("set env deploy/dep --list")).toContain("COLOUR=red");
    expect(await kubectl("scale deploy/dep --replicas=3 --current-replicas=2")).toBe("deployment.apps/dep scaled\n");
    expect((await attempt("scale deploy/dep --replicas=1 --current-replicas=2")).stderr).toMatch(/[Ee]xpected replicas to be 2, was 3/);
    await kubectl("autoscale deploy/dep --min=1 --max=3 --cpu-percent=80");
    expect(await kubectl("get hpa dep --no-headers")).toMatch(/^dep +Deployment\/dep /);
    await kubectl("delete hpa dep");
  });

  it("labels, annotates, taints and patches", async (context) => {
    expect(await kubectl("label pod web tier=front")).toBe("pod/web labeled\n");
    expect((await attempt("label pod web tier=back")).stderr).toMatch(/already has a value \(front\), and --overwrite is false/);
    await kubectl("label pod web tier=back --overwrite");
    await kubectl("label pod web tier-");
    await kubectl("annotate pod web note=hello");
    expect(await kubectl("get pod web -o", "jsonpath={.metadata.labels.tier}{.metadata.annotations.note}")).toBe("hello");
    await kubectl("taint node --all a=b:PreferNoSchedule");
    await kubectl("taint node --all a-");
    for (const [type, patch] of [
      ["strategic", '{"spec":{"replicas":2}}'],
      ["merge", '{"metadata":{"labels":{"x":"y"}}}'],
      ["json", '[{"op":"replace","path":"/spec/replicas","value":1}]'],
    ] as const)
      expect(await kubectl(`patch deploy dep --type=${type} -p`, patch)).toBe("deployment.apps/dep patched\n");
    needs(context, 24);
    expect(await kubectl("patch deploy dep --subresource=scale --type=merge -p", '{"spec":{"replicas":2}}')).toMatch(/dep patched/);
  });

  it("creates, applies, compares, edits, replaces and prunes from files", async () => {
    const both = file("both.yaml", `${map("a", "1")}---\n${map("b", "1")}`);
    expect(await kubectl("create --save-config -f", both)).toBe("configmap/a created\nconfigmap/b created\n");
    expect((await attempt("create -f", both)).stderr).toContain("Error from server (AlreadyExists): error when creating");
    expect(await kubectl("apply -f", both)).toBe("configmap/a unchanged\nconfigmap/b unchanged\n");
    file("both.yaml", `${map("a", "2")}---\n${map("b", "1")}`);
    const difference = await attempt("diff -f", both);
    expect([difference.code, difference.stdout.split("\n").filter((line) => /^[-+] {2}x: /.test(line))]).toEqual([1, ['-  x: "1"', '+  x: "2"']]);
    expect(await kubectl("apply -f", both)).toBe("configmap/a configured\nconfigmap/b unchanged\n");
    expect((await attempt("diff -f", both)).code).toBe(0);
    expect(await kubectl("apply view-last-applied cm/a")).toContain('x: "2"');
    const env = { ...process.env, KUBECONFIG: cluster.kubeconfig, EDITOR: "sed -i 's/^  x: .*/  x: edited/'" };
    const edited = await runProgram({ program: await kubectlProgram(), args: ["edit", "configmap", "a"], env });
    expect([edited.stdout, edited.stderr]).toEqual(["configmap/a edited\n", ""]);
    const untouched = await runProgram({ program: await kubectlProgram(), args: ["edit", "configmap", "a"], env: { ...env, EDITOR: "true" } });
    expect(untouched.stderr).toContain("Edit cancelled, no changes made.");
    if (minor >= 25) expect(await apply(map("a", "4"), "--prune", "-l", "set=one")).toContain("configmap/b pruned");
    expect(await kubectl("replace -f", file("one.yaml", map("a", "5")))).toBe("configmap/a replaced\n");
    expect(await kubectl("replace --force -f", file("one.yaml", map("a", "6")))).toContain("configmap/a replaced");
    file("kustomization.yaml", "resources: [one.yaml]\nnamePrefix: pre-\n");
    expect(await kubectl("kustomize", folder)).toContain("name: pre-a");
    expect(await kubectl("apply -k", folder)).toBe("configmap/pre-a created\n");
    expect(await kubectl("delete -f", join(folder, "one.yaml"))).toMatch(/^configmap "a" deleted/);
  });

  it("applies on the server, tries without doing, and validates", async () => {
    expect(await apply(map("ssa", "1"), "--server-side")).toBe("configmap/ssa serverside-applied\n");
    const conflict = await cluster.kubectl.try(["apply", "--server-side", "--field-manager=other", "-f", "-"], { input: map("ssa", "2") });
    expect(conflict.stderr).toContain('Apply failed with 1 conflict: conflict with "kubectl": .data.x');
    expect(await apply(map("ssa", "2"), "--server-side", "--field-manager=other", "--force-conflicts")).toBe("configmap/ssa serverside-applied\n");
    expect(await apply(map("dry", "1"), "--dry-run=server")).toBe("configmap/dry created (server dry run)\n");
    expect((await attempt("get cm dry")).code).toBe(1);
    expect(await kubectl("create deployment dry --image=x --dry-run=client -o yaml")).toContain("kind: Deployment");
    const unknown = await cluster.kubectl.try(["apply", "-f", "-"], { input: `${map("bad", "1")}dat: {}\n` });
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/unknown field "?(?:ConfigMap\.)?"?dat"?|unknown field \\?"dat/);
    if (minor >= 25) {
      const warned = await cluster.kubectl.try(["apply", "--validate=warn", "-f", "-"], { input: `${map("bad", "0")}dat: {}\n` });
      expect([warned.stdout, warned.stderr]).toEqual(["configmap/bad created\n", 'Warning: unknown field "dat"\n']);
    }
    if (minor >= 25)
      expect(await cluster.kubectl.run(["apply", "--validate=ignore", "-f", "-"], { input: `${map("bad", "1")}dat: {}\n` })).toBe("configmap/bad configured\n");
  });

  it("creates with every generator", async () => {
    const one = file("one.txt", "1");
    for (const [line, created] of [
      [`configmap made --from-literal=a=1 --from-file=${one}`, "configmap/made"],
      ["secret generic made --from-literal=a=1", "secret/made"],
      ["secret docker-registry reg --docker-username=u --docker-password=p", "secret/reg"],
      ["role reader --verb=get,list --resource=pods", "role.rbac.authorization.k8s.io/reader"],
      ["rolebinding jane --role=reader --user=jane", "rolebinding.rbac.authorization.k8s.io/jane"],
      ["clusterrole session --verb=get --resource=nodes", "clusterrole.rbac.authorization.k8s.io/session"],
      ["clusterrolebinding session --clusterrole=session --user=jane", "clusterrolebinding.rbac.authorization.k8s.io/session"],
      ["quota made --hard=pods=100", "resourcequota/made"],
      ["priorityclass made --value=10", "priorityclass.scheduling.k8s.io/made"],
      ["ingress made --rule=a.example.com/b=front:80", "ingress.networking.k8s.io/made"],
      ["service clusterip s1 --tcp=80", "service/s1"],
      ["service nodeport s2 --tcp=80:80", "service/s2"],
      ["service externalname s3 --external-name=example.com", "service/s3"],
      ["namespace extra", "namespace/extra"],
      // Older ones ask for versions of these that are long gone.
      ...(minor < 21
        ? [["job once --image=busybox:local -- true", "job.batch/once"] as const]
        : ([
            ["cronjob tick --image=busybox:local --schedule=0,30_*_*_*_* -- true", "cronjob.batch/tick"],
            ["job once --from=cronjob/tick", "job.batch/once"],
            ["pdb made --selector=app=dep --min-available=1", "poddisruptionbudget.policy/made"],
          ] as const)),
    ] as const)
      expect(await cluster.kubectl.run(["create", ...line.split(" ").map((word) => word.replaceAll("_", " "))])).toBe(`${created} created\n`);
    expect(await kubectl("wait --for=condition=complete job/once --timeout=60s")).toBe("job.batch/once condition met\n");
    const described = ["role reader", "rolebinding jane", "quota made", "priorityclass made", "secret made", "clusterrole view"];
    if (minor >= 25) described.push("cronjob tick", "pdb made", "ingress made");
    for (const what of described) expect(await kubectl(`describe ${what}`), what).toMatch(/^Name: +\S/);
  });

  it("tells who may what", async (context) => {
    expect(await kubectl("auth can-i create pods")).toBe("yes\n");
    expect(await kubectl("auth can-i list pods --as=jane")).toBe("yes\n");
    const denied = await attempt("auth can-i delete pods --as=jane");
    expect([denied.code, denied.stdout]).toEqual([1, "no\n"]);
    expect(await kubectl("auth can-i --list --as=jane")).toMatch(/pods +\[\] +\[\] +\[get list\]/);
    needs(context, 27);
    expect(await kubectl("auth whoami -o", "jsonpath={.status.userInfo.username}")).toBe("kubernetes-admin");
    expect((await kubectl("create token default")).split(".")).toHaveLength(3);
  });

  it("answers curl with a token, and refuses others", async (context) => {
    needs(context, 24);
    const server = /server: (\S+)/.exec(readFileSync(cluster.kubeconfig, "utf8"))?.[1] ?? "";
    const token = (await kubectl("create token default")).trim();
    const curl = async (path: string, ...args: string[]): Promise<Record<string, unknown>> =>
      JSON.parse((await runProgram({ program: "curl", args: ["-sk", ...args, `${server}${path}`] })).stdout);
    const bearer = ["-H", `Authorization: Bearer ${token}`];
    const pods = "/api/v1/namespaces/default/pods";
    expect(await curl(pods, ...bearer)).toMatchObject({
      code: 403,
      message: 'pods is forbidden: User "system:serviceaccount:default:default" cannot list resource "pods" in API group "" in the namespace "default"',
    });
    expect(await curl(pods)).toMatchObject({ code: 403, message: expect.stringContaining('User "system:anonymous"') });
    expect(await curl(pods, "-H", "Authorization: Bearer nope")).toMatchObject({ code: 401, message: "Unauthorized" });
    await kubectl("create clusterrolebinding curl --clusterrole=cluster-admin --serviceaccount=default:default");
    expect(await curl(`${pods}?limit=1`, ...bearer)).toMatchObject({ kind: "PodList", items: [{}], metadata: { continue: expect.any(String) } });
    expect(await curl(`${pods}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dweb`, ...bearer)).toMatchObject({
      type: "ADDED",
      object: { metadata: { name: "web" } },
    });
    const patch = ["-X", "PATCH", "-H", "Content-Type: application/merge-patch+json", "-d", '{"metadata":{"labels":{"by":"curl"}}}'];
    expect(await curl(`${pods}/web`, ...bearer, ...patch)).toMatchObject({ metadata: { labels: { by: "curl" } } });
    expect(await curl(`${pods}/web`, ...bearer, "-H", "Impersonate-User: nobody")).toMatchObject({ code: 403 });
  });

  it("debugs with ephemeral containers, copies and on the node", async (context) => {
    needs(context, 25);
    await kubectl("debug talker --image=busybox:local --target=talker -- sh -c", "ps; echo seen");
    await eventually(
      () => kubectl("get pod talker -o", "jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.reason}"),
      (text) => text === "Completed",
    );
    const name = await kubectl("get pod talker -o", "jsonpath={.spec.ephemeralContainers[0].name}");
    expect(await kubectl(`logs talker -c ${name}`)).toMatch(/sleep[\s\S]*seen\n$/);
    await kubectl("debug web --copy-to=web-copy --image=busybox:local --share-processes -- sleep 100");
    expect(await kubectl("wait --for=condition=Ready pod/web-copy --timeout=60s")).toContain("condition met");
    await kubectl("delete pod web-copy --now --wait=false");
    const node = await kubectl("get nodes -o", "jsonpath={.items[0].metadata.name}");
    await kubectl(`debug node/${node} --image=busybox:local -- ls /host/etc/hostname`);
    await eventually(
      () => kubectl("get pods --no-headers"),
      (rows) => /node-debugger\S+ +0\/1 +Completed/.test(rows),
    );
  });

  it("cordons and drains within the budgets", async () => {
    const node = await kubectl("get nodes -o", "jsonpath={.items[0].metadata.name}");
    expect(await kubectl(`cordon ${node}`)).toBe(`node/${node} cordoned\n`);
    expect(await kubectl("get nodes --no-headers")).toContain("Ready,SchedulingDisabled");
    await kubectl(`uncordon ${node}`);
    const refused = await attempt(`drain ${node}`);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/declare no controller|not managed by/)]);
    const drain = await attempt(`drain ${node} --ignore-daemonsets --force --delete-emptydir-data --grace-period=1 --timeout=7s`);
    // An older one cannot make the budget.
    if (minor >= 21)
      expect([drain.code, drain.stderr]).toEqual([1, expect.stringContaining("Cannot evict pod as it would violate the pod's disruption budget.")]);
    else expect(drain.code).toBe(0);
    expect(drain.stdout).toContain("pod/web evicted");
    expect(await kubectl(`uncordon ${node}`)).toBe(`node/${node} uncordoned\n`);
    if (minor >= 21) await kubectl("delete pdb made");
    await kubectl("rollout status deploy/dep --timeout=60s");
  });

  it("reaches services through the API server and a local proxy", async () => {
    expect(await kubectl("get --raw /api/v1/namespaces/default/services/front:8080/proxy/")).toContain("Welcome to nginx!");
    const proxy = await cluster.kubectl.start(["proxy", "--port=0"]);
    try {
      let printed = "";
      proxy.stdout?.on("data", (chunk: Buffer) => (printed += chunk.toString()));
      const text = await eventually(
        async () => printed,
        (line) => /127\.0\.0\.1:\d+/.test(line),
      );
      const address = /127\.0\.0\.1:\d+/.exec(text)?.[0] ?? "";
      expect(await (await fetch(`http://${address}/api/v1/namespaces/default`)).json()).toMatchObject({ kind: "Namespace" });
    } finally {
      proxy.kill();
    }
  });

  it("tells of the cluster and of its API", async () => {
    const info = await kubectl("cluster-info");
    for (const what of ["control plane", "is running at", "DNS"]) expect(info).toContain(what);
    await kubectl("cluster-info dump --namespaces=kube-system --output-directory", join(folder, "dump"));
    expect(readFileSync(join(folder, "dump/nodes.json"), "utf8")).toContain("NodeList");
    expect((await kubectl("api-versions")).split("\n")).toEqual(expect.arrayContaining(["apps/v1", "batch/v1", "v1"]));
    expect(await kubectl("api-resources --api-group=apps -o name")).toContain("deployments.apps\n");
    expect(await kubectl("explain pod.spec.containers.resources")).toMatch(/KIND: +Pod\nVERSION: +v1\n.*limits.*requests/s);
    expect(await kubectl("explain deployment --recursive")).toMatch(/spec\t<.*template\t<.*containers\t</s);
    expect(await kubectl("version")).toMatch(/Server Version.*1\.?.*36/);
    expect(await kubectl("config current-context")).toBe("kubets\n");
    expect(await kubectl("config view --minify -o", "jsonpath={.contexts[0].name}")).toBe("kubets");
    expect(await kubectl("completion bash")).toContain("kubectl");
    const plugin = file("kubectl-hello", "#!/bin/sh\necho hello $1\n");
    chmodSync(plugin, 0o755);
    const env = { ...process.env, KUBECONFIG: cluster.kubeconfig, PATH: `${folder}:${process.env["PATH"]}` };
    const withPlugin = async (...args: string[]): Promise<string> => (await runProgram({ program: await kubectlProgram(), args, env })).stdout;
    expect(await withPlugin("plugin", "list")).toContain(plugin);
    expect(await withPlugin("hello", "world")).toBe("hello world\n");
    if (minor >= 26) expect(await kubectl("events --for deployment/dep")).toContain("ScalingReplicaSet");
  });

  it("deletes in all three ways, at once, by label and whole namespaces", async () => {
    await kubectl("create deployment leave --image=nginx:local");
    await kubectl("rollout status deploy/leave --timeout=60s");
    await kubectl("delete deploy leave --cascade=orphan");
    expect((await kubectl("get rs,pods -l app=leave -o name")).trim().split("\n")).toHaveLength(2);
    await kubectl("delete rs -l app=leave --cascade=foreground --timeout=60s");
    expect(await kubectl("get rs,pods -l app=leave -o name")).toBe("");
    await kubectl("delete deploy dep --cascade=background --now");
    await eventually(
      () => kubectl("get pods -l app=dep -o name"),
      (names) => names === "",
    );
    await kubectl("run last --image=busybox:local --restart=Never -- sleep 1000");
    const forced = await attempt("delete pod last --force --grace-period=0");
    expect([forced.code, forced.stderr]).toEqual([0, expect.stringMatching(/^[Ww]arning: Immediate deletion does not wait/)]);
    await kubectl("create configmap inside -n extra --from-literal=a=1");
    await kubectl("delete cm --all -n extra");
    expect(await kubectl("delete ns extra --timeout=60s")).toBe('namespace "extra" deleted\n');
    await kubectl("delete all --all --now");
  });
});
