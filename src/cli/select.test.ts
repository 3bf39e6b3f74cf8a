import { expect, test } from 'vitest'
import { selectVerb } from './select.ts'
import { Arguments, type Context } from './verb.ts'

test('the leaderboard is a page: a name of another kind is refused before anything is read', async () => {
  const options = new Arguments({ data: 'none.npz', gate: ['none.yaml'], output: 'selection.json' })
  const run = selectVerb.run(['a.onnx', 'b.onnx'], options, {} as Context)
  await expect(run).rejects.toMatchObject({ code: 'bad-argument', hint: expect.stringContaining('--json') })
})
