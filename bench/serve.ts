import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OCR } from '../demo/ocr-models.ts'
import { rehearseOn } from '../src/cli/rehearse.ts'
import { openIsolated } from '../src/engine/index.ts'
import { inMemory, type Model, parseModel, type Tensor } from '../src/ir/index.ts'
import { encodeModel, readModel } from '../src/onnx/index.ts'
import { preloads, siblingModule } from '../src/platform/index.ts'
import { DEFAULT_SETTINGS, fileSource, folderSource, startServer } from '../src/serve/index.ts'
import { median } from '../src/statistics/index.ts'
import { type Budget, budgetLine, type Watched, watchProcessors } from './processor-time.ts'
import type { LoadOrder, LoadResult } from './serve-load.ts'
import { onTheClock, soak, soundness } from './serve-soak.ts'

/**
 * `whet serve` beside a plain Fastify + onnxruntime-node server, in one run, by turns: throughput and p99 at concurrency
 * 32, what a request of 16 KB costs at concurrency 1 beyond HTTP and the run itself, and saturation beside the offline
 * limit. Then the soak. `node dist/bench/serve.js [cls] [perceptron] [latency] [saturated] [soak]`; SECONDS sets the
 * length of each measurement (3), WARM_SECONDS how long each server answers before (10), SOAK_SECONDS the soak (600).
 */
const SECONDS = Number(process.env.SECONDS ?? 3)
const SOAK_SECONDS = Number(process.env.SOAK_SECONDS ?? 600)
const ROUNDS = 3
/**
 * Both servers answer for so long before anything counts. Their JavaScript is interpreted first and compiled as it is
 * used: the first few thousand requests take up to three times the processor time of later ones, in this process and in
 * the compiler's threads. What is compared is a server that runs, not one that begins.
 */
const WARM_SECONDS = Number(process.env.WARM_SECONDS ?? 10)
/** What the memory of a server may grow by once it is warm. */
const MOST_GROWTH_MB = 100
const wanted = process.argv.slice(2)
const wants = (name: string) => wanted.length === 0 || wanted.includes(name)
const folder = mkdtempSync(join(tmpdir(), 'whetstone-serve-bench-'))
const say = (line: string) => process.stdout.write(`${line}\n`)

interface Contest {
  readonly name: string
  readonly path: string
  readonly input: string
  readonly dims: readonly number[]
}

const CLS: Contest = {
  name: 'PP-OCR cls',
  path: OCR.direction,
  input: 'x',
  dims: [3, 48, 192],
}
const REC: Contest = { name: 'PP-OCR rec', path: OCR.recognition, input: 'x', dims: [3, 48, 320] }
const perceptron = (layers: number, width: number): Contest => {
  const path = join(folder, `perceptron-${layers}x${width}.onnx`)
  writeFileSync(path, encodeModel(perceptronModel(layers, width)))
  return { name: `${layers}×${width} perceptron`, path, input: 'x', dims: [width] }
}

/** A model of `layers` square matrices, the weights put in as bytes. */
function perceptronModel(layers: number, width: number): Model {
  const steps = Array.from(
    { length: layers },
    (_, i) => `m${i} = MatMul(${i === 0 ? 'x' : `r${i - 1}`}, w${i})  r${i} = Relu(m${i})`,
  )
  const names = Array.from({ length: layers }, (_, i) => `w${i}`)
  const skeleton =
    parseModel(`<ir_version: 10, opset_import: ["" : 20]> g (float[N,${width}] x) => (float[N,${width}] y)
    <${names.map((name) => `float[1] ${name} = {0}`).join(', ')}> { ${steps.join('\n')}  y = Identity(r${layers - 1}) }`)
  const initializers = new Map<string, Tensor>(
    names.map((name, layer) => {
      const values = Float32Array.from(
        { length: width * width },
        (_, k) => Math.sin((k + layer) * 12.9898) / Math.sqrt(width),
      )
      const data = { form: 'raw', bytes: inMemory(new Uint8Array(values.buffer)) } as const
      return [name, { name, dtype: 'float32', dims: [width, width], data }]
    }),
  )
  return { ...skeleton, graph: { ...skeleton.graph, initializers } }
}

