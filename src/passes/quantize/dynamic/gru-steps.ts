import {
  type Attribute,
  type Graph,
  int,
  ints,
  makeNode,
  type Node,
  type Shape,
  tensorOf,
  transposedMatrix,
  type ValueInfo,
} from '../../../ir/index.ts'
import { type GraphEditor, type Pieces, piecesOf } from '../../../rewrite/index.ts'
import { FEWEST_WEIGHTS, withBias } from '../products/weighted-product.ts'
import { type CodingOptions, codedMatrix, type DynamicCodes, dynamicProduct } from './dynamic-matmul.ts'

/** A GRU with constant weights, which lie as ONNX lays them: by direction, then by gate (z, r, n), then by row. */
export interface Gru {
  /** `forward` or `reverse`. */
  readonly directions: readonly string[]
  readonly hidden: number
  readonly inputs: number
  /** [directions, 3·hidden, inputs]. */
  readonly weights: Float32Array
  /** [directions, 3·hidden, hidden]. */
  readonly recurrent: Float32Array
  /** [directions, 6·hidden]: that of the inputs, then that of the states. */
  readonly bias: Float32Array
  /** Whether r is applied to what R makes of the state (`linear_before_reset`), and not to the state. */
  readonly resetsProduct: boolean
}

/** What stands for a GRU, and the codes that its products read, by product. */
export interface GruForm {
  readonly nodes: readonly Node[]
  readonly products: readonly string[]
}

interface GruPlace {
  readonly coding: CodingOptions
  readonly editor: GraphEditor
  /** The dynamic codes of a value around the steps. */
  readonly codesOf: (value: string) => DynamicCodes
  /** Of x: [steps, rows, inputs]. */
  readonly shape: Shape | null
}

/**
 * y, h = GRU(x, W, R, B, , h0), with · for a product in dynamic integers:
 *
 *   a = x · Wᵀ + b                                     of all steps at once
 *   then in a Scan over the steps of each direction, or once where there is one step, with the state h of [1, rows, hidden]:
 *   z, r = Split(Sigmoid(a_zr + h · R_zrᵀ))
 *   n = Tanh(a_n + r ⊙ (h · R_nᵀ + b_n)), or where r resets the state: Tanh(a_n + (r ⊙ h) · R_nᵀ)
 *   h ← n + z ⊙ (h − n)
 *
 * Source: ONNX, GRU (equations of the default activations).
 */
export function gruInSteps(node: Node, gru: Gru, place: GruPlace): GruForm {
  return new GruWriter(node, gru, place).write()
}

class GruWriter {
  readonly #products: string[] = []
  readonly #pieces: Pieces
  readonly #node: Node
  readonly #gru: Gru
  readonly #place: GruPlace

  constructor(node: Node, gru: Gru, place: GruPlace) {
    this.#node = node
    this.#gru = gru
    this.#place = place
    this.#pieces = piecesOf(node.outputs.find((name) => name !== '') ?? node.name, place.editor)
  }

