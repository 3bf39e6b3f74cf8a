import { expect, test } from 'vitest'
import type { Session, TensorValue } from '../../engine/index.ts'
import { measureSensitivity } from './sensitivity.ts'

const floats = (dims: readonly number[], numbers: readonly number[]): TensorValue => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(numbers),
})

/** The weights that an output is listened to with. */
async function weightsOf(output: TensorValue): Promise<Float32Array> {
  const base: Session = {
    engine: 'test',
    inputs: [],
    outputs: [],
    run: async () => ({ y: output }),
    fetchGroups: async (_feeds, names) => [names],
    close: async () => {},
  }
  let seen = new Float32Array()
  const session = {
    run: async (feeds: Readonly<Record<string, TensorValue>>) => {
      seen = feeds.weights!.data as Float32Array<ArrayBuffer>
      return { projections: floats([0], []) }
    },
  }
  const projection = { session, seeds: new Map([['y', 'weights']]), projections: 'projections', sources: [] }
  await measureSensitivity(base, projection, [{}], { rows: 1, weightings: 1 })
  return seen
}

test('changes count in proportion to the output: signs over the root of its power', async () => {
  const weights = await weightsOf(floats([1, 4], [3, 0, -4, 12]))
  for (const weight of weights) expect(Math.abs(weight)).toBeCloseTo(1 / 13, 6)
})

test('of boxes joined with scores only what is found counts, pixels and scores each in proportion to themselves', async () => {
  // Six places, at two of which something is found: 3² + 4² + 12² + 84² = 85², and 0.8² + 0.6² = 1.
  const places = Array.from({ length: 6 }, () => [100, 100, 50, 50, 0.1])
  places[1] = [3, 4, 12, 84, 0.8]
  places[4] = [0, 0, 0, 0, 0.6]
  const weights = [...(await weightsOf(floats([1, 6, 5], places.flat())))].map(Math.abs)
  const found = [...Array(4).fill(expect.closeTo(1 / 85, 6)), expect.closeTo(1, 6)]
  const none = Array(5).fill(0)
  expect(weights).toEqual([none, found, none, none, found, none].flat())
})

test('what objectness rules out is not found, whatever its class', async () => {
  const places = Array.from({ length: 7 }, () => [100, 100, 50, 50, 0.05, 0.9])
  places[3] = [100, 100, 50, 50, 0.9, 0.9]
  const weights = await weightsOf(floats([1, 7, 6], places.flat()))
  const heard = [...weights].flatMap((weight, at) => (weight === 0 ? [] : [Math.floor(at / 6)]))
  expect(new Set(heard)).toEqual(new Set([3]))
})
