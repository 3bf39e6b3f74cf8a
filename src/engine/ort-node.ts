import type { Model } from '../ir/index.ts'
import { insideOf } from './ort-inner-session.ts'
import { isCarried } from './ort-native.ts'
import { placeModel } from './ort-node-place.ts'
import { kernels, optimizedModel, profile } from './ort-node-profile.ts'
import { runtimeName } from './ort-node-version.ts'
import { nativeOptions, type OrtSessionOptions } from './ort-options.ts'
import { type OrtSession, sessionOver } from './ort-session.ts'
import { portsOf } from './ports.ts'
import type { Feeds, NativeEngine, ProfileOptions } from './session.ts'

/** The adapter's own surface: a NativeEngine whose options also take the runtime's configuration entries. */
export interface OrtNodeEngine extends NativeEngine {
  open(model: Model, options?: OrtSessionOptions): Promise<OrtSession>
  kernels(model: Model, options?: OrtSessionOptions): ReturnType<NativeEngine['kernels']>
  profile(
    model: Model,
    feeds: Feeds,
    runs: number,
    options?: OrtSessionOptions & ProfileOptions,
  ): ReturnType<NativeEngine['profile']>
  /** The graph as the runtime optimised it. */
  optimizedModel(model: Model, options?: OrtSessionOptions): Promise<Model>
}

/**
 * ONNX Runtime in this process. `open` throws a UserError where the runtime refuses the model or cannot hand over one
 * of its types (1.30 would abort the process instead); a fault inside the runtime still ends this process, so models
 * of unknown origin belong into `openIsolated`. `kernels`, `profile` and `optimizedModel` use a process of their own.
 */
export const ortNode: OrtNodeEngine = { name: runtimeName, open, kernels, profile, optimizedModel }

async function open(model: Model, options: OrtSessionOptions = {}): Promise<OrtSession> {
  const ports = portsOf(model, isCarried, runtimeName)
  const native = nativeOptions(options)
  // Loaded by whoever runs a model in this very process; most run theirs in others.
  const { createNative, nodeRuntime } = await import('./ort-runtime.ts')
  const placed = await placeModel(model)
  try {
    const session = await createNative(placed.source, native, undefined)
    return sessionOver(nodeRuntime, session, ports, insideOf(model), options, placed.remove)
  } catch (error) {
    placed.remove()
    throw error
  }
}