function child(name: string, args: readonly string[] = []): ChildProcess {
  const module = siblingModule(import.meta.url, name)
  return fork(fileURLToPath(module), [...args], {
    execArgv: preloads(module).flatMap((url) => ['--import', url]),
    serialization: 'advanced',
  })
}

const message = <T>(from: ChildProcess) =>
  new Promise<T>((resolve) => from.once('message', (value) => resolve(value as T)))

const client = child('serve-load')
function load(order: LoadOrder): Promise<LoadResult> {
  client.send(order)
  return message<LoadResult>(client)
}

type Measured = LoadResult & { readonly budget: Budget }

/** A load, and what its requests took of the processors, the client included. */
async function budgeted(order: LoadOrder, server: Watched): Promise<Measured> {
  const taken = watchProcessors({ ...server, client: client.pid! })
  const result = await load(order)
  return { ...result, budget: taken(result.answered) }
}

const http = (path: string, body: Uint8Array, headers = '') =>
  Buffer.concat([
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Type: application/octet-stream\r\nContent-Length: ${body.byteLength}\r\n\r\n`,
    ),
    body,
  ])

function tensorRequest({ input, dims }: Contest): { ours: Buffer; plain: Buffer; noop: Buffer } {
  const count = dims.reduce((a, b) => a * b, 1)
  const tensor = new Uint8Array(Float32Array.from({ length: count }, (_, i) => Math.sin(i)).buffer)
  const json = Buffer.from(
    JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: [
        { name: input, datatype: 'FP32', shape: [1, ...dims], parameters: { binary_data_size: tensor.byteLength } },
      ],
    }),
  )
  const body = Buffer.concat([json, tensor])
  return {
    ours: http('/v2/models/model/infer', body, `Inference-Header-Content-Length: ${json.byteLength}\r\n`),
    plain: http('/infer', tensor),
    noop: http('/noop', tensor),
  }
}

async function pair(contest: Contest) {
  const plain = child('serve-plain-server', [contest.path, contest.input, contest.dims.join(',')])
  const { port: plainPort } = await message<{ port: number }>(plain)
  const file = join(folder, 'model.onnx')
  writeFileSync(file, encodeModel(await readModel(contest.path)))
  const ours = await startServer({
    source: fileSource(file),
    httpPort: 0,
    grpcPort: null,
    adminPort: null,
    settings: { ...DEFAULT_SETTINGS, capacity: cpus().length },
    practise: true,
    rehearse: rehearseOn(undefined, { [contest.input]: [1, ...contest.dims] }),
  })
  const version = ours.core.registry.version('model', '')
  say(`${contest.name}: ${version.plan.instances} × ${version.plan.threads} threads, ${version.batching.reason}`)
  const close = async () => {
    plain.kill()
    await ours.close()
  }
  return { plainPort, plainPid: plain.pid!, oursPort: Number(ours.http!.split(':')[1]), version, close }
}

async function throughput(contest: Contest, target: number): Promise<void> {
  const { plainPort, plainPid, oursPort, version, close } = await pair(contest)
  const { ours, plain } = tensorRequest(contest)
  for (const [port, request] of [
    [plainPort, plain],
    [oursPort, ours],
  ] as const)
    await load({ port, request, connections: 32, ms: WARM_SECONDS * 1000 })
  const rounds: { ours: Measured; plain: Measured; rows: number }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const order = { connections: 32, ms: SECONDS * 1000 }
    const one = await budgeted({ ...order, port: plainPort, request: plain }, { server: plainPid })
    const { inferences, executions } = version.statistics
    const two = await budgeted({ ...order, port: oursPort, request: ours }, { HTTP: process.pid, model: version.pid! })
    const rows = (version.statistics.inferences - inferences) / (version.statistics.executions - executions)
    rounds.push({ plain: one, ours: two, rows })
  }
  const ratio = median(rounds.map((round) => round.ours.perSecond / round.plain.perSecond))
  const tail = median(rounds.map((round) => round.ours.p99Ms / round.plain.p99Ms))
  for (const round of rounds)
    say(
      `  plain ${round.plain.perSecond.toFixed(0)}/s p99 ${round.plain.p99Ms.toFixed(1)} ms · ours ${round.ours.perSecond.toFixed(0)}/s p99 ${round.ours.p99Ms.toFixed(1)} ms · failed ${round.ours.failed} · ${round.rows.toFixed(1)} rows a run`,
    )
  for (const round of rounds)
    say(`  processor time a request: plain ${budgetLine(round.plain.budget)} | ours ${budgetLine(round.ours.budget)}`)
  const spent = median(rounds.map((round) => round.plain.budget.totalUs / round.ours.budget.totalUs))
  say(`  processor time: the plain server's request takes ${spent.toFixed(2)}× ours, its client's time included`)
  say(
    `  concurrency 32: ${ratio.toFixed(2)}× the plain server's throughput (wanted ≥ ${target}×), p99 ${tail.toFixed(2)}× (wanted < 1)`,
  )
  await close()
}

