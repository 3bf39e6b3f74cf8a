import { expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import type { Pass } from '../rewrite/index.ts'
import { settle } from './settle.ts'

test('a pass that found nothing is asked again only about another model, and its refusals stand', async () => {
  const start = parseModel('<ir_version: 8, opset_import: ["" : 17]> g (float[1] x) => (float[1] y) { y = Relu(x) }')
  const next = { ...start }
  const asked: string[] = []
  const pass = (id: string, run: Pass['run']): Pass => ({ id, summary: '', run })
  const idle = (id: string) =>
    pass(id, (model) => {
      asked.push(id)
      return { model, report: { id, applied: 0, refused: [{ node: id, reason: 'no' }] } }
    })
  const once = pass('once', (model) => {
    asked.push('once')
    const applied = model === start ? 1 : 0
    return { model: next, report: { id: 'once', applied, refused: [] } }
  })
  const { model, report } = await settle([idle('before'), once, idle('behind')]).run(start, {}, [])
  expect(model).toBe(next)
  expect(asked).toEqual(['before', 'once', 'behind', 'before', 'once'])
  expect(report.applied).toBe(1)
  expect(report.refused.map(({ node }) => node)).toEqual(['before', 'behind'])
})
