/*
 * y = my.Twice(x)   Twice(a) ⇒ b { b = Add(a, a) }     ⇒   y = Add(x, x)
 * Calls of the model's own functions become the functions' bodies, so that every other pass sees their nodes; the
 * runtime does the same when it loads the model.
 * Illegal: functions that call themselves, or that are written for another operator set than the model imports.
 * Source: ONNX IR specification, "Model-local functions": a call means its body.
 */
import { inlineFunctions as inlined } from '../../ir/index.ts'
import type { Pass } from '../../rewrite/index.ts'

export const inlineFunctions: Pass = {
  id: 'inlineFunctions',
  summary: 'Puts the bodies of the model’s own functions where they are called.',
  run(model) {
    const next = inlined(model)
    const refused = next.functions.map(({ name }) => ({
      node: name,
      reason: 'its function calls itself, or is written for another operator set than the model',
    }))
    const applied = model.functions.length - next.functions.length
    return { model: applied > 0 ? next : model, report: { id: this.id, applied, refused } }
  },
}
