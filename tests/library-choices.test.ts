import { afterAll, expect, test } from 'vitest'
import { bench, openDataset, optimize, quantize, readModel, UserError } from '../src/index.ts'
import { Bench, CLASSIFIER } from './command.ts'

const folder = new Bench()
afterAll(() => folder.remove())

/** What no compiler has looked at, as from JavaScript. */
const choices = [
  ['scheme', { scheme: 'int3' }],
  ['scheme', {}],
  ['calibration', { scheme: 'static-int8', calibration: 'minmaxx' }],
  ['target', { scheme: 'static-int8', target: 'gpu' }],
  ['scenario', { scenario: 'servre' }],
  ['target', { target: 'gpu' }],
  ['goal', { goal: 'speed' }],
] as const

test.each(choices)(
  'a %s that there is not is refused by name, and not taken for another: %j',
  async (what, options) => {
    const model = await readModel(folder.model('model.onnx', CLASSIFIER))
    const data = await openDataset(folder.rows('rows.npz', 40, 16))
    const verbs = {
      scheme: () => quantize(model, { data, ...options } as never),
      calibration: () => quantize(model, { data, ...options } as never),
      scenario: () => bench([{ label: 'model', model }], options as never),
      goal: () => optimize(model, data, options as never),
      target: () =>
        'scheme' in options
          ? quantize(model, { data, ...options } as never)
          : optimize(model, data, { ...options, time: 1000 } as never),
    }
    const error = await verbs[what]().catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(UserError)
    const { code, where, hint } = error as UserError
    expect([code, where, hint]).toEqual(['bad-argument', what, expect.stringContaining('choices: ')])
  },
)

test('bench takes models and paths as they are, and calls them by what they have', async () => {
  const path = folder.model('model.onnx', CLASSIFIER)
  const model = await readModel(path)
  const report = await bench([model, path, { label: 'third', model }], { maxSeconds: 0.2 })
  expect(report.models.map((one) => one.path)).toEqual(['model 1', path, 'third'])
  expect(report.ratios.map(({ base, other }) => [base, other])).toEqual([
    ['model 1', path],
    ['model 1', 'third'],
  ])
})
