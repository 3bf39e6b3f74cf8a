import { modelDigest } from '../../onnx/index.ts'
import {
  FILL_BLOCKS,
  FILL_FOR_INTEGERS,
  FILL_JOINTS,
  GROW_IN_INTEGERS,
  INTEGER_FORMS,
  LAYOUT_REPAIRS,
  MEASURED_REPAIRS,
  NATIVE_FORMS,
  PIXEL_FORMS,
  PRODUCT_FORMS,
  TABLE_FORMS,
} from '../../passes/index.ts'
import type { ChannelBlock, Scheme, Target } from '../../report/index.ts'
import { BLOCK } from '../../rewrite/index.ts'
import { advanceAll, type Step, type Trail } from '../trail.ts'
import { layoutSteps } from './layout-steps.ts'

/** How long two forms are timed side by side, and what leaving the plain one must save of the time. */
export const FORM_SECONDS = 8
const PAYS = 0.99

const stepsOf = (passes: readonly string[]) => passes.map((pass) => ({ pass }))

/** A float model in the form that choosing between native kernels starts from. */
export const nativeForm = (trail: Trail): Promise<Trail> => advanceAll(trail, stepsOf(NATIVE_FORMS))

/** A float model as native kernels with such blocks run it fastest; exact, but of no use to other runtimes. */
export const forNativeKernels = (trail: Trail, block: ChannelBlock): Promise<Trail> =>
  advanceAll(trail, layoutSteps(LAYOUT_REPAIRS, block))

/** Made once, so that what is measured of the form is found again. */
const [productForms, tableForms, pixelForms, integerForms] = [1, 2, 3, 4].map(
  () => new WeakMap<Trail, Promise<Trail>>(),
) as [
  WeakMap<Trail, Promise<Trail>>,
  WeakMap<Trail, Promise<Trail>>,
  WeakMap<Trail, Promise<Trail>>,
  WeakMap<Trail, Promise<Trail>>,
]

/** A float model as this scheme is best made of it for this target; in WebAssembly forms for integers gain nothing. */
export async function forScheme(trail: Trail, scheme: Scheme, target: Target): Promise<Trail> {
  if (scheme === 'float16') return trail
  const products = await once(productForms, trail, () => inSight(trail, PRODUCT_FORMS))
  // Blocks of codes are read by lookups and products alike.
  if (scheme.startsWith('weight')) return products
  const constant = await once(tableForms, products, () => inSight(products, TABLE_FORMS))
  if (target === 'web') return constant
  if (scheme === 'dynamic-int8') return once(pixelForms, constant, () => inSight(constant, PIXEL_FORMS))
  return once(integerForms, constant, () =>
    advanceAll(constant, [GROW_IN_INTEGERS, ...stepsOf(INTEGER_FORMS), FILL_FOR_INTEGERS]),
  )
}

/** The model with all of its products, or their weights, in sight; itself where they are, and its recipe says nothing of it. */
async function inSight(trail: Trail, forms: readonly string[]): Promise<Trail> {
  const formed = await advanceAll(trail, stepsOf(forms))
  return formed.model === trail.model ? trail : formed
}

function once(made: WeakMap<Trail, Promise<Trail>>, trail: Trail, make: () => Promise<Trail>): Promise<Trail> {
  const form = made.get(trail) ?? make()
  made.set(trail, form)
  return form
}

/** Milliseconds of each of some forms of a model, by turns in one run; null where there is no time to look. */
export type TimeForms = (
  forms: readonly { readonly id: string; readonly trail: Trail }[],
) => Promise<readonly number[] | null>

/** A float model before its channels were filled, and after. */
export interface Filled {
  readonly plain: Trail
  readonly trail: Trail
  /** What fills them; nothing where that does not pay. */
  readonly steps: readonly Step[]
}

/**
 * The model with whole blocks of channels where that was measured to be faster, else as it is. What is timed has the
 * repairs of native kernels behind it, as what is handed out has; the result is without, for candidates to be made of.
 *
 * @param time Not asked where there is nothing to fill.
 * @param block Channels of a whole block.
 */
export async function filledWherePays(plain: Trail, time: TimeForms, block: ChannelBlock): Promise<Filled> {
  const filling = layoutSteps(FILL_BLOCKS, block)
  const through = block === BLOCK ? FILL_JOINTS.options : { ...FILL_JOINTS.options, block }
  const filled = await advanceAll(plain, filling)
  const joining = [{ pass: FILL_JOINTS.pass, options: through }, ...filling]
  const joined = await advanceAll(plain, joining)
  const known = new Set([modelDigest(plain.model)])
  const unfilled = { id: 'plain', trail: plain, steps: [] as readonly Step[] }
  const forms = [unfilled]
  for (const form of [
    { id: 'filled', trail: filled, steps: filling },
    { id: 'joined', trail: joined, steps: joining },
  ]) {
    const digest = modelDigest(form.trail.model)
    if (!known.has(digest)) forms.push(form)
    known.add(digest)
  }
  const chosen = ({ trail, steps }: (typeof forms)[number]): Filled => ({ plain, trail, steps })
  if (forms.length === 1) return chosen(unfilled)
  const times = await time(
    await Promise.all(forms.map(async ({ id, trail }) => ({ id, trail: await forNativeKernels(trail, block) }))),
  )
  if (!times) return chosen(unfilled)
  const least = Math.min(...times)
  return chosen(least < PAYS * times[0]! ? forms[times.indexOf(least)]! : unfilled)
}

/** The model, ready for native kernels, with repairs that pay on some processors, or for some sizes, alone. */
export const withMeasuredRepairs = (trail: Trail, block: ChannelBlock): Promise<Trail> =>
  advanceAll(trail, layoutSteps(MEASURED_REPAIRS, block))

/** Whether `withMeasuredRepairs` was measured to make the model faster here. Not asked where none of them finds anything. */
export async function measuredRepairsPay(trail: Trail, time: TimeForms, block: ChannelBlock): Promise<boolean> {
  const repaired = await withMeasuredRepairs(trail, block)
  if (repaired.model === trail.model) return false
  const times = await time([
    { id: 'plain', trail },
    { id: 'repaired', trail: repaired },
  ])
  return times !== null && times[1]! < PAYS * times[0]!
}
