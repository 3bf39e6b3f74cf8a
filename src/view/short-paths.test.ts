import { expect, test } from 'vitest'
import type { DistillationReport, LearnedModel, SelectionReport } from '../report/index.ts'
import { renderTerminal } from './index.ts'
import { withShortPaths } from './short-paths.ts'

test('a report speaks of its models by these names everywhere, and of nothing else otherwise', () => {
  const report = {
    kind: 'selection',
    models: [{ path: 'a/m.onnx', data: 'a/rows.npz' }, { path: 'b/m.onnx' }],
    chosen: { path: 'b/m.onnx', reason: 'b/m.onnx is the fastest' },
  } as unknown as SelectionReport
  expect(withShortPaths(report)).toEqual({
    ...report,
    models: [{ path: 'a/m.onnx', data: 'a/rows.npz' }, { path: 'b/m.onnx' }],
  })
  const longer = { ...report, models: [{ path: 'x/a/m.onnx' }, { path: 'b/m.onnx' }] } as unknown as SelectionReport
  expect(withShortPaths(longer).models.map(({ path }) => path)).toEqual(['a/m.onnx', 'b/m.onnx'])
})

test('a student that is written as model.onnx is told from a teacher of that name', () => {
  const model = (path: string) => ({ path, parameters: 10, macs: 20, bytes: 30, p50Ms: 1, metric: 0.9 }) as LearnedModel
  const report = {
    kind: 'distillation',
    verdict: 'pass',
    teacher: model('model.onnx'),
    student: model('/srv/out/model.onnx'),
    rows: { train: 1, select: 1, prove: 1 },
    epochs: [],
    cost: { seconds: 1, steps: 1, breakEvenAnswers: null },
    warnings: [],
    metric: 'top1',
    ...{ sentence: '', proof: '' },
  } as unknown as DistillationReport
  const lines = renderTerminal(report, { color: false, width: 120 }).split('\n')
  expect(lines.filter((line) => /^\S*model\.onnx /.test(line)).map((line) => line.split(' ')[0])).toEqual([
    'model.onnx',
    'out/model.onnx',
  ])
})
