import type { Dataset } from '../../data/index.ts'
import { openIsolated, type Session, type TensorValue } from '../../engine/index.ts'
import { feedsOf } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import { answerOf, classesOf, gradientsOf, twoClassesOf } from './class-gradient.ts'

/** What the change of one row's answer hangs on: one number a value of the row, in its shape. */
export interface RowSaliency {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

interface SaliencyOptions {
  readonly open?: ((model: Model) => Promise<Session>) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * For rows that two classifiers answer differently, how much each value moves the candidate between the two answers:
 * |∂(z_c − z_b)/∂x|, with z the candidate's logits, c its best answer other than b, which is that of the base; rounding
 * counts as the identity. Empty where the models are no classifiers of one float32 input, or the candidate has no
 * gradient: a picture less, no error.
 */
export async function saliencyOf(
  base: Model,
  candidate: Model,
  data: Dataset,
  rows: readonly number[],
  { open = openIsolated, signal }: SaliencyOptions = {},
): Promise<ReadonlyMap<number, RowSaliency>> {
  const found = new Map<number, RowSaliency>()
  if (rows.length === 0) return found
  const opened: Session[] = []
  try {
    const before = await open(base)
    opened.push(before)
    const [input, ...others] = before.inputs.filter(
      ({ name }) => !(name in data.constants) && data.fields.some((field) => field.name === name),
    )
    if (input?.dtype !== 'float32' || others.length > 0) return found
    const outputs = candidate.graph.outputs.map(({ name }) => name)
    const answer = answerOf(base, before)
    if (!outputs.includes(answer)) return found
    const turnOf = async (scores: number) => {
      // Any score may divide two classes: where it lies moves no gradient.
      const { logits, bare } = scores === 1 ? twoClassesOf(candidate, answer, 0.5) : classesOf(candidate, answer)
      const gradients = gradientsOf(bare, logits, input.name, open)
      if ('missing' in gradients) return null
      const turn = await gradients.open('margin')
      opened.push(turn.session)
      return { ...turn, logits }
    }
    let turn: Awaited<ReturnType<typeof turnOf>> | undefined
    for await (const part of data.read({ indices: [...rows].sort((a, b) => a - b), batch: 1 })) {
      signal?.throwIfAborted()
      const scores = (await before.run(feedsOf(part, before.inputs, data), [answer]))[answer]!
      turn ??= await turnOf(scores.data.length)
      if (!turn) return found
      const { session, logits, gradient, labels, targets } = turn
      const old = largest(scores)
      const asked = (label: number, target: number) => ({
        ...feedsOf(
          part,
          session.inputs.filter(({ name }) => name !== labels && name !== targets),
          data,
        ),
        [labels]: classOf(label),
        [targets]: classOf(target),
      })
      // Integer kernels may round what this form computes in float to another answer: the nearest one to turn to then.
      const own = largest((await session.run(asked(old, old), [logits]))[logits], old)
      const slope = (await session.run(asked(old, own), [gradient]))[gradient]!
      found.set(part.indices[0]!, {
        shape: slope.dims.slice(1),
        values: Float32Array.from(slope.data as Float32Array, Math.abs),
      })
    }
    return found
  } catch (error) {
    if (error instanceof UserError) return found
    throw error
  } finally {
    for (const session of opened) await session.close()
  }
}

const classOf = (value: number): TensorValue => ({ dtype: 'int64', dims: [1], data: BigInt64Array.of(BigInt(value)) })

/** The class of the highest score, `but` one. */
function largest(value: TensorValue | undefined, but = -1): number {
  const scores = value!.data as Float32Array
  const classes = [...scores.keys()].filter((i) => i !== but)
  return classes.reduce((best, i) => (scores[i]! > scores[best]! ? i : best), classes[0]!)
}
