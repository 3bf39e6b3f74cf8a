import { Agent, request } from 'node:http'

/** What a soak saw; see `soundness`. */
interface SoakReport {
  readonly answered: number
  /** Answers that are not what the version that they name computes. */
  readonly wrong: number
  /** 503 with Retry-After: a request whose process was killed. */
  readonly unavailable: number
  /** Anything else: lost connections, other statuses, a 503 without advice. */
  readonly lost: number
  readonly firstLost: string | null
  readonly kills: number
  readonly swaps: number
  /** Requests that the client gave up in the middle. */
  readonly abandoned: number
  readonly versions: Readonly<Record<string, number>>
}

interface SoakOptions {
  /** `127.0.0.1:8000`: a model `scaled` whose version v computes y = v · x for rows of two numbers. */
  readonly place: string
  readonly clients: number
  /** Kills the process of the live version; false where there is none just now. */
  kill(): boolean
  /** Lets another version answer. */
  swap(): Promise<void>
  /** What is done to the server; traffic flows from before it begins until it has ended. */
  acts(does: SoakActs): Promise<void>
}

interface SoakActs {
  kill(): void
  swap(): Promise<void>
  /** Until every client has been answered twice more. */
  answeredTwice(): Promise<void>
}

const MODEL = 'scaled'

/** Mixed traffic while processes are killed and versions swapped; every answer is checked against the version it names. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { place, clients } = options
  const seen = { answered: 0, wrong: 0, unavailable: 0, lost: 0, kills: 0, swaps: 0, abandoned: 0 }
  const versions: Record<string, number> = {}
  let firstLost: string | null = null
  let running = true
  const counts = new Array<number>(clients).fill(0)
  const agent = new Agent({ keepAlive: true, maxSockets: clients * 2 })

  const client = async (index: number) => {
    for (let n = 0; running; n++) {
      const rows = 1 + ((index + n) % 3)
      const values = Array.from({ length: rows * 2 }, (_, i) => index * 1000 + n + i)
      if (n % 23 === 22) {
        await abandon(agent, place, values)
        seen.abandoned++
      }
      const binary = n % 2 === 1
      const answer = await infer(agent, place, values, binary).catch((error: Error) => error)
      counts[index]!++
      if (answer instanceof Error) {
        seen.lost++
        firstLost ??= answer.message
      } else if (answer.status === 200) {
        seen.answered++
        versions[answer.version] = (versions[answer.version] ?? 0) + 1
        const expected = values.map((value) => value * Number(answer.version))
        if (answer.values.join() !== expected.join()) seen.wrong++
      } else if (answer.status === 503 && answer.retryAfter) {
        seen.unavailable++
        await sleep(20)
      } else {
        seen.lost++
        firstLost ??= `status ${answer.status}: ${answer.error}`
      }
    }
  }
  const traffic = Array.from({ length: clients }, (_, index) => client(index))
  const answeredTwice = async () => {
    const before = [...counts]
    while (counts.some((count, i) => count < before[i]! + 2)) await sleep(1)
  }
  try {
    await answeredTwice()
    await options.acts({
      kill: () => void (options.kill() && seen.kills++),
      swap: async () => {
        await options.swap()
        seen.swaps++
      },
      answeredTwice,
    })
    await answeredTwice()
  } finally {
    running = false
    await Promise.all(traffic)
    agent.destroy()
  }
  return { ...seen, firstLost, versions }
}

/** What a soak must not show; empty where all is well. A killed process takes at most what every client had under way. */
export function soundness(report: SoakReport, clients: number): readonly string[] {
  return [
    ...(report.wrong > 0 ? [`${report.wrong} wrong answers`] : []),
    ...(report.lost > 0 ? [`${report.lost} lost requests, the first: ${report.firstLost}`] : []),
    ...(report.unavailable > report.kills * clients * 3
      ? [`${report.unavailable} requests unavailable for ${report.kills} kills`]
      : []),
    ...(report.answered === 0 ? ['nothing was answered'] : []),
  ]
}

/** Acts at every multiple of `everyMs`, for `forMs` in all; an act that takes longer puts the next one off. */
export async function onTheClock(everyMs: number, forMs: number, act: () => void | Promise<void>): Promise<void> {
  const start = performance.now()
  for (let due = everyMs; due <= forMs; due = Math.max(due + everyMs, performance.now() - start)) {
    await sleep(start + due - performance.now())
    await act()
  }
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

interface Answer {
  readonly status: number
  readonly version: string
  readonly values: readonly number[]
  readonly retryAfter: string | undefined
  readonly error: string
}

function bodyOf(values: readonly number[], binary: boolean): { body: Buffer; headers: Record<string, string> } {
  const input = { name: 'x', datatype: 'FP32', shape: [values.length / 2, 2] }
  if (!binary) return { body: Buffer.from(JSON.stringify({ inputs: [{ ...input, data: values }] })), headers: {} }
  const data = Buffer.from(Float32Array.from(values).buffer)
  const json = Buffer.from(
    JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: [{ ...input, parameters: { binary_data_size: data.byteLength } }],
    }),
  )
  return {
    body: Buffer.concat([json, data]),
    headers: { 'Inference-Header-Content-Length': String(json.byteLength) },
  }
}

function start(agent: Agent, place: string, body: Buffer, headers: Record<string, string>) {
  const [host, port] = place.split(':')
  const path = `/v2/models/${MODEL}/infer`
  return request({
    agent,
    host,
    port,
    path,
    method: 'POST',
    headers: { ...headers, 'content-length': String(body.byteLength) },
  })
}

function infer(agent: Agent, place: string, values: readonly number[], binary: boolean): Promise<Answer> {
  const { body, headers } = bodyOf(values, binary)
  return new Promise((resolve, reject) => {
    const out = start(agent, place, body, headers)
    out.on('error', reject)
    out.on('response', (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk) => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        const whole = Buffer.concat(chunks)
        const length = Number(answer.headers['inference-header-content-length'] ?? whole.byteLength)
        const json = JSON.parse(whole.subarray(0, length).toString()) as {
          readonly model_version?: string
          readonly outputs?: readonly { readonly data?: readonly number[] }[]
          readonly error?: string
        }
        const bytes = new Uint8Array(whole.subarray(length))
        resolve({
          status: answer.statusCode!,
          version: json.model_version ?? '',
          values: json.outputs?.[0]?.data ?? [...new Float32Array(bytes.buffer)],
          retryAfter: answer.headers['retry-after'],
          error: json.error ?? '',
        })
      })
    })
    out.end(body)
  })
}

/** A client that goes before its request is whole. */
function abandon(agent: Agent, place: string, values: readonly number[]): Promise<void> {
  const { body, headers } = bodyOf(values, true)
  return new Promise((resolve) => {
    const out = start(agent, place, body, headers)
    out.on('error', () => resolve())
    out.on('close', () => resolve())
    out.write(body.subarray(0, body.byteLength >> 1), () => out.destroy())
  })
}
