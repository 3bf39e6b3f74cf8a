import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { writeNpz } from '../bench/write-npz.ts'
import { parseModel } from '../src/ir/index.ts'
import { encodeModel } from '../src/onnx/index.ts'

const ROOT = resolve(import.meta.dirname, '..')
/** The built command. */
export const BUILT = join(ROOT, 'dist/whet/main.js')

/** The built command where it is as new as the sources (`npm test` builds before), else the sources themselves. */
export const PROGRAM = isFresh()
  ? [BUILT]
  : ['--import', `file://${join(ROOT, 'scripts/typescript-hooks.mjs')}`, join(ROOT, 'src/cli/main.ts')]

function isFresh(): boolean {
  if (!existsSync(BUILT)) return false
  const built = statSync(BUILT).mtimeMs
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .every((name) => statSync(join(ROOT, 'src', name)).mtimeMs <= built)
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

/** A folder of its own for one test file, with an evidence cache that nobody else sees. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'whet-test-'))
  readonly cache = join(this.folder, 'cache')
  /** Where versions go unless a test says otherwise: never to the user's own store. */
  readonly store = join(this.folder, 'store')

  path(...names: readonly string[]): string {
    return join(this.folder, ...names)
  }

  /** Starts the command; every run has its own cache folder unless `cache` names one. */
  start(words: readonly string[], cache = this.cache): Running {
    const child = spawn(process.execPath, [...PROGRAM, ...words], {
      cwd: this.folder,
      env: { ...process.env, WHETSTONE_CACHE: cache, WHETSTONE_STORE: this.store, NO_COLOR: '1', NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const out: string[] = []
    const err: string[] = []
    child.stdout!.setEncoding('utf8').on('data', (text) => out.push(text))
    child.stderr!.setEncoding('utf8').on('data', (text) => err.push(text))
    const ended = new Promise<Ended>((done, fail) => {
      child.on('error', fail)
      child.on('close', (code) => done({ code, stdout: out.join(''), stderr: err.join('') }))
    })
    return { child, ended }
  }

  whet(...words: readonly string[]): Promise<Ended> {
    return this.start(words).ended
  }

  /** Writes a model given in text notation; its path. */
  model(name: string, text: string, opset = 20): string {
    const model = parseModel(`<ir_version: 10, opset_import: ["" : ${opset}, "my.own" : 1]> ${text}`)
    writeFileSync(this.path(name), encodeModel(model))
    return this.path(name)
  }

  /** Rows for a model with one float input `x` of `size` numbers, and class labels. */
  rows(name: string, rows: number, size: number, more: Arrays = {}): string {
    const x = Float32Array.from({ length: rows * size }, (_, i) => Math.sin(i * 1.7))
    return this.npz(name, { x: floats(x, [rows, size]), labels: integers(rows, (i) => i % 2), ...more })
  }

  npz(name: string, arrays: Arrays): string {
    writeNpz(this.path(name), arrays)
    return this.path(name)
  }

  /** Files below the folder, hidden ones included, without the cache. */
  files(folder = this.folder): readonly string[] {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => !name.startsWith('cache') && !statSync(join(folder, name)).isDirectory())
      .sort()
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

type Arrays = Parameters<typeof writeNpz>[1]

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

export const floats = (data: Float32Array, dims: readonly number[]) => ({
  dtype: 'float32',
  dims,
  bytes: bytesOf(data),
})

export const integers = (rows: number, at: (row: number) => number) => ({
  dtype: 'int64',
  dims: [rows],
  bytes: bytesOf(BigInt64Array.from({ length: rows }, (_, i) => BigInt(at(i)))),
})

const list = (values: readonly number[]) => `{${values.map((value) => value.toFixed(4)).join(',')}}`

/** Numbers of about the size of trained weights. */
export const weights = (count: number, seed = 1) =>
  list(Array.from({ length: count }, (_, i) => Math.sin((i + seed) * 12.9898) * 0.5))

/** Two dense layers with a useless Identity between them, so that the lossless passes have something to do. */
export const CLASSIFIER = `g (float[N,16] x) => (float[N,2] y)
  <float[16,32] w1 = ${weights(512)}, float[32] b1 = ${weights(32, 3)}, float[32,2] w2 = ${weights(64, 5)}, float[2] b2 = {0.1,-0.1}>
  { a = MatMul(x, w1)
    b = Add(a, b1)
    c = Relu(b)
    d = Identity(c)
    e = MatMul(d, w2)
    y = Add(e, b2) }`
