import {
  type Dim,
  intAttribute,
  intsAttribute,
  isInteger,
  type Node,
  toNumbers,
  type ValueType,
} from '../../ir/index.ts'
import type { GraphEditor, RuleContext } from '../../rewrite/index.ts'

/** One element of a shape computation: a number, the name of a size that is not known, or null. */
export type Size = number | string | null

/** What is known of a small integer tensor that was computed from shapes; a scalar holds one element. */
export interface ShapeValue {
  readonly sizes: readonly Size[]
  readonly scalar: boolean
}

/** Vectors beyond this length are no shapes. */
const LONGEST = 64

/** The sizes of a value: numbers, symbols, or names made of the value's own where nothing is known. */
export function sizesOf(value: string, types: ReadonlyMap<string, ValueType>): readonly Size[] | undefined {
  const type = types.get(value)
  if (type?.kind !== 'tensor' || !type.shape) return undefined
  return type.shape.map((dim, i) => sizeOf(dim, value, i))
}

const sizeOf = (dim: Dim | undefined, value: string, axis: number): Size => dim ?? `?${value}#${axis}`

/** Follows shape arithmetic through a graph, each node once. */
export function shapeValues(editor: GraphEditor) {
  const known = new Map<string, ShapeValue | undefined>()

  const lookup = (name: string): ShapeValue | undefined => {
    if (known.has(name)) return known.get(name)
    const tensor = editor.constant(name)
    if (!tensor || !isInteger(tensor.dtype) || tensor.dims.length > 1 || (tensor.dims[0] ?? 1) > LONGEST)
      return undefined
    return { sizes: [...toNumbers(tensor)], scalar: tensor.dims.length === 0 }
  }

  /** Must be asked in topological order: inputs are looked up, never computed here. */
  const learn = (node: Node, context: RuleContext): ShapeValue | undefined => {
    const result = node.domain === '' ? RULES[node.opType]?.(node, lookup, () => context.types) : undefined
    if (result) known.set(node.outputs[0]!, result)
    return result
  }
  return { lookup, learn }
}

type Evaluate = (
  node: Node,
  lookup: (name: string) => ShapeValue | undefined,
  types: () => ReadonlyMap<string, ValueType>,
) => ShapeValue | undefined

const vector = (sizes: readonly Size[]): ShapeValue => ({ sizes, scalar: false })

const RULES: Readonly<Record<string, Evaluate>> = {
  Shape(node, _, types) {
    const sizes = sizesOf(node.inputs[0]!, types())
    const start = intAttribute(node, 'start', 0)
    const end = intAttribute(node, 'end', Number.MAX_SAFE_INTEGER)
    return sizes && vector(sizes.slice(start, end))
  },
  Size(node, _, types) {
    const sizes = sizesOf(node.inputs[0]!, types())
    if (!sizes?.every((size) => typeof size === 'number')) return undefined
    return { sizes: [sizes.reduce((product: number, size) => product * size, 1)], scalar: true }
  },
  Identity: (node, lookup) => lookup(node.inputs[0]!),
  Cast(node, lookup) {
    const to = intAttribute(node, 'to', 0)
    return to === 6 || to === 7 ? lookup(node.inputs[0]!) : undefined
  },
  Gather(node, lookup) {
    const data = lookup(node.inputs[0]!)
    const indices = lookup(node.inputs[1]!)
    if (!data || data.scalar || !indices || intAttribute(node, 'axis', 0) !== 0) return undefined
    const sizes = indices.sizes.map((i) => (typeof i === 'number' ? (data.sizes.at(i) ?? null) : null))
    return { sizes, scalar: indices.scalar }
  },
  Slice(node, lookup) {
    const data = lookup(node.inputs[0]!)
    const read = (position: number, name: string, fallback: readonly Size[]) =>
      intsAttribute(node, name, undefined) ??
      ((node.inputs[position] ?? '') === '' ? fallback : lookup(node.inputs[position]!)?.sizes)
    const [start, end] = [read(1, 'starts', [])?.[0], read(2, 'ends', [])?.[0]]
    const [axis, step] = [read(3, 'axes', [0])?.[0], read(4, 'steps', [1])?.[0]]
    if (!data || data.scalar || typeof start !== 'number' || typeof end !== 'number') return undefined
    return (axis === 0 || axis === -1) && step === 1 ? vector(data.sizes.slice(start, end)) : undefined
  },
  Concat(node, lookup) {
    const parts = node.inputs.map(lookup)
    if (!parts.every((part) => part !== undefined && !part.scalar)) return undefined
    return vector(parts.flatMap((part) => part!.sizes))
  },
  Unsqueeze(node, lookup) {
    const data = lookup(node.inputs[0]!)
    return data?.scalar ? vector(data.sizes) : undefined
  },
  Squeeze(node, lookup) {
    const data = lookup(node.inputs[0]!)
    return data && !data.scalar && data.sizes.length === 1 ? { sizes: data.sizes, scalar: true } : undefined
  },
  Reshape(node, lookup) {
    const data = lookup(node.inputs[0]!)
    const shape = lookup(node.inputs[1]!)
    return data && shape?.sizes.length === 1 ? vector(data.sizes) : undefined
  },
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b, 1),
  Div: arithmetic((a, b) => (b === 0 ? null : Math.trunc(a / b))),
}

/** Elementwise on numbers; a name survives multiplication by `neutral` only. */
function arithmetic(f: (a: number, b: number) => number | null, neutral?: number): Evaluate {
  return (node, lookup) => {
    const [left, right] = [lookup(node.inputs[0]!), lookup(node.inputs[1]!)]
    if (!left || !right) return undefined
    const length = Math.max(left.sizes.length, right.sizes.length)
    if (left.sizes.length !== length && left.sizes.length !== 1) return undefined
    if (right.sizes.length !== length && right.sizes.length !== 1) return undefined
    const sizes = Array.from({ length }, (_, i) => {
      const a = left.sizes[left.sizes.length === 1 ? 0 : i]!
      const b = right.sizes[right.sizes.length === 1 ? 0 : i]!
      if (typeof a === 'number' && typeof b === 'number') return f(a, b)
      if (neutral !== undefined && (a === neutral || b === neutral)) return a === neutral ? b : a
      return null
    })
    return { sizes, scalar: left.scalar && right.scalar }
  }
}
