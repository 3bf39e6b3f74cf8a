import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BodyBudget } from './body-budget.ts'
import { InferenceCore } from './core.ts'
import { type HttpLimits, httpFace } from './http/http-face.ts'
import { inferenceRoutes } from './http/inference-routes.ts'
import { silentLog } from './log.ts'
import type { VersionSettings } from './model/served-version.ts'
import { LargeJson } from './protocol/large-json.ts'
import { fileSource } from './repository/folder-source.ts'
import { ModelRegistry } from './repository/registry.ts'
import { liveRouter } from './router.ts'
import { Access } from './security/access.ts'

/** `g (float[N,W] x) => (float[N,V] y) { y = Concat<axis = 1>(x, x) }`, encoded. */
const TWICE =
  'CAc6UQoeCgF4CgF4EgF5IgZDb25jYXQqCwoEYXhpcxgBoAECEgFnWhUKAXgSEAoOCAESCgoDEgFOCgMSAVdiFQoBeRIQCg4IARIKCgMSAU4KAxIBVkIECgAQDQ=='
/** After so many, what answers a request is compiled. */
const REQUESTS = 4000
/** So few that requests of others hardly wait. */
const CONNECTIONS = 2
/** Numbers of the rows that are sent: through a socket and through shared memory, answered whole and in pieces. */
const WIDTHS = [1000, 25_000, 50_000]

/** Requests of our own that warm the code of a server which has just started. */
export interface Practice {
  /** How many requests were answered. */
  readonly done: Promise<number>
  /** Ends it at once. */
  stop(): Promise<void>
}

/**
 * A server's code is interpreted first and compiled as it is used: its first few thousand requests take up to three
 * times the processor time of later ones, and where a model takes long that is the first minute. So a server that has
 * nothing to do yet asks itself: a copy of its face, on a port of this machine that closes with it, and a model of its
 * own that computes nothing. Never fails: what cannot be practised is learnt on the way.
 */
export function practise(limits: HttpLimits, settings: VersionSettings): Practice {
  let stopped = false
  let sent = 0
  const next = () => !stopped && sent++ < REQUESTS
  const done = ask(limits, settings, next).catch(() => 0)
  const stop = async () => {
    stopped = true
    await done
  }
  return { done, stop }
}

async function ask(limits: HttpLimits, settings: VersionSettings, next: () => boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-practice-'))
  const path = join(folder, 'twice.onnx')
  writeFileSync(path, Buffer.from(TWICE, 'base64'))
  const own = { ...settings, capacity: 1, plan: { instances: 1, threads: 1, maxBatch: CONNECTIONS } }
  const rehearse = async () => ({ samples: [], invariance: { all: true } })
  const registry = new ModelRegistry(fileSource(path), own, rehearse, silentLog)
  const core = new InferenceCore(registry, liveRouter, null)
  const json = new LargeJson()
  const budget = new BodyBudget(limits.maxBodiesBytes)
  const routes = inferenceRoutes(core, { ready: true }, json)
  const face = httpFace(routes, new Access(null, true), limits, budget, silentLog)
  try {
    await registry.loadAll()
    await face.app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = face.app.server.address() as AddressInfo
    const requests = [...WIDTHS.map(binaryRequest), jsonRequest()]
    const answered = await Promise.all(
      Array.from({ length: CONNECTIONS }, (_, first) => converse(port, requests, first, next)),
    )
    return answered.reduce((sum, count) => sum + count, 0)
  } finally {
    await face.close(0)
    await json.close()
    await registry.close(0)
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Sends one request after another on a connection of its own, until there is no next one or the connection ends. Gives
 * how many were answered as they should.
 */
function converse(port: number, requests: readonly Buffer[], first: number, next: () => boolean): Promise<number> {
  return new Promise((resolve) => {
    let turn = first
    let answered = 0
    let head = ''
    /** Bytes of the answer that are still to come; null before its head is whole. */
    let left: number | null = null
    const buffer = Buffer.alloc(1 << 18)
    const callback = (length: number) => {
      if (left === null) {
        const known = head.length
        head += buffer.toString('latin1', 0, Math.min(length, 1024))
        const end = head.indexOf('\r\n\r\n')
        if (end < 0) return true
        left = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0) - (length - (end + 4 - known))
      } else left -= length
      if (left > 0) return true
      if (head.startsWith('HTTP/1.1 200 ')) answered++
      send()
      return true
    }
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback } })
    const send = () => {
      head = ''
      left = null
      if (next()) socket.write(requests[turn++ % requests.length]!)
      else socket.destroy()
    }
    socket.once('connect', send)
    socket.on('error', () => {})
    socket.once('close', () => resolve(answered))
  })
}

function binaryRequest(width: number): Buffer {
  const data = Buffer.alloc(4 * width)
  const json = Buffer.from(
    JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: [{ ...inputOf(width), parameters: { binary_data_size: data.byteLength } }],
    }),
  )
  return request(Buffer.concat([json, data]), `Inference-Header-Content-Length: ${json.byteLength}\r\n`)
}

const jsonRequest = () =>
  request(Buffer.from(JSON.stringify({ inputs: [{ ...inputOf(4), data: [1, 2, 3, 0.5] }] })), '')

const inputOf = (width: number) => ({ name: 'x', datatype: 'FP32', shape: [1, width] })

const request = (body: Buffer, headers: string): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST /v2/models/twice/infer HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: ${body.byteLength}\r\n\r\n`,
    ),
    body,
  ])