  write(): GruForm {
    const { directions, hidden } = this.#gru
    const { editor, shape } = this.#place
    const [x = '', all = '', last = ''] = [this.#node.inputs[0], ...this.#node.outputs]
    const ahead = this.#ahead(x)
    const gates = directions.map(() => this.#pieces.values('gates', 'candidate'))
    const sizes = this.#pieces.integers(
      directions.flatMap(() => [2 * hidden, hidden]),
      'sizes',
    )
    const nodes = [...ahead.nodes, this.#split(ahead.output, sizes, gates.flat(), -1)]
    const starts = this.#starts(x)
    nodes.push(...starts.nodes)
    const wanted = { all: all !== '' && editor.isUsed(all), last: last !== '' && editor.isUsed(last) }
    const lone = directions.length === 1
    const results = directions.map((_, d) => {
      const [state, states] = this.#pieces.values('state', 'states')
      const names = { last: lone && wanted.last ? last : state, all: lone && wanted.all ? all : states }
      const run = shape?.[0] === 1 ? this.#once : this.#scan
      nodes.push(...run.call(this, d, [starts.states[d]!, ...gates[d]!], names, wanted.all))
      return names
    })
    if (!lone) {
      const join = (parts: readonly string[], to: string, axis: number) =>
        nodes.push(this.#pieces.make('Concat', parts, to, { axis: int(axis) }))
      if (wanted.all)
        join(
          results.map((names) => names.all),
          all,
          1,
        )
      if (wanted.last)
        join(
          results.map((names) => names.last),
          last,
          0,
        )
    }
    return { nodes, products: this.#products }
  }

  /** x · Wᵀ + b of all directions: what the gates get of the inputs, [steps, rows, directions · 3·hidden]. */
  #ahead(x: string): { nodes: readonly Node[]; output: string } {
    const { directions, hidden, inputs, weights, bias, resetsProduct } = this.#gru
    const columns = directions.length * 3 * hidden
    const both = Float32Array.from({ length: columns }, (_, at) => {
      const [d, row] = [Math.floor(at / (3 * hidden)), at % (3 * hidden)]
      const own = d * 6 * hidden + row
      // What r multiplies has its bias in the step.
      return bias[own]! + (resetsProduct && row >= 2 * hidden ? 0 : bias[own + 3 * hidden]!)
    })
    const [output] = this.#pieces.values('inputs')
    return { nodes: this.#product(x, transposedMatrix(weights, columns, inputs), columns, both, output, 1), output }
  }

  /** A product with constant weights [rows, columns], in integers where there are enough of them. */
  #product(
    value: string,
    values: Float32Array,
    columns: number,
    bias: Float32Array | undefined,
    output: string,
    hint: 1 | 2,
    codes?: DynamicCodes,
  ): readonly Node[] {
    const { editor, coding, codesOf } = this.#place
    const weight = this.#node.inputs[hint]!
    const rows = values.length / columns
    if (values.length < FEWEST_WEIGHTS) {
      const float = editor.addConstant(tensorOf('float32', [rows, columns], values), weight)
      const [product] = this.#pieces.values('product')
      return withBias(makeNode('MatMul', [value, float], [product], { name: product }), bias, output, editor)
    }
    const read = codes ?? codesOf(value)
    this.#products.push(read[0])
    const product = makeNode('MatMul', [value, weight], [output], { name: editor.freshName(output) })
    const coded = codedMatrix({ values, rows, columns }, weight, coding, editor)
    return dynamicProduct(product, bias, read, coded, editor)
  }

  /** The state that each direction starts with, [1, rows, hidden]. */
  #starts(x: string): { nodes: readonly Node[]; states: readonly string[] } {
    const { directions, hidden } = this.#gru
    const given = this.#node.inputs[5]
    if (given) {
      if (directions.length === 1) return { nodes: [], states: [given] }
      const states = directions.map(() => this.#pieces.values('start')[0])
      return { nodes: [this.#split(given, this.#pieces.integers([1, 1], 'sizes'), states, 0)], states }
    }
    const rows = this.#place.shape?.[1]
    if (typeof rows === 'number') {
      const zeros = this.#pieces.floats([1, rows, hidden], new Float32Array(rows * hidden), 'start')
      return { nodes: [], states: directions.map(() => zeros) }
    }
    const { make, integers, values } = this.#pieces
    const [sizes, count, form, start] = values('x_sizes', 'rows', 'start_sizes', 'start')
    const nodes = [
      make('Shape', [x], sizes),
      make('Slice', [sizes, integers([1], 'from'), integers([2], 'to')], count),
      make('Concat', [integers([1], 'one'), count, integers([hidden], 'hidden')], form, { axis: int(0) }),
      make('ConstantOfShape', [form], start),
    ]
    return { nodes, states: directions.map(() => start) }
  }

  #once(
    d: number,
    [state, gates, candidate]: readonly [string, string, string],
    { last, all }: { last: string; all: string },
    wantsAll: boolean,
  ): readonly Node[] {
    const step = this.#step(d, state, gates, candidate, last)
    return wantsAll ? [...step, this.#pieces.make('Unsqueeze', [last, this.#pieces.integers([0], 'axis')], all)] : step
  }

  #scan(
    d: number,
    [start, ...parts]: readonly [string, string, string],
    { last, all }: { last: string; all: string },
    wantsAll: boolean,
  ): readonly Node[] {
    const { hidden, directions } = this.#gru
    const [state, gates, candidate, next, made] = this.#pieces.values('h', 'zr', 'n', 'next', 'made')
    const typed = (name: string, shape: Shape): ValueInfo => ({
      name,
      type: { kind: 'tensor', dtype: 'float32', shape },
    })
    const rows = this.#place.shape?.[1] ?? null
    const nodes = [...this.#step(d, state, gates, candidate, next)]
    if (wantsAll) nodes.push(this.#pieces.make('Identity', [next], made))
    const whole = [1, rows, hidden]
    const body: Graph = {
      name: `${next}_step`,
      nodes,
      inputs: [typed(state, whole), typed(gates, [rows, 2 * hidden]), typed(candidate, [rows, hidden])],
      outputs: [typed(next, whole), ...(wantsAll ? [typed(made, whole)] : [])],
      initializers: new Map(),
      valueInfos: new Map(),
    }
    const back = directions[d] === 'reverse'
    const attributes: Record<string, Attribute> = {
      body: { type: 'graph', value: body },
      num_scan_inputs: int(2),
      ...(back && { scan_input_directions: ints([1, 1]) }),
      ...(back && wantsAll && { scan_output_directions: ints([1]) }),
    }
    const name = this.#place.editor.freshName(`${this.#node.name || last}_steps`)
    return [makeNode('Scan', [start, ...parts], wantsAll ? [last, all] : [last], { name, attributes })]
  }

  /** The next state, of the state and what the gates get of the inputs. */
  #step(d: number, state: string, fromGates: string, fromCandidate: string, output: string): readonly Node[] {
    const { hidden, recurrent, bias, resetsProduct } = this.#gru
    const { make, values, integers } = this.#pieces
    const all = recurrent.subarray(d * 3 * hidden * hidden, (d + 1) * 3 * hidden * hidden)
    const [sum, both, z, r, reset, added, n, change, scaled] = values(
      ...(['sum', 'gate', 'z', 'r', 'reset', 'added', 'tanh', 'change', 'scaled'] as const),
    )
    const nodes: Node[] = []
    const product = (value: string, rows: Float32Array, shift?: Float32Array): string => {
      const [codes, scale, zero, made] = values('codes', 'scale', 'zero_point', 'by_state')
      const columns = rows.length / hidden
      nodes.push(
        makeNode('DynamicQuantizeLinear', [value], [codes, scale, zero], { name: codes }),
        ...this.#product(value, transposedMatrix(rows, columns, hidden), columns, shift, made, 2, [codes, scale, zero]),
      )
      return made
    }
    const gatesOf = (byState: string) =>
      nodes.push(
        make('Add', [fromGates, byState], sum),
        make('Sigmoid', [sum], both),
        this.#split(both, integers([hidden, hidden], 'sizes'), [z, r], -1),
      )
    if (resetsProduct) {
      const shift = new Float32Array(3 * hidden)
      const own = (6 * d + 5) * hidden
      shift.set(bias.subarray(own, own + hidden), 2 * hidden)
      const [gates, candidate] = values('gates_by_state', 'candidate_by_state')
      nodes.push(
        this.#split(product(state, all, shift), integers([2 * hidden, hidden], 'sizes'), [gates, candidate], -1),
      )
      gatesOf(gates)
      nodes.push(make('Mul', [r, candidate], reset), make('Add', [fromCandidate, reset], added))
    } else {
      gatesOf(product(state, all.subarray(0, 2 * hidden * hidden)))
      nodes.push(make('Mul', [r, state], reset))
      nodes.push(make('Add', [fromCandidate, product(reset, all.subarray(2 * hidden * hidden))], added))
    }
    nodes.push(
      make('Tanh', [added], n),
      make('Sub', [state, n], change),
      make('Mul', [z, change], scaled),
      make('Add', [n, scaled], output),
    )
    return nodes
  }

  #split(value: string, sizes: string, parts: readonly string[], axis: number): Node {
    const name = this.#place.editor.freshName(`${parts[0]}_split`)
    return makeNode('Split', [value, sizes], parts, { name, attributes: { axis: int(axis) } })
  }
}
