// First: the runtime reads the environment while it loads.
import './ort-telemetry.ts'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { createSession, type LendingSession, type OrtRuntime } from './ort-native.ts'
import { runtimeName } from './ort-node-version.ts'
import { nativeOptions } from './ort-options.ts'

/**
 * Creates a session of onnxruntime-node from encoded bytes or a path. `options` are the runtime's own (see
 * `nativeOptions`). Throws a UserError where the runtime refuses the model.
 */
export const createNative = (
  source: string | Uint8Array,
  options: Readonly<Record<string, unknown>>,
  where: string | undefined,
): Promise<LendingSession> => createSession({ InferenceSession, Tensor }, runtimeName, source, options, where)

/** `g (float[1] x) => (float[1] y) { y = Identity(x) }`, encoded. */
const SMALLEST = 'CAc6NwoQCgF4EgF5IghJZGVudGl0eRIBZ1oPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCBAoAEA0='

/**
 * Starts the runtime itself by loading the smallest of models. The first session of a process waits for the runtime's
 * environment and its registries of operators, some 20 ms whatever the model is; later ones cost what their model costs.
 */
export async function startNative(): Promise<void> {
  const bytes = Uint8Array.from(atob(SMALLEST), (character) => character.charCodeAt(0))
  await (await createNative(bytes, nativeOptions({ threads: 1 }), undefined)).release()
}

/** onnxruntime-node as sessions see it; the encoded bytes of a model are not needed after the load. */
export const nodeRuntime = {
  name: runtimeName,
  async open(model, options, scattered = false) {
    const { placeModel } = await import('./ort-node-place.ts')
    const placed = await placeModel(model)
    const native = { ...nativeOptions(options), ...(scattered ? { enableCpuMemArena: false } : {}) }
    try {
      return await createNative(placed.source, native, undefined)
    } finally {
      placed.remove()
    }
  },
} satisfies OrtRuntime
