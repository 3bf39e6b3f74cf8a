import { constantValue, type Graph, intsAttribute, type Node, tensorValues, type ValueInfo } from '../ir/index.ts'

/** Classifiers that give the number or name of a class first, and scores beside it. */
const CLASSIFIERS = new Set(['LinearClassifier', 'SVMClassifier', 'TreeEnsembleClassifier'])
/** What hands a class on in another type or shape, by the place of the input that it comes from. */
const CARRIERS: Readonly<Record<string, number>> = {
  Cast: 0,
  Flatten: 0,
  Identity: 0,
  LabelEncoder: 0,
  Reshape: 0,
  Squeeze: 0,
  Unsqueeze: 0,
  // A list of classes, and the place in it.
  ArrayFeatureExtractor: 1,
  Gather: 1,
}
/** Of these, the ones that give a class another name. */
const LISTS: Readonly<Record<string, number>> = { ArrayFeatureExtractor: 0, Gather: 0 }

/** What a model calls its classes, in the order of its scores. */
export type ClassNames = readonly (number | string)[]

/**
 * What an output of integers or texts that names a class calls all of them, where it comes from a classifier or from the
 * place of the greatest of some scores; null where it does and the names are not told, undefined where it does not.
 */
export function classNamesOf({ name, type }: ValueInfo, graph: Graph): ClassNames | null | undefined {
  if (type.kind !== 'tensor' || !/^(u?int|string)/.test(type.dtype)) return undefined
  const makerOf = (value: string) => graph.nodes.find(({ outputs }) => outputs.includes(value))
  let value = name
  // The list that is nearest to the output has the last word.
  let listed: ClassNames | null | undefined
  for (let maker = makerOf(value); maker; maker = makerOf(value)) {
    if (maker.opType === 'ArgMax') return listed ?? null
    if (CLASSIFIERS.has(maker.opType) && maker.outputs[0] === value)
      return listed === undefined ? attributeNames(maker) : listed
    const from = CARRIERS[maker.opType]
    if (from === undefined) return undefined
    if (maker.opType === 'LabelEncoder') listed ??= null
    const list = LISTS[maker.opType]
    if (list !== undefined) listed = listed === undefined ? tensorNames(graph, maker.inputs[list] ?? '') : null
    value = maker.inputs[from] ?? ''
  }
  return undefined
}

function attributeNames(classifier: Node): ClassNames | null {
  for (const name of ['classlabels_ints', 'classlabels_int64s']) {
    const numbers = intsAttribute(classifier, name, [])
    if (numbers.length > 0) return numbers
  }
  const texts = classifier.attributes.get('classlabels_strings')
  if (texts?.type !== 'strings' || texts.value.length === 0) return null
  return texts.value.map(textOf)
}

function tensorNames({ initializers, nodes }: Graph, name: string): ClassNames | null {
  const maker = nodes.find(({ outputs }) => outputs.includes(name))
  const tensor = initializers.get(name) ?? (maker ? constantValue(maker) : undefined)
  if (!tensor || !('dtype' in tensor)) return null
  if (tensor.data.form === 'strings') return tensor.data.values.map(textOf)
  return /^u?int/.test(tensor.dtype) ? Array.from<number | bigint, number>(tensorValues(tensor), Number) : null
}

const textOf = (text: string | Uint8Array): string => (typeof text === 'string' ? text : new TextDecoder().decode(text))
