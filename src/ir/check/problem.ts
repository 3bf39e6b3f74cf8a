import type { ModelFunction } from '../model.ts'

/** Something that makes a model invalid: where it is, and what is wrong there. */
export interface Problem {
  /** A node's label, a value's name, a function, or 'model'. */
  readonly where: string
  readonly what: string
}

/** Takes what is wrong, and where. */
export type Report = (where: string, what: string) => void

/** What the checks of one graph need to know of the model around it. */
export interface GraphContext {
  readonly report: Report
  readonly functions: ReadonlyMap<string, ModelFunction>
  readonly opsets: ReadonlyMap<string, number>
  readonly irVersion: number
  /** Attributes that may be referred to; null outside functions. */
  readonly parameters: ReadonlySet<string> | null
}
