// What deploy/ says holds for the server as it is: nobody applies the manifests here, but what they promise is read.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { parse } from '../src/cli/parse.ts'
import { serveVerb } from '../src/cli/serve.ts'
import { Arguments } from '../src/cli/verb.ts'
import { DRAIN_MS, type Server } from '../src/serve/index.ts'
import { ask, modelFolder, serve } from './serve-kit.ts'

const DEPLOY = join(import.meta.dirname, '../deploy')

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}
interface Container {
  readonly args: readonly string[]
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly [string, string] } } }
  readonly startupProbe: Probe
  readonly readinessProbe: Probe
  readonly livenessProbe: Probe
  readonly securityContext: { readonly readOnlyRootFilesystem: boolean }
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}
interface Deployment {
  readonly kind: 'Deployment'
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number
        readonly containers: readonly Container[]
        readonly volumes: readonly { readonly name: string }[]
      }
    }
  }
}
interface Service {
  readonly kind: 'Service'
  readonly spec: { readonly ports: readonly { readonly port: number; readonly targetPort: string }[] }
}

const folder = join(DEPLOY, 'kubernetes')
const documents = readdirSync(folder).flatMap((file) =>
  parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((one) => one.toJS() as Deployment | Service),
)
const pods = documents
  .filter((one): one is Deployment => one.kind === 'Deployment')
  .map(({ spec }) => ({ ...spec.template.spec, container: spec.template.spec.containers[0]! }))
const optionsOf = ({ args: [verb, ...words] }: Container) => {
  expect(verb).toBe(serveVerb.name)
  return parse(serveVerb, words)
}

let server: Server
beforeAll(async () => {
  server = await serve(modelFolder({ 'm.onnx': 'g (float[N,2] x) => (float[N,2] y) { y = Neg(x) }' }))
}, 60_000)
afterAll(() => server.close())

test('a server that is told to go has the time for it: routes are taken away first, then it drains, then it is killed', () => {
  expect(pods.length).toBeGreaterThan(0)
  for (const { container, terminationGracePeriodSeconds } of pods) {
    const drainMs = optionsOf(container).options.number('drain', DRAIN_MS, 0)
    const [program, seconds] = container.lifecycle.preStop.exec.command
    expect([program, Number(seconds) > 0]).toEqual(['sleep', true])
    expect(1000 * (terminationGracePeriodSeconds - Number(seconds))).toBeGreaterThan(drainMs)
  }
})

test('probes ask for what the server answers', async () => {
  for (const { container } of pods)
    for (const { httpGet } of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      expect(httpGet.port).toBe('http')
      expect((await ask(server.http, 'GET', httpGet.path)).status).toBe(200)
    }
  const asked = [...readFileSync(join(DEPLOY, 'Dockerfile'), 'utf8').matchAll(/127\.0\.0\.1:8000(\/[^']+)/g)]
  expect(asked.length).toBe(1)
  for (const [, path] of asked) expect((await ask(server.http, 'GET', path!)).status).toBe(200)
})

test('ports are those of the image, and services name them', () => {
  const exposed = /^EXPOSE (.+)$/m
    .exec(readFileSync(join(DEPLOY, 'Dockerfile'), 'utf8'))![1]!
    .split(' ')
    .map(Number)
  const names = new Map<string, number>()
  for (const { container } of pods)
    for (const { name, containerPort } of container.ports) names.set(name, containerPort)
  expect([...names.values()].sort()).toEqual(exposed)
  for (const one of documents)
    if (one.kind === 'Service')
      expect(one.spec.ports.map(({ targetPort }) => names.get(targetPort))).toEqual(
        one.spec.ports.map(({ port }) => port),
      )
})

test('what is written lies on a volume', () => {
  for (const { container, volumes } of pods) {
    expect(container.securityContext.readOnlyRootFilesystem).toBe(true)
    expect(container.volumeMounts.map(({ name }) => name)).toEqual(volumes.map(({ name }) => name))
    const { positionals, options } = optionsOf(container)
    const cache = container.env.find(({ name }) => name === 'WHETSTONE_CACHE')?.value
    for (const path of [...positionals, options.text('state'), cache])
      expect(container.volumeMounts.some(({ mountPath }) => path?.startsWith(mountPath))).toBe(true)
  }
})

test('the image holds what the package ships, and the command in it', () => {
  const dockerfile = readFileSync(join(DEPLOY, 'Dockerfile'), 'utf8')
  const [, image] = dockerfile.split(/^FROM .*\n(?=ENV)/m)
  expect([...image!.matchAll(/^COPY --from=build (\S+) /gm)].map(([, from]) => from)).toEqual([
    '/build/node_modules',
    '/build/package',
  ])
  expect(dockerfile).toMatch(/npm pack .*&& tar xzf whetstone-\*\.tgz/)
  const root = join(import.meta.dirname, '..')
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: readonly string[] }
  expect(files.filter((name) => name === 'dist' || /^dist\/(bench|demo)/.test(name))).toEqual([])
  const [, entry] = /^ENTRYPOINT \["node", "(.+)"\]$/m.exec(image!)!
  expect(files.some((name) => entry!.startsWith(`${name}/`))).toBe(true)
  // Others run the command inside of it by its name.
  const workdir = /^WORKDIR (.+)$/m.exec(image!)![1]!
  expect(/ln -s (\S+) \/usr\/local\/bin\/whet$/m.exec(image!)![1]).toBe(`${workdir}/${entry}`)
  const [, words] = /^CMD (\[.+\])$/m.exec(image!)!
  const [verb, ...rest] = JSON.parse(words!) as string[]
  expect([verb, parse(serveVerb, rest).options]).toEqual(['serve', expect.any(Arguments)])
  if (!existsSync(join(root, 'dist'))) return
  const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
  })
  const shipped = (JSON.parse(packed) as { files: { path: string; mode: number }[] }[])[0]!.files
  const paths = shipped.map(({ path }) => path)
  expect(shipped.find(({ path }) => path === entry)!.mode & 0o111).toBe(0o111)
  expect(paths).toContain(entry)
  expect(paths.filter((path) => /\.test\.|^dist\/(?!src\/|whet\/)/.test(path))).toEqual([])
}, 60_000)
