import { fromNumbers, type NameSupply, type Node, type Tensor, tensorValues } from '../../../ir/index.ts'
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

/** The constant in float16, or null where a value would become infinite (noted under the reader's name). */
export function halved(tensor: Tensor, reader: string, state: Conversion): Tensor | null {
  const values = tensorValues(tensor) as Float32Array
  let vanished = 0
  for (const value of values) {
    if (Math.abs(value) > LARGEST && Number.isFinite(value)) {
      state.refused.push({
        node: reader,
        reason: `its constant ${tensor.name} holds ${value}, beyond what float16 can`,
      })
      return null
    }
    if (value !== 0 && Math.abs(value) <= VANISHES) vanished++
  }
  state.vanished += vanished
  return { ...fromNumbers('float16', tensor.dims, values), name: tensor.name }
}
