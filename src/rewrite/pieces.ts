import { type Attribute, fromNumbers, makeNode, type Node, type Tensor, tensorOf } from '../ir/index.ts'
import type { GraphEditor } from './graph-editor.ts'

/** What a rule makes a value of, every name built on the value's own. */
export interface Pieces {
  /** A fresh name for each value on the way. */
  values<const Hints extends readonly string[]>(...hints: Hints): { readonly [K in keyof Hints]: string }
  /** A node, named after what it gives; whatever gives the value itself takes over the name of who gave it before. */
  make(
    opType: string,
    inputs: readonly string[],
    output: string,
    attributes?: Readonly<Record<string, Attribute>>,
  ): Node
  /** The name of a constant: `int64`, in a row. */
  integers(numbers: readonly number[], hint: string): string
  /** The name of a constant, `float32`. */
  floats(dims: readonly number[], numbers: Iterable<number>, hint: string): string
}

/** The pieces that `output` is made of from now on, in place of `node` where that gave it. */
export function piecesOf(output: string, editor: GraphEditor, node?: Node): Pieces {
  const add = (tensor: Tensor, hint: string) => editor.addConstant(tensor, `${output}_${hint}`)
  return {
    values: (...hints) => hints.map((hint) => editor.freshName(`${output}_${hint}`)) as never,
    make: (opType, inputs, to, attributes = {}) =>
      makeNode(opType, inputs, [to], {
        name: node && to === output ? node.name : editor.freshName(`${to}_${opType}`),
        attributes,
      }),
    integers: (numbers, hint) => add(fromNumbers('int64', [numbers.length], numbers), hint),
    floats: (dims, numbers, hint) => add(tensorOf('float32', dims, Float32Array.from(numbers)), hint),
  }
}
