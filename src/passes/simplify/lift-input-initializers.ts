/*
 * (x, W) ⇒ … <W = {…}> { y = Conv(x, W) }     ⇒  (x) ⇒ … <W = {…}> { y = Conv(x, W) }
 * A weight that is also listed as a graph input can be overridden by the caller, so the runtime may not treat it as a
 * constant: nothing is fused or packed ahead. Files before IR version 4 had to list weights that way.
 * Changes the interface: callers can no longer feed these inputs. Each one is noted.
 * Illegal: nothing; the default that the file holds becomes the only value. At least one true input need not remain.
 * Source: ONNX IR specification, "Graphs": initializers as default values of inputs.
 */
import { type Pass, withGraph } from '../../rewrite/index.ts'

export const liftInputInitializers: Pass = {
  id: 'liftInputInitializers',
  summary: 'Makes weights that are listed as graph inputs true constants, so that they can be folded and packed.',
  run(model) {
    const { graph } = model
    const lifted = graph.inputs.filter(({ name }) => graph.initializers.has(name)).map(({ name }) => name)
    const report = { id: this.id, applied: lifted.length, refused: [] }
    if (lifted.length === 0) return { model, report }
    const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name))
    const next = withGraph(model, { ...graph, inputs })
    const few =
      lifted.length <= 5 ? lifted.join(', ') : `${lifted.slice(0, 4).join(', ')} and ${lifted.length - 4} more`
    const notes = [`weights that were listed as inputs are constants now and can no longer be fed: ${few}`]
    return { model: next, report: { ...report, notes } }
  },
}
