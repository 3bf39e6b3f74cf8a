import { UserError } from '../platform/index.ts'
import { type Kind, kinds, misfit, type Recipe, type RecipeStep, schemaOf } from '../report/index.ts'

/** A recipe from the text of its file. */
export function parseRecipe(text: string, where: string): Recipe {
  let parsed: Partial<Recipe> | null
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new UserError('bad-argument', 'this is not JSON', {
      where,
      hint: 'a recipe is the recipe.json that whet optimize writes',
      cause,
    })
  }
  if (parsed?.kind !== 'recipe' || !Array.isArray(parsed.steps) || !isObject(parsed.evidence))
    throw new UserError('bad-argument', 'this is no recipe', {
      where,
      hint: 'a recipe is the recipe.json that whet optimize writes',
    })
  if ((parsed.version as number) > 1)
    throw new UserError('unsupported', `the recipe has version ${parsed.version}, this Whetstone reads up to 1`, {
      where,
      hint: 'upgrade whetstone',
    })
  const broken = parsed.steps.findIndex((step) => !isStep(step))
  if (broken >= 0)
    throw new UserError('bad-argument', `step ${broken + 1} of the recipe is damaged`, {
      where,
      hint: 'each step has pass, options, evidence, input and output: make the recipe again with whet optimize, or with whet quantize --recipe',
    })
  for (const [digest, report] of Object.entries(parsed.evidence as Recipe['evidence'])) {
    const wrong = hollowAt(report)
    if (wrong === null) continue
    throw new UserError('bad-argument', `the evidence ${digest} of the recipe is damaged: ${wrong}`, {
      where,
      hint: 'make the recipe again with whet optimize, or with whet quantize --recipe',
    })
  }
  return parsed as Recipe
}

/** The first thing in which a piece of evidence is no report, or not as its kind says; null where it is. */
function hollowAt(report: unknown): string | null {
  if (!isObject(report)) return 'it is no report'
  const { kind } = report as { readonly kind?: unknown }
  if (kind === undefined) return 'kind is missing'
  if (typeof kind !== 'string' || !Object.hasOwn(kinds, kind)) return `kind is ${JSON.stringify(kind)}, which is none`
  return misfit(report, schemaOf(kind as Kind))
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
const isText = (value: unknown) => typeof value === 'string'

const isStep = (step: Partial<RecipeStep> | null): boolean =>
  isObject(step) &&
  [step.pass, step.input, step.output].every(isText) &&
  isObject(step.options) &&
  Array.isArray(step.evidence) &&
  step.evidence.every(isText)
