import { expect, test } from 'vitest'
import { learningSettings } from './learning-options.ts'
import { Arguments, type Context } from './verb.ts'

test('a line of an epoch says what its score is', () => {
  const said: string[] = []
  const context: Context = {
    ...{ json: false, command: 'whet prune', signal: new AbortController().signal },
    ...{ say: (line) => void said.push(line), progress: () => {} },
  }
  const { onEpoch } = learningSettings(new Arguments({}), context)
  onEpoch({ epoch: 0, loss: 0.25, score: 0.5, rate: 0.003, batch: 32 }, "teacher's answers met")
  onEpoch({ epoch: 1, loss: 0.125, score: null, rate: 0.003, batch: 32 }, "teacher's answers met")
  expect(said).toEqual(["epoch 1: loss 0.2500, teacher's answers met 0.5000", 'epoch 2: loss 0.1250'])
})
