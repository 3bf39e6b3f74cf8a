import type { Case, Spec } from './operator-case-kit.ts'

/** Operators that hold graphs. */
export const GRAPH_CASES: readonly Case[] = [
  ...[0, 1].map((back) => ({
    call: `Scan<num_scan_inputs = 1, scan_input_axes = [1], scan_input_directions = [${back}], scan_output_axes = [1], scan_output_directions = [${back}],
      body: graph = b (float[2] s, float[2] e) => (float[2] t, float[2] o) { t = Add(s, e)  o = Mul(t, e) }>(i, x)`,
    inputs: { i: ['float32', [2]] as Spec, x: ['float32', [2, 4]] as Spec },
    results: ['float32', 'float32'] as const,
  })),
  ...[0, 1, 3, 9].map((most) => ({
    call: `Loop<body: graph = b (int64 i, bool c, float[2] s) => (bool d, float[2] t, float[2] o) {
      t = Add(s, x)  o = Mul(t, s)  n = ReduceSum<keepdims = 0>(t)  d = Less(n, l) }>(m, , x)`,
    inputs: {
      x: ['float32', [2], [0.5, 1.25]] as Spec,
      l: ['float32', [], [6]] as Spec,
      m: ['int64', [], [most]] as Spec,
    },
    results: ['float32', 'float32'] as const,
  })),
  ...[0, 1].map((yes) => ({
    call: 'If<then_branch: graph = a () => (float[2] p) { p = Neg(x) }, else_branch: graph = b () => (float[2] q) { q = Abs(x) }>(c)',
    inputs: { x: ['float32', [2], [-1, 2]] as Spec, c: ['bool', [], [yes]] as Spec },
  })),
]
