import { type Infer, json, list, object, optional, record, report, text } from './schema.ts'

/** One pass in a recipe: everything that its result depends on, and what came out. */
const recipeStep = object({
  pass: text,
  options: json,
  /** Digests of the evidence in the order in which the pass takes it. */
  evidence: list(text),
  input: text,
  output: text,
})
export type RecipeStep = Infer<typeof recipeStep>

/** A replayable list of passes with the evidence that they used, by digest. */
export const recipe = report('recipe', {
  whetstone: text,
  steps: list(recipeStep),
  evidence: record(json),
  /** Digest of `whetstone` and `steps` as they were made: it tells whether anybody has edited them since. */
  seal: optional(text),
})
export type Recipe = Infer<typeof recipe>
