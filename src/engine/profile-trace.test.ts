import { expect, test } from 'vitest'
import { profileOf, type TraceEvent } from './profile-trace.ts'

const run = (ts: number, dur: number): TraceEvent => ({ cat: 'Session', name: 'model_run', ts, dur })
const node = (name: string, op: string, ts: number, dur: number): TraceEvent => ({
  cat: 'Node',
  name: `${name}_kernel_time`,
  ts,
  dur,
  args: { op_name: op },
})

test('medians over the runs after the warm ones, in milliseconds', () => {
  const events = [
    { cat: 'Session', name: 'session_initialization', ts: 0, dur: 9000 },
    ...[8000, 1000, 3000, 2000].flatMap((us, i) => [
      run(10_000 * (i + 1), us + 500),
      node('conv1', 'Conv', 10_000 * (i + 1) + 10, us / 2),
      node('conv2', 'Conv', 10_000 * (i + 1) + 10 + us / 2, us / 4),
      { cat: 'Node', name: 'conv2_fence_before', ts: 10_000 * (i + 1) + 10, dur: 400 },
    ]),
  ]
  expect(profileOf(events, 1, 2)).toEqual({
    kind: 'profile',
    version: 1,
    threads: 2,
    runs: 3,
    totalMs: 2.5,
    operators: { Conv: { calls: 2, ms: 1.5 } },
    nodes: [
      { name: 'conv1', operator: 'Conv', ms: 1 },
      { name: 'conv2', operator: 'Conv', ms: 0.5 },
    ],
  })
})

test('what runs inside a body belongs to the body’s nodes, not to the If or Loop around it as well', () => {
  const events = [run(0, 1000), node('if', 'If', 100, 800), node('mul', 'Mul', 200, 300), node('add', 'Add', 500, 100)]
  const { operators } = profileOf(events, 0, 1)
  expect(operators).toEqual({
    If: { calls: 1, ms: 0.4 },
    Mul: { calls: 1, ms: 0.3 },
    Add: { calls: 1, ms: 0.1 },
  })
})

test('a share of quick runs tells what kernels take where something disturbs most runs', () => {
  const took = [100, 900, 110, 950, 800, 120, 990, 870, 900, 930, 960]
  const events = took.flatMap((us, i) => [run(10_000 * i, us + 10), node('conv', 'Conv', 10_000 * i + 5, us)])
  expect(profileOf(events, 0, 1).nodes[0]!.ms).toBe(0.9)
  const quick = profileOf(events, 0, 1, 0.1)
  expect(quick).toMatchObject({ totalMs: 0.12, operators: { Conv: { ms: 0.11 } }, nodes: [{ ms: 0.11 }] })
  expect(profileOf(events, 0, 1, 0.15).nodes[0]!.ms).toBeCloseTo(0.115)
})

test('a trace without runs is an empty profile', () => {
  expect(profileOf([], 2, 1)).toMatchObject({ runs: 0, totalMs: 0, operators: {}, nodes: [] })
})
