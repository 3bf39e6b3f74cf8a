import { floatAttribute, type Graph, int, intAttribute, makeNode, type Node } from '../../ir/index.ts'
import { type GradientWriter, gradientWriter } from './gradient-writer.ts'
import { besideChannels, epsilonOf, inverseRoot, perChannel } from './normalization-parts.ts'
import type { WriterSource } from './value-facts.ts'

const isBatchNormalization = (node: Node): boolean => node.opType === 'BatchNormalization' && node.domain === ''
const isTraining = (node: Node): boolean => isBatchNormalization(node) && intAttribute(node, 'training_mode', 0) !== 0

/** Places behind the operator's own outputs where its gradient finds what the written-out form computes anyway. */
export const NORMAL = 3
export const INVERSE = 4

/**
 * BatchNormalization as in training: it normalises with the mean and variance of the batch and moves the running ones.
 * `updates` says which value will hold the new running statistic that belongs into each initializer.
 */
export function trainingForm(graph: Graph, fresh: (hint: string) => string) {
  const updates = new Map<string, string>()
  const nodes = graph.nodes.map((node) => {
    if (!isBatchNormalization(node) || isTraining(node)) return node
    const outputs = [node.outputs[0]!]
    for (const input of node.inputs.slice(3, 5)) {
      const name = fresh(`${input}_update`)
      updates.set(input, name)
      outputs.push(name)
    }
    return { ...node, outputs, attributes: new Map([...node.attributes, ['training_mode', int(1)]]) }
  })
  return { graph: { ...graph, nodes }, updates }
}

/**
 * The graph with the training form written out in operators that every runtime has:
 * y = (x − mean)/√(variance + ε)·scale + bias over all axes but the channels.
 */
export function writeOutTraining(source: WriterSource): Graph {
  const { graph } = source
  if (!graph.nodes.some(isTraining)) return graph
  const write = gradientWriter(source, 'batch/')
  const nodes = graph.nodes.flatMap((node) => {
    if (!isTraining(node)) return node
    const from = write.nodes.length
    const values = valuesOf(node, write)
    const copies = node.outputs.flatMap((name, i) => (name === '' ? [] : makeNode('Identity', [values[i]!()], [name])))
    return [...write.nodes.slice(from), ...copies]
  })
  return { ...graph, nodes, initializers: new Map([...graph.initializers, ...write.constants]) }
}

function valuesOf(node: Node, write: GradientWriter): readonly (() => string)[] {
  const [x, scale, bias, oldMean, oldVariance] = node.inputs as [string, string, string, string, string]
  const rank = write.rank(x)
  const mean = write.reduceMean(x, besideChannels(rank))
  const difference = write.sub(x, mean)
  const variance = write.reduceMean(write.mul(difference, difference), besideChannels(rank))
  const inverse = inverseRoot(write, variance, epsilonOf(node), x)
  const normal = write.mul(difference, inverse)
  const scaled = write.add(write.mul(normal, perChannel(write, scale, rank)), perChannel(write, bias, rank))
  const momentum = floatAttribute(node, 'momentum', Math.fround(0.9))
  const moved = (old: string, now: string) =>
    write.add(
      write.mul(old, write.number(momentum, old)),
      write.mul(write.reshape(now, [-1]), write.number(1 - momentum, old)),
    )
  return [() => scaled, () => moved(oldMean, mean), () => moved(oldVariance, variance), () => normal, () => inverse]
}
