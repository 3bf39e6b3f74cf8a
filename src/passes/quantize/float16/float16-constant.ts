import { fromNumbers, type NameSupply, type Node, type Tensor, tensorValues, toFloat32 } from '../../../ir/index.ts'
import type { Refusal } from '../../../report/index.ts'

/** Largest finite float16. */
const LARGEST = 65504
/** Half of the smallest float16 above 0: what is nearer to 0 becomes 0. */
const VANISHES = 2 ** -25

/** What a conversion to float16 carries along. */
export interface Conversion {
  readonly names: NameSupply
  /** Whether a node stays in float32 as asked. */
  readonly kept: (node: Node) => boolean
  readonly refused: Refusal[]
  vanished: number
  applied: number
}

/** Below it a float16 has fewer bits the smaller it is. */
const SMALLEST_NORMAL = 2 ** -14
/** Least signal over noise that float16 must keep of a constant: 48 dB, of the 77 that it keeps of larger numbers. */
const KEPT = 2 ** 16

/** The constant in float16, or null where a value would become infinite or little is left (noted under the reader's name). */
export function halved(tensor: Tensor, reader: string, state: Conversion): Tensor | null {
  const values = tensorValues(tensor) as Float32Array
  let [vanished, small] = [0, false]
  for (const value of values) {
    if (Math.abs(value) > LARGEST && Number.isFinite(value)) {
      state.refused.push({
        node: reader,
        reason: `its constant ${tensor.name} holds ${value}, beyond what float16 can`,
      })
      return null
    }
    if (value === 0 || Math.abs(value) >= SMALLEST_NORMAL) continue
    small = true
    if (Math.abs(value) <= VANISHES) vanished++
  }
  const half = { ...fromNumbers('float16', tensor.dims, values), name: tensor.name }
  if (small && !keepsMost(values, toFloat32(half))) {
    state.refused.push({
      node: reader,
      reason: `its constant ${tensor.name} holds numbers so near to 0 that float16 keeps little of them`,
    })
    return null
  }
  state.vanished += vanished
  return half
}

/** NaN and the infinities are in float16 what they were. */
function keepsMost(values: Float32Array, rounded: Float32Array): boolean {
  let [signal, noise] = [0, 0]
  for (const [i, value] of values.entries()) {
    if (!Number.isFinite(value)) continue
    signal += value * value
    noise += (value - rounded[i]!) ** 2
  }
  return signal >= KEPT * noise
}
