import { expect, test } from 'vitest'
import { parseModel } from '../../ir/index.ts'
import { nothingDone } from './nothing-done.ts'

test('where no node was looked at, nobody is sent to a list of reasons that is empty', () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]> g (float[N] x) => (float[N] y) { y = Neg(x) }`)
  expect(nothingDone(model, { refused: [] })).toMatch(/no float32 weights here that the scheme changes$/)
  expect(nothingDone(model, { refused: [{ node: 'y', reason: 'r' }] })).toMatch(
    /what stayed in float is listed with its reason$/,
  )
})
