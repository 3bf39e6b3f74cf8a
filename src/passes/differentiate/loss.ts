import type { DType, Shape } from '../../ir/index.ts'
import {
  boolean,
  either,
  exactly,
  integer,
  list,
  number,
  oneOf,
  optional,
  type Schema,
  text,
  within,
} from '../../report/index.ts'

/** Where a loss takes its targets: a value of the model, or a new input of this name. */
type Target = string

interface OverClasses {
  /** The logits. */
  readonly output: string
  /** Where the classes lie: 1 for pictures (rank 4 and more), else the last axis, by default. */
  readonly axis?: number
}

/**
 * What is minimised. Each gives one number for every place of the output beside the classes (a row, a pixel, a token),
 * in the output's element type; `labels` are int64 without the class axis.
 */
export type Loss =
  | (OverClasses & {
      readonly kind: 'cross-entropy'
      readonly labels: Target
      /** Labels are distributions in the output's shape. */
      readonly soft?: boolean
      /** This share of the target is spread evenly over all classes. */
      readonly smoothing?: number
      /** Places with this label do not count. */
      readonly ignore?: number
    })
  /** T²·KL(softmax(teacher/T) ‖ softmax(output/T)); the teacher's logits have the output's shape. */
  | (OverClasses & { readonly kind: 'kl'; readonly teacher: Target; readonly temperature?: number })
  /** The mean of squares over all but the first axis. */
  | { readonly kind: 'mse'; readonly output: string; readonly target: Target }
  /** 1 − cosine along the last axis, or `axis`. */
  | { readonly kind: 'cosine'; readonly output: string; readonly target: Target; readonly axis?: number }
  /** max(0, 1 + max_{i≠y} zᵢ − z_y), the hinge of Crammer and Singer. */
  | (OverClasses & { readonly kind: 'hinge'; readonly labels: Target })
  /** −(z_y − max_{i≠y} zᵢ)/(z_π1 − z_π3) (Croce and Hein 2020, 2003.01690); needs three classes. */
  | (OverClasses & { readonly kind: 'dlr'; readonly labels: Target })
  /** −(z_y − z_t)/(z_π1 − (z_π3 + z_π4)/2), towards the class in `targets`; needs four classes. */
  | (OverClasses & { readonly kind: 'dlr-targeted'; readonly labels: Target; readonly targets: Target })
  /** z_t − z_y */
  | (OverClasses & { readonly kind: 'margin'; readonly labels: Target; readonly targets: Target })
  /** Σ output·seed: the product of the seed with the Jacobian. */
  | { readonly kind: 'seeded'; readonly output: string; readonly seed: Target }
  /** An output of one element, taken as it is. */
  | { readonly kind: 'output'; readonly output: string }
  | { readonly kind: 'sum'; readonly terms: readonly SumTerm[] }

interface SumTerm {
  readonly loss: Loss
  readonly weight: number
}

type LossOf<K extends Loss['kind']> = Extract<Loss, { readonly kind: K }>

const overClasses = { output: text, axis: optional(integer) }
/** A sum is made of losses, sums among them. */
const anyLoss: Schema<Loss> = {
  json: {
    get anyOf() {
      return LOSS.json.anyOf!
    },
  },
}

export const LOSS: Schema<Loss> = either(
  exactly<LossOf<'cross-entropy'>>({
    kind: oneOf('cross-entropy'),
    ...overClasses,
    labels: text,
    soft: optional(boolean),
    smoothing: optional(within(number, 0, 1)),
    ignore: optional(integer),
  }),
  exactly<LossOf<'kl'>>({ kind: oneOf('kl'), ...overClasses, teacher: text, temperature: optional(number) }),
  exactly<LossOf<'mse'>>({ kind: oneOf('mse'), output: text, target: text }),
  exactly<LossOf<'cosine'>>({ kind: oneOf('cosine'), output: text, target: text, axis: optional(integer) }),
  exactly<LossOf<'hinge'>>({ kind: oneOf('hinge'), ...overClasses, labels: text }),
  exactly<LossOf<'dlr'>>({ kind: oneOf('dlr'), ...overClasses, labels: text }),
  exactly<LossOf<'dlr-targeted'>>({ kind: oneOf('dlr-targeted'), ...overClasses, labels: text, targets: text }),
  exactly<LossOf<'margin'>>({ kind: oneOf('margin'), ...overClasses, labels: text, targets: text }),
  exactly<LossOf<'seeded'>>({ kind: oneOf('seeded'), output: text, seed: text }),
  exactly<LossOf<'output'>>({ kind: oneOf('output'), output: text }),
  exactly<LossOf<'sum'>>({ kind: oneOf('sum'), terms: list(exactly<SumTerm>({ loss: anyLoss, weight: number })) }),
)

/** An input that the loss adds to the model. */
export interface LossInput {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
}

/** The loss, written as nodes of the model. */
export interface WrittenLoss {
  /** The scalar. */
  readonly loss: string
  /** Losses of the places before they are put together; absent where there is only a scalar. */
  readonly places?: string
  readonly inputs: readonly LossInput[]
}
