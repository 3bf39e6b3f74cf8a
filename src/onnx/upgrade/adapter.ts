import { type Attribute, type Node, type Tensor, tensorOf, tensorShape, type ValueType } from '../../ir/index.ts'

/** What an adapter may ask for, and make, around the node that it changes. */
export interface Surroundings {
  /** The version that the whole model is brought to. */
  readonly target: number
  /** The constant behind a value, where one is known that no caller can override. */
  constant(value: string): Tensor | undefined
  /** A value that holds this constant. */
  addConstant(tensor: Tensor, hint: string): string
  freshName(hint: string): string
  typeOf(value: string): ValueType | undefined
  /** Whether anything reads a value. */
  isUsed(value: string): boolean
}

/** The nodes that say the same one version later, or why there are none. */
export type Adapted = readonly Node[] | { readonly refused: string }

/** Changes a node that is valid for the version before into nodes that are valid for this one. */
export type Adapter = (node: Node, around: Surroundings) => Adapted

/** The node without some attributes, with others, and with other inputs. */
export function changed(
  node: Node,
  change: {
    readonly opType?: string
    readonly inputs?: readonly string[]
    readonly outputs?: readonly string[]
    readonly drop?: readonly string[]
    readonly set?: Readonly<Record<string, Attribute>>
  },
): Node {
  const attributes = new Map(node.attributes)
  for (const name of change.drop ?? []) attributes.delete(name)
  for (const [name, value] of Object.entries(change.set ?? {})) attributes.set(name, value)
  return {
    ...node,
    opType: change.opType ?? node.opType,
    inputs: trimmed(change.inputs ?? node.inputs),
    outputs: change.outputs ?? node.outputs,
    attributes,
  }
}

/** Omitted inputs at the end are left out. */
function trimmed(inputs: readonly string[]): readonly string[] {
  let length = inputs.length
  while (length > 0 && inputs[length - 1] === '') length--
  return inputs.slice(0, length)
}

export const int64s = (values: readonly (number | bigint)[]): Tensor =>
  tensorOf('int64', [values.length], BigInt64Array.from(values, BigInt))

export const int64 = (value: number | bigint): Tensor => tensorOf('int64', [], BigInt64Array.of(BigInt(value)))

/** The integers of an attribute, exactly, or undefined where it is absent or empty. */
export function exactInts(node: Node, name: string): readonly bigint[] | undefined {
  const attribute = node.attributes.get(name)
  return attribute?.type === 'ints' && attribute.value.length > 0 ? attribute.value : undefined
}

/** Moves an ints attribute into the second input; where it is absent or empty the input is omitted. */
export function intsToInput(attribute: string): Adapter {
  return (node, around) => {
    const values = exactInts(node, attribute)
    if (!values) return [changed(node, { drop: [attribute] })]
    const inputs = [node.inputs[0] ?? '', around.addConstant(int64s(values), attribute), ...node.inputs.slice(2)]
    return [changed(node, { drop: [attribute], inputs })]
  }
}

/** Rank of a value, where it is known. */
export function rankOf(value: string, around: Surroundings): number | undefined {
  return tensorShape(around.typeOf(value))?.length
}

/**
 * A scalar as the element type of `like`: a constant where the type is known, else a constant that CastLike turns into
 * it while the model runs.
 */
export function scalarLike(
  value: number,
  like: string,
  hint: string,
  around: Surroundings,
): { readonly name: string; readonly nodes: readonly Node[] } | { readonly refused: string } {
  const type = around.typeOf(like)
  if (type?.kind === 'tensor' && type.dtype === 'float32')
    return { name: around.addConstant(tensorOf('float32', [], [value]), hint), nodes: [] }
  if (type?.kind === 'tensor' && type.dtype === 'float64')
    return { name: around.addConstant(tensorOf('float64', [], [value]), hint), nodes: [] }
  if (around.target < 15)
    return { refused: `its element type is not known, and opset ${around.target} has no CastLike` }
  const constant = around.addConstant(tensorOf('float32', [], [value]), hint)
  const name = around.freshName(hint)
  const cast: Node = {
    opType: 'CastLike',
    domain: '',
    name: '',
    inputs: [constant, like],
    outputs: [name],
    attributes: new Map(),
  }
  return { name, nodes: [cast] }
}
