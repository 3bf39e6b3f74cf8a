import { type Model, newProblems } from '../../ir/index.ts'

/** A model that we made must be as correct as the one that it was made of. */
export function mustCheck(model: Model, before: Model): Model {
  const [problem] = newProblems(model, before)
  if (problem) throw new Error(`internal: cutting channels made a wrong model: ${JSON.stringify(problem)}`)
  return model
}
