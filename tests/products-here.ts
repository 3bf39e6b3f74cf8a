import { type Engine, ortNode, reference, referenceWith } from '../src/engine/index.ts'
import { parseModel } from '../src/ir/index.ts'

const PAIR = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
  g (uint8[1,2] x) => (int32[1,1] y) <int8[2,1] w = {127, 127}> { y = MatMulInteger(x, w) }`)
/** 255 · 127 + 255 · 127, and what is left of it where two products are added in 16 bits. */
const [EXACT, SATURATED] = [64_770, 32_767]
let answer: Promise<boolean> | undefined

/** Whether the runtime's products of unsigned and signed codes saturate on the processor that runs the tests. */
export const saturatesHere = (): Promise<boolean> => (answer ??= ask())

async function ask(): Promise<boolean> {
  const session = await ortNode.open(PAIR)
  try {
    const { y } = await session.run({ x: { dtype: 'uint8', dims: [1, 2], data: Uint8Array.of(255, 255) } })
    const [sum] = y!.data as Int32Array
    if (sum !== EXACT && sum !== SATURATED) throw new Error(`${EXACT} became ${sum}`)
    return sum === SATURATED
  } finally {
    await session.close()
  }
}

/** The reference engine as the runtime answers on this processor. */
export const referenceHere = async (): Promise<Engine> =>
  (await saturatesHere()) ? referenceWith({ saturate16: true }) : reference
