import type { Model } from '../ir/index.ts'
import { float32Borders } from '../passes/index.ts'
import { UserError } from '../platform/index.ts'
import { advanceAll, type Step, startTrail, type Trail } from './trail.ts'

/** The passes that leave a file float32 alone between its inputs and outputs; float64 inside a float32 file stays. */
const stepsFor = (file: Model): readonly Step[] =>
  (float32Borders(file) === file ? ['widenFloat16'] : ['widenFloat16', 'narrowFloat64']).map((pass) => ({ pass }))

/**
 * The way on to a model that is float32 alone between its inputs and outputs, which keep their types.
 *
 * @throws UserError `unsupported` for a file of another floating type that cannot become float32.
 */
export async function float32Inside(file: Model, trail: Trail): Promise<Trail> {
  const steps = stepsFor(file)
  const inside = await advanceAll(trail, steps)
  const refusal = inside.runs.slice(-steps.length).flatMap(({ refused }) => refused)[0]
  if (!refusal || float32Borders(file) === file) return inside
  throw new UserError('unsupported', `learning takes float32, and this file cannot become it: ${refusal.reason}`, {
    where: refusal.node,
    hint: 'give the float32 model that this one was made of',
  })
}

/**
 * The float32 model behind a file of another floating type, from its inputs to its outputs: what learns, and what slopes
 * are taken of, which 11 bits would lose. Values inside and weights keep their names. The model itself where all of it
 * is float32.
 */
export async function float32Form(file: Model): Promise<Model> {
  const open = startTrail(float32Borders(file))
  const inside = await advanceAll(open, stepsFor(file))
  // The Casts at the borders have become Casts from float32 to float32.
  return inside.model === open.model ? open.model : (await advanceAll(inside, [{ pass: 'eliminateIdentity' }])).model
}

/** The way on to weights of float16, where those of the file are: a file of them does not come back twice as large. */
export async function storedAsIn(file: Model, trail: Trail): Promise<Trail> {
  const half = [...file.graph.initializers.values()].some(({ dtype, dims }) => dtype === 'float16' && dims.length > 1)
  return half ? advanceAll(trail, [{ pass: 'convertFloat16' }]) : trail
}
