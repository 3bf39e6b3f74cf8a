import type { Dataset } from '../../data/index.ts'
import { ortNode } from '../../engine/index.ts'
import { feedsOf } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { readRows } from './learning-rows.ts'

/** The float32 outputs of a model for these rows, by output, one array a run. */
type Answers = ReadonlyMap<string, readonly Float32Array[]>

/** Runs the model on these rows, in their order. */
export async function answersOf(model: Model, data: Dataset, rows: readonly number[]): Promise<Answers> {
  const session = await ortNode.open(model)
  try {
    const answers = new Map<string, Float32Array[]>()
    for await (const part of readRows(data, session.inputs, rows, 32))
      for (const [name, value] of Object.entries(await session.run(feedsOf(part, session.inputs, data))))
        if (value.dtype === 'float32') answers.set(name, [...(answers.get(name) ?? []), value.data as Float32Array])
    return answers
  } finally {
    await session.close()
  }
}

/** Power of the difference over power of what is wanted, the mean of the outputs. */
export function relativeNoise(wanted: Answers, given: Answers): number {
  let sum = 0
  for (const [name, runs] of wanted) {
    let [error, power] = [0, 0]
    for (const [run, values] of runs.entries())
      for (const [i, value] of values.entries()) {
        error += (given.get(name)![run]![i]! - value) ** 2
        power += value ** 2
      }
    sum += power > 0 ? error / power : 0
  }
  return sum / Math.max(1, wanted.size)
}