/** 16 KB at concurrency 1: ours less a request that does nothing and the bare run, by turns. */
async function latency(): Promise<void> {
  const contest = perceptron(1, 4096 / 4)
  const wide: Contest = { ...contest, name: '16 KB' }
  const path = join(folder, 'wide.onnx')
  writeFileSync(
    path,
    encodeModel(
      parseModel(
        `<ir_version: 10, opset_import: ["" : 20]> g (float[N,4096] x) => (float[N,1] y) <int64[1] axis = {1}> { y = ReduceSum(x, axis) }`,
      ),
    ),
  )
  const small: Contest = { ...wide, path, dims: [4096] }
  const { plainPort, oursPort, close } = await pair(small)
  const { ours, noop } = tensorRequest(small)
  const session = await openIsolated(path)
  const feeds = { x: { dtype: 'float32' as const, dims: [1, 4096], data: new Float32Array(4096) } }
  const extra: number[] = []
  for (let round = 0; round < ROUNDS * 3; round++) {
    const order = { connections: 1, ms: (SECONDS * 1000) / 3 }
    const nothing = await load({ ...order, port: plainPort, request: noop })
    const whole = await load({ ...order, port: oursPort, request: ours })
    const runs = await session.timeRuns(feeds, 500, 50)
    const runMs = median(runs) / 1e6
    extra.push(whole.p50Ms - nothing.p50Ms - runMs)
    say(`  no-op ${nothing.p50Ms.toFixed(3)} ms · run ${runMs.toFixed(3)} ms · ours ${whole.p50Ms.toFixed(3)} ms`)
  }
  say(`  16 KB binary, concurrency 1: ${median(extra).toFixed(3)} ms above HTTP and the run (wanted ≤ 0.25)`)
  await session.close()
  await close()
}

/** A model of ten milliseconds and more: saturated throughput beside what the same lanes do without any server. */
async function saturated(): Promise<void> {
  const { oursPort, version, close } = await pair(REC)
  const { ours } = tensorRequest(REC)
  await load({ port: oursPort, request: ours, connections: 16, ms: WARM_SECONDS * 1000 })
  const shares: number[] = []
  const spent: { readonly servedMs: number; readonly offlineMs: readonly number[] }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const offline = await version.offlineSpeeds(SECONDS * 1000)
    const limit = Math.max(...offline.map(({ perSecond }) => perSecond))
    const order = { port: oursPort, request: ours, connections: 16, ms: SECONDS * 1000 }
    const served = await budgeted(order, { HTTP: process.pid, model: version.pid! })
    shares.push(served.perSecond / limit)
    spent.push({ servedMs: served.budget.totalUs / 1000, offlineMs: offline.map(({ cpuMs }) => cpuMs) })
    say(
      `  offline ${limit.toFixed(1)}/s, ${offline.map(({ cpuMs }) => cpuMs.toFixed(2)).join(' or ')} ms of a processor a row · served ${served.perSecond.toFixed(1)}/s p99 ${served.p99Ms.toFixed(0)} ms · failed ${served.failed} · processor time a request: ${budgetLine(served.budget)}`,
    )
  }
  // By the time of processors, which other programs change less: what the best size of runs takes offline, of all that
  // a request takes.
  const best = Math.min(...spent[0]!.offlineMs.map((_, size) => median(spent.map(({ offlineMs }) => offlineMs[size]!))))
  const all = median(spent.map(({ servedMs }) => servedMs))
  say(
    `  saturated: ${(100 * median(shares)).toFixed(0)} % of the offline limit (wanted ≥ 90 %); by processor time, the client's included, ${best.toFixed(2)} of ${all.toFixed(2)} ms: ${((100 * best) / all).toFixed(0)} %`,
  )
  await close()
}

