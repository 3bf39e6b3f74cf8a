import type { Model } from '../ir/index.ts'
import { encodeModel } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import { insideOf } from './ort-inner-session.ts'
import { createSession, isCarried, type NativeSession, type OrtPackage, type OrtRuntime } from './ort-native.ts'
import { type OrtSessionOptions, threadsOf, webOptions } from './ort-options.ts'
import { type OrtSession, sessionOver } from './ort-session.ts'
import { portsOf } from './ports.ts'
import type { Engine } from './session.ts'

/** What is told to whoever asks for the browser's runtime and does not have it. */
export const WEB_PACKAGE = { name: 'onnxruntime-web', version: '1.30.0', megabytes: 139 } as const

/** The runtime in this process (or page): its WebAssembly is started once, with one number of threads. */
interface WebRuntime extends OrtRuntime {
  /** Opens encoded bytes. */
  create(bytes: Uint8Array, options: OrtSessionOptions, where: string | undefined): Promise<NativeSession>
}

interface WebPackage extends OrtPackage {
  readonly env: {
    readonly wasm: { numThreads?: number; wasmPaths?: unknown }
    readonly versions: { readonly web?: string; readonly common: string }
  }
}

let loading: Promise<WebPackage> | undefined
let started: { readonly threads: number; readonly done: Promise<void> } | undefined
let wasmPaths: string | undefined

/** Where a page finds `ort-wasm-simd-threaded.wasm` and `.mjs`, by URL of their folder; call it before the first session. */
export function setWasmFolder(url: string): void {
  wasmPaths = url
}

/**
 * Loads onnxruntime-web, which is an optional package.
 *
 * @throws UserError `unsupported` where it is not installed, with what to install.
 */
export async function webRuntime(): Promise<WebRuntime> {
  const web = await load()
  const name = `onnxruntime-web ${web.env.versions.web ?? web.env.versions.common}`
  async function create(bytes: Uint8Array, options: OrtSessionOptions, where: string | undefined, scattered = false) {
    await start(web, threadsOf(options))
    const native = { ...webOptions(options), ...(scattered ? { enableCpuMemArena: false } : {}) }
    return createSession(web, name, bytes, native, where)
  }
  return {
    name,
    create,
    open: (model, options, scattered) => create(encodeModel(model, { embed: true }), options, undefined, scattered),
  }
}

/** The runtime's name and version. UserError `unsupported` where it is not installed. */
export const requireWeb = async (): Promise<string> => (await webRuntime()).name

/** The version that is installed, or null where none is. */
export async function webVersion(): Promise<string | null> {
  try {
    return (await load()).env.versions.web ?? null
  } catch (error) {
    if (error instanceof UserError) return null
    throw error
  }
}

/**
 * ONNX Runtime as browsers have it, in WebAssembly, in this process or page. Weights in other files are copied into the
 * model, which together may take 2 GiB. `threads` counts for all sessions of the process: the first one settles it. A
 * trap in WebAssembly is an error of the run, and may leave the runtime unusable; in Node, `openIsolated` has a process
 * for each model.
 */
export const ortWeb: Engine & { open(model: Model, options?: OrtSessionOptions): Promise<OrtSession> } = {
  name: `onnxruntime-web`,
  async open(model, options: OrtSessionOptions = {}) {
    const runtime = await webRuntime()
    const ports = portsOf(model, isCarried, runtime.name)
    return sessionOver(runtime, await runtime.open(model, options), ports, insideOf(model), options)
  },
}

function load(): Promise<WebPackage> {
  loading ??= import('onnxruntime-web').then(
    (loaded) => ((loaded as { default?: unknown }).default ?? loaded) as WebPackage,
    (cause: unknown) => {
      const { name, version, megabytes } = WEB_PACKAGE
      throw new UserError('unsupported', `${name}, the runtime of browsers, is not installed.`, {
        where: name,
        hint: `npm install ${name}@${version} (${megabytes} MB), beside whetstone`,
        cause,
      })
    },
  )
  return loading
}

/** Starts WebAssembly ahead of the first model, so that what a model costs to load does not hold what the runtime does. */
async function start(web: WebPackage, threads: number): Promise<void> {
  if (started && started.threads !== threads)
    throw new UserError(
      'unsupported',
      `onnxruntime-web runs with ${started.threads} threads in this process already.`,
      {
        where: 'threads',
        hint: `${threads} threads need a process of their own`,
      },
    )
  started ??= { threads, done: begin(web, threads) }
  await started.done
}

async function begin({ env, InferenceSession }: WebPackage, threads: number): Promise<void> {
  env.wasm.numThreads = threads
  if (wasmPaths !== undefined) env.wasm.wasmPaths = wasmPaths
  // The package has no other way to start: a model of no bytes starts it and is then refused.
  await InferenceSession.create(new Uint8Array(1), webOptions()).catch(() => {})
}
