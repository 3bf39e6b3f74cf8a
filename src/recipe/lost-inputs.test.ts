import { expect, test } from 'vitest'
import { type Model, parseModel } from '../ir/index.ts'
import { lostInputs } from './lost-inputs.ts'
import { simplify } from './simplify.ts'

/** A threshold that may be given at each run, beside a weight; `listed` is what stands among the inputs. */
function model(listed: readonly string[], irVersion = 8): Model {
  const made = parseModel(`<ir_version: ${irVersion}, opset_import: ["" : 13]> g (float[n,3] x) => (float[n,3] y)
    <float[3] w = {1, 2, 3}, float[1] threshold = {0.5}> { a = Mul(x, w) y = Max(a, threshold) }`)
  const { graph } = made
  const optional = listed.map((name) => {
    const { dtype, dims } = graph.initializers.get(name)!
    return { name, type: { kind: 'tensor' as const, dtype, shape: dims } }
  })
  return { ...made, graph: { ...graph, inputs: [...graph.inputs, ...optional] } }
}

test('an input that had a value and is a constant now is told in the warnings', async () => {
  const { report, model: after } = await simplify(model(['threshold']))
  expect(after.graph.inputs.map(({ name }) => name)).toEqual(['x'])
  expect(report.warnings?.join()).toMatch(
    /^threshold could be given at each run .* a constant now, .* leave the value out/,
  )
})

test('files that list all of their weights mean nothing by it, and what is left is not lost', () => {
  const after = model([])
  expect(lostInputs(model(['w', 'threshold']), after)).toEqual([])
  expect(lostInputs(model(['w', 'threshold'], 3), after)).toEqual([])
  expect(lostInputs(model(['threshold']), model(['threshold']))).toEqual([])
  expect(lostInputs(model(['w']), after)).toHaveLength(1)
})