/** For `SOAK_SECONDS` a kill every five seconds and a swap every three; then a control that must fail. */
async function longSoak(): Promise<void> {
  const scaled = (by: number) =>
    encodeModel(
      parseModel(
        `<ir_version: 10, opset_import: ["" : 20]> g (float[N,2] x) => (float[N,2] y) <float k = {${by}}> { y = Mul(x, k) }`,
      ),
    )
  for (const [control, factors] of [
    ['', { 2: 2, 3: 3 }],
    ['control: version 3 computes something else', { 2: 2, 3: 5 }],
  ] as const) {
    const place = join(folder, control ? 'control' : 'soak')
    for (const [name, by] of Object.entries(factors)) {
      mkdirSync(join(place, 'scaled', name), { recursive: true })
      writeFileSync(join(place, 'scaled', name, 'model.onnx'), scaled(by))
    }
    const server = await startServer({
      source: folderSource(place),
      httpPort: 0,
      grpcPort: null,
      adminPort: null,
      settings: { ...DEFAULT_SETTINGS, capacity: cpus().length },
      rehearse: rehearseOn(undefined),
    })
    const clients = 16
    const ms = (control ? Math.min(20, SOAK_SECONDS) : SOAK_SECONDS) * 1000
    let turn = 0
    const memory: number[] = []
    const watch = setInterval(() => memory.push(process.memoryUsage.rss()), Math.max(500, SOAK_SECONDS * 10))
    const report = await soak({
      place: server.http!,
      clients,
      kill: () => {
        const { pid } = server.core.registry.version('scaled', '')
        return pid !== null && process.kill(pid, 'SIGKILL')
      },
      swap: async () => void (await server.core.registry.load('scaled', ['2', '3'][turn++ % 2]!)),
      acts: async ({ kill, swap }) => {
        await Promise.all([onTheClock(5000, ms, kill), onTheClock(3000, ms, swap)])
      },
    })
    clearInterval(watch)
    // Beside one another: the end of the first fifth, when all is warm, and the last.
    const [early, late] = [0.2, 1].map((share) => median(memory.slice(0, Math.ceil(memory.length * share)).slice(-9)))
    const grown = (late! - early!) / 1e6
    const faults = [
      ...soundness(report, clients),
      ...(grown > MOST_GROWTH_MB ? [`memory grew by ${grown.toFixed(0)} MB`] : []),
    ]
    say(`soak${control ? ` (${control})` : ''}: ${JSON.stringify(report)}`)
    say(
      `  memory of the server ${(early! / 1e6).toFixed(0)} → ${(late! / 1e6).toFixed(0)} MB (wanted: at most ${MOST_GROWTH_MB} more) · ${faults.length === 0 ? 'sound' : faults.join('; ')}${control ? ' (wanted: wrong answers)' : ''}`,
    )
    await server.close()
  }
}

say(`${cpus()[0]!.model}, ${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)}, Node ${process.versions.node}`)
try {
  if (wants('cls')) await throughput(CLS, 1.5)
  if (wants('perceptron')) await throughput(perceptron(12, 1024), 3)
  if (wants('latency')) await latency()
  if (wants('saturated')) await saturated()
  if (wants('soak')) await longSoak()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit()
